"""The fast rules say, row for row, what the plain ones say, over messy worlds."""

import random
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cwa_pipeline.rules.frames import as_table
from cwa_pipeline.rules.members.lists import ListFormat, encode, parse
from cwa_pipeline.rules.members.membership import _decided, judged_subscriptions, planned_members
from cwa_pipeline.tables import TABLES, MembersPlan
from cwa_pipeline_tests.rules.plain_rules import PlainRules
from cwa_pipeline_tests.worlds import World, assert_is_table, messy_world, records_of, worlds

many_worlds = settings(max_examples=25, deadline=None)

RULE_TABLES = (
    "pcrt_subscriptions",
    "serial_blacklist",
    "client_groups",
    "computer_matches",
    "client_issues",
    "computer_issues",
    "group_issues",
    "subscription_members",
)


def issues_in(frame: pd.DataFrame, thing: pd.Series) -> list[tuple[object, ...]]:
    rows = records_of(frame.assign(thing=thing), "issue", "reason", "severity", "thing")
    return sorted(rows, key=str)


@many_worlds
@given(worlds())
def test_the_same_clients_are_tied_to_the_same_groups(world: World) -> None:
    plain = [(client_id, *tied) for client_id, tied in PlainRules(world).client_groups.items()]
    assert records_of(world.client_groups, "client_id", "group_id", "reason") == sorted(plain)


@many_worlds
@given(worlds())
def test_the_same_computers_are_matched_to_the_same_pcids(world: World) -> None:
    columns = list(world.computer_matches.columns)
    assert records_of(world.computer_matches, *columns) == PlainRules(world).computer_match_rows()


@many_worlds
@given(worlds())
def test_the_same_subscriptions_have_the_same_plans(world: World) -> None:
    plain = PlainRules(world)
    expected = [
        (s.subscription_id, plain.group_of(s), plain.plan_of(s), plain.is_bizcare(s)) for s in world.subscriptions
    ]
    columns = ("subscription_id", "effective_group_id", "plan", "is_bizcare")
    assert records_of(world.pcrt_subscriptions, *columns) == expected


@many_worlds
@given(worlds())
def test_the_same_clients_have_the_same_issues(world: World) -> None:
    frame = world.client_issues
    assert issues_in(frame, frame["client_id"]) == sorted(PlainRules(world).client_issues(), key=str)


@many_worlds
@given(worlds())
def test_the_same_computers_have_the_same_issues(world: World) -> None:
    frame = world.computer_issues
    assert issues_in(frame, frame["computer_id"]) == sorted(PlainRules(world).computer_issues(), key=str)


@many_worlds
@given(worlds())
def test_the_same_groups_and_subscriptions_have_the_same_issues(world: World) -> None:
    frame = world.group_issues
    thing = frame["subscription_id"].fillna(frame["group_id"])
    assert issues_in(frame, thing) == sorted(PlainRules(world).group_issues(), key=str)


@pytest.mark.parametrize("mode", ["every_plan", "by_plan"])
@many_worlds
@given(worlds())
def test_the_same_pcids_are_members_of_the_same_subscriptions(mode: str, world: World) -> None:
    world = replace(world, mode=mode)
    plain = PlainRules(world).additional_members(mode)
    expected = sorted((subscription_id, pcid) for subscription_id, pcids in plain.items() for pcid in pcids)
    assert records_of(world.subscription_members, "subscription_id", "pcid") == expected


