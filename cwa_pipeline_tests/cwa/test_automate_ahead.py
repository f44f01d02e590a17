"""Several pages on their way at once give the same rows as one after another, with no more connections than allowed."""

import threading
import time

import pandas as pd
import pytest
from cwa_pipeline.cwa.ahead import WORTH_IT, PagesAhead
from cwa_pipeline.cwa.session import Answer

from cwa_pipeline.commands.demo.stand_in import Behaviour, Client, Computer, CwaWorld, Fault, Request
from cwa_pipeline.errors import IncompleteReadError, SourceError
from cwa_pipeline_tests.cwa.automate_scenario import reading

COMPUTERS = 10_500  # eleven pages


def large_world() -> CwaWorld:
    return CwaWorld(
        clients=[Client(1, "Acme", "100")],
        computers=[Computer(number * 2, f"PC-{number}", 1, f"SN{number}") for number in range(1, COMPUTERS + 1)],
    )


@pytest.mark.parametrize("total_count", [True, False], ids=["with Total-Count", "without"])
@pytest.mark.parametrize("connections", [2, 4, 8])
def test_pages_read_ahead_give_the_same_table_as_one_after_another(connections: int, total_count: bool) -> None:
    behaviour = Behaviour(total_count=total_count)
    with reading(large_world(), behaviour) as (cwa, _):
        one_after_another = cwa.computers()
    with reading(large_world(), behaviour, connections=connections) as (cwa, _):
        ahead = cwa.computers()
    pd.testing.assert_frame_equal(ahead.frame, one_after_another.frame)
    assert ahead[1:] == one_after_another[1:]


@pytest.mark.parametrize("connections", [1, 3, 4])
def test_never_more_connections_than_configured(connections: int) -> None:
    most = 0

    def count(_world: CwaWorld, _request: Request) -> None:
        nonlocal most
        most = max(most, len(server.connections()))

    behaviour = Behaviour(latency=0.02, before_answer=count)
    with reading(large_world(), behaviour, connections=connections) as (cwa, server):
        assert len(cwa.computers().frame) == COMPUTERS
    assert most == connections


def furthest(asked: list[int], expected: int) -> int:
    """The last page asked for, by threads that may still be about to."""
    until = time.monotonic() + 10
    while max(asked) < expected and time.monotonic() < until:
        time.sleep(0.01)
    return max(asked)


@pytest.mark.parametrize(
    ("on_its_way", "decoding", "at_once"),
    [
        (0.001, 0.002, 1),
        (0.002 * WORTH_IT, 0.002, 1),
        (0.009, 0.002, 6),
        (0.2, 0.002, 8),
        (0.2, 0.0, 8),
    ],
    ids=["sooner than decoded", "hardly later", "some times as long", "a slow server", "nothing to decode"],
)
def test_as_many_pages_are_asked_for_at_once_as_come_in_while_one_is_on_its_way(
    on_its_way: float, decoding: float, at_once: int
) -> None:
    asked: list[int] = []

    def fetch(page: int) -> Answer:
        asked.append(page)
        return Answer(200, [], None, on_its_way, decoding)

    with PagesAhead(fetch, connections=8) as pages:
        pages.expect(100)
        for page in range(1, 21):
            pages.get(page)
        assert furthest(asked, 20 + at_once - 1) == 20 + at_once - 1


def test_a_server_that_grows_slow_is_asked_ahead_soon() -> None:
    asked: list[int] = []

    def fetch(page: int) -> Answer:
        asked.append(page)
        return Answer(200, [], None, on_its_way=0.2 if page > 10 else 0.001, decoding=0.002)

    with PagesAhead(fetch, connections=4) as pages:
        pages.expect(100)
        for page in range(1, 19):
            pages.get(page)
        assert max(asked) == 18
        pages.get(19)
        assert furthest(asked, 22) == 22


def test_no_page_beyond_the_last_is_asked_for_where_total_count_tells_which_that_is() -> None:
    with reading(large_world(), connections=4) as (cwa, server):
        cwa.computers()
        asked = [int(request.query["page"]) for request in server.requests if request.method == "GET"]
    assert sorted(asked) == list(range(1, 12))


def test_one_log_in_serves_all_threads_and_an_expired_token_is_renewed_once() -> None:
    refused = {"2", "3", "4", "5"}  # each of these pages finds its token gone, once

    def faults(request: Request) -> Fault | None:
        page = request.query.get("page", "")
        if page not in refused:
            return None
        refused.remove(page)
        return Fault(status=401)

    with reading(large_world(), Behaviour(faults=faults), connections=4) as (cwa, server):
        assert len(cwa.computers().frame) == COMPUTERS
        log_ins = [request for request in server.requests if request.method == "POST"]
    assert 2 <= len(log_ins) <= 5


def test_a_page_that_keeps_failing_fails_the_read_and_nothing_is_left_on_its_way() -> None:
    def faults(request: Request) -> Fault | None:
        return Fault(status=403) if request.query.get("page") == "5" else None

    with reading(large_world(), Behaviour(faults=faults), connections=4) as (cwa, _):
        with pytest.raises(SourceError, match="page 5"):
            cwa.computers()
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("cwa-pages")]


def test_a_list_that_ends_too_soon_is_still_an_error() -> None:
    def faults(request: Request) -> Fault | None:
        return (
            Fault(status=200, body="[]", content_type="application/json", headers={"Total-Count": str(COMPUTERS)})
            if request.query.get("page") == "7"
            else None
        )

    with (
        reading(large_world(), Behaviour(faults=faults), connections=4) as (cwa, _),
        pytest.raises(IncompleteReadError, match="the list ended after 6,000 of 10,500"),
    ):
        cwa.computers()
