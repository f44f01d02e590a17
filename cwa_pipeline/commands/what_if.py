"""`cwa-pipeline what-if`: what the rules make of a past night's inputs under other settings.

Guards, holds and hand edits are left out: they depend on earlier nights, not on the rules.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd
from rich.console import Console

from cwa_pipeline.commands.printing import as_table, console, print_line
from cwa_pipeline.config.environment import nights_folder, warehouse_url
from cwa_pipeline.config.settings import Settings, SyncSettings, generic_serials
from cwa_pipeline.rules import history
from cwa_pipeline.rules.frames import lookup
from cwa_pipeline.rules.issues import client_issues, computer_issues, group_issues
from cwa_pipeline.rules.matching import matches as matching
from cwa_pipeline.rules.matching import serials
from cwa_pipeline.rules.members import membership
from cwa_pipeline.rules.members.ledger import last_written
from cwa_pipeline.rules.members.lists import ListFormat
from cwa_pipeline.rules.safe_text import plain
from cwa_pipeline.warehouse.nights import Night, opened
from cwa_pipeline.warehouse.schema import dtypes

LEDGER, HISTORY = "additional_members_ledger", "issue_history"
Mode = Literal["every_plan", "by_plan"]
ISSUE = ["issue_key", "area", "issue", "reason", "severity", "customer", "subject"]
SHOWN = 10  # issues of each kind, and lists, unless all are asked for
SIGNS = {"new": "+", "gone": "-", "added": "+", "removed": "-"}


class Replay(NamedTuple):
    """What the rules make of a night: its open issues, one row for each subscription and PCID to list, and how many generic serials."""

    issues: pd.DataFrame
    members: pd.DataFrame
    generic_serials: int


class Differences(NamedTuple):
    """What is in only one of two replays.

    `issues` has the columns of ISSUE and `change` (`new` or `gone`; an issue whose reason changed is both). `members` has
    subscription_id, group_id, pcid, `change` (`added` or `removed`), and the names `customer`, `subscription` and `computer`.
    """

    issues: pd.DataFrame
    members: pd.DataFrame


def replay(night: Night, mode: Mode, list_format: ListFormat, generic_serials: Sequence[str] | None = None) -> Replay:
    """Apply the rules to a night's inputs; without `generic_serials`, with those of the night itself."""
    computers, clients = night.frame("cwa_computers"), night.frame("cwa_clients")
    members, cwa_groups = night.frame("cwa_group_members"), night.frame("cwa_groups")
    groups, pcids, subscriptions = (night.frame(table) for table in ("pcrt_groups", "pcrt_pcids", "pcrt_subscriptions"))
    blacklist = (
        night.frame("serial_blacklist") if generic_serials is None else serials.serial_blacklist(generic_serials)
    )

    client_groups = matching.client_groups(clients, groups)
    matches = matching.computer_matches(computers, pcids, blacklist, client_groups)
    listed = membership.subscription_members(subscriptions, client_groups, matches, members, cwa_groups, mode)
    plan = membership.planned_members(subscriptions, client_groups, listed, last_written(_empty(LEDGER)), list_format)
    found = (
        client_issues.client_issues(clients, client_groups),
        computer_issues.computer_issues(matches, computers, clients, members, cwa_groups, pcids, blacklist),
        group_issues.group_issues(groups, subscriptions, client_groups, computers, members, cwa_groups, plan),
    )
    seen = history.issue_history(_empty(HISTORY), *found, pd.Timestamp(night.read_at))
    return Replay(
        history.open_issues(*found, seen)[ISSUE], listed[["subscription_id", "group_id", "pcid"]], len(blacklist)
    )


def differences(night: Night, before: Replay, after: Replay) -> Differences:
    """What differs between two replays of a night, with names."""
    issues = _changes(before.issues, after.issues, ["issue_key", "reason"], "gone", "new")
    members = _changes(before.members, after.members, ["subscription_id", "pcid"], "removed", "added")

    def names(column: str, table: str, key: str) -> pd.Series:
        return lookup(members[column], night.frame(table).set_index(key)["name"])

    named = members.assign(
        customer=names("group_id", "pcrt_groups", "group_id"),
        subscription=names("subscription_id", "pcrt_subscriptions", "subscription_id"),
        computer=names("pcid", "pcrt_pcids", "pcid"),
    )
    return Differences(
        issues.sort_values(["issue", "change", "customer", "subject"], ignore_index=True),
        named.sort_values(["customer", "subscription_id", "change", "pcid"], ignore_index=True),
    )


