"""The only place from which PCRT is written: plan into the ledger, compare-and-swap, outcomes into the ledger."""

import logging
from collections.abc import Callable

import pandas as pd

from cwa_pipeline.pcrt.connection import try_again
from cwa_pipeline.pcrt.reader import Pcrt
from cwa_pipeline.pcrt.writer import Change, Outcome
from cwa_pipeline.rules.members.ledger import as_ledger

log = logging.getLogger(__name__)

AppendToLedger = Callable[[pd.DataFrame], None]  # durable when it returns


def write_back(plan: pd.DataFrame, pcrt: Pcrt, append_to_ledger: AppendToLedger, run_id: str) -> pd.DataFrame:
    """Write every `planned` list of the plan; returns the plan with `written` or `conflict` in place of `planned`.

    The ledger has all of them as `planned` before the first one is written. If PCRT fails midway, the outcomes so far
    still go into the ledger and the error is raised; the next sync settles the rest.
    """
    changes = plan[plan["status"] == "planned"]
    outcomes = _write(changes.assign(undo_of=None), pcrt, append_to_ledger, run_id)
    status = plan["subscription_id"].map(outcomes).astype("str").fillna(plan["status"])
    reason = plan["reason"].mask(status == "conflict", "changed or deleted in PCRT since it was read; left alone")
    return plan.assign(status=status, reason=reason)


def undo(changes: pd.DataFrame, pcrt: Pcrt, append_to_ledger: AppendToLedger, run_id: str) -> pd.DataFrame:
    """Put lists back (`rules.members.ledger.undoing`); a list that changed since is a `conflict` and left alone.

    Returns the changes with each outcome as their status.
    """
    outcomes = _write(changes, pcrt, append_to_ledger, run_id)
    return changes.assign(status=changes["subscription_id"].map(outcomes))


def _write(changes: pd.DataFrame, pcrt: Pcrt, append_to_ledger: AppendToLedger, run_id: str) -> dict[int, Outcome]:
    """Ledger, PCRT, ledger; returns the outcome of each subscription."""
    if changes.empty:
        log.info("Every list in PCRT is already right; nothing to write")
        return {}

    def record(rows: pd.DataFrame) -> None:
        append_to_ledger(as_ledger(rows, run_id, pd.Timestamp.now("UTC")))

    record(changes.assign(status="planned"))
    texts = changes[["before", "after"]].astype("object").where(changes[["before", "after"]].notna(), None)
    wanted = [
        Change(*row) for row in zip(changes["subscription_id"].tolist(), texts["before"], texts["after"], strict=True)
    ]
    outcomes: dict[int, Outcome] = {}
    try:
        for attempt in try_again():
            with attempt, pcrt.writer() as writer:
                rest = [change for change in wanted if change.subscription_id not in outcomes]
                for subscription_id, outcome in writer.swap_all(rest, again=attempt.retry_state.attempt_number > 1):
                    outcomes[subscription_id] = outcome
    finally:
        done = changes[changes["subscription_id"].isin(list(outcomes))]
        if not done.empty:
            record(done.assign(status=done["subscription_id"].map(outcomes)))
    counts = pd.Series(outcomes, dtype="str").value_counts()
    log.info("Wrote %d lists to PCRT; %d conflicts", counts.get("written", 0), counts.get("conflict", 0))
    return outcomes
