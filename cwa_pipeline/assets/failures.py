"""What a failed run says: the lines a person needs out of its events, and the record that the integration page shows."""

import logging
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import dagster as dg

from cwa_pipeline import errors
from cwa_pipeline.page.renew import renew_page
from cwa_pipeline.warehouse import site
from cwa_pipeline.warehouse.sync_record import SyncRecord

OUR_ERRORS = {name for name, value in vars(errors).items() if isinstance(value, type)}

NOTHING_SAID = "the run failed; its log in the Dagster UI says why"

log = logging.getLogger(__name__)


class Problems(NamedTuple):
    """Why a run failed and what it warned of, one line for each; and whether it only found that another run was under way."""

    errors: list[str]
    warnings: list[str]
    busy: bool


def problems_in(events: Iterable[dg.DagsterEvent]) -> Problems:
    """The problems that a run's events tell of: errors, and checks that did not pass."""
    seen = list(events)
    causes = [cause for event in seen for cause in _causes(event)]
    lines = list(dict.fromkeys([*map(_line, causes), *_failed_checks(seen, dg.AssetCheckSeverity.ERROR)]))
    warnings = list(dict.fromkeys(_failed_checks(seen, dg.AssetCheckSeverity.WARN)))
    return Problems(lines, warnings, any(cause.cls_name == errors.BusyError.__name__ for cause in causes))


def impersonal_problems(events: Iterable[dg.DagsterEvent]) -> list[str]:
    """Why a run failed, for a message that goes outside. An error that is not ours is named by its kind only: its text may quote rows."""
    seen = list(events)
    causes = [cause for event in seen for cause in _causes(event)]
    lines = [
        _line(cause) if cause.cls_name in OUR_ERRORS else f"{cause.cls_name}; the run's log in the Dagster UI says more"
        for cause in causes
    ]
    return list(dict.fromkeys([*lines, *_failed_checks(seen, dg.AssetCheckSeverity.ERROR)]))


def tell_of_failure(run_id: str, problems: list[str]) -> None:
    """Record a failed run and renew the integration page, so that its top says what failed.

    What keeps that from being done is only logged: the run has failed already, and its own error is the one to be shown.
    """
    try:
        with site.own_warehouse() as warehouse:
            SyncRecord(warehouse).failed(run_id, problems)
    except errors.PipelineError as error:
        log.warning("The failure cannot be put on record: %s", error)
    try:
        renew_page()
    except errors.PipelineError as error:
        log.warning("The integration page cannot be renewed: %s", error)


def _causes(event: dg.DagsterEvent) -> Iterator[Any]:
    """Our own error below the ones that Dagster wrapped around it, else the one at the root."""
    error = getattr(event.event_specific_data, "error", None)
    if error is None or not event.is_failure:
        return
    while error.cause is not None and error.cls_name not in OUR_ERRORS:
        error = error.cause
    if error.cls_name != "DagsterAssetCheckFailedError":  # the check itself says what is wrong
        yield error


def _line(error: Any) -> str:
    """The error in one line. Our own errors say everything; any other is shown with its kind."""
    text = error.message.strip()
    kind, _, message = text.partition(": ")
    return message if kind.rpartition(".")[2] in OUR_ERRORS else text


def _failed_checks(events: Iterable[dg.DagsterEvent], severity: dg.AssetCheckSeverity) -> Iterator[str]:
    for event in events:
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data
            if not check.passed and check.severity == severity:
                yield f"{check.asset_key.path[-1]}: {check.description}"
