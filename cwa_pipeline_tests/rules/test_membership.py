"""Who is covered, and what becomes of each list."""

from typing import Any, Literal

import pytest

from cwa_pipeline.rules.members.membership import only_planned
from cwa_pipeline.tables import MembersPlan, SubscriptionMembers
from cwa_pipeline_tests.worlds import (
    Client,
    Computer,
    CwaGroup,
    Pcid,
    PcrtGroup,
    Subscription,
    World,
    assert_is_table,
    records_of,
)

BASIC, PLUS = "BizCare Basic", "BizCare Plus"

# Group 101 has two covered machines, 1001 in Basic and 1002 in Plus, and a subscription of each plan.
RIGHT: dict[str, Any] = {
    "clients": [Client(1, "101"), Client(2, "102"), Client(3, None)],
    "pcrt_groups": [PcrtGroup(101), PcrtGroup(102), PcrtGroup(103)],
    "groups": [CwaGroup(851, BASIC), CwaGroup(852, PLUS)],
    "computers": [Computer(12, 1, "B2"), Computer(11, 1, "A1")],
    "members": [(11, 851), (12, 852)],
    "pcids": [Pcid(1001, 101, "A1"), Pcid(1002, 101, "B2"), Pcid(1003, 103, "C3"), Pcid(1004, None, "D4")],
    "subscriptions": [Subscription(1, 101, BASIC), Subscription(2, 101, PLUS)],
}


def members_of(**changes: object) -> list[tuple[object, ...]]:
    world = World(**{**RIGHT, **changes})
    assert_is_table(world.subscription_members, SubscriptionMembers)
    return records_of(world.subscription_members, "subscription_id", "pcid")


def plan_of(before: str | None, *more: str, **changes: object) -> tuple[object, ...]:
    """What becomes of one list: after, status, added_pcids, removed_pcids and the columns asked for."""
    subscriptions = [Subscription(1, 101, BASIC, additional_members=before)]
    world = World(**{**RIGHT, "subscriptions": subscriptions, **changes})
    assert_is_table(world.planned_members, MembersPlan)
    return records_of(world.planned_members, "after", "status", "added_pcids", "removed_pcids", *more)[0]


def test_with_every_plan_every_bizcare_subscription_of_the_group_lists_them_all() -> None:
    assert members_of() == [(1, 1001), (1, 1002), (2, 1001), (2, 1002)]


def test_with_by_plan_a_subscription_lists_only_the_computers_in_its_own_plan() -> None:
    assert members_of(mode="by_plan") == [(1, 1001), (2, 1002)]


def test_a_computer_in_two_plans_is_listed_by_both() -> None:
    assert members_of(mode="by_plan", members=[(11, 851), (11, 852)]) == [(1, 1001), (2, 1001)]


def test_a_row_tells_the_subscriptions_group_and_plan() -> None:
    world = World(**RIGHT)
    assert records_of(world.subscription_members, "subscription_id", "group_id", "plan")[1:3] == [
        (1, 101, BASIC),
        (2, 101, PLUS),
    ]


@pytest.mark.parametrize(
    "other",
    [
        Computer(13, 1, "C3"),  # its PCID is in another group
        Computer(13, 1, "D4"),  # its PCID is in no group
        Computer(13, 1, "ZZ"),  # matched to nothing
        Computer(13, 1, "C3", "9999"),  # an override never falls back
        Computer(14, 1, "E5"),  # in no plan
        Computer(13, 2, "E5"),  # a client of another group
        Computer(13, 3, "E5"),  # a client of no group
        Computer(13, 99, "E5"),  # a client that CWA does not list
        Computer(13, None, "E5"),
    ],
)
@pytest.mark.parametrize("mode", ["every_plan", "by_plan"])
def test_covered_are_matched_computers_of_the_groups_clients_with_pcid_in_that_very_group_and_in_a_plan(
    other: Computer, mode: Literal["every_plan", "by_plan"]
) -> None:
    changes = {
        "members": [*RIGHT["members"], (13, 851)],
        "pcids": [*RIGHT["pcids"], Pcid(1005, 101, "E5")],
        "mode": mode,
    }
    covered = Computer(13, 1, "E5")
    assert (1, 1005) in members_of(computers=[*RIGHT["computers"], covered], **changes)
    assert members_of(computers=[*RIGHT["computers"], other], **changes) == members_of(mode=mode)


def test_computers_of_all_clients_of_the_group_are_covered() -> None:
    clients = [Client(1, "101"), Client(2, "101")]
    assert members_of(clients=clients, computers=[Computer(11, 1, "A1"), Computer(12, 2, "B2")])[:2] == [
        (1, 1001),
        (1, 1002),
    ]


def test_a_pcid_of_two_computers_is_listed_once() -> None:
    twins = [Computer(11, 1, "A1"), Computer(12, 1, None, "1001")]
    assert members_of(computers=twins) == [(1, 1001), (2, 1001)]
    assert members_of(computers=twins, mode="by_plan") == [(1, 1001), (2, 1001)]


