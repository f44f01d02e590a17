"""One run of the nightly_sync job in this process, and what it says of itself in the end.

What belongs here: starting the job as the schedule would, and finding the lines a person needs in its events. What must not: anything
the job decides.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
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


def run_nightly_sync(*, dry_run: bool = False) -> SyncOutcome:
    """Run the job once, recorded where DAGSTER_HOME says (nowhere when that is not set)."""
    from cwa_pipeline.definitions import defs  # noqa: PLC0415 - reads the configuration, so only when asked for

    config: dict[str, Any] = {
        "ops": {"additional_members": {"config": {"dry_run": dry_run}}},
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    }
    with _instance() as instance:
        job = defs.resolve_job_def("nightly_sync")
        result = job.execute_in_process(run_config=config, instance=instance, raise_on_error=False)
        causes = [cause for event in result.all_events for cause in _causes(event)]
        problems = list(dict.fromkeys([*map(_line, causes), *_failed_checks(result)]))
        busy = any(cause.cls_name == errors.BusyError.__name__ for cause in causes)
        if not result.success and not problems:
            problems = ["the run failed; its log in the Dagster UI says why"]
        return SyncOutcome(result.run_id, result.success, problems, busy)


def _instance() -> dg.DagsterInstance:
    return dg.DagsterInstance.get() if os.environ.get("DAGSTER_HOME") else dg.DagsterInstance.ephemeral()


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