def _changes(before: pd.DataFrame, after: pd.DataFrame, key: list[str], gone: str, new: str) -> pd.DataFrame:
    """The rows that are in only one of two tables; `change` says in which."""
    both = pd.concat([before.assign(change=gone), after.assign(change=new)], ignore_index=True)
    return both[~both.duplicated(key, keep=False)]


def _empty(table: str) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in dtypes(table).items()})


def print_what_if(night: date | None, serials_file: Path | None, mode: str | None, *, every: bool) -> None:
    """Replay a night as it was and with other settings, and print the differences."""
    settings, out = Settings.load(), console()
    if mode:
        settings = settings.model_copy(update={"sync": SyncSettings.model_validate({"additional_members": mode})})
    now, list_format = settings.sync.additional_members, settings.pcrt.additional_members.format
    lines = generic_serials(serials_file)
    with opened(nights_folder(settings, warehouse_url()), night) as inputs:
        before, after = replay(inputs, inputs.mode, list_format), replay(inputs, now, list_format, lines)
        found = differences(inputs, before, after)
    out.print(f"The night of {inputs.night}, read at {inputs.read_at:%Y-%m-%d %H:%M} UTC", style="bold")
    was, what_if = f"{before.generic_serials} generic serials", f"{after.generic_serials} generic serials"
    out.print(f"as it was: {inputs.mode}, {was}; what if: {now}, {what_if}")
    _print_issues(out, found.issues, before.issues, after.issues, every=every)
    _print_lists(out, found.members, every=every)
    out.print("\nNothing was read from CWA or PCRT, and nothing was written")


def _print_issues(
    out: Console, issues: pd.DataFrame, before: pd.DataFrame, after: pd.DataFrame, *, every: bool
) -> None:
    if issues.empty:
        out.print("\nThe same issues would be open")
        return
    counts = pd.DataFrame({"as it was": before["issue"].value_counts(), "what if": after["issue"].value_counts()})
    by_change = pd.crosstab(issues["issue"], issues["change"]).reindex(columns=["new", "gone"], fill_value=0)
    shown = counts.reindex(issues["issue"].drop_duplicates()).fillna(0).astype("int64").join(by_change)
    out.print()
    out.print(as_table(shown.rename_axis("issue").reset_index()))
    for issue, rows in issues.groupby("issue"):
        out.print(f"\n{issue}", style="bold")
        lines = (
            f"  {SIGNS[row['change']]} {plain(row['customer'])}: {plain(row['subject'])} {plain(row['reason'])}".rstrip()
            for row in rows.to_dict("records")
        )
        _print_first(out, lines, len(rows), every=every)


def _print_lists(out: Console, members: pd.DataFrame, *, every: bool) -> None:
    if members.empty:
        out.print("\nThe same PCIDs would be listed")
        return
    lists = [rows for _, rows in members.groupby(["customer", "subscription_id"], sort=False, dropna=False)]
    for rows in lists if every else lists[:SHOWN]:
        first = rows.iloc[0]
        subscription = f"subscription {first['subscription_id']} {plain(first['subscription'])}"
        out.print()
        print_line(out, f"{plain(first['customer'])} (group {first['group_id']}), {subscription}", style="bold")
        lines = (
            f"  {SIGNS[row['change']]} PCID {row['pcid']}  {plain(row['computer'])}" for row in rows.to_dict("records")
        )
        _print_first(out, lines, len(rows), every=every)
    if not every and len(lists) > SHOWN:
        out.print(f"\nand {len(lists) - SHOWN:,} more lists; --all shows them")
    added, removed = ((members["change"] == change).sum() for change in ("added", "removed"))
    out.print(f"\n{len(lists):,} lists would differ: {added:,} PCIDs added, {removed:,} removed")


def _print_first(out: Console, lines: Iterable[str], count: int, *, every: bool) -> None:
    for number, line in enumerate(lines):
        if number == SHOWN and not every:
            out.print(f"  and {count - SHOWN:,} more; --all shows them")
            break
        print_line(out, line)
