"""What the warehouse remembers from one sync to the next: counts, lists, writes, coverage and holds."""

import pandas as pd

from cwa_pipeline.rules.members import coverage, ledger
from cwa_pipeline.rules.members.lists import ListFormat
from cwa_pipeline.warehouse.store import Warehouse

LEDGER = "additional_members_ledger"


class SyncRecord:
    """The record that the syncs of one warehouse keep."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    # --- what the guards look at ---------------------------------------------------------------------------------------

    def source_counts(self, run_id: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The rows read from each source in this run and in the last sync that wrote; both table_name, rows_read."""
        receipts, runs = self._warehouse.read("read_receipts"), self._warehouse.read("sync_runs")
        wrote = runs[runs["wrote"]].sort_values("finished_at")
        last = wrote["run_id"].iloc[-1] if len(wrote) else None
        columns = ["table_name", "rows_read"]
        return receipts.loc[receipts["run_id"] == run_id, columns], receipts.loc[receipts["run_id"] == last, columns]

    def last_lists(self) -> pd.DataFrame:
        """`additional_members` of the last run; empty before the first one."""
        return self._warehouse.read("additional_members", or_empty=True)

    def undone_groups(self) -> pd.Series:
        """The groups that are held after an undo."""
        holds = self._warehouse.read("group_holds")
        return holds.loc[holds["released_at"].isna(), "group_id"]

    # --- writes --------------------------------------------------------------------------------------------------------

    def ledger(self) -> pd.DataFrame:
        """Every write there ever was."""
        return self._warehouse.read(LEDGER)

    def append_to_ledger(self, rows: pd.DataFrame) -> None:
        """Add rows to the ledger; they are on the disk when this returns, so that PCRT may be written."""
        self._warehouse.append(LEDGER, rows)

    def settled_ledger(self, pcrt_subscriptions: pd.DataFrame) -> pd.DataFrame:
        """The ledger as it will be after `settle`."""
        rows = self.ledger()
        return pd.concat([rows, ledger.settled(rows, pcrt_subscriptions, _now())])

    def settle(self, pcrt_subscriptions: pd.DataFrame) -> None:
        """Record the outcome of writes that were under way when a sync died."""
        rows = ledger.settled(self.ledger(), pcrt_subscriptions, _now())
        if not rows.empty:
            self.append_to_ledger(rows)

    def finished(self, run_id: str, *, wrote: bool) -> None:
        """Record that a run finished."""
        run = pd.DataFrame({"run_id": [run_id], "finished_at": _now(), "wrote": wrote})
        self._warehouse.append("sync_runs", run)

    def failed(self, run_id: str, problems: list[str]) -> None:
        """Record that a run failed, and why. A second call for the same run changes nothing."""
        if not (self._warehouse.read("sync_failures")["run_id"] == run_id).any():
            failure = pd.DataFrame({"run_id": [run_id], "failed_at": _now(), "problem": "\n".join(problems)})
            self._warehouse.append("sync_failures", failure)

    # --- coverage ------------------------------------------------------------------------------------------------------

    def keep_coverage_of_all(
        self, lists: pd.DataFrame, pcrt_subscriptions: pd.DataFrame, list_format: ListFormat
    ) -> pd.DataFrame:
        """Update `coverage_history` after a sync. A list in conflict is unknown; that of an ended subscription has ended."""
        known = lists[lists["status"] != "conflict"]
        members = known["after"].where(known["status"] == "written", known["before"])
        active = pcrt_subscriptions.loc[pcrt_subscriptions["active"], "subscription_id"]
        previous = self._warehouse.read("coverage_history")
        ended = previous.loc[~previous["subscription_id"].isin(active), "subscription_id"].drop_duplicates()
        return self._keep(previous, known.assign(members=members)[["subscription_id", "members"]], ended, list_format)

    def keep_coverage(self, changes: pd.DataFrame, list_format: ListFormat) -> pd.DataFrame:
        """Update `coverage_history` after some lists were written."""
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
        """Hold the groups that an undo is about to restore, so that the next night does not repeat what it takes back.

        Call it before anything is restored: if an undo dies half-way, a hold too many is safe and one too few is not.
        """
        groups = groups.dropna().drop_duplicates()
        groups = groups[~groups.isin(self.undone_groups())]
        holds = pd.DataFrame({"group_id": groups, "held_since": _now(), "undone_run_id": undone_run_id})
        self._warehouse.append("group_holds", holds.assign(released_at=None))

    def release_groups(self, lists: pd.DataFrame) -> None:
        """End the holds of groups that were written: that happens only after a person released them."""
        holds = self._warehouse.read("group_holds")
        written = lists.loc[lists["status"] == "written", "group_id"]
        over = holds["released_at"].isna() & holds["group_id"].isin(written)
        if over.any():
            holds["released_at"] = holds["released_at"].mask(over, _now())
            self._warehouse.replace({"group_holds": holds}, "")


def _now() -> pd.Timestamp:
    return pd.Timestamp.now("UTC")
