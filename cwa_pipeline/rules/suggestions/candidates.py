"""Which pairs of an unmatched computer and a PCID are compared: those that share a key, within a bound."""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from cwa_pipeline.rules.suggestions.serials import LEAST_BEHIND_PREFIX, LEAST_LETTERS

MOST_LETTERS = 40  # a longer serial (one of VMware has 38) is not typed by people, and is not compared
# Thousands of machines that share one key (a serial, a name, a group) would make millions of pairs. Pairs are taken from the
# rarest key up to this number: what many share says little.
MOST_PAIRS = 1_000_000


def pairs_sharing(ours: pd.DataFrame, theirs: pd.DataFrame, on: list[str], most: int = MOST_PAIRS) -> pd.DataFrame:
    """The rows of both sides joined by key, the keys that make the fewest pairs first, `most` pairs at the most.

    All pairs of a key are taken or none, so the order of rows does not matter. Null is no key. Columns of the same name
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

    Two serials that are one slip apart (a character wrong, missing or added, two swapped) are equal or share a text that
    is one of them, or both, without one character.
    """
    our_whole, their_whole = (_texts(forms, lambda form: [form]) for forms in (our_forms, their_forms))
    our_slips, their_slips = (_texts(forms, _without_one_character) for forms in (our_forms, their_forms))
    joined = [
        pairs_sharing(pd.concat([our_whole, our_slips]), pd.concat([their_whole, their_slips]), ["key"], most),
        pairs_sharing(_texts(our_forms, _without_prefix), their_whole, ["key"], most),
        pairs_sharing(our_whole, _texts(their_forms, _without_prefix), ["key"], most),
    ]
    return distinct(pd.concat(joined).rename(columns={"row_ours": "computer", "row_theirs": "machine"}))


def _texts(forms: pd.Series, texts_of: Callable[[str], Iterable[str]]) -> pd.DataFrame:
    """row (the position of the serial) and key: the texts that each folded serial of a usual length gives."""
    rows = (
        (row, text)
        for row, form in enumerate(forms)
        if LEAST_LETTERS <= len(form) <= MOST_LETTERS
        for text in texts_of(form)
    )
    return pd.DataFrame(rows, columns=["row", "key"]).astype({"row": "int64", "key": "str"})


def _without_one_character(form: str) -> Iterable[str]:
    return {form[:place] + form[place + 1 :] for place in range(len(form))}


def _without_prefix(form: str) -> Iterable[str]:
    return (form[start:] for start in range(1, len(form) - LEAST_BEHIND_PREFIX + 1))


def distinct(pairs: pd.DataFrame) -> pd.DataFrame:
    """Each pair of computer and machine once, in order."""
    both = np.sort(pairs["computer"].to_numpy("int64") << 32 | pairs["machine"].to_numpy("int64"))
    both = both[np.diff(both, prepend=-1) != 0]
    return pd.DataFrame({"computer": both >> 32, "machine": both & 0xFFFFFFFF})
