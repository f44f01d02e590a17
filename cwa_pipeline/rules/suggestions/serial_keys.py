"""Numbers under which near serials meet, so that nobody compares all with all.

What belongs here: the keys of serials, and which of them can meet one of another set at all. What must not: the join itself
(`rules.likeness.candidates`), or telling which error it is (`rules.likeness.serials`).
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from cwa_pipeline.rules.suggestions.serials import LEAST_BEHIND_PREFIX, LEAST_LETTERS

MOST_LETTERS = 40  # a longer one (a VMware serial has 38) is no serial that people type; it is not looked up

_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that it has an inverse among the 64-bit numbers
_INVERSE = np.uint64(pow(int(_BASE), -1, 2**64))
_ROWS_AT_ONCE = 50_000  # of the longest serials that is 16 MB a step
_PLACES_PER_KEY, _MOST_PLACES = 16, 2**24  # of a sieve; so one key in sixteen of those that meet none comes through


class Keys(NamedTuple):
    """The keys of serials by kind, each with row (position among the forms) and key (a 64-bit hash).

    Kinds: `whole`; `shortened`, the serial without one character, at each place; `behind`, what follows its first characters. Two
    serials one slip apart (wrong, missing, extra, two swapped) share a whole or shortened key; one with a prefix in front shares
    its `behind` with the other's `whole`. Equal hashes are to be checked: they need not be equal texts.
    """

    whole: pd.DataFrame
    shortened: pd.DataFrame
    behind: pd.DataFrame


class Sieve(NamedTuple):
    """For each kind of key, by its first bits, whether it may meet a key of another set."""

    whole: np.ndarray
    shortened: np.ndarray
    behind: np.ndarray


def sieve_of(keys: Keys) -> Sieve:
    """What keys of others have to look like to meet one of these."""
    size = min(2 ** (_PLACES_PER_KEY * sum(map(len, keys)) + 1).bit_length(), _MOST_PLACES)
    slips = _marks(size, keys.whole, keys.shortened)
    return Sieve(whole=slips | _marks(size, keys.behind), shortened=slips, behind=_marks(size, keys.whole))


def sifted(keys: Keys, sieve: Sieve) -> Keys:
    """The keys that come through: all that meet one of the other set, and some more."""
    return Keys(*(of_kind[marks[_places(of_kind, len(marks))]] for of_kind, marks in zip(keys, sieve, strict=True)))


def keys_of(forms: pd.Series, sieve: Sieve | None = None) -> Keys:
    """The keys of folded serials, neither those too short nor those too long to be looked up; with a sieve, `sifted`."""
    found = (
        keys if sieve is None else sifted(keys, sieve)
        for length, rows in _blocks(forms.str.len().to_numpy(dtype="int64", na_value=0))
        for keys in [_keys_of_length(forms, rows, length)]
    )
    kinds = zip(_keys_of_length(forms, np.arange(0), LEAST_LETTERS), *found, strict=True)
    return Keys(*(pd.concat(of_kind, ignore_index=True) for of_kind in kinds))


def _blocks(lengths: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """The rows of each length, so many at once that the steps between stay small."""
    for length in range(LEAST_LETTERS, MOST_LETTERS + 1):
        rows = np.flatnonzero(lengths == length)
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            yield length, rows[start : start + _ROWS_AT_ONCE]


def _keys_of_length(forms: pd.Series, rows: np.ndarray, length: int) -> Keys:
    """The keys of serials of one length, as polynomials in _BASE: without a character, the rest moves down by one power."""
    text = "".join(forms.iloc[rows].tolist())
    letters = np.frombuffer(text.encode("utf-32-le"), dtype="uint32").reshape(len(rows), length).astype("uint64")
    powers = np.cumprod(np.full(length, _BASE, dtype="uint64"))
    start = np.zeros((len(rows), length + 1), dtype="uint64")  # start[:, n]: the hash of the first n characters
    np.cumsum(letters * powers, axis=1, out=start[:, 1:])
    whole = start[:, -1:]
    places = np.arange(1, length - LEAST_BEHIND_PREFIX + 1)
    moved = np.cumprod(np.full(len(places), _INVERSE, dtype="uint64"))
    return Keys(
        whole=_key_frame(rows, whole),
        shortened=_key_frame(rows, start[:, :-1] + (whole - start[:, 1:]) * _INVERSE),
        behind=_key_frame(rows, (whole - start[:, places]) * moved),
    )


def _key_frame(rows: np.ndarray, keys: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"row": rows.repeat(keys.shape[1]), "key": keys.ravel()})


def _marks(size: int, *keys: pd.DataFrame) -> np.ndarray:
    marks = np.zeros(size, dtype="bool")
    for of_kind in keys:
        marks[_places(of_kind, size)] = True
    return marks


def _places(keys: pd.DataFrame, size: int) -> np.ndarray:
    """Where each key has its mark: its first bits."""
    return keys["key"].to_numpy() >> np.uint64(65 - size.bit_length())
