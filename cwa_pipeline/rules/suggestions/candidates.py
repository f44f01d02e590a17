"""Which pairs of an unmatched computer and a PCID are worth a look, so that nobody compares all with all.

What belongs here: finding pairs through a key that both sides share, within a bound. What must not: judging a pair
(`rules.suggestions`).
"""

import numpy as np
import pandas as pd

from cwa_pipeline.rules.suggestions.serial_keys import keys_of, sieve_of, sifted

# A world in which thousands share one key (a serial, a name, a group) would make millions of pairs. Pairs are taken from the
# rarest key up until so many are found: what many share says little, and what is left out is the commonest.
MOST_PAIRS = 1_000_000


def pairs_sharing(ours: pd.DataFrame, theirs: pd.DataFrame, on: list[str], most: int = MOST_PAIRS) -> pd.DataFrame:
    """The rows of both sides joined by key, the keys that make the fewest pairs first, `most` pairs at the most.

    A key counts wholly or not at all, so that the order of rows decides nothing. Null is no key. Columns of the same name
    get `_ours` and `_theirs`.
    """
    ours, theirs = ours.dropna(subset=on), theirs.dropna(subset=on)
    number = _numbered(pd.concat([ours[on], theirs[on]]))
    our_number, their_number = number[: len(ours)], number[len(ours) :]
    size = int(number.max(initial=-1)) + 1
    bearers = np.bincount(their_number, minlength=size)
    pairs = np.bincount(our_number, minlength=size) * bearers
    start = np.cumsum(bearers) - bearers  # of each number among theirs in order
    if pairs.sum() > most:
        bearers[~np.isin(np.arange(size), _rarest(ours[on], our_number, pairs, most))] = 0
    how_many = bearers[our_number]
    left = np.repeat(np.arange(len(ours)), how_many)
    nth = np.arange(len(left)) - np.repeat(np.cumsum(how_many) - how_many, how_many)
    right = np.argsort(their_number, kind="stable")[start[our_number[left]] + nth]
    both = ours.columns.intersection(theirs.columns).difference(on)
    return pd.concat(
        [
            ours.take(left).rename(columns={name: f"{name}_ours" for name in both}).reset_index(drop=True),
            theirs.drop(columns=on)
            .take(right)
            .rename(columns={name: f"{name}_theirs" for name in both})
            .reset_index(drop=True),
        ],
        axis=1,
    )


def _numbered(keys: pd.DataFrame) -> np.ndarray:
    """A number for each distinct row."""
    first, *more = (pd.factorize(keys[name]) for name in keys.columns)
    number = first[0]
    for of_column, distinct in more:
        number, _ = pd.factorize(number * len(distinct) + of_column)
    return number


def _rarest(keys: pd.DataFrame, number: np.ndarray, pairs: np.ndarray, most: int) -> np.ndarray:
    """The numbers of the keys that make the fewest pairs, `most` together; of keys that make as many, by their values."""
    of_key = keys.assign(_number=number, _pairs=pairs[number])
    of_key = of_key[of_key["_pairs"] > 0].drop_duplicates("_number").sort_values(["_pairs", *keys.columns])
    return of_key.loc[of_key["_pairs"].cumsum() <= most, "_number"].to_numpy()


def with_near_serials(our_forms: pd.Series, their_forms: pd.Series, most: int = MOST_PAIRS) -> pd.DataFrame:
    """Rows (computer, machine: positions on either side) of folded serials that are equal, one slip or a prefix apart.

    A few of them are further apart, where the two share a hash by chance: `serial_likeness.errors` tells.
    """
    ours = keys_of(our_forms)
    theirs = keys_of(their_forms, sieve_of(ours))
    ours = sifted(ours, sieve_of(theirs))
    joined = [
        pairs_sharing(pd.concat(ours[:2]), pd.concat(theirs[:2]), ["key"], most),
        pairs_sharing(ours.behind, theirs.whole, ["key"], most),
        pairs_sharing(ours.whole, theirs.behind, ["key"], most),
    ]
    return distinct(pd.concat(joined).rename(columns={"row_ours": "computer", "row_theirs": "machine"}))


def distinct(pairs: pd.DataFrame) -> pd.DataFrame:
    """Each pair of computer and machine once, in order."""
    both = np.sort(pairs["computer"].to_numpy("int64") << 32 | pairs["machine"].to_numpy("int64"))
    both = both[np.diff(both, prepend=-1) != 0]
    return pd.DataFrame({"computer": both >> 32, "machine": both & 0xFFFFFFFF})
