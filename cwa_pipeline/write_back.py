"""The one place from which PCRT is written: ledger first, then one compare-and-swap per list, then what became of it.

What belongs here: the order of those steps. What must not: what a list ought to be (`rules.membership`), how a row is changed
(`systems.pcrt_writer`), how a table is kept (`systems.warehouse`).
"""

import logging
from collections.abc import Iterable

import pandas as pd

from cwa_pipeline.systems.pcrt import Pcrt
from cwa_pipeline.systems.warehouse import Warehouse

log = logging.getLogger(__name__)

LEDGER = "additional_members_ledger"


def inputs_of_other_runs(table_loads: pd.DataFrame, tables: Iterable[str], run_id: str) -> str | None:
    """Say which of the tables a write rests on were not filled by this run; None when all were.

    A list worked out from an older reading could undo what the shop did since, so such a run only plans.
    """
    filled_now = set(table_loads.loc[table_loads["run_id"] == run_id, "table_name"])
    others = [table for table in tables if table not in filled_now]
    if not others:
        return None
    return f"{', '.join(others)} not read in this run; run the whole nightly_sync job to write"


def write_back(plan: pd.DataFrame, pcrt: Pcrt, warehouse: Warehouse, run_id: str) -> pd.DataFrame:
    """Write every `planned` list of the plan; returns the plan with `written` or `conflict` in place of `planned`.

    The ledger has all of them as `planned`, durably, before the first is written. When PCRT fails in the middle, what was done up
    to then is still put on record, and the error goes on: the rest stays `planned` in the ledger.
    """
    changes = plan[plan["status"] == "planned"]
    if changes.empty:
        log.info("Every list in PCRT is right already; nothing to write")
        return plan
    warehouse.append(LEDGER, _ledger_rows(changes, run_id, changes["status"]))

    outcomes: dict[int, str] = {}
    try:
        with pcrt.writer() as writer:
            for index, subscription_id, before, after in zip(
                changes.index,
                changes["subscription_id"].tolist(),
                changes["before"].astype("object").where(changes["before"].notna(), None),
                changes["after"].tolist(),
                strict=True,
            ):
                outcomes[index] = writer.swap(subscription_id, before, after)
    finally:
        done = changes.loc[list(outcomes)]
        warehouse.append(LEDGER, _ledger_rows(done, run_id, pd.Series(outcomes, dtype="str")))

    result = plan.copy()
    result.loc[list(outcomes), "status"] = pd.Series(outcomes, dtype="str")
    result.loc[result["status"] == "conflict", "reason"] = "changed or gone in PCRT since it was read; left alone"
    log.info(
        "Wrote %d lists to PCRT, %d conflicts",
        *((result["status"] == status).sum() for status in ("written", "conflict")),
    )
    return result


def _ledger_rows(changes: pd.DataFrame, run_id: str, status: pd.Series) -> pd.DataFrame:
    rows = changes[["subscription_id", "group_id", "before", "after"]]
    return rows.assign(run_id=run_id, written_at=pd.Timestamp.now("UTC"), status=status)[
        ["run_id", "written_at", "subscription_id", "group_id", "before", "after", "status"]
    ]
