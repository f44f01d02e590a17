"""Which pairs of an unmatched computer and a PCID are worth a look, so that nobody compares all with all.

What belongs here: finding pairs through a key that both sides share, within a bound. What must not: judging a pair
(`rules.suggestions`).
"""

import numpy as np
import pandas as pd

from cwa_pipeline.rules.likeness import serials as serial_likeness

# A world in which thousands share one key (a serial, a name, a group) would make millions of pairs. Pairs are taken from the
# rarest key up until so many are found: what many share says little, and what is left out is the commonest.
MOST_PAIRS = 1_000_000


def pairs_sharing(ours: pd.DataFrame, theirs: pd.DataFrame, on: list[str], most: int = MOST_PAIRS) -> pd.DataFrame:
    """The rows of both sides joined by key, the keys that make the fewest pairs first, `most` pairs at the most.

    A key counts wholly or not at all, so that the order of rows decides nothing. Null is no key. Columns of the same name
    get `_ours` and `_theirs`.
    """
    ours, theirs = ours.dropna(subset=on), theirs.dropna(subset=on)
    sizes = pd.concat(
        [ours.groupby(on).size(), theirs.groupby(on).size()], axis=1, join="inner", keys=["ours", "theirs"]
    )
    pairs = (sizes["ours"] * sizes["theirs"]).rename("pairs").reset_index().sort_values(["pairs", *on])
    taken = pairs.loc[pairs["pairs"].cumsum() <= most, on]
    return ours.merge(taken, on=on).merge(theirs, on=on, suffixes=("_ours", "_theirs"))


def with_near_serials(our_forms: pd.Series, their_forms: pd.Series, most: int = MOST_PAIRS) -> pd.DataFrame:
    """Rows (computer, machine: positions on either side) of folded serials that are equal, one slip or a prefix apart.

    A few of them are further apart, where the two share a hash by chance: `serial_likeness.errors` tells.
    """
    ours, theirs = serial_likeness.keys(our_forms), serial_likeness.keys(their_forms)
    theirs = theirs[theirs["key"].isin(ours["key"])]
    ours = ours[ours["key"].isin(theirs["key"])]
    our_behind, their_behind = ours["kind"] == "behind", theirs["kind"] == "behind"
    joined = [
        pairs_sharing(ours[~our_behind], theirs[~their_behind], ["key"], most),
        pairs_sharing(ours[our_behind], theirs[theirs["kind"] == "whole"], ["key"], most),
        pairs_sharing(ours[ours["kind"] == "whole"], theirs[their_behind], ["key"], most),
    ]
    return distinct(pd.concat(joined).rename(columns={"row_ours": "computer", "row_theirs": "machine"}))


def distinct(pairs: pd.DataFrame) -> pd.DataFrame:
    """Each pair of computer and machine once, in order."""
    both = np.unique(pairs["computer"].to_numpy("int64") << 32 | pairs["machine"].to_numpy("int64"))
    return pd.DataFrame({"computer": both >> 32, "machine": both & 0xFFFFFFFF})
