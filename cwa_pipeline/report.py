"""What the command line prints. Text from either system is hostile: control characters could drive a terminal, and a leading `=`
a spreadsheet, so all of it goes through `plain` or `csv_safe` on the way out.
"""

import json
import re
import sys
from collections.abc import Iterable

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cwa_pipeline.fitness import Finding
from cwa_pipeline.run import SyncOutcome
from cwa_pipeline.settings import warehouse_url
from cwa_pipeline.systems.warehouse import Warehouse

# C0 and C1 controls, and the marks that reorder text from right to left.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_WIDTH_WITHOUT_TERMINAL = 200  # a file or a pipe has no edge, but a line has to end somewhere


def plain(value: object) -> str:
    """A value as text that cannot drive a terminal; null is empty."""
    return "" if pd.isna(value) else _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", str(value))  # type: ignore[call-overload]


def csv_safe(value: object) -> str:
    """A value as text that no spreadsheet takes for a formula."""
    text = "" if pd.isna(value) else str(value)  # type: ignore[call-overload]
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


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


def print_issues(area: str | None, form: str) -> None:
    """Print the open issues, worst and oldest first."""
    with Warehouse(warehouse_url()) as warehouse:
        found = warehouse.read("open_issues")
    found = found[found["area"] == area] if area else found
    found = found.sort_values(["severity", "area", "issue", "customer", "subject"], ignore_index=True)
    if form == "json":
        # ASCII only: json then escapes every character that could drive a terminal
        records = json.loads(found.to_json(orient="records", date_format="iso", date_unit="s"))
        print(json.dumps(records, indent=2, ensure_ascii=True))
    elif form == "csv":
        text = found.assign(first_seen=found["first_seen"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")).map(csv_safe)
        text.to_csv(sys.stdout, index=False, lineterminator="\n")
    else:
        shown = found[["severity", "area", "issue", "reason", "customer", "subject", "first_seen", "issue_key"]]
        out = console()
        out.print(as_table(shown.assign(first_seen=found["first_seen"].dt.strftime("%Y-%m-%d"))))
        out.print(f"\n{len(found)} open issues" if len(found) else "No open issues")


def print_sync(outcome: SyncOutcome) -> None:
    """Print what a sync did, or why it failed."""
    out = console()
    if not outcome.succeeded:
        out.print(f"The sync failed (run {outcome.run_id})", style="bold red")
    for problem in outcome.problems:
        out.print(Text(f"- {plain(problem)}"))
    if outcome.succeeded:
        with Warehouse(warehouse_url()) as warehouse:
            members, found = warehouse.read("additional_members"), warehouse.read("open_issues")
        counts = members["status"].value_counts()
        told = ", ".join(f"{counts[status]} {status}" for status in counts.index) or "none to judge"
        out.print(f"The sync succeeded (run {outcome.run_id})", style="bold green")
        out.print(f"Subscriptions: {told}")
        errors = int((found["severity"] == "error").sum())
        out.print(f"Open issues: {errors} errors, {len(found) - errors} warnings (cwa-pipeline issues lists them)")


def print_fitness(findings: Iterable[Finding]) -> int:
    """Print one line for each finding; 0 when all are well, else 1."""
    out, all_well = console(), True
    for finding in findings:
        all_well = all_well and finding.well
        mark = Text("ok  ", style="green") if finding.well else Text("FAIL", style="bold red")
        out.print(mark, Text(f"{finding.subject}: {plain(finding.text)}"))
    return 0 if all_well else 1
