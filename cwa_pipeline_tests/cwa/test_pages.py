"""A list of CWA is read whole or not at all."""

import logging
import threading

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cwa_pipeline.commands.demo.stand_in import Behaviour, Computer, CwaWorld, Fault, Request
from cwa_pipeline.cwa import pages as cwa_pages
from cwa_pipeline.cwa.records import read_computers, read_groups
from cwa_pipeline.errors import IncompleteReadError, SourceError
from cwa_pipeline_tests.cwa.scenario import answer, gets, log_ins, pages, reading


def many(count: int) -> CwaWorld:
    return CwaWorld(computers=[Computer(number, f"PC-{number}", None) for number in range(1, count + 1)])


def test_pages_are_read_until_total_count_is_reached() -> None:
    with reading(many(10), Behaviour(page_cap=4)) as (cwa, server):
        assert read_computers(cwa).frame["computer_id"].tolist() == list(range(1, 11))
    assert len(gets(server)) == 3


def test_without_total_count_pages_are_read_until_an_empty_one() -> None:
    with reading(many(8), Behaviour(page_cap=4, total_count=False)) as (cwa, server):
        assert len(read_computers(cwa).frame) == 8
    assert [request.query["page"] for request in server.requests[1:4]] == ["1", "2", "3"]
    assert len(gets(server)) == 2 * 3  # and once more for the count


def test_overlapping_pages_give_each_row_once() -> None:
    with reading(many(10), Behaviour(page_cap=4, overlap=3)) as (cwa, _):
        assert read_computers(cwa).frame["computer_id"].tolist() == list(range(1, 11))


def test_of_two_readings_of_one_row_the_first_counts() -> None:
    first, second = [{"Id": "1", "Name": "first"}], [{"Id": 1, "Name": "again"}, {"Id": "2", "Name": "other"}]
    with reading(behaviour=pages(first, second)) as (cwa, _):
        assert read_groups(cwa).frame["name"].tolist() == ["first", "other"]


@pytest.mark.parametrize("total_count", [True, False])
def test_a_server_that_ignores_page_is_found_out(total_count: bool) -> None:
    behaviour = Behaviour(page_cap=4, ignore_page=True, total_count=total_count)
    with (
        reading(many(10), behaviour) as (cwa, server),
        pytest.raises(IncompleteReadError, match=r"after 4.*seems to ignore `page`"),
    ):
        read_computers(cwa)
    assert len(gets(server)) == 3


def test_a_list_that_ends_before_total_count_is_incomplete_and_both_numbers_are_told() -> None:
    five = [{"Id": str(number)} for number in range(1, 6)]
    with (
        reading(behaviour=pages(five, total_count=20)) as (cwa, _),
        pytest.raises(IncompleteReadError, match="ended after 5 of 20 computers"),
    ):
        read_computers(cwa)


def test_a_total_count_below_the_rows_does_not_end_the_reading_early() -> None:
    with reading(behaviour=pages([{"Id": "1"}, {"Id": "2"}], [{"Id": "3"}], total_count=1)) as (cwa, _):
        assert read_groups(cwa).frame["cwa_group_id"].tolist() == [1, 2, 3]


def test_a_total_count_that_is_no_number_is_as_none() -> None:
    with reading(behaviour=pages([{"Id": "1"}], [{"Id": "2"}], total_count="unknown")) as (cwa, _):
        assert read_groups(cwa).frame["cwa_group_id"].tolist() == [1, 2]


@pytest.mark.parametrize("change", ["removed", "added"])
def test_a_list_that_changes_while_it_is_read_is_read_anew(change: str) -> None:
    world = many(10)

    def meanwhile(world: CwaWorld, request: Request) -> None:
        if request.query.get("page") != "2" or len(world.computers) != 10:
            return
        if change == "removed":
            del world.computers[0]  # shifts row 5 to page 1, which was read already
        else:
            world.computers.append(Computer(99, "NEW", None))

    with reading(world, Behaviour(page_cap=4, before_answer=meanwhile)) as (cwa, _):
        read = read_computers(cwa).frame["computer_id"].tolist()
    assert read == [computer.id for computer in world.computers]
    assert len(read) != 10


def test_a_list_that_keeps_changing_is_given_up() -> None:
    def meanwhile(world: CwaWorld, request: Request) -> None:
        if request.query.get("page") == "2":
            del world.computers[0]

    with (
        reading(many(30), Behaviour(page_cap=4, before_answer=meanwhile)) as (cwa, server),
        pytest.raises(IncompleteReadError, match="Total-Count changed during each of 4 reads"),
    ):
        read_computers(cwa)
    assert len(gets(server)) == 8


def test_endless_pages_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cwa_pages, "MAX_PAGES", 3)
    with (
        reading(many(10), Behaviour(page_cap=1)) as (cwa, server),
        pytest.raises(IncompleteReadError, match="no end after 3 pages"),
    ):
        read_computers(cwa)
    assert len(gets(server)) == 3


