"""What is forgotten after the days of [history], and what never is: on both databases, and in Dagster's own storage."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
from dagster import DagsterInstance
from sqlalchemy.engine import URL
from typer.testing import CliRunner

from cwa_pipeline.commands.main import app
from cwa_pipeline.config.settings import HistorySettings, Settings
from cwa_pipeline.definitions import defs
from cwa_pipeline.errors import SettingsError
from cwa_pipeline.tables import TABLES
from cwa_pipeline.warehouse.pruning import prune_dagster, prune_warehouse
from cwa_pipeline.warehouse.store import Warehouse
from cwa_pipeline.warehouse.sync_record import SyncRecord

NOW = pd.Timestamp("2027-06-01 12:00", tz="UTC")
HISTORY = HistorySettings(resolved_issue_days=100, coverage_days=200, sync_days=50, dagster_days=30)


def ago(days: float) -> pd.Timestamp:
    return NOW - pd.Timedelta(days=days)


def frame(table: str, **columns: object) -> pd.DataFrame:
    """Rows of a table; what is not said is null."""
    return pd.DataFrame(columns).reindex(columns=list(TABLES[table].to_schema().columns))


@pytest.fixture
def warehouse(url: URL) -> Warehouse:
    """Histories with rows on both sides of each limit, a microsecond apart where that is the limit itself."""
    tick = pd.Timedelta(microseconds=1)
    issues = frame(
        "issue_history",
        issue_key=["open for ever", "long over", "just over the limit", "at the limit", "of late"],
        area="client",
        issue="no_pcrt_group",
        first_seen=ago(5000),
        last_seen=ago(99),
        resolved_at=[pd.NaT, ago(1000), ago(100) - tick, ago(100), ago(3)],
    )
    coverage = frame(
        "coverage_history",
        subscription_id=1,
        pcid=[1, 2, 3],
        covered_from=ago(3000),
        covered_to=[pd.NaT, ago(200) - tick, ago(199)],
    )
    runs = ["wrote first", "wrote last", "dry after that", "dry, newest"]
    receipts = frame(
        "read_receipts",
        run_id=["failed", *runs],
        table_name="cwa_clients",
        counted_at=[ago(80), ago(90), ago(70), ago(60), ago(55)],
        rows_read=[1, 2, 3, 4, 5],
        rows_counted=[1, 2, 3, 4, 5],
        counted_by="Total-Count",
    )
    ledger = frame(
        "additional_members_ledger",
        run_id="wrote first",
        written_at=[ago(9000)],
        subscription_id=1,
        status="written",
        hand_edited=False,
    )
    warehouse = Warehouse(url)
    warehouse.create()
    warehouse.replace({"issue_history": issues, "coverage_history": coverage}, "a run")
    warehouse.append("read_receipts", receipts)
    warehouse.append(
        "sync_runs",
        frame(
            "sync_runs",
            run_id=runs,
            finished_at=[ago(90), ago(70), ago(60), ago(55)],
            wrote=[True, True, False, False],
        ),
    )
    warehouse.append(
        "sync_failures",
        frame("sync_failures", run_id=["old", "last"], failed_at=[ago(400), ago(300)], problem="CWA was down"),
    )
    warehouse.append("additional_members_ledger", ledger)
    return warehouse


PRUNED = {"issue_history": 2, "coverage_history": 1, "read_receipts": 4, "sync_runs": 2, "sync_failures": 1}


def test_what_is_over_and_too_old_goes_and_all_that_is_needed_stays(warehouse: Warehouse) -> None:
    before = warehouse.read("read_receipts")
    assert prune_warehouse(warehouse, HISTORY, NOW) == PRUNED
    assert warehouse.read("issue_history")["issue_key"].tolist() == ["at the limit", "of late", "open for ever"]
    assert warehouse.read("coverage_history")["pcid"].tolist() == [1, 3]
    assert set(warehouse.read("sync_runs")["run_id"]) == {"wrote last", "dry, newest"}
    assert warehouse.read("sync_failures")["run_id"].tolist() == ["last"]
    assert len(warehouse.read("additional_members_ledger")) == 1, "the ledger is never pruned"
    _, last = SyncRecord(warehouse).source_counts("tonight")
    kept = before.loc[before["run_id"] == "wrote last", ["table_name", "rows_read"]]
    assert last.to_numpy().tolist() == kept.to_numpy().tolist() == [["cwa_clients", 3]], "the guard compares with it"


def test_a_dry_run_says_the_same_and_removes_nothing(warehouse: Warehouse) -> None:
    before = {table: len(warehouse.read(table)) for table in PRUNED}
    assert prune_warehouse(warehouse, HISTORY, NOW, dry_run=True) == PRUNED
    assert {table: len(warehouse.read(table)) for table in PRUNED} == before
    assert prune_warehouse(warehouse, HISTORY, NOW) == PRUNED
    assert prune_warehouse(warehouse, HISTORY, NOW) == dict.fromkeys(PRUNED, 0), "a second time there is nothing left"
    prune_warehouse(warehouse, HISTORY, NOW + pd.Timedelta(days=3000))  # a shop that was closed for years
    assert set(warehouse.read("sync_runs")["run_id"]) == {"wrote last", "dry, newest"}
    assert warehouse.read("read_receipts")["run_id"].tolist() == ["wrote last"]
    assert warehouse.read("issue_history")["issue_key"].tolist() == ["open for ever"]
    assert warehouse.read("coverage_history")["pcid"].tolist() == [1]
    assert len(warehouse.read("additional_members_ledger")) == 1


def test_a_pruned_table_is_filled_again_and_table_loads_says_what_it_has(warehouse: Warehouse) -> None:
    whole = warehouse.read("issue_history")
    prune_warehouse(warehouse, HISTORY, NOW)
    loads = warehouse.loads().set_index("table_name")
    assert loads["row_count"].to_dict() == {"issue_history": 3, "coverage_history": 2}
    warehouse.replace({"issue_history": whole}, "next")
    assert len(warehouse.read("issue_history")) == 5


# --- Dagster's own storage --------------------------------------------------------------------------------------------


@dg.op(config_schema={"fail": dg.Field(bool, default_value=False)})
def speak(context: dg.OpExecutionContext) -> None:
    print("a line for the logs")
    if context.op_config["fail"]:
        raise dg.Failure("no paper")


@dg.job
def nightly_sync() -> None:
    speak()


@dg.job
def of_somebody_else() -> None:
    speak()


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}")
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


def run_at(instance: DagsterInstance, job: dg.JobDefinition, moment: datetime, *, fail: bool = False) -> str:
    """Run a job as if it were then: Dagster's storage takes the time from here."""
    config = {"ops": {"speak": {"config": {"fail": fail}}}}
    result = job.execute_in_process(instance=instance, run_config=config, raise_on_error=False)
    with instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
        connection.exec_driver_sql(
            "UPDATE runs SET create_timestamp = ? WHERE run_id = ?",
            (moment.replace(tzinfo=None).isoformat(" ") + ".000000", result.run_id),
        )
    return result.run_id


