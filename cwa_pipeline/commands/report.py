"""What the command line prints, and with which exit status.

What belongs here: which rows of which table, in which order. What must not: how a text is made harmless (`terminal`).
"""

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
from rich.text import Text

from cwa_pipeline.commands.snooze import snoozed_until
from cwa_pipeline.commands.terminal import as_table, console
from cwa_pipeline.config.environment import page_path, warehouse_url
from cwa_pipeline.config.settings import Settings
from cwa_pipeline.rules.frames import lookup
from cwa_pipeline.rules.members.membership import plan_id
from cwa_pipeline.rules.safe_text import csv_safe, plain
from cwa_pipeline.warehouse.site import own_warehouse

if TYPE_CHECKING:
    from cwa_pipeline.commands.run import PruningOutcome, SyncOutcome  # which brings Dagster along

EX_TEMPFAIL = 75  # sysexits.h: nothing is wrong, try again later


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
        text = found.assign(**times).map(csv_safe)
        text.to_csv(sys.stdout, index=False, lineterminator="\n")
    else:
        columns = ["severity", "area", "issue", "reason", "customer", "subject", "first_seen", "issue_key"]
        snoozed = int(found["snoozed_until"].notna().sum())
        shown = found[[*columns, "snoozed_until"] if snoozed else columns]
        days = {name: found[name].dt.strftime("%Y-%m-%d") for name in ("first_seen", "snoozed_until") if name in shown}
        out = console()
        out.print(as_table(shown.assign(**days)))
        told = f"{len(found)} open issues" + (f", {snoozed} of them snoozed" if snoozed else "")
        out.print(f"\n{told}" if len(found) else "No open issues")


def print_sync(outcome: "SyncOutcome") -> int:
    """Print what a sync did, or why it failed; the exit status."""
    _print_problems(outcome, "The sync")
    if outcome.succeeded:
        with own_warehouse() as warehouse:
            lists = warehouse.counts("additional_members", "status")
            issues = warehouse.counts("open_issues", "severity")
        told = ", ".join(f"{count} {status}" for status, count in lists.items()) or "none to judge"
        errors, warnings = issues.get("error", 0), issues.get("warning", 0)
        out = console()
        out.print(f"Subscriptions: {told}")
        out.print(f"Open issues: {errors} errors, {warnings} warnings (cwa-pipeline issues lists them)")
        out.print(
            Text(f"The page for the technicians: {plain(page_path(Settings.load(), warehouse_url()))}"), soft_wrap=True
        )
    return _status(outcome)


def print_plan(outcome: "SyncOutcome") -> int:
    """Print what a sync would change, per subscription and with the computers' names, and the plan's id."""
    out = console()
    if not outcome.succeeded:
        _print_problems(outcome, "The dry run")
        return _status(outcome)
    lists, matches, computers, groups, subscriptions = _read(
        "additional_members", "computer_matches", "cwa_computers", "pcrt_groups", "pcrt_subscriptions"
    )
    named = matches[["computer_id", "pcid"]].dropna().merge(computers[["computer_id", "name"]], on="computer_id")
    name_of = named.drop_duplicates("pcid").set_index("pcid")["name"].to_dict()
    customer = groups.set_index("group_id")["name"].to_dict()
    title = subscriptions.set_index("subscription_id")["name"].to_dict()
    changing = lists[lists["status"].isin(["planned", "held"])]
    for row in changing.to_dict("records"):
        head = f"{customer.get(row['group_id'])} (group {row['group_id']}), subscription {row['subscription_id']}"
        out.print(
            Text(plain(f"{head} {title.get(row['subscription_id'])}: {row['status']}"), style="bold"), soft_wrap=True
        )
        for sign, column in (("+", "added_pcids"), ("-", "removed_pcids")):
            for pcid in [] if pd.isna(row[column]) else row[column].split():
                out.print(
                    Text(plain(f"  {sign} PCID {pcid}  {name_of.get(int(pcid), 'no computer is matched to it')}"))
                )
        if row["hand_edited"]:
            hand = f"added {_or_none(row['hand_added_pcids'])}, removed {_or_none(row['hand_removed_pcids'])}"
            out.print(Text(plain(f"  edited by hand in PCRT since the last write: {hand}")), soft_wrap=True)
        if row["status"] == "held":
            out.print(Text(plain(f"  {row['reason']}")), soft_wrap=True)
    planned = lists[lists["status"] == "planned"]
    if planned.empty:
        out.print("Nothing would be written")
    else:
        out.print(
            f"\n{len(planned)} lists would be written: {planned['added'].sum()} PCIDs added, {planned['removed'].sum()} removed"
        )
        out.print(f"Plan {plan_id(lists)}; to write exactly this: cwa-pipeline sync --plan {plan_id(lists)}")
    return 0


def print_undo(outcome: "SyncOutcome") -> int:
    """Print what became of each list that was to be put back."""
    _print_problems(outcome, "The undo")
    if outcome.succeeded:
        (ledger,) = _read("additional_members_ledger")
        done = ledger[(ledger["run_id"] == outcome.run_id) & (ledger["status"] != "planned")]
        shown = done[["subscription_id", "group_id", "before", "after", "status"]]
        out = console()
        out.print(
            as_table(
                shown.assign(
                    status=shown["status"].replace({"written": "put back", "conflict": "changed since; left alone"})
                )
            )
        )
        for group_id in sorted(done["group_id"].dropna().unique()):
            out.print(f"Group {group_id} is held until it is released: cwa-pipeline sync --release {group_id}")
    return _status(outcome)


def print_covered(pcid: int, on: datetime | None) -> int:
    """Print when a PCID was covered; with a date, whether it was on that day (UTC): 0 when it was, else 1."""
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
    """Print how much of each thing was removed, or would be, and what went wrong; the exit status."""
    out = console()
    for thing, count in outcome.removed.items():
        out.print(f"{thing}: {count:,} {'would be removed' if dry_run else 'removed'}")
    for problem in outcome.problems:
        out.print(Text(f"- {plain(problem)}"), soft_wrap=True)
    return EX_TEMPFAIL if outcome.busy else int(bool(outcome.problems))


def _print_problems(outcome: "SyncOutcome", what: str) -> None:
    out = console()
    how, style = ("succeeded", "bold green") if outcome.succeeded else ("failed", "bold red")
    out.print(f"{what} {how} (run {outcome.run_id})", style=style)
    for problem in outcome.problems:
        out.print(Text(f"- {plain(problem)}"), soft_wrap=True)


def _status(outcome: "SyncOutcome") -> int:
    return 0 if outcome.succeeded else EX_TEMPFAIL if outcome.busy else 1


def _read(*tables: str) -> list[pd.DataFrame]:
    with own_warehouse() as warehouse:
        return [warehouse.read(table) for table in tables]


def _or_none(pcids: object) -> str:
    return plain(pcids) or "none"
