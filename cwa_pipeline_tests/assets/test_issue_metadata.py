"""What Dagster shows of the issue tables: counts, the change, the first rows with what to do, and a warning when a kind grows."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from cwa_pipeline.assets.issue_metadata import FIRST_ROWS, first_rows, markdown_safe
from cwa_pipeline.commands.demo.msp import invented_msp
from cwa_pipeline.commands.demo.stand_in import Client
from cwa_pipeline.definitions import defs
from cwa_pipeline.rules.guards import OF_A_GROUP
from cwa_pipeline.rules.issues.instructions import INSTRUCTIONS
from cwa_pipeline.rules.issues.kinds import ISSUES
from cwa_pipeline_tests.shop import Shop, open_shop
from cwa_pipeline_tests.worlds import messy_world, records_of


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path, *invented_msp()) as shop:
        yield shop


def run() -> dg.ExecuteInProcessResult:
    with dg.DagsterInstance.ephemeral() as instance:
        return defs.resolve_job_def("nightly_sync").execute_in_process(instance=instance)


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, dg.MetadataValue]:
    [made] = [event for event in result.get_asset_materialization_events() if event.asset_key == dg.AssetKey(asset)]
    return dict(made.materialization.metadata)


def test_each_issue_asset_carries_the_count_the_change_and_the_count_of_each_kind(shop: Shop) -> None:
    first = metadata(run(), "client_issues")
    assert (first["issues"].value, first["change_since_last_sync"].value) == (5, 5)
    shop.server.world.clients.append(Client(90, "Newcomer", None))
    second = metadata(run(), "client_issues")
    assert (second["issues"].value, second["change_since_last_sync"].value) == (6, 1)
    assert (second["no_pcrt_group"].value, second["shared_external_id"].value) == (4, 2)


def test_the_first_rows_come_as_markdown_with_the_instructions_of_what_is_in_them(shop: Shop) -> None:
    shown = metadata(run(), "computer_issues")["first_rows"].value
    issues = shop.table("computer_issues")
    assert shown.startswith(f"The first {FIRST_ROWS} of {len(issues)}:")
    assert len([line for line in shown.splitlines() if line.startswith("|")]) == FIRST_ROWS + 2
    in_wrong_group = INSTRUCTIONS["in_wrong_group", None]
    assert f"**{in_wrong_group.title}**" in shown
    assert f"1. {in_wrong_group.steps[0]}" in shown


def test_no_name_of_a_person_or_a_customer_gets_into_the_event_log(shop: Shop) -> None:
    result = run()
    names = {client.name for client in shop.server.world.clients} | {c.name for c in shop.server.world.computers}
    for table in ("client_issues", "computer_issues", "group_issues"):
        shown = str(metadata(result, table))
        assert not [name for name in names if name and name in shown]


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", "[x](javascript:alert(1))", "a|b", "`x`", "a\nb", "\u202eabc", "**x**"]
)
def test_a_hostile_text_is_no_markup(hostile: str) -> None:
    issues = pd.DataFrame(
        {
            "issue_key": ["client:1:no_pcrt_group"],
            "issue": ["no_pcrt_group"],
            "reason": ["external_id_invalid"],
            "severity": ["error"],
            "client_id": [1],
            "client_name": [hostile],
            "external_id": [hostile],
        }
    )
    shown = first_rows("client_issues", issues)
    table = [line for line in shown.splitlines() if line.startswith("|")]
    assert len(table) == 3
    assert hostile not in "\n".join(table)
    assert len({line.replace("\\|", "").count("|") for line in table}) == 1


def test_nothing_but_letters_digits_and_escaped_signs_is_left_of_a_value() -> None:
    assert markdown_safe("a<b>&`*[x]") == r"a\<b\>\&\`\*\[x\]"
    assert markdown_safe(None) == ""
    assert len(markdown_safe("x" * 4000)) < 100


def test_every_issue_and_reason_of_the_rules_has_instructions_and_no_other_has() -> None:
    assert {issue for issue, _ in INSTRUCTIONS} == set(ISSUES)
    worlds = [messy_world(seed) for seed in range(20)]
    tables = [table for world in worlds for table in (world.client_issues, world.computer_issues, world.group_issues)]
    found = {row for table in tables for row in records_of(table, "issue", "reason")}
    assert found == {pair for pair in INSTRUCTIONS if pair[0] != "members_held"}
    assert {reason for issue, reason in INSTRUCTIONS if issue == "members_held"} == set(OF_A_GROUP)
    for words in INSTRUCTIONS.values():
        assert words.title
        assert words.means.endswith(".")
        assert len(words.steps) >= 2


def test_a_check_warns_when_issues_of_a_kind_grow_and_does_not_fail_the_run(shop: Shop) -> None:
    def grown(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
        return {
            check.check_name: check
            for check in result.get_asset_check_evaluations()
            if "did_not_grow" in check.check_name
        }

    first = grown(run())
    assert len(first) == 3
    assert all(check.passed for check in first.values())
    shop.server.world.clients.append(Client(90, "Newcomer", None))
    result = run()
    checks = grown(result)
    assert result.success
    assert not checks["client_issues_did_not_grow"].passed
    assert checks["client_issues_did_not_grow"].severity == dg.AssetCheckSeverity.WARN
    assert "no_pcrt_group from 3 to 4" in str(checks["client_issues_did_not_grow"].description)
    assert checks["computer_issues_did_not_grow"].passed


def test_the_page_is_linked_from_its_asset(shop: Shop) -> None:
    found = metadata(run(), "integration_page")
    page = shop.folder / "integration_page.html"
    assert found["path"].value == str(page)
    assert found["page"].value == page.as_uri()
    shop.configure('page.url = "https://pcrt.example.com/connectwise/automate/"')
    assert metadata(run(), "integration_page")["page"].value == "https://pcrt.example.com/connectwise/automate/"


def test_column_lineage_comes_with_every_table_that_has_one(shop: Shop) -> None:
    lineage = metadata(run(), "computer_issues")["dagster/column_lineage"].value
    [dep] = lineage.deps_by_column["serial_number"]
    assert (dep.asset_key, dep.column_name) == (dg.AssetKey("cwa_computers"), "serial_number")
