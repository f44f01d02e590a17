"""The catalogue is that of rules.md, and the names of issues last."""

from dataclasses import replace

from cwa_pipeline.rules.issues.kinds import ISSUES
from cwa_pipeline_tests.worlds import Client, PcrtGroup, World, messy_world

# As rules.md has them, and one that a guard raises.
ERRORS = {
    "client": {"no_pcrt_group"},
    "computer": {"pcid_does_not_exist", "no_matching_pcid", "not_in_group", "in_wrong_group", "no_cwa_group"},
    "group": {"no_cwa_subscriptions", "too_few_subscriptions"},
    "subscription": {"wrong_cwa_group", "no_valid_cwa_group"},
}
WARNINGS = {
    "client": {"shared_external_id"},
    "computer": {"shared_pcid", "override_disagrees", "suspected_generic_serial", "several_plans"},
    "group": {"members_held"},  # not of rules.md: what the guards hold
    "subscription": {"duplicate_subscription", "subscription_without_computers", "no_cwa_client"},
}


def test_the_catalogue_has_the_issues_of_the_rules_and_no_other() -> None:
    for severity, expected in (("error", ERRORS), ("warning", WARNINGS)):
        for about, issues in expected.items():
            found = {name for name, kind in ISSUES.items() if kind.severity == severity and kind.about == about}
            assert found == issues


def test_the_issues_of_a_subscription_are_in_the_area_of_its_group() -> None:
    assert all(kind.area == kind.about.replace("subscription", "group") for kind in ISSUES.values())


def test_an_issue_keeps_its_key_when_only_its_reason_changes() -> None:
    invalid = World(clients=[Client(1, "Acme")], pcrt_groups=[PcrtGroup(101)])
    missing = World(clients=[Client(1, None)], pcrt_groups=[PcrtGroup(101)])
    assert invalid.client_issues["reason"].tolist() != missing.client_issues["reason"].tolist()
    assert invalid.client_issues["issue_key"].tolist() == missing.client_issues["issue_key"].tolist()


def test_the_order_in_which_the_systems_answer_changes_nothing() -> None:
    world = messy_world(seed=3, clients=12)
    backwards = replace(
        world,
        **{
            records: list(reversed(getattr(world, records)))
            for records in ("clients", "computers", "groups", "members", "pcrt_groups", "pcids", "subscriptions")
        },
    )
    for table in ("client_issues", "computer_issues", "group_issues", "subscription_members", "planned_members"):
        assert getattr(backwards, table).equals(getattr(world, table))
