"""A list of CWA is read whole or not at all."""

import logging

import pytest

from cwa_pipeline.commands.demo.stand_in import Behaviour, Computer, CwaWorld, Request
from cwa_pipeline.cwa import paging as automate_paging
from cwa_pipeline.errors import IncompleteReadError, SourceError
from cwa_pipeline_tests.cwa.automate_scenario import gets, pages, reading, small_world


def many(count: int) -> CwaWorld:
    return CwaWorld(computers=[Computer(number, f"PC-{number}", None) for number in range(1, count + 1)])


def test_pages_are_read_until_total_count_is_reached() -> None:
    with reading(many(10), Behaviour(page_cap=4)) as (cwa, server):
        assert cwa.computers().frame["computer_id"].tolist() == list(range(1, 11))
    assert len(gets(server)) == 3


def test_without_total_count_pages_are_read_until_an_empty_one() -> None:
    with reading(many(8), Behaviour(page_cap=4, total_count=False)) as (cwa, server):
        assert len(cwa.computers().frame) == 8
    assert [request.query["page"] for request in server.requests[1:4]] == ["1", "2", "3"]
    assert len(gets(server)) == 2 * 3  # and once more for the count


def test_a_list_larger_than_a_page_of_1000_is_read_whole() -> None:
    with reading(many(2500)) as (cwa, server):
        assert cwa.computers().frame["computer_id"].tolist() == list(range(1, 2501))
    assert len(gets(server)) == 3


def test_overlapping_pages_give_each_row_once() -> None:
    with reading(many(10), Behaviour(page_cap=4, overlap=3)) as (cwa, _):
        assert cwa.computers().frame["computer_id"].tolist() == list(range(1, 11))


def test_of_two_readings_of_one_row_the_first_counts() -> None:
    first, second = [{"Id": "1", "Name": "first"}], [{"Id": 1, "Name": "again"}, {"Id": "2", "Name": "other"}]
    with reading(behaviour=pages(first, second)) as (cwa, _):
        assert cwa.groups().frame["name"].tolist() == ["first", "other"]


@pytest.mark.parametrize("total_count", [True, False])
def test_a_server_that_ignores_page_is_found_out(total_count: bool) -> None:
    behaviour = Behaviour(page_cap=4, ignore_page=True, total_count=total_count)
    with (
        reading(many(10), behaviour) as (cwa, server),
        pytest.raises(IncompleteReadError, match=r"after 4.*seems to ignore `page`"),
    ):
        cwa.computers()
    assert len(gets(server)) == 3


def test_a_list_that_ends_before_total_count_is_incomplete_and_both_numbers_are_told() -> None:
    five = [{"Id": str(number)} for number in range(1, 6)]
    with (
        reading(behaviour=pages(five, total_count=20)) as (cwa, _),
        pytest.raises(IncompleteReadError, match="ended after 5 of 20 computers"),
    ):
        cwa.computers()


def test_a_total_count_below_the_rows_does_not_end_the_reading_early() -> None:
    with reading(behaviour=pages([{"Id": "1"}, {"Id": "2"}], [{"Id": "3"}], total_count=1)) as (cwa, _):
        assert cwa.groups().frame["cwa_group_id"].tolist() == [1, 2, 3]


def test_a_total_count_that_is_no_number_is_as_none() -> None:
    with reading(behaviour=pages([{"Id": "1"}], [{"Id": "2"}], total_count="unknown")) as (cwa, _):
        assert cwa.groups().frame["cwa_group_id"].tolist() == [1, 2]


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
        read = cwa.computers().frame["computer_id"].tolist()
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
        cwa.computers()
    assert len(gets(server)) == 8


def test_endless_pages_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(automate_paging, "MAX_PAGES", 3)
    with (
        reading(many(10), Behaviour(page_cap=1)) as (cwa, server),
        pytest.raises(IncompleteReadError, match="no end after 3 pages"),
    ):
        cwa.computers()
    assert len(gets(server)) == 3


def test_a_bad_record_on_a_later_page_fails_the_whole_read_and_the_page_is_named() -> None:
    with (
        reading(behaviour=pages([{"Id": "1"}], [{"Id": "2"}, {"Id": "x"}])) as (cwa, _),
        pytest.raises(SourceError, match="CWA list of groups, page 2, record 2: Id is not a whole number"),
    ):
        cwa.groups()


def test_an_account_that_lost_rights_gets_a_shorter_list_without_an_error() -> None:
    with reading(many(10), Behaviour(visible_computers=3)) as (cwa, _):
        assert len(cwa.computers().frame) == 3


def test_progress_is_told_without_personal_data(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(automate_paging, "PROGRESS_SECONDS", 0)
    with caplog.at_level(logging.INFO, logger="cwa_pipeline"), reading(many(5), Behaviour(page_cap=2)) as (cwa, _):
        cwa.computers()
    assert caplog.messages == ["Read 2 of 5 computers", "Read 4 of 5 computers", "Read all 5 computers"]


def test_progress_is_told_seldom(caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.INFO, logger="cwa_pipeline"),
        reading(small_world(), Behaviour(page_cap=2)) as (cwa, _),
    ):
        cwa.computers()
    assert caplog.messages == ["Read all 5 computers"]
