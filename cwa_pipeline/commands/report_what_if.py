"""What `cwa-pipeline what-if` prints.

What belongs here: which differences, in which order, and how many of them. What must not: replaying (`what_if`).
"""

from collections.abc import Iterable
from datetime import date
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.text import Text

from cwa_pipeline.commands.terminal import as_table, console
from cwa_pipeline.commands.what_if import Differences, differences, replayed
from cwa_pipeline.config.environment import nights_folder, warehouse_url
from cwa_pipeline.config.settings import Settings, SyncSettings, generic_serials
from cwa_pipeline.rules.safe_text import plain
from cwa_pipeline.warehouse.nights import opened

SHOWN = 10  # issues of a kind, and lists, unless all are asked for
SIGNS = {"new": "+", "gone": "-", "added": "+", "removed": "-"}


def print_what_if(night: date | None, serials_file: Path | None, mode: str | None, *, every: bool) -> None:
    """Replay a night as it was and as it would be, and print what differs."""
    settings, out = Settings.load(), console()
    if mode:
        settings = settings.model_copy(update={"sync": SyncSettings.model_validate({"additional_members": mode})})
    now, list_format = settings.sync.additional_members, settings.pcrt.additional_members.format
    serials = generic_serials(serials_file)
    with opened(nights_folder(settings, warehouse_url()), night) as inputs:
        before, after = replayed(inputs, inputs.mode, list_format), replayed(inputs, now, list_format, serials)
        found = differences(inputs, before, after)
        was = len(inputs.frame("serial_blacklist"))
        out.print(f"The night of {inputs.night}, read at {inputs.read_at:%Y-%m-%d %H:%M} UTC", style="bold")
        out.print(
            f"as it was: {inputs.mode}, {was} generic serials; what if: {now}, {after.generic_serials} generic serials"
        )
    _print_issues(out, found, before.issues, after.issues, every=every)
    _print_lists(out, found, every=every)
    out.print("\nNothing was read from CWA or PCRT, and nothing was written")


def _print_issues(out: Console, found: Differences, before: pd.DataFrame, after: pd.DataFrame, *, every: bool) -> None:
    issues = found.issues
    if issues.empty:
        out.print("\nThe same issues would be open")
        return
    changed = issues["issue"].drop_duplicates()
    counts = pd.DataFrame({"as it was": before["issue"].value_counts(), "what if": after["issue"].value_counts()})
    by_change = pd.crosstab(issues["issue"], issues["change"]).reindex(columns=["new", "gone"], fill_value=0)
    shown = counts.reindex(changed).fillna(0).astype("int64").join(by_change)
    out.print()
    out.print(as_table(shown.rename_axis("issue").reset_index()))
    for issue, rows in issues.groupby("issue"):
        out.print(f"\n{issue}", style="bold")
        lines = (
            f"  {SIGNS[row['change']]} {plain(row['customer'])}: {plain(row['subject'])} {plain(row['reason'])}".rstrip()
            for row in rows.to_dict("records")
        )
        _print_first(out, lines, len(rows), every=every)


def _print_lists(out: Console, found: Differences, *, every: bool) -> None:
    members = found.members
    if members.empty:
        out.print("\nThe same PCIDs would be listed")
        return
    lists = [rows for _, rows in members.groupby(["customer", "subscription_id"], sort=False, dropna=False)]
    for rows in lists if every else lists[:SHOWN]:
        first = rows.iloc[0]
        subscription = f"subscription {first['subscription_id']} {plain(first['subscription'])}"
        head = f"{plain(first['customer'])} (group {first['group_id']}), {subscription}"
        out.print(Text(f"\n{head}", style="bold"), soft_wrap=True)
        lines = (
            f"  {SIGNS[row['change']]} PCID {row['pcid']}  {plain(row['computer'])}" for row in rows.to_dict("records")
        )
        _print_first(out, lines, len(rows), every=every)
    if not every and len(lists) > SHOWN:
        out.print(f"\nand {len(lists) - SHOWN:,} lists more; --all names them")
    counts = members["change"].value_counts()
    out.print(
        f"\n{len(lists):,} lists would differ: {counts.get('added', 0):,} PCIDs added, {counts.get('removed', 0):,} removed"
    )


def _print_first(out: Console, lines: Iterable[str], count: int, *, every: bool) -> None:
    for number, line in enumerate(lines):
        if number == SHOWN and not every:
            out.print(f"  and {count - SHOWN:,} more; --all names them")
            break
        out.print(Text(line), soft_wrap=True)
