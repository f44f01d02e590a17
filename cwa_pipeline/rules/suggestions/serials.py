"""How one serial number may be another one mistyped: the kinds of typing error, and which one is between two serials."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from rapidfuzz.distance import OSA, Hamming, Postfix
from rapidfuzz.process import cpdist

from cwa_pipeline.rules.frames import map_distinct

LOOK_ALIKES = str.maketrans("oilszbg", "0115286")  # O/0, I/1/L, S/5, Z/2, B/8, G/6
LEAST_LETTERS = 5  # a shorter serial is near too many others to say anything
LEAST_BEHIND_PREFIX = 6  # what must be left of a serial behind a part number or "S/N"; a Dell tag has 7
LEAST_FOR_TWO_SLIPS = 7  # in a shorter serial, two wrong characters leave too little that agrees

# What two serials have in common, from much to little. The last two: another serial altogether, and one of them says nothing.
SAME, BLANKS, LOOK_ALIKE, PREFIX, SWAPPED, MISSING, EXTRA, WRONG, TWO_SLIPS, FAR, UNKNOWN = range(11)


def bare(normalised: pd.Series) -> pd.Series:
    """A serial without blanks, dashes and other marks."""
    return map_distinct(normalised, lambda value: "".join(filter(str.isalnum, value)), missing="", dtype="str")


def folded(normalised: pd.Series) -> pd.Series:
    """A bare serial with look-alikes made equal: O and 0, I and L and 1, S and 5, B and 8, Z and 2, G and 6."""
    return bare(normalised).str.translate(LOOK_ALIKES)


def with_forms(machines: pd.DataFrame, serial_blacklist: pd.DataFrame) -> pd.DataFrame:
    """The machines with serial, bare and form (folded); null and "" if the serial is generic, so that it is no evidence.

    Matching compares generic serials exactly. Here blanks, dashes and look-alikes are ignored: "T0 be filled by OEM" is generic.
    """
    serial = machines["serial_number_normalised"]
    form = folded(serial)
    says_something = ~form.isin(folded(serial_blacklist["normalised"]).tolist())
    return machines.assign(
        serial=serial.where(says_something),
        bare=bare(serial).where(says_something, ""),
        form=form.where(says_something, ""),
    )


class Serials(NamedTuple):
    """The serials of machines as plain arrays, since pairs name each of them many times."""

    serial: np.ndarray
    bare: np.ndarray
    form: np.ndarray

    def take(self, rows: np.ndarray) -> "Serials":
        """Those of the given rows."""
        return Serials(*(column[rows] for column in self))


def serials_of(machines: pd.DataFrame) -> Serials:
    """The serials of machines `with_forms`."""
    return Serials(*(machines[name].to_numpy(dtype="object") for name in Serials._fields))


def errors(ours: Serials, theirs: Serials) -> np.ndarray:
    """The error (SAME ... FAR) of each serial in `theirs`, as someone typed it for the one in `ours`.

    MISSING: one character of ours was left out; EXTRA: one was put in. A first character too many is EXTRA, not PREFIX.
    """
    left, right = ours.form.tolist(), theirs.form.tolist()
    our_length, their_length = (np.fromiter(map(len, forms), "int64", len(forms)) for forms in (left, right))
    longer, shortest = their_length - our_length, np.minimum(our_length, their_length)
    slips = cpdist(left, right, scorer=OSA.distance, score_cutoff=2)  # never more than with look-alikes told apart
    one_slip = _where((slips == 1) & (shortest >= LEAST_LETTERS), ours.bare, theirs.bare, OSA.distance) == 1
    swapped = _where(one_slip & (longer == 0), ours.form, theirs.form, Hamming.distance) == 2
    may_have_prefix = (longer != 0) & (shortest >= LEAST_BEHIND_PREFIX)
    ends_alike = _where(may_have_prefix, ours.form, theirs.form, Postfix.similarity) == shortest
    return np.select(
        [
            ours.serial == theirs.serial,
            ours.bare == theirs.bare,
            (slips == 0) & (shortest >= LEAST_LETTERS),
            one_slip & (longer == -1),
            one_slip & (longer == 1),
            ends_alike,
            swapped,
            one_slip,
            (slips <= 2) & (shortest >= LEAST_FOR_TWO_SLIPS),
        ],
        [SAME, BLANKS, LOOK_ALIKE, MISSING, EXTRA, PREFIX, SWAPPED, WRONG, TWO_SLIPS],
        default=FAR,
    )


def _where(asked: np.ndarray, ours: np.ndarray, theirs: np.ndarray, scorer: Any) -> np.ndarray:
    """What the scorer says of the pairs asked for; -1 for the others."""
    scores = np.full(len(asked), -1)
    scores[asked] = cpdist(ours[asked].tolist(), theirs[asked].tolist(), scorer=scorer)
    return scores


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
