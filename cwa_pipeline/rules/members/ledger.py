"""What the ledger of writes says: what we wrote last, and what was under way when a sync died."""

import pandas as pd

from cwa_pipeline.errors import SourceError
from cwa_pipeline.rules.frames import lookup, same_text, typed
from cwa_pipeline.tables import AdditionalMembersLedger

_ONE_WRITE = ["run_id", "subscription_id"]


def as_ledger(changes: pd.DataFrame, run_id: str, now: pd.Timestamp) -> pd.DataFrame:
    """Changes of lists, with their status, as rows of the `additional_members_ledger` table."""
    return typed(changes.assign(run_id=run_id, written_at=now), AdditionalMembersLedger)


def last_written(ledger: pd.DataFrame) -> pd.DataFrame:
    """The list we wrote last into each subscription that we ever wrote: subscription_id and after."""
    written = ledger[ledger["status"] == "written"].sort_values("written_at", kind="stable")
    return written.drop_duplicates("subscription_id", keep="last")[["subscription_id", "after"]]


def unsettled(ledger: pd.DataFrame) -> pd.DataFrame:
    """The planned writes without an outcome: the sync that planned them died before it could record one."""
    settled = pd.MultiIndex.from_frame(ledger.loc[ledger["status"] != "planned", _ONE_WRITE])
    planned = ledger[ledger["status"] == "planned"]
    return planned[~pd.MultiIndex.from_frame(planned[_ONE_WRITE]).isin(settled)]


def settled(ledger: pd.DataFrame, pcrt_subscriptions: pd.DataFrame, now: pd.Timestamp) -> pd.DataFrame:
    """The outcome of each unsettled write, by what PCRT has now.

    PCRT has the planned list: `written`. It has the list of before: `not_written`. It has another one, or the subscription is
    gone: `conflict`, because somebody changed it since. Returns rows of the `additional_members_ledger` table.
    """
    under_way = unsettled(ledger)
    lists = pcrt_subscriptions.set_index("subscription_id")["additional_members"]
    there = under_way["subscription_id"].isin(pcrt_subscriptions["subscription_id"])
    found = lookup(under_way["subscription_id"], lists)
    status = pd.Series("conflict", index=under_way.index, dtype="str")
    status = status.mask(there & same_text(found, under_way["before"]), "not_written")
    status = status.mask(there & same_text(found, under_way["after"]), "written")
    return typed(under_way.assign(status=status, written_at=now), AdditionalMembersLedger)


def undoing(ledger: pd.DataFrame, undone_run_id: str, group_id: int | None) -> pd.DataFrame:
    """The changes that put back what a run wrote, of one group or of all. Raises SourceError when it wrote nothing there."""
    written = ledger[(ledger["run_id"] == undone_run_id) & (ledger["status"] == "written")]
    if group_id is not None:
        written = written[written["group_id"] == group_id]
    if written.empty:
        of_group = "" if group_id is None else f" of group {group_id}"
        raise SourceError(
            f"run {undone_run_id} wrote no list{of_group}; additional_members_ledger has the runs that did"
        )
    return written.assign(
        before=written["after"],
        after=written["before"],
        undo_of=undone_run_id,
        hand_edited=False,
        hand_added_pcids=None,
        hand_removed_pcids=None,
    )