@pytest.mark.parametrize(
    "other",
    [
        Subscription(3, 101, None, name="Backup", additional_members="_1_"),
        Subscription(3, 101, "Servers", additional_members="_1_"),
        Subscription(3, 101, BASIC, active=False, additional_members="_1_"),
        Subscription(3, 103, BASIC, additional_members="_1_"),
        Subscription(3, None, BASIC, additional_members="_1_"),
        Subscription(3, None, BASIC, pcid=1004, additional_members="_1_"),
    ],
)
def test_everything_else_is_never_touched(other: Subscription) -> None:
    world = World(**{**RIGHT, "subscriptions": [*RIGHT["subscriptions"], other]})
    assert set(world.planned_members["subscription_id"]) == {1, 2}
    assert set(world.subscription_members["subscription_id"]) == {1, 2}


def test_a_subscription_on_a_pcid_counts_for_that_pcids_group() -> None:
    assert members_of(subscriptions=[Subscription(5, None, BASIC, pcid=1001)]) == [(5, 1001), (5, 1002)]


@pytest.mark.parametrize(
    ("list_format", "text"),
    [
        ("underscore", "_1001_1002_"),
        ("comma", "1001,1002"),
        ("php", "a:2:{i:0;i:1001;i:1;i:1002;}"),
        ("json", "[1001,1002]"),
    ],
)
def test_lists_are_ascending_and_unique_in_the_shops_format(list_format: str, text: str) -> None:
    assert plan_of("", list_format=list_format)[:3] == (text, "planned", "1001 1002")
    assert plan_of(text, list_format=list_format) == (text, "unchanged", None, None)


@pytest.mark.parametrize("before", ["_1001_1002_", "1001_1002"])
def test_a_list_already_right_is_not_written_however_it_is_spelled(before: str) -> None:
    assert plan_of(before, "added", "removed") == (before, "unchanged", None, None, 0, 0)


def test_a_pcid_too_long_to_be_read_back_makes_a_list_unreadable_even_where_it_is_the_wanted_one() -> None:
    pcid = 10**18
    changes: dict[str, Any] = {
        "pcids": [Pcid(pcid, 101, "A1")],
        "computers": [Computer(11, 1, "A1")],
        "members": [(11, 851)],
    }
    assert plan_of(f"_{pcid}_", **changes)[1] == "held"


@pytest.mark.parametrize("before", ["_1002_1001_", "_1001_1001_1002_"])
def test_a_list_out_of_order_or_with_repetitions_is_put_right(before: str) -> None:
    assert plan_of(before, "added", "removed") == ("_1001_1002_", "planned", None, None, 0, 0)


def test_a_plan_says_what_it_adds_and_removes() -> None:
    found = plan_of("_9_1002_8_8_", "added", "removed", "before", "reason")
    assert found == ("_1001_1002_", "planned", "1001", "8 9", 1, 2, "_9_1002_8_8_", None)


def test_a_judged_subscription_whose_list_ought_to_be_empty_has_a_row_too() -> None:
    assert plan_of("_1001_", members=[]) == ("_", "planned", None, "1001")
    for nothing in (None, "", "_"):
        assert plan_of(nothing, members=[]) == (nothing, "unchanged", None, None)


@pytest.mark.parametrize("members", [RIGHT["members"], []])
def test_a_list_that_cannot_be_read_is_held(members: list[tuple[int, int]]) -> None:
    after, status, *pcids, added, removed, reason = plan_of("call Ann", "added", "removed", "reason", members=members)
    assert (after, status, *pcids, added, removed) == ("call Ann", "held", None, None, 0, 0)
    assert "Additional Members cannot be read as underscore" in reason


@pytest.mark.parametrize(
    "client_id", [None, 99, 3], ids=["no client", "a client CWA did not list", "a client tied to nothing"]
)
def test_a_computer_that_is_of_no_client_of_the_group_is_not_covered(client_id: int | None) -> None:
    computers = [Computer(11, 1, "A1"), Computer(12, client_id, "B2")]
    assert plan_of("_1001_1002_", computers=computers) == ("_1001_", "planned", None, "1002")


def test_a_run_that_does_not_write_says_why_each_planned_list_stays_so() -> None:
    subscriptions = [
        Subscription(1, 101, BASIC, additional_members=""),
        Subscription(2, 101, PLUS, additional_members="call Ann"),
        Subscription(3, 101, PLUS, additional_members="_1001_1002_"),
    ]
    plan = World(**{**RIGHT, "subscriptions": subscriptions}).planned_members
    shown = only_planned(plan, "dry run")
    assert_is_table(shown, MembersPlan)
    assert shown["status"].tolist() == ["planned", "held", "unchanged"]
    assert shown["reason"].tolist()[0] == "dry run"
    assert shown["reason"][1:].equals(plan["reason"][1:])
