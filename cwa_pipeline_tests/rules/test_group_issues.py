"""What does not line up about a group's subscriptions."""

from typing import Any

import pytest

from cwa_pipeline.tables import GroupIssues
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

BASIC, PLUS, PREMIUM = "BizCare Basic", "BizCare Plus", "BizCare Premium"

# Client 1 is tied to group 101. Its one computer, matched to nothing, is in Basic, and the group subscribes to Basic.
RIGHT: dict[str, Any] = {
    "clients": [Client(1, "101")],
    "pcrt_groups": [PcrtGroup(101, "Acme"), PcrtGroup(102, "Nobody's")],
    "groups": [CwaGroup(851, BASIC), CwaGroup(852, PLUS), CwaGroup(853, PREMIUM)],
    "computers": [Computer(11, 1)],
    "members": [(11, 851)],
    "pcids": [Pcid(1001, 101), Pcid(1002, 102), Pcid(1003, None)],
    "subscriptions": [Subscription(1, 101, BASIC)],
}


def issues_of(**changes: object) -> list[tuple[object, ...]]:
    world = World(**{**RIGHT, **changes})
    assert_is_table(world.group_issues, GroupIssues)
    return records_of(world.group_issues, "group_id", "subscription_id", "issue", "reason", "severity")


def test_a_group_that_lines_up_has_no_issue() -> None:
    assert issues_of() == []


@pytest.mark.parametrize(
    "subscription",
    [None, Subscription(1, 101, None), Subscription(1, 101, BASIC, active=False), Subscription(1, 102, None)],
)
@pytest.mark.parametrize("members", [[], [(11, 851)]])
def test_no_valid_plan_and_no_bizcare_subscription_is_no_cwa_subscriptions_missing(
    subscription: Subscription | None, members: list[tuple[int, int]]
) -> None:
    found = issues_of(subscriptions=[subscription] if subscription else [], members=members)
    assert found == [(101, None, "no_cwa_subscriptions", "missing", "error")]


@pytest.mark.parametrize("off", [Subscription(1, 101, "Servers"), Subscription(1, 101, None, name="BizCare Gold")])
def test_bizcare_subscriptions_none_of_them_valid_is_no_cwa_subscriptions_unlinked(off: Subscription) -> None:
    assert issues_of(subscriptions=[off]) == [
        (101, None, "no_cwa_subscriptions", "unlinked", "error"),
        (101, 1, "no_valid_cwa_group", None, "error"),
    ]


def test_more_plans_of_computers_than_of_subscriptions_is_too_few_subscriptions() -> None:
    assert issues_of(members=[(11, 851), (11, 852)]) == [(101, None, "too_few_subscriptions", None, "error")]


def test_the_plans_are_those_of_all_the_computers_of_all_the_groups_clients() -> None:
    found = issues_of(
        clients=[Client(1, "101"), Client(2, "101"), Client(3, None)],
        computers=[Computer(11, 1), Computer(12, 2, "None"), Computer(13, 3), Computer(14, 77)],
        members=[(11, 851), (12, 852), (13, 853), (14, 853), (99, 853)],
        subscriptions=[Subscription(1, 101, BASIC), Subscription(2, 101, PLUS), Subscription(3, 101, PREMIUM)],
    )
    assert found == [(101, 3, "wrong_cwa_group", None, "error")]


def test_as_many_distinct_plans_are_not_too_few_and_two_subscriptions_of_one_plan_are_one() -> None:
    both = [(11, 851), (11, 852)]
    assert issues_of(members=both, subscriptions=[Subscription(1, 101, BASIC), Subscription(2, 101, PLUS)]) == []
    assert issues_of(members=both, subscriptions=[Subscription(1, 101, BASIC), Subscription(2, 101, "851")]) == [
        (101, None, "too_few_subscriptions", None, "error"),
        (101, 2, "duplicate_subscription", None, "warning"),
    ]


def test_a_subscriptions_plan_that_no_computer_is_in_is_wrong_cwa_group() -> None:
    subscriptions = [Subscription(1, 101, BASIC), Subscription(2, None, "bizcare  plus", pcid=1001)]
    assert issues_of(subscriptions=subscriptions) == [(101, 2, "wrong_cwa_group", None, "error")]


def test_a_valid_plan_where_no_computer_is_in_any_is_subscription_without_computers() -> None:
    assert issues_of(members=[]) == [(101, 1, "subscription_without_computers", None, "warning")]


@pytest.mark.parametrize("off", [Subscription(2, 101, "Servers"), Subscription(2, 101, " ", name="BizCare Gold")])
def test_a_bizcare_subscription_whose_plan_is_not_valid_is_no_valid_cwa_group(off: Subscription) -> None:
    assert issues_of(subscriptions=[Subscription(1, 101, BASIC), off]) == [
        (101, 2, "no_valid_cwa_group", None, "error")
    ]


def test_another_subscription_is_none_of_our_business() -> None:
    assert issues_of(subscriptions=[Subscription(1, 101, BASIC), Subscription(2, 101, None, name="Backup")]) == []


def test_a_second_active_subscription_of_one_plan_is_a_duplicate() -> None:
    three = [
        Subscription(4, 101, BASIC),
        Subscription(3, 101, "851"),
        Subscription(2, None, " BIZCARE basic", pcid=1001),
        Subscription(1, 101, BASIC, active=False),
    ]
    assert issues_of(subscriptions=three) == [
        (101, 3, "duplicate_subscription", None, "warning"),
        (101, 4, "duplicate_subscription", None, "warning"),
    ]


@pytest.mark.parametrize("elsewhere", [{"group_id": 102}, {"pcid": 1002}, {"group_id": 9999}])
def test_a_bizcare_subscription_with_a_valid_plan_where_no_client_is_tied_is_no_cwa_client(
    elsewhere: dict[str, int],
) -> None:
    subscription = Subscription(2, cwa_group=PLUS, **elsewhere)
    group_id = elsewhere.get("group_id", 102)
    found = issues_of(subscriptions=[Subscription(1, 101, BASIC), subscription])
    assert found == [(group_id, 2, "no_cwa_client", None, "warning")]


@pytest.mark.parametrize(
    "other",
    [
        Subscription(2, 102, PLUS, active=False),
        Subscription(2, 102, "Servers"),
        Subscription(2, None, PLUS),
        Subscription(2, None, PLUS, pcid=1003),
    ],
)
def test_only_groups_that_a_client_is_tied_to_are_judged(other: Subscription) -> None:
    assert issues_of(subscriptions=[Subscription(1, 101, BASIC), other]) == []


def test_only_active_subscriptions_count() -> None:
    inactive = [
        Subscription(number, 101, field, active=False) for number, field in [(2, PLUS), (3, "Servers"), (4, BASIC)]
    ]
    assert issues_of(subscriptions=[Subscription(1, 101, BASIC), *inactive]) == []


def test_an_issue_shows_the_group_and_the_subscription_as_read() -> None:
    subscriptions = [Subscription(1, 101, " Servers ", name="Gold")]
    world = World(**{**RIGHT, "subscriptions": subscriptions})
    columns = ("issue_key", "group_name", "subscription_name", "cwa_group")
    assert records_of(world.group_issues, *columns) == [
        ("group:101:no_cwa_subscriptions", "Acme", None, None),
        ("subscription:1:no_valid_cwa_group", "Acme", "Gold", " Servers "),
    ]
