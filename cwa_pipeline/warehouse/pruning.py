"""Deletes what is older than `[history]` allows: rows of the warehouse, and Dagster's runs with their events and logs.

Kept at any age: the ledger; whatever is still open; the last run, and the last that wrote with its counts, which the
guards compare with; the last failure, which the page shows.
"""

import logging
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import sqlalchemy as sa

from cwa_pipeline.config.settings import HistorySettings
from cwa_pipeline.warehouse.schema import sql_table
from cwa_pipeline.warehouse.store import Warehouse

log = logging.getLogger(__name__)

RUNS_AT_ONCE = 200  # read from Dagster's storage; each takes a few kilobytes


def prune_warehouse(
    warehouse: Warehouse, history: HistorySettings, now: datetime, *, dry_run: bool = False
) -> dict[str, int]:
    """Delete old rows in one transaction. Returns how many rows of each table were, or with `dry_run` would be, deleted.

    The caller holds `exclusive`: a sync reads the histories when it starts and writes them back when it ends.
    """
    removed = warehouse.delete(_outdated(history, now), dry_run=dry_run)
    for table, count in removed.items():
        log.info("%s: %s rows %s", table, f"{count:,}", "would be removed" if dry_run else "removed")
    return removed


def prune_dagster(
    instance: dg.DagsterInstance,
    history: HistorySettings,
    now: datetime,
    *,
    jobs: Collection[str],
    location: str | None = None,
    dry_run: bool = False,
) -> list[str]:
    """Delete Dagster's old finished runs with their events and logs; returns their ids.

    The newest run of each job is kept, and the newest that succeeded. Only runs of this code location are deleted; runs
    without a location, which the command line starts, only if they are of these jobs.
    """
    before = now - timedelta(days=history.dagster_days)
    outdated = [run.run_id for run in _outdated_runs(instance, before, jobs, location)]
    for number, run_id in enumerate(outdated, start=1):
        if not dry_run:
            _delete_run(instance, run_id)
        if number % RUNS_AT_ONCE == 0:
            log.info("Dagster: %s of %s runs", f"{number:,}", f"{len(outdated):,}")
    log.info("Dagster: %s runs %s", f"{len(outdated):,}", "would be removed" if dry_run else "removed")
    return outdated


def _outdated(history: HistorySettings, now: datetime) -> dict[str, sa.ColumnElement[bool]]:
    """Which rows of each table to delete."""
    resolved, covered, synced = (
        now - timedelta(days=days) for days in (history.resolved_issue_days, history.coverage_days, history.sync_days)
    )
    issues, coverage = sql_table("issue_history").c, sql_table("coverage_history").c
    receipts, runs, failures = (sql_table(table).c for table in ("read_receipts", "sync_runs", "sync_failures"))
    newest_first = sa.select(runs.run_id).order_by(runs.finished_at.desc()).limit(1)
    last = sa.func.coalesce(newest_first.scalar_subquery(), "")
    last_that_wrote = sa.func.coalesce(newest_first.where(runs.wrote).scalar_subquery(), "")
    last_failed = sa.select(sa.func.max(failures.failed_at)).scalar_subquery()
    return {
        "issue_history": issues.resolved_at < resolved,
        "coverage_history": coverage.covered_to < covered,
        "read_receipts": (receipts.counted_at < synced) & (receipts.run_id != last_that_wrote),
        "sync_runs": (runs.finished_at < synced) & (runs.run_id != last) & (runs.run_id != last_that_wrote),
        "sync_failures": (failures.failed_at < synced) & (failures.failed_at < last_failed),
    }


def _outdated_runs(
    instance: dg.DagsterInstance, before: datetime, jobs: Collection[str], location: str | None
) -> Iterator[dg.DagsterRun]:
    """The runs to delete, the oldest last. It reads all runs from the newest on, to know the newest of each job."""
    seen: set[tuple[str, bool]] = set()
    cursor = None
    while records := instance.get_run_records(limit=RUNS_AT_ONCE, cursor=cursor):
        cursor = records[-1].dagster_run.run_id
        for record in records:
            run = record.dagster_run
            origin = run.remote_job_origin
            ours = origin.location_name == location if origin and location else run.job_name in jobs
            if not ours:
                continue
            newest = {(run.job_name, False), *([(run.job_name, True)] if run.is_success else [])} - seen
            seen |= newest
            if not newest and run.is_finished and record.create_timestamp < before:
                yield run


def _delete_run(instance: dg.DagsterInstance, run_id: str) -> None:
    """Delete a run with its logs and the file of its events, which Dagster empties and leaves (200 KiB per run).

    A process that has the run open must not ask for its events again. The UI asks for the run first, and that is gone.
    """
    instance.delete_run(run_id)
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    # Only Dagster's SQLite storage has a file per run
    if path_of := getattr(instance.event_log_storage, "path_for_shard", None):
        for suffix in ("", "-wal", "-shm"):
            Path(path_of(run_id) + suffix).unlink(missing_ok=True)
