"""How one serial number may be another one mistyped.

What belongs here: the forms of a serial in which typing errors vanish, the keys under which such forms meet in a merge, and
the name of the error between two serials. What must not: how much an error says (`rules.suggestions`).
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from rapidfuzz.distance import OSA, Hamming, Postfix
from rapidfuzz.process import cpdist

from cwa_pipeline.rules.frames import map_distinct

LOOK_ALIKES = str.maketrans("oilszbg", "0115286")  # O/0, I/1/L, S/5, Z/2, B/8, G/6
LEAST_LETTERS = 5  # a shorter serial is near too many others to say anything
LEAST_BEHIND_PREFIX = 6  # what must be left of a serial behind a part number or "S/N"; a Dell tag has 7
MOST_LETTERS = 40  # a longer one (a VMware serial has 38) is no serial that people type; it is not looked up
LEAST_FOR_TWO_SLIPS = 7  # in a shorter serial, two wrong characters leave too little that agrees

# What two serials have in common, from much to little. The last two: another serial altogether, and one of them says nothing.
SAME, BLANKS, LOOK_ALIKE, PREFIX, SWAPPED, MISSING, EXTRA, WRONG, TWO_SLIPS, FAR, UNKNOWN = range(11)

_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that it has an inverse among the 64-bit numbers
_INVERSE = np.uint64(pow(int(_BASE), -1, 2**64))


def bare(normalised: pd.Series) -> pd.Series:
    """A serial without blanks, dashes and other marks."""
    return map_distinct(normalised, lambda value: "".join(filter(str.isalnum, value)), missing="", dtype="str")


def folded(normalised: pd.Series) -> pd.Series:
    """A bare serial with look-alikes made equal: O and 0, I and L and 1, S and 5, B and 8, Z and 2, G and 6."""
    return map_distinct(bare(normalised), lambda value: value.translate(LOOK_ALIKES), missing="", dtype="str")


def says_something(normalised: pd.Series, serial_blacklist: pd.DataFrame) -> pd.Series:
    """Whether a serial can be evidence: it is not generic, not even when blanks, dashes and look-alikes are ignored.

    Matching compares exactly and never asks this; here "T0 be filled by OEM" has to be as worthless as what it stands for.
    """
    return ~folded(normalised).isin(folded(serial_blacklist["normalised"]).tolist())


def keys(forms: pd.Series) -> pd.DataFrame:
    """Numbers under which near serials meet: row (position in `forms`), kind, place, length and key (a 64-bit hash).

    Kinds: `whole`; `shortened`, the serial without the character at `place`; `behind`, what follows the first `place`
    characters. Two serials one slip apart (wrong, missing, extra, two swapped) share a whole or shortened key; one with a
    prefix in front shares its `behind` with the other's `whole`. Equal hashes are to be checked: they need not be equal texts.
    """
    lengths = forms.str.len().to_numpy(dtype="int64", na_value=0)
    parts = [
        part
        for length in np.unique(lengths[(lengths >= LEAST_LETTERS) & (lengths <= MOST_LETTERS)]).tolist()
        for part in _keys_of_length(forms, np.flatnonzero(lengths == length), length)
    ]
    return pd.concat([_NO_KEYS, *parts], ignore_index=True)


_NO_KEYS = pd.DataFrame(
    {
        "row": pd.Series(dtype="int64"),
        "kind": pd.Series(dtype="str"),
        "place": pd.Series(dtype="int64"),
        "length": pd.Series(dtype="int64"),
        "key": pd.Series(dtype="uint64"),
    }
)


def _keys_of_length(forms: pd.Series, rows: np.ndarray, length: int) -> Iterator[pd.DataFrame]:
    """The keys of serials of one length, as polynomials in _BASE: without a character, the rest moves down by one power."""
    text = "".join(forms.iloc[rows].tolist())
    letters = np.frombuffer(text.encode("utf-32-le"), dtype="uint32").reshape(len(rows), length).astype("uint64")
    powers = np.cumprod(np.full(length, _BASE, dtype="uint64"))
    start = np.zeros((len(rows), length + 1), dtype="uint64")  # start[:, n]: the hash of the first n characters
    np.cumsum(letters * powers, axis=1, out=start[:, 1:])
    whole = start[:, -1:]
    yield _key_frame("whole", rows, np.array([0]), length, whole)
    yield _key_frame("shortened", rows, np.arange(length), length, start[:, :-1] + (whole - start[:, 1:]) * _INVERSE)
    places = np.arange(1, length - LEAST_BEHIND_PREFIX + 1)
    moved = np.cumprod(np.full(len(places), _INVERSE, dtype="uint64"))
    yield _key_frame("behind", rows, places, length, (whole - start[:, places]) * moved)


def _key_frame(kind: str, rows: np.ndarray, places: np.ndarray, length: int, key: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "row": np.repeat(rows, len(places)),
            "kind": pd.Series(kind, index=range(key.size), dtype="str"),
            "place": np.tile(places, len(rows)),
            "length": length,
            "key": key.ravel(),
        }
    )


def errors(ours: pd.Series, theirs: pd.Series) -> np.ndarray:
    """The error (SAME ... FAR) of each normalised serial in `theirs`, as someone typed it for the one in `ours`.

    MISSING: one character of ours was left out; EXTRA: one was put in. A first character too many is EXTRA, not PREFIX.
    """
    our_bare, their_bare = bare(ours), bare(theirs)
    our_form, their_form = folded(ours), folded(theirs)
    longer = (their_form.str.len() - our_form.str.len()).to_numpy(dtype="int64")
    shortest = np.minimum(our_form.str.len().to_numpy(dtype="int64"), their_form.str.len().to_numpy(dtype="int64"))
    left, right = our_form.tolist(), their_form.tolist()
    slips = cpdist(left, right, scorer=OSA.distance, score_cutoff=2)
    typed_slips = cpdist(our_bare.tolist(), their_bare.tolist(), scorer=OSA.distance, score_cutoff=2)
    ends_alike = cpdist(left, right, scorer=Postfix.similarity) == shortest
    one_slip = (slips == 1) & (typed_slips == 1) & (shortest >= LEAST_LETTERS)
    swapped = cpdist(left, right, scorer=Hamming.distance, score_cutoff=2) == 2
    return np.select(
        [
            ours.to_numpy() == theirs.to_numpy(),
            our_bare.to_numpy() == their_bare.to_numpy(),
            (slips == 0) & (shortest >= LEAST_LETTERS),
            one_slip & (longer == -1),
            one_slip & (longer == 1),
            ends_alike & (longer != 0) & (shortest >= LEAST_BEHIND_PREFIX),
            one_slip & swapped,
            one_slip,
            (np.minimum(slips, typed_slips) <= 2) & (shortest >= LEAST_FOR_TWO_SLIPS),
        ],
        [SAME, BLANKS, LOOK_ALIKE, MISSING, EXTRA, PREFIX, SWAPPED, WRONG, TWO_SLIPS],
        default=FAR,
    )


def look_alike_words(ours: Sequence[str], theirs: Sequence[str]) -> list[str]:
    """Which look-alikes two normalised serials differ by, as in `O/0 and I/1`: ours first, each kind once."""
    return [
        " and ".join(
            dict.fromkeys(
                f"{one}/{other}".upper()
                for one, other in zip(filter(str.isalnum, our), filter(str.isalnum, their), strict=True)
                if one != other
            )
        )
        for our, their in zip(ours, theirs, strict=True)
    ]
