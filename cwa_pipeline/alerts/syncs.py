"""The last syncs: how they ended, and the holds and open issues they left.

Dagster knows its own runs. The warehouse also knows the syncs that ran without Dagster's storage.
"""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import dagster as dg
import pandas as pd

from cwa_pipeline.assets.failures import NOTHING_SAID, impersonal_problems, problems_in
from cwa_pipeline.assets.jobs import site_of
from cwa_pipeline.errors import PipelineError
from cwa_pipeline.rules.guards import STOPPING
from cwa_pipeline.warehouse.store import Warehouse

RUNS_READ = 50  # enough to find the last sync among the dry runs of a day
MATERIALIZE_ALL_JOB = "__ASSET_JOB"  # Dagster's own job, for "Materialize all" in the UI
READ_AND_WRITTEN = {"cwa_computers", "additional_members"}  # a run that selects both is a whole sync
WILL_BE_RETRIED = "dagster/will_retry"
HELD = "members_held"  # reported as held, so never as a jump


class End(NamedTuple):
    """How one sync ended, and when."""

    run_id: str
    ended_at: datetime
    succeeded: bool
    problems: list[str]


class Ends(NamedTuple):
    """The last sync that ended, the last one that succeeded, and the runs that stopped because another sync was running."""

    last: End | None
    success: End | None
    busy_runs: list[str]


def last_ends(
    instance: dg.DagsterInstance,
    job: str,
    warehouse: Warehouse | None,
    *,
    busy_runs: Collection[str] = (),
    failed_run: str | None = None,
    dry_run_counts: bool = False,
) -> Ends:
    """Look at the last syncs. Undos, runs cancelled by hand and dry runs do not count (unless `[sync] dry_run` is set).

    The events of `busy_runs` and `failed_run`, which earlier calls returned, are not read again.
    """
    busy, ends = list(busy_runs), []
    site = site_of(job)
    for record in _records(instance, job):
        run = record.dagster_run
        if run.run_id in busy or not _is_whole_sync(run, site):
            continue
        ended_at = datetime.fromtimestamp(record.end_time or record.update_timestamp.timestamp(), UTC)
        if run.status == dg.DagsterRunStatus.SUCCESS:
            ends.append(End(run.run_id, ended_at, succeeded=True, problems=[]))
            break  # newest first, and nothing older matters
        if any(not end.succeeded for end in ends):
            continue  # only the newest failure matters
        problems = [] if run.run_id == failed_run else _problems(instance, run.run_id)
        if problems is None:
            busy.append(run.run_id)
        else:
            ends.append(End(run.run_id, ended_at, succeeded=False, problems=problems))
    others = _ends_in_warehouse(warehouse, dry_run_counts=dry_run_counts)
    ends += [end for end in others if not instance.has_run(end.run_id)]
    ends.sort(key=lambda end: end.ended_at)
    successes = [end for end in ends if end.succeeded]
    return Ends(ends[-1] if ends else None, successes[-1] if successes else None, busy[-RUNS_READ:])


def _problems(instance: dg.DagsterInstance, run_id: str) -> list[str] | None:
    """Why a run failed; None if it stopped because another sync was running."""
    events = [entry.dagster_event for entry in instance.all_logs(run_id) if entry.dagster_event is not None]
    return None if problems_in(events).busy else impersonal_problems(events) or [NOTHING_SAID]


def _records(instance: dg.DagsterInstance, job: str) -> list[dg.RunRecord]:
    ended = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
    records = [
        record
        for name in (job, MATERIALIZE_ALL_JOB)
        for record in instance.get_run_records(dg.RunsFilter(job_name=name, statuses=ended), limit=RUNS_READ)
    ]
    return sorted(records, key=lambda record: record.end_time or 0, reverse=True)


def _is_whole_sync(run: dg.DagsterRun, site: str | None) -> bool:
    """Whether a run was meant to read everything of this site and to write."""
    selected = {key.path[-1] for key in run.asset_selection or () if key.path[:-1] == ([site] if site else [])}
    ops: Any = run.run_config.get("ops") or {}
    asked = [op.get("config") or {} for op in ops.values()]
    return (
        (not run.asset_selection or selected >= READ_AND_WRITTEN)
        and not any(config.get("dry_run") or config.get("undo_run_id") for config in asked)
        and run.tags.get(WILL_BE_RETRIED) != "true"
    )


def _ends_in_warehouse(warehouse: Warehouse | None, *, dry_run_counts: bool) -> Iterator[End]:
    """The last success and the last failure in the warehouse; none if it cannot be read."""
    if warehouse is None:
        return
    try:
        runs, failures = warehouse.read("sync_runs"), warehouse.read("sync_failures")
    except PipelineError:
        return
    for row in failures.sort_values("failed_at").tail(1).itertuples():
        problem = "it ran without DAGSTER_HOME; the integration page says why it failed"
        yield End(str(row.run_id), _time(row.failed_at), succeeded=False, problems=[problem])
    good = runs[(runs["wrote"] | dry_run_counts) & ~runs["run_id"].isin(failures["run_id"])]
    for row in good.sort_values("finished_at").tail(1).itertuples():
        yield End(str(row.run_id), _time(row.finished_at), succeeded=True, problems=[])


def _time(value: object) -> datetime:
    return pd.Timestamp(value).to_pydatetime()  # type: ignore[arg-type]


class Left(NamedTuple):
    """What a sync left: its run, the groups held, and how many issues of each kind are open. Ids and counts, no names."""

    run_id: str
    held: list[int]
    counts: dict[str, int]


def left_by_the_last_sync(warehouse: Warehouse | None, judged_run: str | None, *, dry_run_counts: bool) -> Left | None:
    """None if there is nothing new: no sync since `judged_run`, one that was not meant to write, or a warehouse that cannot be read."""
    if warehouse is None:
        return None
    try:
        runs = warehouse.read("sync_runs").sort_values("finished_at").tail(1)
        if runs.empty or runs["run_id"].item() == judged_run or not (runs["wrote"].item() or dry_run_counts):
            return None
        lists, issues = (warehouse.read(table, or_empty=True) for table in ("additional_members", "open_issues"))
    except PipelineError:
        return None
    counts = issues.loc[issues["issue"] != HELD, "issue"].value_counts()
    return Left(runs["run_id"].item(), held_groups(lists), {str(issue): int(count) for issue, count in counts.items()})


def held_groups(additional_members: pd.DataFrame) -> list[int]:
    """The groups with a list that is held. A guard over all groups fails the run, which is reported as a failure."""
    held = (additional_members["status"] == "held") & ~additional_members["guard"].isin(STOPPING)
    return sorted({int(group) for group in additional_members.loc[held, "group_id"]})
