"""Which PCID was covered when.

What belongs here: how the history of coverage goes on with what PCRT's lists hold after a sync. What must not: the clock.
"""

import pandas as pd

from cwa_pipeline.rules.frames import as_table
from cwa_pipeline.rules.members.lists import ListFormat, parse_all
from cwa_pipeline.tables import CoverageHistory

_LISTING = ["subscription_id", "pcid"]
_LARGEST = 2**31 - 1  # an id of which two fit into 64 bits


def listed_now(lists: pd.DataFrame, list_format: ListFormat) -> tuple[pd.DataFrame, pd.Series]:
    """The PCIDs of lists as PCRT holds them (subscription_id, members), and the subscriptions whose list is known.

    Returns subscription_id and pcid, distinct, and the ids; a list that cannot be read says nothing.
    """
    parsed = parse_all(lists["members"], list_format)
    subscription_ids = lists["subscription_id"].to_numpy()
    listed = pd.DataFrame({"subscription_id": subscription_ids[parsed.rows], "pcid": parsed.pcids}).astype("int64")
    return listed.drop_duplicates(ignore_index=True), lists.loc[parsed.readable, "subscription_id"]


def coverage_history(
    previous: pd.DataFrame, listed: pd.DataFrame, known: pd.Series, ended: pd.Series, now: pd.Timestamp
) -> pd.DataFrame:
    """A PCID newly listed is covered from now, one no longer listed until now; a list nothing is known of stays as it is.

    `known` are the subscriptions whose list is known now, `ended` those that are over. Returns a `coverage_history` table; doing it
    again with the same lists changes nothing.
    """
    is_listed = _in(previous, listed)
    told = previous["subscription_id"].isin(known) & ~is_listed
    gone = previous["covered_to"].isna() & (told | previous["subscription_id"].isin(ended))
    # A row that ends at the very moment it began never was; and one that ended at this moment and is listed goes on.
    kept = previous.assign(
        covered_to=previous["covered_to"].mask(gone, now).mask(is_listed & (previous["covered_to"] == now))
    )
    kept = kept[~(gone & (kept["covered_from"] == now))]
    new = listed[~_in(listed, kept[kept["covered_to"].isna()])].assign(covered_from=now, covered_to=None)
    return as_table(pd.concat([kept, new.astype(kept.dtypes)]), CoverageHistory)


def _in(rows: pd.DataFrame, others: pd.DataFrame) -> pd.Series:
    """Which rows name a subscription and a PCID that the others name."""
    pairs, other_pairs = _pairs(rows), _pairs(others)
    if pairs is not None and other_pairs is not None:
        return pairs.isin(other_pairs)
    named = pd.MultiIndex.from_frame(rows[_LISTING]).isin(pd.MultiIndex.from_frame(others[_LISTING]))
    return pd.Series(named, index=rows.index, dtype="bool")


def _pairs(rows: pd.DataFrame) -> pd.Series | None:
    """Subscription and PCID as one number, where both fit into one."""
    subscription_ids, pcids = (rows[name].astype("int64") for name in _LISTING)
    if not (subscription_ids.between(0, _LARGEST) & pcids.between(0, _LARGEST)).all():
        return None
    return subscription_ids * (_LARGEST + 1) + pcids
