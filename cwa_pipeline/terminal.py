"""Text of either system on its way to a person: to a terminal or into a spreadsheet.

What belongs here: making it harmless and laying it out. What must not: which rows are shown (`report`). Text from CWA and PCRT is
hostile: control characters could drive a terminal, and a leading `=` a spreadsheet.
"""

import re
import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    import pandas as pd

# C0 and C1 controls, and the marks that reorder text from right to left.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_WIDTH_WITHOUT_TERMINAL = 200  # a file or a pipe has no edge, but a line has to end somewhere


def plain(value: object) -> str:
    """A value as text that cannot drive a terminal; null is empty."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", _text(value))


def shortened(value: object, longest: int) -> str:
    """The same, and no longer than that many characters; what was cut off shows as three dots."""
    text = plain(value)
    return text if len(text) <= longest else f"{text[:longest]}…"


def csv_safe(value: object) -> str:
    """A value as text that no spreadsheet takes for a formula."""
    text = _text(value)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    import pandas as pd  # noqa: PLC0415 - not for the lines of `check`, the first of which is there at once

    return "" if pd.isna(value) else str(value)  # type: ignore[call-overload]


def console() -> Console:
    """Standard output: as wide as the terminal, or wide enough when there is none."""
    return Console(width=None if sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL, highlight=False)


def as_table(frame: "pd.DataFrame", title: str | None = None) -> Table:
    """A frame as a table for the terminal."""
    import pandas as pd  # noqa: PLC0415 - as above

    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for name, dtype in frame.dtypes.items():
        table.add_column(
            str(name), justify="right" if pd.api.types.is_numeric_dtype(dtype) else "left", overflow="fold"
        )
    for row in frame.itertuples(index=False):
        table.add_row(*(Text(plain(value)) for value in row))
    return table
