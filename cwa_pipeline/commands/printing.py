"""What the command line prints, and the exit status that goes with it."""

import json
import logging
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import pandas as pd
from rich.console import Console
from rich.logging import RichHandler
from rich.table import Table
from rich.text import Text

from cwa_pipeline.commands.snooze import snoozed_until
from cwa_pipeline.config.environment import page_path, warehouse_url
from cwa_pipeline.config.settings import Settings
from cwa_pipeline.rules.frames import lookup
from cwa_pipeline.rules.members.membership import plan_id
from cwa_pipeline.rules.safe_text import csv_safe, plain
from cwa_pipeline.warehouse.site import own_warehouse

if TYPE_CHECKING:
    from cwa_pipeline.commands.check import Finding
    from cwa_pipeline.commands.run import PruningOutcome, SyncOutcome  # imports Dagster

EX_TEMPFAIL = 75  # sysexits.h: nothing is wrong, try again later

_WIDTH_WITHOUT_TERMINAL = 200  # for a file or a pipe
_MARK_STYLES = {"ok": "green", "warn": "yellow", "FAIL": "bold red"}
_UNDO_STATUSES = {"written": "put back", "conflict": "changed since; left alone"}


def console() -> Console:
    """Standard output, as wide as the terminal."""
    return Console(width=None if sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL, highlight=False)