@pytest.mark.parametrize("mode", ["every_plan", "by_plan"])
@many_worlds
@given(worlds())
def test_the_same_lists_are_planned(mode: str, world: World) -> None:
    world = replace(world, mode=mode)
    plain = PlainRules(world)
    wanted = plain.additional_members(mode)
    before = {subscription.subscription_id: subscription.additional_members for subscription in world.subscriptions}
    expected = []
    for subscription_id, pcids in wanted.items():
        old = before[subscription_id]
        listed = parse(old, world.list_format)
        if listed is None:
            row = (old, old, 0, 0, "held")
        elif list(listed) == pcids:
            row = (old, old, 0, 0, "unchanged")
        else:
            gone, new = set(listed) - set(pcids), set(pcids) - set(listed)
            row = (old, encode(pcids, world.list_format), len(new), len(gone), "planned")
        expected.append((subscription_id, *row))
    columns = ("subscription_id", "before", "after", "added", "removed", "status")
    assert records_of(world.planned_members, *columns) == expected


@pytest.mark.parametrize("list_format", ["underscore", "json", "php"])
@many_worlds
@given(world=worlds(), rng=st.randoms(use_true_random=False))
def test_lists_that_are_right_are_found_to_be_what_deciding_each_of_them_finds(
    list_format: ListFormat, world: World, rng: random.Random
) -> None:
    """On a world most of whose lists are right already, some of them written by us and some edited since."""
    world = replace(world, list_format=list_format)
    right = dict(zip(world.planned_members["subscription_id"], world.planned_members["after"], strict=True))
    lists = world.pcrt_subscriptions.assign(
        additional_members=[
            right.get(key, text) if rng.random() < 0.7 else rng.choice([text, None, "", "_", "_8888_", "call Ann"])
            for key, text in world.pcrt_subscriptions[["subscription_id", "additional_members"]].itertuples(index=False)
        ]
    ).astype({"additional_members": "str"})
    ours = [(key, rng.choice([text, text, None, "_8888_"])) for key, text in right.items() if rng.random() < 0.6]
    written = pd.DataFrame(ours, columns=["subscription_id", "after"]).astype(
        {"subscription_id": "int64", "after": "str"}
    )
    plan = planned_members(lists, world.client_groups, world.subscription_members, written, list_format)
    judged = judged_subscriptions(lists, world.client_groups)
    plain = _decided(judged, world.subscription_members, written, list_format)
    plain = as_table(plain.rename(columns={"additional_members": "before"}), MembersPlan)
    pd.testing.assert_frame_equal(plan, plain)


@settings(max_examples=10, deadline=None)
@given(worlds(most_clients=4))
def test_every_result_is_exactly_its_table(world: World) -> None:
    for name in RULE_TABLES:
        assert_is_table(getattr(world, name), TABLES[name])
    assert_is_table(world.planned_members, TABLES["members_plan"])


def test_messy_worlds_show_every_issue_every_reason_and_every_status() -> None:
    """Without this the tests above could agree about nothing at all."""
    world = messy_world(seed=1, clients=500)
    plain = PlainRules(world)
    found = [*plain.client_issues(), *plain.computer_issues(), *plain.group_issues()]
    assert {(issue, reason) for issue, reason, _, _ in found} == {
        ("no_pcrt_group", "external_id_missing"),
        ("no_pcrt_group", "external_id_invalid"),
        ("no_pcrt_group", "group_does_not_exist"),
        ("shared_external_id", None),
        ("pcid_does_not_exist", "asset_tag_unknown"),
        ("no_matching_pcid", "generic_serial"),
        ("no_matching_pcid", "no_pcid_with_serial"),
        ("no_matching_pcid", "duplicate_serial"),
        ("not_in_group", None),
        ("in_wrong_group", None),
        ("no_cwa_group", None),
        ("shared_pcid", None),
        ("override_disagrees", None),
        ("suspected_generic_serial", None),
        ("several_plans", None),
        ("no_cwa_subscriptions", "missing"),
        ("no_cwa_subscriptions", "unlinked"),
        ("too_few_subscriptions", None),
        ("wrong_cwa_group", None),
        ("no_valid_cwa_group", None),
        ("duplicate_subscription", None),
        ("subscription_without_computers", None),
        ("no_cwa_client", None),
    }
    assert set(world.planned_members["status"]) == {"planned", "unchanged", "held"}
    assert len(world.subscription_members) > 50
