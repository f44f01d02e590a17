"""The Dagster side as others rely on it: assets, lineage, job and schedule."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator  # what the daemon asks for its next tick

from cwa_pipeline.assets import sources
from cwa_pipeline.assets.jobs import freshness, nightly_sync_job, nightly_sync_schedule
from cwa_pipeline.assets.lineage import SOURCES
from cwa_pipeline.config.settings import ScheduleSettings
from cwa_pipeline.definitions import defs
from cwa_pipeline.tables import TABLES

GROUPS = {
    "cwa": {"cwa_clients", "cwa_computers", "cwa_groups", "cwa_group_members"},
    "pcrt": {"pcrt_groups", "pcrt_pcids", "pcrt_subscriptions"},
    "matching": {"serial_blacklist", "client_groups", "computer_matches", "match_suggestions"},
    "issues": {"client_issues", "computer_issues", "group_issues", "issue_history", "open_issues"},
    "coverage": {
        "subscription_members",
        "members_plan",
        "additional_members",
        "additional_members_ledger",
        "coverage_history",
    },
    "page": {"integration_page"},
    "what_if": {"night_inputs"},
}
PAGE, NIGHT = dg.AssetKey("integration_page"), dg.AssetKey("night_inputs")
GRAPH = defs.resolve_asset_graph()
OURS = {dg.AssetKey(table) for tables in GROUPS.values() for table in tables}


def test_definitions_load_and_fit_together() -> None:
    dg.Definitions.validate_loadable(defs)


@pytest.mark.parametrize(("group", "tables"), GROUPS.items())
def test_assets_are_in_the_groups_of_the_contract(group: str, tables: set[str]) -> None:
    found = {key.to_user_string() for key in GRAPH.materializable_asset_keys if GRAPH.get(key).group_name == group}
    assert found == tables


def test_every_asset_but_the_files_is_a_table_with_description_owner_kinds_and_columns() -> None:
    for key in GRAPH.materializable_asset_keys - {PAGE, NIGHT}:
        node = GRAPH.get(key)
        schema = node.metadata["dagster/column_schema"]
        columns = TABLES[key.to_user_string()].to_schema().columns
        assert node.description
        assert node.owners
        assert node.kinds
        assert [column.name for column in schema.columns] == list(columns)
        assert all(column.description for column in schema.columns)


def test_both_source_systems_are_external_assets_and_nothing_else_is() -> None:
    assert GRAPH.external_asset_keys == {spec.key for spec in sources.source_systems}


def test_everything_leads_from_the_source_systems_to_the_write_and_only_the_page_comes_after_it() -> None:
    write = dg.AssetKey("additional_members")
    assert GRAPH.get(write).child_keys == {PAGE}
    assert not GRAPH.get(PAGE).child_keys
    upstream = set(GRAPH.upstream_key_iterator(write))
    assert {spec.key for spec in sources.source_systems} <= upstream
    assert OURS - {write, PAGE, NIGHT, dg.AssetKey("match_suggestions")} <= upstream
    assert dg.AssetKey("match_suggestions") in GRAPH.get(PAGE).parent_keys


def test_the_job_materialises_every_asset() -> None:
    job = defs.resolve_job_def("nightly_sync")
    assert job.asset_layer.executable_asset_keys == OURS


def test_every_blocking_check_guards_the_write() -> None:
    last = dg.AssetKey("additional_members")
    upstream = set(GRAPH.upstream_key_iterator(last))
    blocking = [key for key in GRAPH.asset_check_keys if GRAPH.get(key).blocking]
    assert len(blocking) >= 10
    assert all(check.asset_key in upstream for check in blocking)


def test_the_schedule_ships_running_in_the_configured_time_zone() -> None:
    schedule = defs.resolve_schedule_def("nightly_sync_schedule")
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    assert schedule.execution_timezone == "America/New_York"
    assert schedule.cron_schedule == "0 1 * * *"
    assert schedule.job_name == "nightly_sync"


@pytest.mark.parametrize(
    "day", [datetime(2026, 10, 30, tzinfo=UTC), datetime(2027, 3, 12, tzinfo=UTC)], ids=["autumn", "spring"]
)
def test_the_schedule_ticks_once_every_night_at_one_by_the_shops_clock_when_the_clocks_change(day: datetime) -> None:
    schedule = nightly_sync_schedule(ScheduleSettings(), nightly_sync_job())
    ticks = islice(
        schedule_execution_time_iterator(day.timestamp(), schedule.cron_schedule, schedule.execution_timezone), 5
    )
    local = [tick.astimezone(ZoneInfo("America/New_York")) for tick in ticks]
    assert [(tick.hour, tick.minute) for tick in local] == [(1, 0)] * 5
    assert all(later.date() - earlier.date() == timedelta(days=1) for earlier, later in pairwise(local))


def test_the_page_is_renewed_after_a_failure_without_anybody_switching_that_on() -> None:
    assert defs.resolve_sensor_def("page_after_a_failure").default_status == dg.DefaultSensorStatus.RUNNING


@pytest.mark.parametrize("table", sorted(SOURCES))
def test_each_columns_lineage_names_columns_that_exist(table: str) -> None:
    columns = TABLES[table].to_schema().columns
    for column, names in SOURCES[table].items():
        assert column in columns
        for name in names.split():
            source, _, source_column = name.rpartition(".")
            if source in TABLES:
                assert source_column in TABLES[source].to_schema().columns, name
            else:
                assert dg.AssetKey(source.split("/")) in GRAPH.external_asset_keys, name


@pytest.mark.parametrize("table", ["client_issues", "computer_issues", "group_issues", "open_issues"])
def test_every_column_of_an_issue_table_leads_back_to_a_source_system(table: str) -> None:
    def reaches_a_source(name: str) -> bool:
        source, _, column = name.rpartition(".")
        if source not in SOURCES:
            return "/" in source
        return any(map(reaches_a_source, SOURCES[source].get(column, "").split()))

    made_here = {"severity", "area", "first_seen"}
    for column in TABLES[table].to_schema().columns:
        if column not in made_here:
            assert reaches_a_source(f"{table}.{column}"), column


@pytest.mark.parametrize("cron", ["0 1 * * *", "0 1 * * 1-5", "*/30 * * * *", "15 3 1 * *", "0 1,13 * * *"])
def test_the_lists_and_the_page_are_stale_when_a_scheduled_sync_did_not_make_them(cron: str) -> None:
    policy = freshness(ScheduleSettings(cron=cron, timezone="America/New_York"))
    assert (policy.deadline_cron, policy.timezone) == (cron, "America/New_York")
    assert timedelta(minutes=1) <= policy.lower_bound_delta <= timedelta(days=1)
    for table in ("additional_members", "integration_page"):
        assert GRAPH.get(dg.AssetKey(table)).freshness_policy is not None


def test_tables_that_name_people_and_the_write_to_pcrt_are_tagged() -> None:
    tags = {key.to_user_string(): GRAPH.get(key).tags for key in GRAPH.materializable_asset_keys}
    assert "pii" in tags["cwa_clients"]
    assert "pii" not in tags["computer_matches"]
    assert [table for table in tags if tags[table].get("writes") == "pcrt"] == ["additional_members"]
