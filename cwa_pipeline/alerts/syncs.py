"""How the last syncs ended, as Dagster's runs have it, and the warehouse for those that ran without Dagster's storage.

What belongs here: which runs count as a sync, and what a failed one says of itself. What must not: whether that is told (`changes`).
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import dagster as dg
import pandas as pd
from dagster._core.definitions.assets.job.asset_job import IMPLICIT_ASSET_JOB_NAME

from cwa_pipeline.alerts.state import State
from cwa_pipeline.assets.failures import NOTHING_SAID, impersonal_problems, problems_in
from cwa_pipeline.assets.jobs import site_of
from cwa_pipeline.errors import PipelineError
from cwa_pipeline.warehouse.store import Warehouse

LOOKED_AT = 50  # runs; enough to find the last sync among the dry runs of a day
READ_AND_WRITTEN = {"cwa_computers", "additional_members"}  # a run of a selection with both of them is a whole sync
WILL_BE_RETRIED = "dagster/will_retry"


class End(NamedTuple):
    """How one sync ended, and when."""

    run_id: str
    ended_at: datetime
    succeeded: bool
    problems: list[str]


class Ends(NamedTuple):
    """The last sync that ended, and the last one that succeeded; and the runs that only found another one under way."""

    last: End | None
    success: End | None
    busy_runs: list[str]


def last_ends(
    instance: dg.DagsterInstance, job: str, warehouse: Warehouse | None, state: State, *, dry_run_counts: bool
) -> Ends:
    """Look at the last syncs. An undo is none, nor is a run cancelled by hand or a dry run, unless `[sync] dry_run` makes them all so."""
    busy, ends = list(state.busy_runs), []
    site = site_of(job)
    for record in _records(instance, job):
        run = record.dagster_run
        if run.run_id in busy or not _is_whole_sync(run, site):
            continue
        ended_at = datetime.fromtimestamp(record.end_time or record.update_timestamp.timestamp(), UTC)
        if run.status == dg.DagsterRunStatus.SUCCESS:
            ends.append(End(run.run_id, ended_at, succeeded=True, problems=[]))
            break  # newest first: nothing older is of interest
        if any(not end.succeeded for end in ends):
            continue  # of failures the newest is enough
        problems = [] if run.run_id == state.failed_run else _problems(instance, run.run_id)
        if problems is None:
            busy.append(run.run_id)
        else:
            ends.append(End(run.run_id, ended_at, succeeded=False, problems=problems))
    ends += [
        end for end in _ends_elsewhere(warehouse, dry_run_counts=dry_run_counts) if not instance.has_run(end.run_id)
    ]
    ends.sort(key=lambda end: end.ended_at)
    successes = [end for end in ends if end.succeeded]
    return Ends(ends[-1] if ends else None, successes[-1] if successes else None, busy[-LOOKED_AT:])


def _problems(instance: dg.DagsterInstance, run_id: str) -> list[str] | None:
    """Why a run failed; None when it only found another one under way."""
    events = [entry.dagster_event for entry in instance.all_logs(run_id) if entry.dagster_event is not None]
    return None if problems_in(events).busy else impersonal_problems(events) or [NOTHING_SAID]


def _records(instance: dg.DagsterInstance, job: str) -> list[dg.RunRecord]:
    ended = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
    records = [
        record
        for name in (job, IMPLICIT_ASSET_JOB_NAME)  # the second is that of "Materialize all" in the UI
        for record in instance.get_run_records(dg.RunsFilter(job_name=name, statuses=ended), limit=LOOKED_AT)
    ]
    return sorted(records, key=lambda record: record.end_time or 0, reverse=True)


def _is_whole_sync(run: dg.DagsterRun, site: str | None) -> bool:
    """Whether a run was to read everything of this site and to write."""
    selected = {key.path[-1] for key in run.asset_selection or () if key.path[:-1] == ([site] if site else [])}
    ops: Any = run.run_config.get("ops") or {}
    asked = [op.get("config") or {} for op in ops.values()]
    return (
        (not run.asset_selection or selected >= READ_AND_WRITTEN)
        and not any(config.get("dry_run") or config.get("undo_run_id") for config in asked)
        and run.tags.get(WILL_BE_RETRIED) != "true"
    )


def _ends_elsewhere(warehouse: Warehouse | None, *, dry_run_counts: bool) -> Iterator[End]:
    """The last success and the last failure that the warehouse knows of; none while it cannot be read, for Dagster knows its own."""
    if warehouse is None:
        return
    try:
        runs, failures = warehouse.read("sync_runs"), warehouse.read("sync_failures")
    except PipelineError:
        return
    for row in failures.sort_values("failed_at").tail(1).itertuples():
        problem = "it ran where Dagster does not keep its runs; the integration page says why it failed"
        yield End(str(row.run_id), _time(row.failed_at), succeeded=False, problems=[problem])
    good = runs[(runs["wrote"] | dry_run_counts) & ~runs["run_id"].isin(failures["run_id"])]
    for row in good.sort_values("finished_at").tail(1).itertuples():
        yield End(str(row.run_id), _time(row.finished_at), succeeded=True, problems=[])


def _time(value: object) -> datetime:
    return pd.Timestamp(value).to_pydatetime()  # type: ignore[arg-type]
