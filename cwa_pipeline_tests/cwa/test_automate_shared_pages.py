"""A list that a reader and a helper read from both ends is the list that the reader would have read alone."""

import pickle
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cwa_pipeline.commands.demo.stand_in import Behaviour, Client, Computer, CwaWorld, Fault, Request
from cwa_pipeline.cwa.automate import COMPUTERS, Automate
from cwa_pipeline.cwa.session import Answer
from cwa_pipeline.cwa.shared_pages import FEWEST, PageRequest, SharedPages
from cwa_pipeline.errors import SecondProcessError, SourceError
from cwa_pipeline_tests.cwa.automate_scenario import log_ins, reading

PATIENCE = 60  # seconds
PAGES = 21


def world_of(pages: int) -> CwaWorld:
    computers = [Computer(number * 2, f"PC-{number}", 1, f"SN{number}") for number in range(1, 10 * pages)]
    return CwaWorld(clients=[Client(1, "Acme", "100")], computers=computers)


class Helped:
    """A behaviour in which the reader gets its second page only once the helper has given it a part."""

    def __init__(self) -> None:
        self.given = threading.Event()

    def wait(self, _world: CwaWorld, request: Request) -> None:
        if request.query.get("page") == "2":
            assert self.given.wait(PATIENCE)


@contextmanager
def helping(
    cwa: Automate, shared: SharedPages, helped: Helped, error: Exception | None = None
) -> Iterator[list[range]]:
    """A helper, as in another process; it fails with the error, if there is one."""
    pages: list[range] = []
    helper = pickle.loads(pickle.dumps(cwa.split()))  # noqa: S301 - our own

    def help_out() -> None:
        for part in shared.parts():
            pages.append(part.pages)
            try:
                if error:
                    raise error
                part.give(pickle.loads(pickle.dumps(helper.pages(part.request, part.pages))))  # noqa: S301 - our own
            except Exception as problem:  # noqa: BLE001 - the reader's
                part.fail(problem)
            helped.given.set()

    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(help_out)
        try:
            yield pages
        finally:
            shared.end()
            done.result(PATIENCE)


def pages_asked(requests: list[Request]) -> list[int]:
    return sorted(int(request.query["page"]) for request in requests if request.method == "GET")


@pytest.mark.parametrize("connections", [2, 4])
def test_the_table_is_the_same_and_each_page_is_asked_for_once(connections: int) -> None:
    with reading(world_of(PAGES), Behaviour(page_cap=10)) as (cwa, _):
        alone = cwa.computers()
    helped, shared = Helped(), SharedPages()
    behaviour = Behaviour(page_cap=10, before_answer=helped.wait)
    with reading(world_of(PAGES), behaviour, connections=connections) as (cwa, server):
        with helping(cwa, shared, helped) as parts:
            found = cwa.computers(shared)
        assert log_ins(server) == 1
        assert pages_asked(server.requests) == list(range(1, PAGES + 1))
    assert parts[0].stop == PAGES + 1
    pd.testing.assert_frame_equal(found.frame, alone.frame)
    assert found[1:] == alone[1:]


def test_a_page_that_the_helper_cannot_get_fails_the_read_with_the_same_words() -> None:
    def faults(request: Request) -> Fault | None:
        return Fault(status=403) if request.query.get("page") == str(PAGES) else None

    with (
        reading(world_of(PAGES), Behaviour(page_cap=10, faults=faults)) as (cwa, _),
        pytest.raises(SourceError) as alone,
    ):
        cwa.computers()
    helped, shared = Helped(), SharedPages()
    behaviour = Behaviour(page_cap=10, faults=faults, before_answer=helped.wait)
    with (
        reading(world_of(PAGES), behaviour, connections=2) as (cwa, _),
        helping(cwa, shared, helped),
        pytest.raises(SourceError) as with_help,
    ):
        cwa.computers(shared)
    assert str(with_help.value).partition(" (")[0] == str(alone.value).partition(" (")[0]
    assert "403" in str(with_help.value)


