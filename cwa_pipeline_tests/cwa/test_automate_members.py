"""Who is in a group is read whole, by whichever of the three ways the server has."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cwa_pipeline.commands.demo.stand_in import Behaviour, Fault, Request
from cwa_pipeline.cwa.members import MEMBERS, each_once
from cwa_pipeline.errors import IncompleteReadError, SourceError
from cwa_pipeline_tests.cwa.automate_scenario import answer, gets, reading

PLANS = [850, 851]
IN_PLANS = [[11, 850], [11, 851], [12, 850], [13, 851]]


def test_group_computers_is_asked_for_the_wanted_groups_only() -> None:
    with reading() as (cwa, server):
        assert cwa.group_members(PLANS).frame.to_numpy().tolist() == IN_PLANS
    assert gets(server) == ["v1/GroupComputers"]
    assert server.requests[-1].query["condition"] == "GroupId in (850,851)"


@pytest.mark.parametrize("behaviour", [{"ignore_condition": True}, {"membership_ids": False}, {"page_cap": 1}])
def test_members_are_right_whatever_group_computers_looks_like(behaviour: dict) -> None:
    with reading(behaviour=Behaviour(**behaviour)) as (cwa, _):
        assert cwa.group_members(PLANS).frame.to_numpy().tolist() == IN_PLANS


def test_a_server_that_refuses_the_condition_is_read_without_it() -> None:
    def no_conditions(request: Request) -> Fault | None:
        return answer({"Message": "Invalid condition"}, 400) if "condition" in request.query else None

    with reading(behaviour=Behaviour(faults=no_conditions)) as (cwa, _):
        assert cwa.group_members(PLANS).frame.to_numpy().tolist() == IN_PLANS


@pytest.mark.parametrize("status", [403, 404, 405])
def test_without_group_computers_each_group_is_asked_for_its_computers(status: int) -> None:
    behaviour = Behaviour(membership=frozenset({"v2", "expand"}), no_such_endpoint=status, page_cap=1)
    with reading(behaviour=behaviour) as (cwa, server):
        assert cwa.group_members(PLANS).frame.to_numpy().tolist() == IN_PLANS
    assert gets(server) == ["v1/GroupComputers", *["v2/Groups/850/Computers"] * 2, *["v2/Groups/851/Computers"] * 2]


@pytest.mark.parametrize("status", [403, 404])
def test_without_either_the_groups_are_expanded(status: int) -> None:
    behaviour = Behaviour(membership=frozenset({"expand"}), no_such_endpoint=status, ignore_condition=True)
    with reading(behaviour=behaviour) as (cwa, server):
        assert cwa.group_members(PLANS).frame.to_numpy().tolist() == IN_PLANS
    assert gets(server)[-1] == "v1/Groups"
    assert server.requests[-1].query["expand"] == "Computers"


def test_a_server_without_any_of_the_three_is_an_error_and_never_an_empty_membership() -> None:
    with (
        reading(behaviour=Behaviour(membership=frozenset())) as (cwa, _),
        pytest.raises(SourceError, match=r"record 1 \(Id 850\): it has no Computers.*no way to read who is in a group"),
    ):
        cwa.group_members(PLANS)


def test_a_group_missing_among_the_expanded_ones_is_incomplete() -> None:
    with (
        reading(behaviour=Behaviour(membership=frozenset({"expand"}))) as (cwa, _),
        pytest.raises(IncompleteReadError, match="does not show group 777"),
    ):
        cwa.group_members([850, 777])


def test_one_group_not_found_where_another_answers_is_incomplete() -> None:
    with (
        reading(behaviour=Behaviour(membership=frozenset({"v2", "expand"}))) as (cwa, _),
        pytest.raises(IncompleteReadError, match="does not show group 777"),
    ):
        cwa.group_members([777, 850])


def test_no_wanted_groups_is_no_members_and_no_request() -> None:
    with reading() as (cwa, server):
        members = cwa.group_members([]).frame
    assert members.empty
    assert members.dtypes.astype(str).to_dict() == {"computer_id": "int64", "cwa_group_id": "int64"}
    assert server.requests == []


@pytest.mark.parametrize(
    "record", [{"Id": "1", "GroupId": "850"}, {"Id": "1", "GroupId": "x", "ComputerId": "3"}, {"GroupId": "850"}]
)
def test_a_membership_that_cannot_be_understood_fails_the_read(record: dict) -> None:
    behaviour = Behaviour(faults=lambda request: answer([record]) if request.method == "GET" else None)
    with reading(behaviour=behaviour) as (cwa, _), pytest.raises(SourceError, match="CWA list of group members"):
        cwa.group_members(PLANS)


def test_a_server_error_at_group_computers_is_no_reason_to_fall_back() -> None:
    behaviour = Behaviour(faults=lambda request: answer({}, 401) if request.method == "GET" else None)
    with reading(behaviour=behaviour) as (cwa, server), pytest.raises(SourceError, match="401"):
        cwa.group_members(PLANS)
    assert set(gets(server)) == {"v1/GroupComputers"}


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3))), st.booleans())
def test_each_pair_is_there_once_and_in_order_whether_they_came_so_or_not(pairs: list, in_order: bool) -> None:
    came = pd.DataFrame(sorted(pairs) if in_order else pairs, columns=list(MEMBERS)).astype(MEMBERS)
    expected = pd.DataFrame(sorted(set(pairs)), columns=list(MEMBERS)).astype(MEMBERS)
    pd.testing.assert_frame_equal(each_once(came), expected)
