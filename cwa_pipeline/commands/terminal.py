"""The terminal: how wide it is, and a frame as a table in it."""

import sys

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cwa_pipeline.rules.safe_text import plain

_WIDTH_WITHOUT_TERMINAL = 200  # a file or a pipe has no edge, but a line has to end somewhere


def console() -> Console:
    """Standard output: as wide as the terminal, or wide enough when there is none."""
    return Console(width=None if sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL, highlight=False)


def as_table(frame: pd.DataFrame, title: str | None = None) -> Table:
    """A frame as a table for the terminal."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for name, dtype in frame.dtypes.items():
        table.add_column(
            str(name), justify="right" if pd.api.types.is_numeric_dtype(dtype) else "left", overflow="fold"
        )
    for row in frame.itertuples(index=False):
        table.add_row(*(Text(plain(value)) for value in row))
    return table
