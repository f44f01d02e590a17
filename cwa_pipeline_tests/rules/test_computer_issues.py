"""What does not line up about a computer."""

from typing import Any

import pytest

from cwa_pipeline.tables import ComputerIssues
from cwa_pipeline_tests.worlds import (
    Client,
    Computer,
    CwaGroup,
    Pcid,
    PcrtGroup,
    World,
    assert_is_table,
    records_of,
)

# Computer 11 of client 1 is PCID 1001 in group 101, and in a plan: nothing is wrong until a test makes it so.
RIGHT: dict[str, Any] = {
    "clients": [Client(1, "101", "Acme"), Client(2, "102", "Bolt"), Client(3, None, "Untied")],
    "pcrt_groups": [PcrtGroup(101), PcrtGroup(102)],
    "groups": [CwaGroup(851, "BizCare Basic"), CwaGroup(852, "BizCare Plus"), CwaGroup(853, "BIZCARE BASIC")],
    "computers": [Computer(11, 1, "AB12")],
    "pcids": [Pcid(1001, 101, "AB12"), Pcid(1002, 102, "CD34"), Pcid(1003, None, "EF56"), Pcid(1004, 101, "GH78")],
    "members": [(number, 851) for number in range(11, 20)],
}


def issues_of(**changes: object) -> list[tuple[object, ...]]:
    world = World(**{**RIGHT, **changes})
    assert_is_table(world.computer_issues, ComputerIssues)
    return records_of(world.computer_issues, "computer_id", "issue", "reason", "severity")


def test_a_computer_that_lines_up_has_no_issue() -> None:
    assert issues_of() == []


def test_an_override_that_names_no_pcid_is_pcid_does_not_exist() -> None:
    assert issues_of(computers=[Computer(11, 1, "AB12", "9999")]) == [
        (11, "pcid_does_not_exist", "asset_tag_unknown", "error")
    ]


@pytest.mark.parametrize(
    ("serial", "reason"), [("None", "generic_serial"), ("ZZ99", "no_pcid_with_serial"), ("DUP", "duplicate_serial")]
)
def test_a_serial_that_leads_to_no_one_pcid_is_no_matching_pcid(serial: str, reason: str) -> None:
    pcids = [Pcid(1001, 101, "Dup"), Pcid(1002, 101, "dup")]
    assert issues_of(computers=[Computer(11, 1, serial)], pcids=pcids) == [(11, "no_matching_pcid", reason, "error")]


def test_a_matched_computer_whose_pcid_is_in_no_group_is_not_in_group() -> None:
    assert issues_of(computers=[Computer(11, 1, "EF56")]) == [(11, "not_in_group", None, "error")]


def test_a_matched_computer_whose_pcid_is_in_another_group_is_in_wrong_group() -> None:
    assert issues_of(computers=[Computer(11, 1, "CD34")]) == [(11, "in_wrong_group", None, "error")]


@pytest.mark.parametrize("client_id", [3, 99, None])
@pytest.mark.parametrize("serial", ["CD34", "EF56"])
def test_no_group_is_expected_of_a_computer_whose_client_is_tied_to_none(client_id: int | None, serial: str) -> None:
    assert issues_of(computers=[Computer(11, client_id, serial)]) == []


def test_every_computer_in_no_plan_is_no_cwa_group_matched_or_not() -> None:
    computers = [Computer(11, 1, "AB12"), Computer(12, 1, "ZZ99"), Computer(13, 99, "GH78")]
    assert issues_of(computers=computers, members=[]) == [
        (11, "no_cwa_group", None, "error"),
        (12, "no_cwa_group", None, "error"),
        (12, "no_matching_pcid", "no_pcid_with_serial", "error"),
        (13, "no_cwa_group", None, "error"),
    ]


def test_a_cwa_group_that_is_no_plan_does_not_help() -> None:
    groups = [CwaGroup(851, "Servers")]
    assert issues_of(groups=groups) == [(11, "no_cwa_group", None, "error")]


def test_two_computers_matched_to_one_pcid_share_it() -> None:
    computers = [Computer(11, 1, "AB12"), Computer(12, 1, "XY", "1001"), Computer(13, 1, "GH78")]
    assert issues_of(computers=computers) == [
        (11, "shared_pcid", None, "warning"),
        (12, "shared_pcid", None, "warning"),
    ]


def test_computers_matched_to_nothing_share_nothing() -> None:
    computers = [Computer(11, 1, "ZZ1"), Computer(12, 1, "ZZ2")]
    assert {issue for _, issue, _, _ in issues_of(computers=computers)} == {"no_matching_pcid"}


def test_an_override_disagrees_when_the_serial_belongs_to_exactly_one_other_pcid() -> None:
    assert issues_of(computers=[Computer(11, 1, " gh78 ", "1001")]) == [(11, "override_disagrees", None, "warning")]


@pytest.mark.parametrize("serial", ["AB12", "ZZ99", "None", "", "DUP"])
def test_an_override_does_not_disagree_with_its_own_no_a_generic_or_a_duplicate_serial(serial: str) -> None:
    pcids = [*RIGHT["pcids"], Pcid(1005, 101, "None"), Pcid(1006, 101, "DUP"), Pcid(1007, 101, "DUP")]
    assert issues_of(computers=[Computer(11, 1, serial, "1001")], pcids=pcids) == []


def test_a_serial_carried_by_computers_of_two_clients_is_a_suspected_generic_one() -> None:
    computers = [Computer(11, 1, "INVALID", "1001"), Computer(12, 2, " invalid", "1002"), Computer(13, 99, "Invalid")]
    found = [(number, issue) for number, issue, _, _ in issues_of(computers=computers)]
    assert found == [
        (11, "suspected_generic_serial"),
        (12, "suspected_generic_serial"),
        (13, "no_matching_pcid"),
        (13, "suspected_generic_serial"),
    ]


@pytest.mark.parametrize(
    "other",
    [Computer(12, 1, "INVALID", "1004"), Computer(12, None, "INVALID", "1004")],
)
def test_a_serial_of_one_client_is_not_suspected(other: Computer) -> None:
    assert issues_of(computers=[Computer(11, 1, "INVALID", "1001"), other]) == []


def test_a_serial_on_the_list_is_not_suspected_but_known() -> None:
    assert issues_of(computers=[Computer(11, 1, "None", "1001"), Computer(12, 2, "None", "1002")]) == []


def test_a_computer_in_two_plans_has_several_plans_but_two_cwa_groups_of_one_plan_are_one_plan() -> None:
    assert issues_of(members=[(11, 851), (11, 852)]) == [(11, "several_plans", None, "warning")]
    assert issues_of(members=[(11, 851), (11, 853)]) == []


def test_a_computer_can_have_several_issues() -> None:
    assert [issue for _, issue, _, _ in issues_of(computers=[Computer(11, 1, "GH78", "1002")], members=[])] == [
        "in_wrong_group",
        "no_cwa_group",
        "override_disagrees",
    ]


def test_an_issue_shows_the_computer_as_read_and_where_its_pcid_is() -> None:
    world = World(**{**RIGHT, "computers": [Computer(11, 1, "x", " 1002 ", name="FRONT-DESK")]})
    columns = [column for column in world.computer_issues.columns if column not in ("issue", "reason", "severity")]
    assert records_of(world.computer_issues, *columns) == [
        ("computer:11:in_wrong_group", 11, "FRONT-DESK", 1, "Acme", "x", " 1002 ", 1002, 102, 101)
    ]
