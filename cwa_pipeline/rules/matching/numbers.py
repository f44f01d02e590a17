"""Ids that a technician typed into a text field."""

import re

import pandas as pd

from cwa_pipeline.rules.frames import map_distinct

_WHOLE_NUMBER = re.compile(r"-?[0-9]+")
MOST_DIGITS = 18  # always fits a 64-bit column; no system gives out a longer id, so a longer number names nothing


def is_whole_number(text: pd.Series) -> pd.Series:
    """Whether a text is, trimmed, an optional minus and ASCII digits; False for null."""
    return map_distinct(text, lambda value: bool(_WHOLE_NUMBER.fullmatch(value.strip())), missing=False, dtype="bool")


def whole_number(text: pd.Series) -> pd.Series:
    """The whole number in a text, as Int64; null if it is none, or one too long to name anything."""

    def number(value: str) -> int | None:
        digits = value.strip()
        fits = _WHOLE_NUMBER.fullmatch(digits) and len(digits.removeprefix("-")) <= MOST_DIGITS
        return int(digits) if fits else None

    return map_distinct(text, number, missing=None, dtype="Int64")