def files_of(folder: Path, run_id: str) -> list[Path]:
    return [path for path in folder.rglob("*") if run_id in str(path)]


def test_dagsters_old_runs_go_with_their_events_and_logs_but_never_the_newest(
    instance: DagsterInstance, tmp_path: Path
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    theirs = run_at(instance, of_somebody_else, now - timedelta(days=500))
    old = [run_at(instance, nightly_sync, now - timedelta(days=days)) for days in (90, 60, 31)]
    young = [run_at(instance, nightly_sync, now - timedelta(days=29), fail=fail) for fail in (False, True)]
    assert all(files_of(tmp_path, run_id) for run_id in old)
    for dry_run in (True, False):
        removed = prune_dagster(instance, HISTORY, now, jobs={"nightly_sync"}, dry_run=dry_run)
        assert removed == old[::-1]
    assert {run.run_id for run in instance.get_runs()} == {theirs, *young}
    assert not any(files_of(tmp_path, run_id) for run_id in old)
    assert not any(instance.has_run(run_id) for run_id in old)
    assert all(instance.all_logs(run_id) for run_id in [theirs, *young])
    assert all(files_of(tmp_path, run_id) for run_id in [theirs, *young])

    # years later: of each job the newest run stays, and the newest that succeeded
    assert prune_dagster(instance, HISTORY, now + timedelta(days=3000), jobs={"nightly_sync"}) == []
    assert {run.run_id for run in instance.get_runs()} == {theirs, *young}


def test_a_run_that_is_under_way_is_not_removed_however_old(instance: DagsterInstance) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    under_way = instance.create_run_for_job(nightly_sync, status=dg.DagsterRunStatus.STARTED).run_id
    with instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
        connection.exec_driver_sql("UPDATE runs SET create_timestamp = '2020-01-01 00:00:00.000000'")
    newest = run_at(instance, nightly_sync, now)
    assert prune_dagster(instance, HISTORY, now, jobs={"nightly_sync"}) == []
    assert {run.run_id for run in instance.get_runs()} == {under_way, newest}


# --- the job, the command and the settings ----------------------------------------------------------------------------


def test_the_job_has_no_assets_and_a_schedule_once_a_week_in_the_shops_time_zone() -> None:
    assert not defs.resolve_job_def("pruning").asset_layer.executable_asset_keys
    schedule = defs.resolve_schedule_def("pruning_schedule")
    assert (schedule.job_name, schedule.execution_timezone) == ("pruning", "America/New_York")
    assert schedule.cron_schedule.endswith(" * * 0")
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_prune_on_the_command_line_says_what_it_would_remove_then_removes_it(
    warehouse: Warehouse, url: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cwa_pipeline.toml").write_text('cwa.url = "https://automate.example.com"\nhistory.sync_days = 1\n')
    monkeypatch.chdir(tmp_path)
    run = partial(CliRunner().invoke, app, env={"WAREHOUSE_URL": url.render_as_string(hide_password=False)})
    before = len(warehouse.read("sync_failures"))
    dry = run(["prune", "--dry-run"])
    assert dry.exit_code == 0, dry.output
    assert "sync_failures: 1 would be removed" in dry.output
    assert len(warehouse.read("sync_failures")) == before
    with warehouse.exclusive():
        busy = run(["prune"])
    assert (busy.exit_code, "another sync" in busy.output) == (75, True)
    done = run(["prune"])
    assert done.exit_code == 0, done.output
    assert "sync_failures: 1 removed" in done.output
    assert "runs: 0 removed" in done.output
    assert warehouse.read("sync_failures")["run_id"].tolist() == ["last"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (
            "resolved_issue_days = 7",
            r"\[history\] resolved_issue_days should be greater than or equal to 31 \(found 7\)",
        ),
        ("dagster_days = 0", r"\[history\] dagster_days should be greater than or equal to 1"),
        ("ledger_days = 90", r"\[history\] ledger_days is unknown"),
        ("sync_days = 999999", r"\[history\] sync_days should be less than or equal to 36500"),
    ],
)
def test_a_wrong_history_is_one_line(line: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "cwa_pipeline.toml").write_text(f'cwa.url = "https://automate.example.com"\n[history]\n{line}\n')
    with pytest.raises(SettingsError, match=says) as said:
        Settings.load(tmp_path / "cwa_pipeline.toml")
    assert "\n" not in str(said.value)
