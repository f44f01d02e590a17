"""The rules on frames say, row for row, what the plain ones say, over messy worlds."""

from dataclasses import replace

import pandas as pd
from hypothesis import given, settings

from cwa_pipeline.rules.members.lists import encode, parse
from cwa_pipeline.tables import TABLES
from cwa_pipeline_tests.rules.plain_rules import PlainRules
from cwa_pipeline_tests.worlds import World, assert_is_table, messy_world, records_of, worlds

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


@settings(max_examples=25)
@given(worlds())
def test_every_table_says_what_the_plain_rules_say(world: World) -> None:
    """One test, so that each world and its tables are made only once."""
    plain = PlainRules(world)
    tied = [(client_id, *tied) for client_id, tied in plain.client_groups.items()]
    assert records_of(world.client_groups, "client_id", "group_id", "reason") == sorted(tied)
    assert records_of(world.computer_matches, *world.computer_matches.columns) == plain.computer_match_rows()
    columns = ("subscription_id", "effective_group_id", "plan", "is_bizcare")
    assert records_of(world.pcrt_subscriptions, *columns) == [
        (s.subscription_id, plain.group_of(s), plain.plan_of(s), plain.is_bizcare(s)) for s in world.subscriptions
    ]
    clients, computers, groups = world.client_issues, world.computer_issues, world.group_issues
    assert issues_in(clients, clients["client_id"]) == sorted(plain.client_issues(), key=str)
    assert issues_in(computers, computers["computer_id"]) == sorted(plain.computer_issues(), key=str)
    thing = groups["subscription_id"].fillna(groups["group_id"])
    assert issues_in(groups, thing) == sorted(plain.group_issues(), key=str)
    assert_lists_are_those_of(plain, world)
    assert_lists_are_those_of(plain, with_mode(world, "by_plan"))
    for name in RULE_TABLES:
        assert_is_table(getattr(world, name), TABLES[name])
    assert_is_table(world.planned_members, TABLES["members_plan"])


def with_mode(world: World, mode: str) -> World:
    """The same world, with all tables that do not depend on the mode."""
    other = replace(world, mode=mode)
    for name in ("pcrt_subscriptions", "client_groups", "computer_matches", "cwa_group_members", "cwa_groups"):
        other.__dict__[name] = getattr(world, name)
    return other


def assert_lists_are_those_of(plain: PlainRules, world: World) -> None:
    """The wanted lists and the plan of changes are those of the plain rules."""
    wanted = plain.additional_members(world.mode)
    members = sorted((subscription_id, pcid) for subscription_id, pcids in wanted.items() for pcid in pcids)
    assert records_of(world.subscription_members, "subscription_id", "pcid") == members
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
