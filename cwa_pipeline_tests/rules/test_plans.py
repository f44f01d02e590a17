"""Which CWA groups are plans, and which plan a subscription names."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cwa_pipeline.rules.matching.plans import computer_plans
from cwa_pipeline.tables import CwaGroups, PcrtSubscriptions
from cwa_pipeline_tests.worlds import CwaGroup, Pcid, Subscription, World, assert_is_table, records_of

BASIC, PLUS, PREMIUM = "BizCare Basic", "BizCare Plus", "BizCare Premium"
PLAN_GROUPS = [CwaGroup(851, BASIC), CwaGroup(852, PLUS), CwaGroup(860, "Servers")]


def only_subscription(subscription: Subscription, *pcids: Pcid) -> pd.Series:
    world = World(groups=PLAN_GROUPS, pcids=pcids, subscriptions=[subscription])
    assert_is_table(world.pcrt_subscriptions, PcrtSubscriptions)
    return world.pcrt_subscriptions.iloc[0]


def test_a_cwa_group_stands_for_a_plan_by_its_normalised_name_and_others_have_no_meaning() -> None:
    world = World(groups=[CwaGroup(1, "  bizcare   BASIC "), CwaGroup(2, "BizCare Basics"), CwaGroup(3, None)])
    assert_is_table(world.cwa_groups, CwaGroups)
    assert records_of(world.cwa_groups, "cwa_group_id", "plan") == [(1, BASIC), (2, None), (3, None)]


def test_non_profit_is_a_plan_of_its_own() -> None:
    world = World(groups=[CwaGroup(1, "BizCare Basic Non-Profit"), CwaGroup(2, BASIC)])
    assert records_of(world.cwa_groups, "plan") == [("BizCare Basic Non-Profit",), (BASIC,)]


def test_several_cwa_groups_may_stand_for_one_plan() -> None:
    world = World(groups=[CwaGroup(1, BASIC), CwaGroup(2, BASIC.upper())], members=[(7, 1), (7, 2), (8, 2)])
    pairs = computer_plans(world.cwa_group_members, world.cwa_groups)
    assert records_of(pairs, "computer_id", "plan") == [(7, BASIC), (8, BASIC)]


def test_a_cwa_group_that_is_no_plan_puts_no_computer_into_a_plan() -> None:
    world = World(groups=PLAN_GROUPS)
    members = pd.DataFrame({"computer_id": [7, 7], "cwa_group_id": [860, 852]})
    assert records_of(computer_plans(members, world.cwa_groups), "computer_id", "plan") == [(7, PLUS)]


@pytest.mark.parametrize(
    ("field", "plan"),
    [
        (BASIC, BASIC),
        ("  bizcare  basic ", BASIC),
        ("851", BASIC),
        (" 0852 ", PLUS),
        (PREMIUM, PREMIUM),  # a plan is one by the configuration, also when CWA has no such group yet
        ("860", None),
        ("Servers", None),
        ("999", None),
        ("9" * 30, None),
        ("BizCare", None),
        ("", None),
        (None, None),
    ],
)
def test_a_plan_is_valid_when_the_field_names_one_by_name_or_by_cwa_group_id(
    field: str | None, plan: str | None
) -> None:
    found = only_subscription(Subscription(1, cwa_group=field))["plan"]
    assert (found if pd.notna(found) else None) == plan


@pytest.mark.parametrize(
    ("field", "name", "is_bizcare"),
    [
        ("Servers", "Backup", True),
        ("  ", "Backup", False),
        (None, None, False),
        (None, "BizCare Gold", True),
        (None, "BizCareful", True),
        (None, "bizcare Gold", False),
        (None, " BizCare Gold", False),
        (None, "My BizCare", False),
    ],
)
def test_it_is_a_bizcare_subscription_when_its_field_is_filled_or_its_name_starts_so(
    field: str | None, name: str | None, is_bizcare: bool
) -> None:
    assert only_subscription(Subscription(1, cwa_group=field, name=name))["is_bizcare"] == is_bizcare


def test_the_prefix_is_meant_to_the_letter() -> None:
    world = World(subscriptions=[Subscription(1, name="BizCare"), Subscription(2, name="B.*")], bizcare_prefix="B.*")
    assert world.pcrt_subscriptions["is_bizcare"].tolist() == [False, True]


@pytest.mark.parametrize(
    ("group_id", "pcid", "effective"),
    [(101, None, 101), (101, 1001, 101), (None, 1001, 102), (None, 1002, None), (None, 9999, None), (None, None, None)],
)
def test_a_subscriptions_group_is_its_own_group_id_or_that_of_its_pcid(
    group_id: int | None, pcid: int | None, effective: int | None
) -> None:
    subscription = Subscription(1, group_id=group_id, pcid=pcid)
    found = only_subscription(subscription, Pcid(1001, 102), Pcid(1002, None))["effective_group_id"]
    assert (None if pd.isna(found) else found) == effective


@given(
    members=st.lists(st.tuples(st.integers(1, 4), st.integers(1, 5)), unique=True),
    plans=st.lists(st.none() | st.sampled_from([BASIC, PLUS, PREMIUM]), max_size=4),
)
def test_the_plans_of_computers_are_those_of_their_groups_once_each_in_order(
    members: list[tuple[int, int]], plans: list[str | None]
) -> None:
    groups = pd.DataFrame({"cwa_group_id": range(1, len(plans) + 1), "plan": pd.Series(plans, dtype="str")})
    in_groups = pd.DataFrame(members, columns=["computer_id", "cwa_group_id"], dtype="int64")
    plan_of = {group: plan for group, plan in enumerate(plans, 1) if plan}
    expected = sorted({(computer, plan_of[group]) for computer, group in members if group in plan_of})
    found = computer_plans(in_groups, groups)
    assert records_of(found, "computer_id", "plan") == expected
    assert found.dtypes.astype("str").to_dict() == {"computer_id": "int64", "plan": "str"}