def test_a_helper_that_comes_to_an_end_fails_the_read() -> None:
    helped, shared, error = Helped(), SharedPages(), SecondProcessError("memory ran out")
    behaviour = Behaviour(page_cap=10, before_answer=helped.wait)
    with (
        reading(world_of(PAGES), behaviour, connections=2) as (cwa, _),
        helping(cwa, shared, helped, error),
        pytest.raises(SecondProcessError, match="memory ran out"),
    ):
        cwa.computers(shared)


def test_a_list_that_changes_meanwhile_is_begun_anew() -> None:
    helped, shared = Helped(), SharedPages()

    def one_more(world: CwaWorld, request: Request) -> None:
        helped.wait(world, request)
        if request.query.get("page") == "3" and len(world.computers) < 10 * PAGES:
            world.computers.append(Computer(10_000, "NEW", 1, "SN-NEW"))

    behaviour = Behaviour(page_cap=10, before_answer=one_more)
    with reading(world_of(PAGES), behaviour, connections=2) as (cwa, _), helping(cwa, shared, helped):
        found = cwa.computers(shared)
    assert found.frame["computer_id"].iloc[-1] == 10_000
    assert len(found.frame) == found.counted == 10 * PAGES


def test_rows_that_move_between_the_two_ends_are_read_by_the_reader_alone() -> None:
    helped, shared = Helped(), SharedPages()

    def one_for_another(world: CwaWorld, request: Request) -> None:
        helped.wait(world, request)
        if request.query.get("page") == "2" and world.computers[-1].id != 10_000:
            del world.computers[45]  # of a page that nobody has read yet; the last page has been
            world.computers.append(Computer(10_000, "NEW", 1, "SN-NEW"))

    behaviour = Behaviour(page_cap=10, before_answer=one_for_another)
    with reading(world_of(PAGES), behaviour, connections=2) as (cwa, _), helping(cwa, shared, helped):
        found = cwa.computers(shared)
    assert found.frame["computer_id"].iloc[-1] == 10_000
    assert len(found.frame) == found.counted == 10 * PAGES - 1


@pytest.mark.parametrize(
    "behaviour",
    [Behaviour(page_cap=10, total_count=False), Behaviour(page_cap=10 * PAGES)],
    ids=["no Total-Count", "few pages"],
)
def test_without_total_count_or_for_a_few_pages_no_help_is_asked_for(behaviour: Behaviour) -> None:
    helped, shared = Helped(), SharedPages()
    with reading(world_of(PAGES), behaviour, connections=2) as (cwa, _), helping(cwa, shared, helped) as parts:
        assert len(cwa.computers(shared).frame) == 10 * PAGES - 1
    assert parts == []


@given(
    st.integers(2, 200),
    st.lists(st.one_of(st.just("helper"), st.integers(1, 8))),
)
def test_every_page_is_the_readers_or_the_helpers(last: int, turns: list[str | int]) -> None:
    shared, request = SharedPages(), PageRequest(COMPUTERS, {}, frozenset())
    readers: set[int] = set()
    helpers: set[int] = set()
    next_page = 2
    with shared:
        shared.share(request, range(2, last + 1))
        parts = shared.parts()
        for turn in [*turns, last]:
            if turn == "helper":
                # A helper waits where so few pages are left.
                if len({*range(next_page, last + 1)} - readers - helpers) >= FEWEST:
                    part = next(parts)
                    assert not helpers.intersection(part.pages)
                    helpers.update(part.pages)
                    part.give([Answer(page, [], None) for page in part.pages])
                continue
            assert isinstance(turn, int)
            for page in range(next_page, min(next_page + turn, last + 1)):
                given_page = shared.take(page)
                assert (given_page is not None) == (page in helpers)
                if given_page is None:
                    readers.add(page)
                else:
                    assert given_page.result().status == page
                next_page = page + 1
        shared.end()
        assert list(parts) == []
    assert readers | helpers == {*range(2, last + 1)}
    assert not readers & helpers
