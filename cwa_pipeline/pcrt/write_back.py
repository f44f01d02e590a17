"""The one place from which PCRT is written: ledger first, then compare-and-swap, then what became of it.

What belongs here: the order of those steps, for a sync and for taking one back. What must not: what a list ought to be
(`rules.membership`), whether it may be written (`rules.guards`), how a row is changed (`writer`).
"""

import logging
from collections.abc import Iterable

import pandas as pd

from cwa_pipeline.pcrt.batches import Change
from cwa_pipeline.pcrt.connection import try_again
from cwa_pipeline.pcrt.reader import Pcrt
from cwa_pipeline.rules.members.ledger import as_ledger
from cwa_pipeline.warehouse.store import Warehouse
from cwa_pipeline.warehouse.sync_record import LEDGER

log = logging.getLogger(__name__)


def tables_of_other_runs(table_loads: pd.DataFrame, tables: Iterable[str], run_id: str) -> list[str]:
    """Which of the tables were not filled by this run."""
    filled_now = set(table_loads.loc[table_loads["run_id"] == run_id, "table_name"])
    return [table for table in tables if table not in filled_now]


def inputs_of_other_runs(table_loads: pd.DataFrame, tables: Iterable[str], run_id: str) -> str | None:
    """Say which of the tables a write rests on were not filled by this run; None when all were.

    A list worked out from an older reading could undo what the shop did since, so such a run only plans.
    """
    others = tables_of_other_runs(table_loads, tables, run_id)
    if not others:
        return None
    return f"{', '.join(others)} not read in this run; run the whole nightly_sync job to write"


def write_back(plan: pd.DataFrame, pcrt: Pcrt, warehouse: Warehouse, run_id: str) -> pd.DataFrame:
    """Write every `planned` list of the plan; returns the plan with `written` or `conflict` in place of `planned`.

    The ledger has all of them as `planned`, durably, before the first is written. When PCRT fails in the middle, what was done up
    to then is still put on record, and the error goes on: the rest stays `planned` in the ledger until the next sync settles it.
    """
    changes = plan[plan["status"] == "planned"]
    outcomes = _write(changes.assign(undo_of=None), pcrt, warehouse, run_id)
    result = plan.assign(status=plan["subscription_id"].map(outcomes).astype("str").fillna(plan["status"]))
    result["reason"] = result["reason"].mask(
        result["status"] == "conflict", "changed or gone in PCRT since it was read; left alone"
    )
    return result


def undo(changes: pd.DataFrame, pcrt: Pcrt, warehouse: Warehouse, run_id: str) -> pd.DataFrame:
    """Put back lists (`rules.ledger.undoing`) by compare-and-swap; one that changed since is left alone: a `conflict`.

    Returns the changes with what became of each as their status.
    """
    outcomes = _write(changes, pcrt, warehouse, run_id)
    return changes.assign(status=changes["subscription_id"].map(outcomes))


def _write(changes: pd.DataFrame, pcrt: Pcrt, warehouse: Warehouse, run_id: str) -> dict[int, str]:
    """Ledger, PCRT, ledger: what became of each subscription."""
    if changes.empty:
        log.info("Every list in PCRT is right already; nothing to write")
        return {}
    warehouse.append(LEDGER, as_ledger(changes.assign(status="planned"), run_id, pd.Timestamp.now("UTC")))
    texts = changes[["before", "after"]].astype("object").where(changes[["before", "after"]].notna(), None)
    open_changes = [
        Change(*row) for row in zip(changes["subscription_id"].tolist(), texts["before"], texts["after"], strict=True)
    ]

    outcomes: dict[int, str] = {}
    try:
        for attempt in try_again():
            with attempt, pcrt.writer() as writer:
                rest = [change for change in open_changes if change.subscription_id not in outcomes]
                for subscription_id, outcome in writer.swap_all(rest, again=attempt.retry_state.attempt_number > 1):
                    outcomes[subscription_id] = outcome
    finally:
        done = changes[changes["subscription_id"].isin(list(outcomes))]
        if not done.empty:
            done = done.assign(status=done["subscription_id"].map(outcomes))
            warehouse.append(LEDGER, as_ledger(done, run_id, pd.Timestamp.now("UTC")))
    counts = pd.Series(outcomes, dtype="str").value_counts()
    log.info("Wrote %d lists to PCRT, %d conflicts", counts.get("written", 0), counts.get("conflict", 0))
    return outcomes
