"""Which PCID was covered when."""

import pandas as pd

from cwa_pipeline.rules.frames import as_table
from cwa_pipeline.rules.members.lists import ListFormat, parse
from cwa_pipeline.tables import CoverageHistory

_LISTING = ["subscription_id", "pcid"]


def listed_now(lists: pd.DataFrame, list_format: ListFormat) -> tuple[pd.DataFrame, pd.Series]:
    """The PCIDs of lists as PCRT holds them (subscription_id, members), and the subscriptions whose list is known.

    Returns subscription_id and pcid, distinct, and the ids; a list that cannot be read is not known.
    """
    members = lists["members"].astype("object").where(lists["members"].notna(), None)
    parsed = pd.Series([parse(text, list_format) for text in members], index=lists["subscription_id"], dtype="object")
    known = parsed.dropna()
    listed = known.explode().dropna().astype("int64").rename("pcid").rename_axis("subscription_id").reset_index()
    return listed.drop_duplicates(ignore_index=True), known.index.to_series()


def coverage_history(
    previous: pd.DataFrame, listed: pd.DataFrame, known: pd.Series, ended: pd.Series, now: pd.Timestamp
) -> pd.DataFrame:
    """A PCID newly listed is covered from now, one no longer listed until now; an unknown list changes nothing.

    `known` are the subscriptions whose list is known now, `ended` those that are over. Returns a `coverage_history` table; a second
    call with the same lists changes nothing.
    """
    is_listed = _in(previous, listed)
    is_unlisted = previous["subscription_id"].isin(known) & ~is_listed
    gone = previous["covered_to"].isna() & (is_unlisted | previous["subscription_id"].isin(ended))
    # A row that would end at the moment it began is dropped; one that ended at this moment and is listed goes on.
    kept = previous.assign(
        covered_to=previous["covered_to"].mask(gone, now).mask(is_listed & (previous["covered_to"] == now))
    )
    kept = kept[~(gone & (kept["covered_from"] == now))]
    new = listed[~_in(listed, kept[kept["covered_to"].isna()])].assign(covered_from=now, covered_to=None)
    return as_table(pd.concat([kept, new.astype(kept.dtypes)]), CoverageHistory)


def _in(rows: pd.DataFrame, others: pd.DataFrame) -> pd.Series:
    """Which rows name a subscription and a PCID that the others name."""
    named = pd.MultiIndex.from_frame(rows[_LISTING]).isin(pd.MultiIndex.from_frame(others[_LISTING]))
    return pd.Series(named, index=rows.index, dtype="bool")
