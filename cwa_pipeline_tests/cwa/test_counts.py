"""Every list of CWA comes with a count that the rows read of it have no part in."""

from collections.abc import Callable

import pytest

from cwa_pipeline.commands.demo.stand_in import Behaviour, Computer, CwaWorld, Fault, Request, StandIn
from cwa_pipeline.cwa.client import CwaClient
from cwa_pipeline.cwa.members import read_group_members
from cwa_pipeline.cwa.records import read_clients, read_computers, read_groups
from cwa_pipeline.rules.receipts import MOST_READS, SECOND_READ, TOTAL_COUNT, Reading
from cwa_pipeline_tests.cwa.scenario import answer, gets, pages, reading, small_world

PLANS = [850, 851]
WAYS = [frozenset({"GroupComputers", "v2", "expand"}), frozenset({"v2", "expand"}), frozenset({"expand"})]
LISTS: dict[str, tuple[Callable[[CwaClient], Reading], int]] = {
    "clients": (read_clients, 2),
    "computers": (read_computers, 5),
    "groups": (read_groups, 3),
    "group members": (lambda cwa: read_group_members(cwa, PLANS), 4),
}


def receipt(reading: Reading) -> tuple[int, int, str]:
    return len(reading.frame), reading.counted, reading.counted_by


def is_second_read(request: Request) -> bool:
    return request.query.get("includefields") == "Id"


def asked(server: StandIn) -> list[tuple[str | None, str]]:
    """Which fields of which page, one a request."""
    return [(r.query.get("includefields"), r.query["page"]) for r in server.requests if r.method == "GET"]


