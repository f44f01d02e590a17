"""One run of the nightly_sync job in this process, as the schedule would start it, and how it ended."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from cwa_pipeline import errors
from cwa_pipeline.assets.failures import NOTHING_SAID, problems_in, tell_of_failure
from cwa_pipeline.config.settings import configured_site

_QUIET: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class SyncOutcome:
    """How a run ended: its id, whether it succeeded, and one line for each problem."""

    run_id: str
    succeeded: bool
    problems: list[str]
    busy: bool


def run_nightly_sync(*, dry_run: bool = False, plan_id: str | None = None, release: Sequence[str] = ()) -> SyncOutcome:
    """Run the job once. It is recorded where DAGSTER_HOME says, or nowhere if that is not set."""
    return _run(
        {
            "members_plan": {"config": {"release": [*release]}},
            "additional_members": {"config": {"dry_run": dry_run, "plan_id": plan_id}},
        }
    )


def run_undo(undone_run_id: str, group_id: int | None) -> SyncOutcome:
    """Take back what a run wrote, through the asset that wrote it."""
    config = {"undo_run_id": undone_run_id, "undo_group_id": group_id}
    return _run(
        {"additional_members": {"config": config}},
        ["additional_members_ledger", "coverage_history", "additional_members", "integration_page"],
    )


@dataclass(frozen=True)
class PruningOutcome:
    """How a pruning ended: how many of each thing it removed, or would remove, and one line for each problem."""

    removed: dict[str, int]
    problems: list[str]
    busy: bool


def run_pruning(*, dry_run: bool = False) -> PruningOutcome:
    """Run the pruning job once. Dagster's runs are pruned where DAGSTER_HOME says; none if that is not set."""
    from cwa_pipeline.assets.pruning_job import pruning_job  # noqa: PLC0415 - only when asked for

    pruning = pruning_job(configured_site())
    ops = {op.name: {"config": {"dry_run": dry_run}} for op in pruning.nodes}
    with _instance() as instance:
        result = pruning.execute_in_process(run_config={"ops": ops, **_QUIET}, instance=instance, raise_on_error=False)
        found = problems_in(result.all_events)
        counts = [event.step_output_data.metadata for event in result.all_events if event.is_successful_output]
        removed = {thing: int(str(count.value)) for metadata in counts for thing, count in metadata.items()}
        problems = found.errors or ([] if result.success else [NOTHING_SAID])
        return PruningOutcome(removed, problems, found.busy)


def _run(ops: dict[str, Any], assets: Sequence[str] = ()) -> SyncOutcome:
    from cwa_pipeline.definitions import defs, job_name  # noqa: PLC0415 - reads the configuration, so only when asked for

    config = {"ops": ops, **_QUIET}
    with _instance() as instance:
        job = defs.resolve_job_def(job_name)
        keys = [key for key in job.asset_layer.executable_asset_keys if key.path[-1] in assets]
        result = job.execute_in_process(
            run_config=config,
            instance=instance,
            raise_on_error=False,
            asset_selection=keys or None,
        )
        found = problems_in(result.all_events)
        problems = found.errors or ([] if result.success else [NOTHING_SAID])
        if not result.success and not found.busy:  # the run that is under way renews the page itself
            tell_of_failure(result.run_id, problems)
        return SyncOutcome(result.run_id, result.success, [*problems, *found.warnings], found.busy)


def _instance() -> dg.DagsterInstance:
    home = os.environ.get("DAGSTER_HOME")
    if not home:
        return dg.DagsterInstance.ephemeral()
    if not Path(home).is_absolute() or not Path(home).is_dir():
        raise errors.SettingsError(f"DAGSTER_HOME is {home}; set it to the full path of a folder that exists")
    return dg.DagsterInstance.get()
