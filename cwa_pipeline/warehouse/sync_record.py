"""What the warehouse remembers from one sync to the next: counts, lists, writes, coverage and holds.

What belongs here: reading and adding to those tables, with the rules that say what to add. What must not: PCRT, or a decision.
"""

import pandas as pd

from cwa_pipeline.rules.members import coverage, ledger
from cwa_pipeline.rules.members.lists import ListFormat
from cwa_pipeline.warehouse.store import Warehouse

LEDGER = "additional_members_ledger"


class SyncRecord:
    """The memory of one warehouse."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    # --- what a guard looks at -----------------------------------------------------------------------------------------

    def source_counts(self, run_id: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The rows each source gave in this run, and in the last sync that wrote; both table_name and rows_read."""
        receipts, runs = self._warehouse.read("read_receipts"), self._warehouse.read("sync_runs")
        wrote = runs[runs["wrote"]].sort_values("finished_at")
        last = wrote["run_id"].iloc[-1] if len(wrote) else None
        columns = ["table_name", "rows_read"]
        return receipts.loc[receipts["run_id"] == run_id, columns], receipts.loc[receipts["run_id"] == last, columns]

    def last_lists(self) -> pd.DataFrame:
        """What the last run made of its lists: `additional_members`, empty before the first one."""
        return self._warehouse.read("additional_members", or_empty=True)

    def undone_groups(self) -> pd.Series:
        """The groups that an undo holds."""
        holds = self._warehouse.read("group_holds")
        return holds.loc[holds["released_at"].isna(), "group_id"]

    # --- writes --------------------------------------------------------------------------------------------------------

    def ledger(self) -> pd.DataFrame:
        """Every write there ever was."""
        return self._warehouse.read(LEDGER)

    def settled_ledger(self, pcrt_subscriptions: pd.DataFrame) -> pd.DataFrame:
        """The ledger as it will be once `settle` has run."""
        rows = self.ledger()
        return pd.concat([rows, ledger.settled(rows, pcrt_subscriptions, _now())])

    def settle(self, pcrt_subscriptions: pd.DataFrame) -> None:
        """Put on record what became of the writes that were under way when a sync died."""
        rows = ledger.settled(self.ledger(), pcrt_subscriptions, _now())
        if not rows.empty:
            self._warehouse.append(LEDGER, rows)

    def finished(self, run_id: str, *, wrote: bool) -> None:
        """Put on record that a run came to its end."""
        run = pd.DataFrame({"run_id": [run_id], "finished_at": _now(), "wrote": wrote})
        self._warehouse.append("sync_runs", run)

    def failed(self, run_id: str, problems: list[str]) -> None:
        """Put on record that a run failed, and why; once, whoever tells it."""
        if not (self._warehouse.read("sync_failures")["run_id"] == run_id).any():
            failure = pd.DataFrame({"run_id": [run_id], "failed_at": _now(), "problem": "\n".join(problems)})
            self._warehouse.append("sync_failures", failure)

    # --- coverage ------------------------------------------------------------------------------------------------------

    def keep_coverage_of_all(
        self, lists: pd.DataFrame, pcrt_subscriptions: pd.DataFrame, list_format: ListFormat
    ) -> pd.DataFrame:
        """Go on with `coverage_history` after a sync; a list in conflict is not known, one of an ended subscription is over."""
        known = lists[lists["status"] != "conflict"]
        members = known["after"].where(known["status"] == "written", known["before"])
        active = pcrt_subscriptions.loc[pcrt_subscriptions["active"], "subscription_id"]
        previous = self._warehouse.read("coverage_history")
        ended = previous.loc[~previous["subscription_id"].isin(active), "subscription_id"].drop_duplicates()
        return self._keep(previous, known.assign(members=members)[["subscription_id", "members"]], ended, list_format)

    def keep_coverage(self, changes: pd.DataFrame, list_format: ListFormat) -> pd.DataFrame:
        """Go on with `coverage_history` after some lists were written."""
        written = changes[changes["status"] == "written"]
        lists = written[["subscription_id", "after"]].rename(columns={"after": "members"})
        previous = self._warehouse.read("coverage_history")
        return self._keep(previous, lists, written["subscription_id"].head(0), list_format)

    def _keep(
        self, previous: pd.DataFrame, lists: pd.DataFrame, ended: pd.Series, list_format: ListFormat
    ) -> pd.DataFrame:
        listed, known = coverage.listed_now(lists, list_format)
        history = coverage.coverage_history(previous, listed, known, ended, _now())
        return self._warehouse.replace({"coverage_history": history}, "")["coverage_history"]

    # --- holds ---------------------------------------------------------------------------------------------------------

    def hold_groups(self, groups: pd.Series, undone_run_id: str) -> None:
        """Hold the groups that an undo is about to put back, so that the next night does not just repeat what it takes back.

        Before anything is put back: an undo that dies half-way leaves a hold too many and never one too few.
        """
        groups = groups.dropna().drop_duplicates()
        groups = groups[~groups.isin(self.undone_groups())]
        holds = pd.DataFrame({"group_id": groups, "held_since": _now(), "undone_run_id": undone_run_id})
        self._warehouse.append("group_holds", holds.assign(released_at=None))

    def release_groups(self, lists: pd.DataFrame) -> None:
        """A hold after an undo ends when a person released it, which shows in that its group was written again."""
        holds = self._warehouse.read("group_holds")
        written = lists.loc[lists["status"] == "written", "group_id"]
        over = holds["released_at"].isna() & holds["group_id"].isin(written)
        if over.any():
            holds["released_at"] = holds["released_at"].mask(over, _now())
            self._warehouse.replace({"group_holds": holds}, "")


def _now() -> pd.Timestamp:
    return pd.Timestamp.now("UTC")