def test_a_bad_record_on_a_later_page_fails_the_whole_read_and_the_page_is_named() -> None:
    with (
        reading(behaviour=pages([{"Id": "1"}], [{"Id": "2"}, {"Id": "x"}])) as (cwa, _),
        pytest.raises(SourceError, match="CWA list of groups, page 2, record 2: Id is not a whole number"),
    ):
        read_groups(cwa)


def test_an_account_that_lost_rights_gets_a_shorter_list_without_an_error() -> None:
    with reading(many(10), Behaviour(visible_computers=3)) as (cwa, _):
        assert len(read_computers(cwa).frame) == 3


def test_progress_is_told_without_personal_data(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cwa_pages, "PROGRESS_SECONDS", 0)
    with caplog.at_level(logging.INFO, logger="cwa_pipeline"), reading(many(5), Behaviour(page_cap=2)) as (cwa, _):
        read_computers(cwa)
    assert caplog.messages == ["Read 2 of 5 computers", "Read 4 of 5 computers", "Read all 5 computers"]


def test_progress_is_logged_seldom(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="cwa_pipeline"), reading(many(5), Behaviour(page_cap=2)) as (cwa, _):
        read_computers(cwa)
    assert caplog.messages == ["Read all 5 computers"]


LAST = 11  # pages of ten computers


@pytest.mark.parametrize("total_count", [True, False])
def test_several_connections_give_the_same_table_as_one(total_count: bool) -> None:
    world, behaviour = many(10 * LAST - 3), Behaviour(page_cap=10, total_count=total_count)
    with reading(world, behaviour) as (cwa, _):
        one = read_computers(cwa)
    with reading(world, behaviour, connections=4) as (cwa, _):
        several = read_computers(cwa)
    pd.testing.assert_frame_equal(several.frame, one.frame)
    assert several[1:] == one[1:]


@pytest.mark.parametrize("connections", [1, 3])
def test_as_many_connections_are_used_as_configured_and_no_page_beyond_the_last_is_asked_for(connections: int) -> None:
    most = 0

    def count(_world: CwaWorld, _request: Request) -> None:
        nonlocal most
        most = max(most, len(server.connections()))

    behaviour = Behaviour(page_cap=10, latency=0.02, before_answer=count)
    with reading(many(10 * LAST - 3), behaviour, connections=connections) as (cwa, server):
        assert len(read_computers(cwa).frame) == 10 * LAST - 3
    assert most == connections
    asked = [int(request.query["page"]) for request in server.requests if request.method == "GET"]
    assert sorted(asked) == list(range(1, LAST + 1))


def test_a_short_list_without_total_count_costs_one_empty_page_only() -> None:
    with reading(many(5), Behaviour(total_count=False), connections=8) as (cwa, server):
        read_computers(cwa)
    assert [request.query["page"] for request in server.requests[1:]] == ["1", "2"] * 2


def test_threads_that_find_the_token_expired_log_in_again_together() -> None:
    refused = {"2", "3", "4", "5"}  # each of these pages is refused once

    def faults(request: Request) -> Fault | None:
        page = request.query.get("page", "")
        if page not in refused:
            return None
        refused.remove(page)
        return Fault(status=401)

    with reading(many(10 * LAST), Behaviour(page_cap=10, faults=faults), connections=4) as (cwa, server):
        assert len(read_computers(cwa).frame) == 10 * LAST
    assert 2 <= log_ins(server) <= 5


def test_a_page_that_keeps_failing_fails_the_read_and_no_request_is_left_in_flight() -> None:
    def faults(request: Request) -> Fault | None:
        return Fault(status=403) if request.query.get("page") == "5" else None

    with reading(many(10 * LAST), Behaviour(page_cap=10, faults=faults), connections=4) as (cwa, _):
        with pytest.raises(SourceError, match="page 5"):
            read_computers(cwa)
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("cwa-pages")]


def test_an_empty_page_before_the_last_one_is_incomplete() -> None:
    def faults(request: Request) -> Fault | None:
        return answer([], total_count=10 * LAST) if request.query.get("page") == "7" else None

    with (
        reading(many(10 * LAST), Behaviour(page_cap=10, faults=faults), connections=4) as (cwa, _),
        pytest.raises(IncompleteReadError, match="page 7: the list ended after 60 of 110"),
    ):
        read_computers(cwa)


@given(st.lists(st.lists(st.integers(1, 30) | st.tuples(st.integers(1, 2), st.integers(1, 2)), max_size=6), max_size=4))
def test_a_key_is_new_once(pages_of_keys: list[list]) -> None:
    seen: set = set()
    is_new = [new for keys in pages_of_keys for new in cwa_pages.mark_new(seen, keys)]
    keys = [key for keys in pages_of_keys for key in keys]
    assert [key for key, new in zip(keys, is_new, strict=True) if new] == list(dict.fromkeys(keys))
