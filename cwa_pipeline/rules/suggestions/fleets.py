"""Machines bought together: their serials differ in one or two characters although nobody mistyped one."""

from typing import Any

import numpy as np
import pandas as pd
from rapidfuzz.distance import Hamming, Postfix, Prefix
from rapidfuzz.process import cpdist

from cwa_pipeline.rules.suggestions.candidates import pairs_sharing

NO_FLEET, FLEET, VARIES_HERE = range(3)  # what is known of the customer's serials, from good to bad for the pair
MOST_DIFFERENT = 2  # characters in which the serials of a fleet differ


def fleet_signs(pairs: pd.DataFrame, machines: pd.DataFrame) -> np.ndarray:
    """Whether the customer has other serials that differ from the computer's in one or two characters.

    VARIES_HERE when one of them differs at a place at which the pair does, FLEET when they all differ elsewhere. In a
    group too large to be searched every machine counts as one of a fleet.
    Takes pairs (computer, group_id, ours and theirs: folded serials), and all machines of those groups, of either system
    (group_id, form: a folded serial).
    """
    computers = pairs[["computer", "group_id", "ours"]].drop_duplicates("computer")
    met = pairs_sharing(computers, machines.drop_duplicates(), ["group_id"])
    unsearched = pairs["group_id"].notna() & ~pairs["group_id"].isin(met["group_id"])
    distance = _distance(met["ours"], met["form"], Hamming.distance, score_cutoff=MOST_DIFFERENT)
    siblings = _with_places(met[(distance > 0) & (distance <= MOST_DIFFERENT)].rename(columns={"form": "theirs"}))
    pairs = _with_places(pairs)

    # The PCID is a sibling as well when it is in the group, and must not speak against itself.
    itself = _matching(pairs, siblings, ["computer", "theirs"])
    here = np.maximum(
        _matching(pairs, siblings, ["computer", "first"]), _matching(pairs, siblings, ["computer", "last"])
    )
    anywhere = _matching(pairs, siblings, ["computer"])
    return np.select([here > itself, unsearched | (anywhere > itself)], [VARIES_HERE, FLEET], default=NO_FLEET)


def _with_places(pairs: pd.DataFrame) -> pd.DataFrame:
    """Where two serials differ first and last, from the front and from the end; all places when there are two at the most."""
    return pairs.assign(
        first=_distance(pairs["ours"], pairs["theirs"], Prefix.similarity),
        last=_distance(pairs["ours"], pairs["theirs"], Postfix.similarity),
    )


def _distance(ours: pd.Series, theirs: pd.Series, scorer: Any, **more: Any) -> np.ndarray:
    return cpdist(ours.tolist(), theirs.tolist(), scorer=scorer, **more)


def _matching(pairs: pd.DataFrame, siblings: pd.DataFrame, on: list[str]) -> np.ndarray:
    """For each pair how many siblings have the same values."""
    count = siblings.groupby(on, as_index=False).size()
    return pairs[on].merge(count, on=on, how="left")["size"].fillna(0).to_numpy(dtype="int64")
