"""The daily digest: what is new, resolved, open longest, and written since the last digest.

It contains no names; an issue's key leads to the issue on the page.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

import pandas as pd
from croniter import croniter

from cwa_pipeline.alerts.changes import Message
from cwa_pipeline.alerts.messages import harmless, with_page
from cwa_pipeline.alerts.syncs import held_groups
from cwa_pipeline.errors import PipelineError, SettingsError
from cwa_pipeline.page.summary import last_sync
from cwa_pipeline.rules.history import last_snoozes
from cwa_pipeline.rules.issues.kinds import ISSUES
from cwa_pipeline.warehouse.store import MAY_BE_UNFILLED, Warehouse

OLDEST = 5
_TABLES = (
    "issue_history",
    "issue_snoozes",
    "additional_members",
    "additional_members_ledger",
    "coverage_history",
    "sync_runs",
    "sync_failures",
)


def due_at(cron: str, zone: ZoneInfo, now: datetime) -> datetime:
    """When the last digest was due."""
    return croniter(cron, now.astimezone(zone)).get_prev(datetime)


def digest(
    job: str, warehouse: Warehouse | None, since: datetime, now: datetime, zone: ZoneInfo, page: str, to: list[int]
) -> Message:
    """The digest of what happened since then. If the warehouse cannot be read, it says so in one line."""
    when = f"since {since.astimezone(zone):%Y-%m-%d %H:%M}"
    try:
        if warehouse is None:
            raise SettingsError("WAREHOUSE_URL cannot be used; cwa-pipeline check says why")
        tables = {table: warehouse.read(table, or_empty=table in MAY_BE_UNFILLED) for table in _TABLES}
        lines = _lines(tables, pd.Timestamp(since), pd.Timestamp(now))
    except PipelineError as error:
        lines = [f"No figures: {error}"]
    text = "\n".join(map(harmless, lines))
    return Message(title=f"{job}: digest {when}", text=with_page(text, page), tone="info", made_at=now, to=to)


def _lines(tables: dict[str, pd.DataFrame], since: pd.Timestamp, now: pd.Timestamp) -> list[str]:
    history, coverage, ledger = tables["issue_history"], tables["coverage_history"], tables["additional_members_ledger"]
    still_open = history[history["resolved_at"].isna()]
    severity = still_open["issue"].map(lambda issue: ISSUES[issue].severity)
    ended = last_sync(tables["sync_runs"], tables["sync_failures"], tables["additional_members"])
    written = ledger[(ledger["status"] == "written") & (ledger["written_at"] > since)]
    held = held_groups(tables["additional_members"])
    return [
        f"{ended.headline}.",
        "",
        f"Open issues: {(severity == 'error').sum()} errors, {(severity == 'warning').sum()} warnings.",
        f"New: {_by_kind(history[history['first_seen'] > since])}.",
        f"Resolved: {_by_kind(history[history['resolved_at'] > since])}.",
        f"Written: {len(written)} lists; {(coverage['covered_from'] > since).sum()} PCIDs newly covered, "
        f"{(coverage['covered_to'] > since).sum()} no longer.",
        *([f"Held: {', '.join(map(str, held))} (groups; cwa-pipeline plan says why)."] if held else []),
        *_oldest(still_open, tables["issue_snoozes"], now),
    ]


def _by_kind(issues: pd.DataFrame) -> str:
    kinds = ", ".join(f"{count} {issue}" for issue, count in issues["issue"].value_counts().items())
    return f"{len(issues)} ({kinds})" if kinds else "none"


def _oldest(still_open: pd.DataFrame, issue_snoozes: pd.DataFrame, now: pd.Timestamp) -> list[str]:
    """The issues that have been open longest, without those that are snoozed."""
    snoozed = last_snoozes(issue_snoozes)
    snoozed_keys = snoozed.loc[snoozed["snoozed_until"] > now, "issue_key"]
    known = still_open["issue_key"].isin(snoozed_keys)
    oldest = still_open[~known].sort_values(["first_seen", "issue_key"]).head(OLDEST)
    lines = [f"- {row.issue_key}, since {row.first_seen:%Y-%m-%d}" for row in oldest.itertuples()]
    return ["", "Open longest:", *lines] if lines else []
