"""Ids that a technician typed into a text field.

What belongs here: what counts as a whole number, and which one it is. What must not: what the number names.
"""

import re

import pandas as pd

from cwa_pipeline.rules.frames import map_distinct

_WHOLE_NUMBER = re.compile(r"-?[0-9]+")

# So many digits are sure to fit a 64-bit column. No system hands out a longer id, so a longer number names nothing.
MOST_DIGITS = 18


def is_whole_number(text: pd.Series) -> pd.Series:
    """Whether a text is, trimmed, an optional minus and ASCII digits; never for a missing one."""
    return map_distinct(text, lambda value: bool(_WHOLE_NUMBER.fullmatch(value.strip())), missing=False, dtype="bool")


def whole_number(text: pd.Series) -> pd.Series:
    """The whole number a text is, as Int64; null when it is none, or one too long to name anything."""

    def number(value: str) -> int | None:
        digits = value.strip()
        fits = _WHOLE_NUMBER.fullmatch(digits) and len(digits.removeprefix("-")) <= MOST_DIGITS
        return int(digits) if fits else None

    return map_distinct(text, number, missing=None, dtype="Int64")