def as_table(frame: pd.DataFrame) -> Table:
    """A frame as a table for the terminal."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, dtype in frame.dtypes.items():
        justify: Literal["left", "right"] = "right" if pd.api.types.is_numeric_dtype(dtype) else "left"
        table.add_column(str(name), justify=justify, overflow="fold")
    for row in frame.itertuples(index=False):
        table.add_row(*(Text(plain(value)) for value in row))
    return table


def print_line(out: Console, text: str, style: str = "") -> None:
    """Print text from outside as one line: no markup, no control characters, no line breaks."""
    out.print(Text(plain(text), style=style), soft_wrap=True)


def show_progress() -> None:
    """Show our own log lines on standard error; standard output holds only the result."""
    log = logging.getLogger("cwa_pipeline")
    log.setLevel(logging.INFO)
    log.addHandler(
        RichHandler(console=Console(stderr=True), show_path=False, show_level=False, markup=False, highlighter=None)
    )


def print_findings(findings: Iterable["Finding"]) -> int:
    """Print one line for each finding as soon as it is there; 1 if one of them failed, else 0 (a warning is no failure)."""
    out, failed = console(), False
    for finding in findings:
        failed |= finding.mark == "FAIL"
        mark = Text(f"{finding.mark:<4}", style=_MARK_STYLES[finding.mark])
        out.print(mark, Text(f"{finding.subject}: {plain(finding.text)}"), soft_wrap=True)
    return int(failed)


def print_issues(area: str | None, form: str) -> None:
    """Print the open issues, worst and oldest first."""
    found, snoozes = _read("open_issues", "issue_snoozes")
    found = found.assign(snoozed_until=lookup(found["issue_key"], snoozed_until(snoozes, datetime.now(UTC))))
    found = found[found["area"] == area] if area else found
    found = found.sort_values(["severity", "first_seen", "area", "issue", "customer", "subject"], ignore_index=True)
    if form == "json":
        # ASCII only: json then escapes every character that could drive a terminal
        records = json.loads(found.to_json(orient="records", date_format="iso", date_unit="s"))
        print(json.dumps(records, indent=2, ensure_ascii=True))
    elif form == "csv":
        times = {name: found[name].dt.strftime("%Y-%m-%dT%H:%M:%SZ") for name in ("first_seen", "snoozed_until")}
        found.assign(**times).map(csv_safe).to_csv(sys.stdout, index=False, lineterminator="\n")
    else:
        columns = ["severity", "area", "issue", "reason", "customer", "subject", "first_seen", "issue_key"]
        snoozed = int(found["snoozed_until"].notna().sum())
        shown = found[[*columns, "snoozed_until"] if snoozed else columns]
        days = {name: found[name].dt.strftime("%Y-%m-%d") for name in ("first_seen", "snoozed_until") if name in shown}
        out = console()
        out.print(as_table(shown.assign(**days)))
        count = f"{len(found)} open issues" + (f", {snoozed} of them snoozed" if snoozed else "")
        out.print(f"\n{count}" if len(found) else "No open issues")


def print_sync(outcome: "SyncOutcome") -> int:
    """Print what a sync did or why it failed; the exit status."""
    _print_problems(outcome, "The sync")
    if outcome.succeeded:
        with own_warehouse() as warehouse:
            lists = warehouse.counts("additional_members", "status")
            issues = warehouse.counts("open_issues", "severity")
        statuses = ", ".join(f"{count} {status}" for status, count in lists.items()) or "none to judge"
        errors, warnings = issues.get("error", 0), issues.get("warning", 0)
        out = console()
        out.print(f"Subscriptions: {statuses}")
        out.print(f"Open issues: {errors} errors, {warnings} warnings (cwa-pipeline issues lists them)")
        print_line(out, f"The page for the technicians: {page_path(Settings.load(), warehouse_url())}")
    return _status(outcome)


def print_plan(outcome: "SyncOutcome") -> int:
    """Print what a sync would change, by subscription and with the computers' names, and the plan's id."""
    out = console()
    if not outcome.succeeded:
        _print_problems(outcome, "The dry run")
        return _status(outcome)
    lists, matches, computers, groups, subscriptions = _read(
        "additional_members", "computer_matches", "cwa_computers", "pcrt_groups", "pcrt_subscriptions"
    )
    matched = matches[["computer_id", "pcid"]].dropna().merge(computers[["computer_id", "name"]], on="computer_id")
    names = matched.drop_duplicates("pcid").set_index("pcid")["name"].to_dict()
    customers = groups.set_index("group_id")["name"].to_dict()
    titles = subscriptions.set_index("subscription_id")["name"].to_dict()
    for row in lists[lists["status"].isin(["planned", "held"])].to_dict("records"):
        customer, title = customers.get(row["group_id"]), titles.get(row["subscription_id"])
        subscription = f"subscription {row['subscription_id']} {title}: {row['status']}"
        print_line(out, f"{customer} (group {row['group_id']}), {subscription}", style="bold")
        for sign, column in (("+", "added_pcids"), ("-", "removed_pcids")):
            for pcid in plain(row[column]).split():
                print_line(out, f"  {sign} PCID {pcid}  {names.get(int(pcid), 'no computer is matched to it')}")
        if row["hand_edited"]:
            added, removed = (plain(row[f"hand_{change}_pcids"]) or "none" for change in ("added", "removed"))
            print_line(out, f"  edited by hand in PCRT since the last write: added {added}, removed {removed}")
        if row["status"] == "held":
            print_line(out, f"  {row['reason']}")
    planned = lists[lists["status"] == "planned"]
    if planned.empty:
        out.print("Nothing would be written")
    else:
        counts = f"{planned['added'].sum()} PCIDs added, {planned['removed'].sum()} removed"
        out.print(f"\n{len(planned)} lists would be written: {counts}")
        out.print(f"Plan {plan_id(lists)}; to write exactly this: cwa-pipeline sync --plan {plan_id(lists)}")
    return 0


def print_undo(outcome: "SyncOutcome") -> int:
    """Print what happened to each list that an undo was to put back."""
    _print_problems(outcome, "The undo")
    if outcome.succeeded:
        (ledger,) = _read("additional_members_ledger")
        done = ledger[(ledger["run_id"] == outcome.run_id) & (ledger["status"] != "planned")]
        shown = done[["subscription_id", "group_id", "before", "after", "status"]]
        out = console()
        out.print(as_table(shown.assign(status=shown["status"].replace(_UNDO_STATUSES))))
        for group_id in sorted(done["group_id"].dropna().unique()):
            out.print(f"Group {group_id} is held until it is released: cwa-pipeline sync --release {group_id}")
    return _status(outcome)


def print_covered(pcid: int, on: datetime | None) -> int:
    """Print when a PCID was covered, or whether it was on one day (UTC); 0 if it was, else 1."""
    (history,) = _read("coverage_history")
    rows = history[history["pcid"] == pcid]
    if on is not None:
        ended = rows["covered_to"].notna() & (rows["covered_to"] < on)
        rows = rows[(rows["covered_from"] < on + timedelta(days=1)) & ~ended]
    out, when = console(), "" if on is None else f" on {on:%Y-%m-%d}"
    if rows.empty:
        out.print(f"PCID {pcid} was not covered{when}" if when else f"PCID {pcid} was never covered")
        return 1
    out.print(f"PCID {pcid} was covered{when}:")
    times = {name: rows[name].dt.strftime("%Y-%m-%d %H:%M UTC") for name in ("covered_from", "covered_to")}
    out.print(as_table(rows[["subscription_id"]].assign(**times).fillna({"covered_to": "to this day"})))
    return 0


def print_pruning(outcome: "PruningOutcome", *, dry_run: bool) -> int:
    """Print how much was removed, or would be, and what went wrong; the exit status."""
    out = console()
    for thing, count in outcome.removed.items():
        out.print(f"{thing}: {count:,} {'would be removed' if dry_run else 'removed'}")
    for problem in outcome.problems:
        print_line(out, f"- {problem}")
    return EX_TEMPFAIL if outcome.busy else int(bool(outcome.problems))


def _print_problems(outcome: "SyncOutcome", what: str) -> None:
    out = console()
    result, style = ("succeeded", "bold green") if outcome.succeeded else ("failed", "bold red")
    out.print(f"{what} {result} (run {outcome.run_id})", style=style)
    for problem in outcome.problems:
        print_line(out, f"- {problem}")


def _status(outcome: "SyncOutcome") -> int:
    return 0 if outcome.succeeded else EX_TEMPFAIL if outcome.busy else 1


def _read(*tables: str) -> list[pd.DataFrame]:
    with own_warehouse() as warehouse:
        return [warehouse.read(table) for table in tables]