@pytest.mark.parametrize("name", LISTS)
def test_with_total_count_that_is_the_count_and_nothing_is_read_twice(name: str) -> None:
    read, there_are = LISTS[name]
    with reading(behaviour=Behaviour(page_cap=2)) as (cwa, server):
        assert receipt(read(cwa)) == (there_are, there_are, TOTAL_COUNT)
    assert len(set(asked(server))) == len(asked(server)) == -(-there_are // 2)


@pytest.mark.parametrize("name", LISTS)
def test_without_total_count_a_second_read_is_the_count(name: str) -> None:
    read, there_are = LISTS[name]
    with reading(behaviour=Behaviour(page_cap=2, total_count=False)) as (cwa, _):
        assert receipt(read(cwa)) == (there_are, there_are, SECOND_READ)


def test_the_second_read_asks_for_the_ids_alone_page_by_page() -> None:
    with reading(behaviour=Behaviour(page_cap=4, total_count=False)) as (cwa, server):
        read_computers(cwa)
    first, second = asked(server)[:3], asked(server)[3:]
    assert second == [("Id", "1"), ("Id", "2"), ("Id", "3")]
    assert not any(fields == "Id" for fields, _ in first)


@pytest.mark.parametrize("include_fields", ["ignored", "refused"])
def test_the_ids_are_counted_on_a_server_that_does_not_know_include_fields(include_fields: str) -> None:
    behaviour = Behaviour(total_count=False, include_fields=include_fields, overlap=2, page_cap=3)
    with reading(behaviour=behaviour) as (cwa, _):
        assert receipt(read_computers(cwa)) == (5, 5, SECOND_READ)


def test_a_total_count_other_than_the_rows_is_handed_on_as_it_is() -> None:
    with reading(behaviour=pages([{"Id": "1"}, {"Id": "2"}], [{"Id": "3"}], total_count=1)) as (cwa, _):
        assert receipt(read_groups(cwa)) == (3, 1, TOTAL_COUNT)


@pytest.mark.parametrize("change", ["grows", "shrinks", "swaps"])
def test_a_list_that_changed_before_its_second_read_is_read_again(change: str) -> None:
    world = small_world()

    def once(world: CwaWorld, request: Request) -> None:
        if is_second_read(request) and len(counted_at) == 0:
            counted_at.append(request.number)
            if change != "grows":
                del world.computers[0]
            if change != "shrinks":
                world.computers.append(Computer(99, "NEW", 1))

    counted_at: list[int] = []
    with reading(world, Behaviour(total_count=False, before_answer=once)) as (cwa, _):
        found = read_computers(cwa)
    assert found.frame["computer_id"].tolist() == [computer.id for computer in world.computers]
    assert receipt(found) == (len(world.computers), len(world.computers), SECOND_READ)


def test_a_row_lost_between_two_pages_is_found_by_the_second_read() -> None:
    world = small_world()

    def meanwhile(world: CwaWorld, request: Request) -> None:
        if request.query.get("page") == "2" and len(world.computers) == 5:
            del world.computers[0]  # moves the first row of page 2 to page 1, which was read already

    with reading(world, Behaviour(page_cap=2, total_count=False, before_answer=meanwhile)) as (cwa, _):
        found = read_computers(cwa)
    assert found.frame["computer_id"].tolist() == [12, 13, 14, 15]
    assert receipt(found) == (4, 4, SECOND_READ)


@pytest.mark.parametrize(("change", "expected"), [("grows", (7, 8)), ("shrinks", (3, 2)), ("swaps", (5, 6))])
def test_a_list_that_keeps_changing_comes_back_with_both_numbers(change: str, expected: tuple[int, int]) -> None:
    """As many rows gone as come count too: the rows of either read, so that it cannot pass for whole."""

    def always(world: CwaWorld, request: Request) -> None:
        if is_second_read(request) and request.query["page"] == "1":
            if change != "grows":
                del world.computers[0]
            if change != "shrinks":
                world.computers.append(Computer(100 + request.number, "NEW", 1))

    with reading(behaviour=Behaviour(total_count=False, before_answer=always)) as (cwa, server):
        assert receipt(read_computers(cwa)) == (*expected, SECOND_READ)
    assert sum(page == "1" for _, page in asked(server)) == 2 * MOST_READS


@pytest.mark.parametrize("membership", WAYS, ids=lambda ways: f"{len(ways)} ways")
@pytest.mark.parametrize("ignore_condition", [True, False])
@pytest.mark.parametrize("total_count", [True, False])
def test_members_are_counted_whichever_way_they_are_read(
    membership: frozenset, ignore_condition: bool, total_count: bool
) -> None:
    """Total-Count counts groups, not members, where groups are expanded."""
    behaviour = Behaviour(membership=membership, ignore_condition=ignore_condition, total_count=total_count)
    by = TOTAL_COUNT if total_count and membership != frozenset({"expand"}) else SECOND_READ
    with reading(behaviour=behaviour) as (cwa, _):
        assert receipt(read_group_members(cwa, PLANS)) == (4, 4, by)


def test_a_membership_listed_twice_counts_once() -> None:
    twice = [{"Id": str(number), "GroupId": "850", "ComputerId": "11"} for number in (1, 2)]
    with reading(behaviour=pages(twice, total_count=2)) as (cwa, _):
        assert receipt(read_group_members(cwa, PLANS)) == (1, 1, TOTAL_COUNT)


def test_one_group_without_total_count_has_all_groups_read_twice() -> None:
    def silent_about_851(request: Request) -> Fault | None:
        if request.path.endswith("/851/Computers"):
            return answer([{"Id": "11"}, {"Id": "13"}] if request.query["page"] == "1" else [])
        return None

    behaviour = Behaviour(membership=frozenset({"v2"}), faults=silent_about_851)
    with reading(behaviour=behaviour) as (cwa, server):
        assert receipt(read_group_members(cwa, PLANS)) == (4, 4, SECOND_READ)
    assert gets(server).count("v2/Groups/850/Computers") == 2


def test_members_that_changed_before_their_second_read_are_read_again() -> None:
    def once(world: CwaWorld, request: Request) -> None:
        if gets(server) == ["v1/GroupComputers"] * 3:  # a page, the empty one, and now the second read
            world.memberships.add((15, 850))

    with reading(behaviour=Behaviour(total_count=False, before_answer=once)) as (cwa, server):
        assert receipt(read_group_members(cwa, PLANS)) == (5, 5, SECOND_READ)
