"""Text of either system made safe to show: in a terminal, a spreadsheet, or a message.

Text from CWA and PCRT is hostile. Control characters could drive a terminal, and a leading `=` a spreadsheet.
"""

import re

import pandas as pd

# C0 and C1 controls, and the marks that reorder text from right to left.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def plain(value: object) -> str:
    """A value as text that cannot drive a terminal; null is empty."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", _text(value))


def shortened(value: object, longest: int) -> str:
    """The same, and no longer than that many characters; an ellipsis stands for what was cut off."""
    text = plain(value)
    return text if len(text) <= longest else f"{text[:longest]}…"


def csv_safe(value: object) -> str:
    """A value as text that no spreadsheet takes for a formula."""
    text = _text(value)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if pd.isna(value) else str(value)  # type: ignore[call-overload]
