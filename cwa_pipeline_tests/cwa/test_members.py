"""Who is in a group is read whole, by whichever of the three ways the server has."""

import pytest

from cwa_pipeline.commands.demo.stand_in import Behaviour, Fault, Group, Request
from cwa_pipeline.cwa.members import read_group_members
from cwa_pipeline.errors import IncompleteReadError, SourceError
from cwa_pipeline.rules.receipts import NOTHING_ASKED
from cwa_pipeline_tests.cwa.scenario import answer, gets, reading, small_world

PLANS = [850, 851]
IN_PLANS = [[11, 850], [11, 851], [12, 850], [13, 851]]


def test_group_computers_is_asked_for_the_wanted_groups_only() -> None:
    with reading() as (cwa, server):
        assert read_group_members(cwa, PLANS).frame.to_numpy().tolist() == IN_PLANS
    assert gets(server) == ["v1/GroupComputers"]
    assert server.requests[-1].query["condition"] == "GroupId in (850,851)"


@pytest.mark.parametrize("behaviour", [{"ignore_condition": True}, {"membership_ids": False}, {"page_cap": 1}])
def test_members_are_right_whatever_group_computers_looks_like(behaviour: dict) -> None:
    with reading(behaviour=Behaviour(**behaviour)) as (cwa, _):
        assert read_group_members(cwa, PLANS).frame.to_numpy().tolist() == IN_PLANS


def test_a_server_that_refuses_the_condition_is_read_without_it() -> None:
    def no_conditions(request: Request) -> Fault | None:
        return answer({"Message": "Invalid condition"}, 400) if "condition" in request.query else None

    with reading(behaviour=Behaviour(faults=no_conditions)) as (cwa, _):
        assert read_group_members(cwa, PLANS).frame.to_numpy().tolist() == IN_PLANS


@pytest.mark.parametrize("status", [403, 404, 405])
def test_without_group_computers_each_group_is_asked_for_its_computers(status: int) -> None:
    behaviour = Behaviour(membership=frozenset({"v2", "expand"}), no_such_endpoint=status, page_cap=1)
    with reading(behaviour=behaviour) as (cwa, server):
        assert read_group_members(cwa, PLANS).frame.to_numpy().tolist() == IN_PLANS
    assert gets(server) == ["v1/GroupComputers", *["v2/Groups/850/Computers"] * 2, *["v2/Groups/851/Computers"] * 2]


@pytest.mark.parametrize("status", [403, 404])
def test_without_either_the_groups_are_expanded(status: int) -> None:
    behaviour = Behaviour(membership=frozenset({"expand"}), no_such_endpoint=status, ignore_condition=True)
    with reading(behaviour=behaviour) as (cwa, server):
        assert read_group_members(cwa, PLANS).frame.to_numpy().tolist() == IN_PLANS
    assert gets(server)[-1] == "v1/Groups"
    assert server.requests[-1].query["expand"] == "Computers"


def test_a_server_without_any_of_the_three_is_an_error_and_never_an_empty_membership() -> None:
    with (
        reading(behaviour=Behaviour(membership=frozenset())) as (cwa, _),
        pytest.raises(SourceError, match=r"group 850,851 comes without Computers.*no way to read who is in a group"),
    ):
        read_group_members(cwa, PLANS)


def test_a_group_missing_among_the_expanded_ones_is_incomplete() -> None:
    with (
        reading(behaviour=Behaviour(membership=frozenset({"expand"}))) as (cwa, _),
        pytest.raises(IncompleteReadError, match="does not show group 777"),
    ):
        read_group_members(cwa, [850, 777])


def test_one_group_not_found_where_another_answers_is_incomplete() -> None:
    with (
        reading(behaviour=Behaviour(membership=frozenset({"v2", "expand"}))) as (cwa, _),
        pytest.raises(IncompleteReadError, match="does not show group 777"),
    ):
        read_group_members(cwa, [777, 850])


def test_no_wanted_groups_is_no_members_and_no_request() -> None:
    with reading() as (cwa, server):
        members, *receipt = read_group_members(cwa, [])
    assert receipt == [0, NOTHING_ASKED]
    assert members.empty
    assert members.dtypes.astype(str).to_dict() == {"computer_id": "int64", "cwa_group_id": "int64"}
    assert server.requests == []


@pytest.mark.parametrize(
    "record", [{"Id": "1", "GroupId": "850"}, {"Id": "1", "GroupId": "x", "ComputerId": "3"}, {"GroupId": "850"}]
)
def test_a_membership_that_cannot_be_understood_fails_the_read(record: dict) -> None:
    behaviour = Behaviour(faults=lambda request: answer([record]) if request.method == "GET" else None)
    with reading(behaviour=behaviour) as (cwa, _), pytest.raises(SourceError, match="CWA list of group members"):
        read_group_members(cwa, PLANS)


def test_a_server_error_at_group_computers_is_no_reason_to_fall_back() -> None:
    behaviour = Behaviour(faults=lambda request: answer({}, 401) if request.method == "GET" else None)
    with reading(behaviour=behaviour) as (cwa, server), pytest.raises(SourceError, match="401"):
        read_group_members(cwa, PLANS)
    assert set(gets(server)) == {"v1/GroupComputers"}


def test_an_empty_expanded_group_has_no_members() -> None:
    world = small_world()
    world.groups.append(Group(852, "BizCare Empty"))
    with reading(world, Behaviour(membership=frozenset({"expand"}))) as (cwa, _):
        assert read_group_members(cwa, [850, 852]).frame.to_numpy().tolist() == [[11, 850], [12, 850]]
