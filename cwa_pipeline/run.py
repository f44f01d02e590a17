"""One run of the nightly_sync job in this process, and what it says of itself in the end.

What belongs here: starting the job as the schedule would, and finding the lines a person needs in its events. What must not: anything
the job decides.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterAssetCheckFailedError
from dagster._utils.error import SerializableErrorInfo

from cwa_pipeline import errors

OUR_ERRORS = {name for name, value in vars(errors).items() if isinstance(value, type)}


@dataclass(frozen=True)
class SyncOutcome:
    """How a run ended: its id, whether it succeeded, and one line for each thing that went wrong."""

    run_id: str
    succeeded: bool
    problems: list[str]
    busy: bool


def run_nightly_sync(*, dry_run: bool = False, plan_id: str | None = None, release: Sequence[str] = ()) -> SyncOutcome:
    """Run the job once, recorded where DAGSTER_HOME says (nowhere when that is not set)."""
    return _run(
        {
            "members_plan": {"config": {"release": [*release]}},
            "additional_members": {"config": {"dry_run": dry_run, "plan_id": plan_id}},
        }
    )


def run_undo(undone_run_id: str, group_id: int | None) -> SyncOutcome:
    """Take back what a run wrote, by the asset that wrote it."""
    config = {"undo_run_id": undone_run_id, "undo_group_id": group_id}
    return _run(
        {"additional_members": {"config": config}},
        ["additional_members_ledger", "coverage_history", "additional_members"],
    )


def _run(ops: dict[str, Any], assets: Sequence[str] | None = None) -> SyncOutcome:
    from cwa_pipeline.definitions import defs  # noqa: PLC0415 - reads the configuration, so only when asked for

    config = {"ops": ops, "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    with _instance() as instance:
        result = defs.resolve_job_def("nightly_sync").execute_in_process(
            run_config=config,
            instance=instance,
            raise_on_error=False,
            asset_selection=[dg.AssetKey(asset) for asset in assets] if assets else None,
        )
        causes = [cause for event in result.all_events for cause in _causes(event)]
        problems = list(dict.fromkeys([*map(_line, causes), *_failed_checks(result)]))
        busy = any(cause.cls_name == errors.BusyError.__name__ for cause in causes)
        if not result.success and not problems:
            problems = ["the run failed; its log in the Dagster UI says why"]
        return SyncOutcome(result.run_id, result.success, problems, busy)


def _instance() -> dg.DagsterInstance:
    home = os.environ.get("DAGSTER_HOME")
    if not home:
        return dg.DagsterInstance.ephemeral()
    if not Path(home).is_absolute() or not Path(home).is_dir():
        raise errors.SettingsError(f"DAGSTER_HOME is {home}; it has to be the whole path of a folder that exists")
    return dg.DagsterInstance.get()


def _causes(event: dg.DagsterEvent) -> Iterator[SerializableErrorInfo]:
    """The error of ours underneath the ones Dagster wrapped around it, else the one at the root."""
    error = getattr(event.event_specific_data, "error", None)
    if error is None or not event.is_failure:
        return
    while error.cause is not None and error.cls_name not in OUR_ERRORS:
        error = error.cause
    if error.cls_name != DagsterAssetCheckFailedError.__name__:  # the check itself says what is wrong
        yield error


def _line(error: SerializableErrorInfo) -> str:
    """Our own errors speak for themselves; of any other the kind is told too."""
    text = error.message.strip()
    kind, _, message = text.partition(": ")
    return message if kind.rpartition(".")[2] in OUR_ERRORS else text


def _failed_checks(result: dg.ExecuteInProcessResult) -> Iterator[str]:
    for check in result.get_asset_check_evaluations():
        if not check.passed:
            yield f"{check.asset_key.to_user_string()}: {check.description}"
