"""The top of the integration page: how the last sync ended, what was synced, and how many issues are open."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NamedTuple

import pandas as pd

from cwa_pipeline.rules.history import open_counts
from cwa_pipeline.rules.issues.kinds import ISSUES, Kind

TREND_DAYS = 30
MOST_REASONS = 5  # reasons of held groups; the group issue `members_held` has them all

State = Literal["wrote", "held", "planned", "failed", "never"]


class LastSync(NamedTuple):
    """How the last sync ended: in a word, a headline and lines, when it ended, and when the last one finished."""

    state: State
    headline: str
    lines: list[str]
    ended_at: datetime | None
    finished_at: datetime | None


class Trend(NamedTuple):
    """How many issues are open, the change since yesterday and in 30 days, and the number on each day (None before the first sync)."""

    now: int
    since_yesterday: int | None
    since_30_days: int | None
    days: list[int | None]


class KindTrend(NamedTuple):
    """The trend of one kind of issue."""

    issue: str
    kind: Kind
    trend: Trend


class Figure(NamedTuple):
    """A number and what it counts."""

    label: str
    value: int
    note: str = ""


def last_sync(sync_runs: pd.DataFrame, sync_failures: pd.DataFrame, additional_members: pd.DataFrame) -> LastSync:
    """Whether the last sync wrote, held something, only planned or failed."""
    finished = sync_runs.sort_values("finished_at").iloc[-1] if len(sync_runs) else None
    failed = sync_failures.sort_values("failed_at").iloc[-1] if len(sync_failures) else None
    finished_at = None if finished is None else finished["finished_at"]
    if failed is not None and (finished_at is None or failed["failed_at"] >= finished_at):
        lines = [*failed["problem"].splitlines(), "The rest of this page shows the last sync that finished."]
        return LastSync(
            "failed", "The last sync failed; it may have written nothing", lines, failed["failed_at"], finished_at
        )
    if finished is None:
        return LastSync("never", "No sync has finished yet", ["Run one: cwa-pipeline sync"], None, None)
    counts = additional_members["status"].value_counts()
    told = _statuses(counts)
    if not finished["wrote"]:
        return LastSync("planned", f"The last sync only planned: {told}", [], finished_at, finished_at)
    left_alone = additional_members[additional_members["status"].isin(["held", "conflict"])]
    if len(left_alone):
        groups = left_alone["group_id"].nunique()
        why = left_alone.drop_duplicates("group_id")["reason"].dropna().tolist()[:MOST_REASONS]
        headline = f"The last sync wrote, and left {groups} {'group' if groups == 1 else 'groups'} alone: {told}"
        return LastSync("held", headline, why, finished_at, finished_at)
    return LastSync("wrote", f"The last sync succeeded: {told}", [], finished_at, finished_at)


def _statuses(counts: pd.Series) -> str:
    words = {
        "written": "written",
        "unchanged": "right already",
        "held": "held",
        "conflict": "changed meanwhile",
        "planned": "planned",
    }
    told = [f"{counts[status]} {word}" for status, word in words.items() if counts.get(status)]
    return ", ".join(told) + " (lists of Additional Members)" if told else "no subscription to judge"


def figures(tables: Mapping[str, pd.DataFrame], links: pd.DataFrame) -> list[Figure]:
    """What was synced, and how many computers are covered: those whose chain (`computer_links`) is not broken."""
    matched, covered = int(links["pcid"].notna().sum()), int(links["broken"].isna().sum())
    subscriptions = tables["pcrt_subscriptions"]
    bizcare = int((subscriptions["active"] & subscriptions["is_bizcare"]).sum())
    return [
        Figure(
            "Clients",
            len(tables["cwa_clients"]),
            f"{tables['client_groups']['group_id'].notna().sum():,} tied to a group",
        ),
        Figure("Computers", len(links), f"{matched:,} matched to a PCID"),
        Figure("PCIDs", len(tables["pcrt_pcids"]), f"in {len(tables['pcrt_groups']):,} groups"),
        Figure("Subscriptions", len(subscriptions), f"{bizcare:,} active BizCare"),
        Figure("Covered computers", covered, _share(covered, len(links))),
    ]


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%} of all".replace("%", " %") if whole else ""


def trends(issue_history: pd.DataFrame, now: datetime, timezone: str) -> tuple[dict[str, Trend], list[KindTrend]]:
    """The trend of all errors and all warnings, and of each kind that was open in these 30 days.

    A day's number is that at its end in the shop's time zone; the last point is now.
    """
    midnights = pd.date_range(end=pd.Timestamp(now).tz_convert(timezone).normalize(), periods=TREND_DAYS, tz=timezone)
    moments = pd.DatetimeIndex([*midnights.tz_convert("UTC"), pd.Timestamp(now)]).as_unit("us")
    counts = open_counts(issue_history, moments)
    known = [bool((issue_history["first_seen"] < moment).any()) for moment in moments]
    severity = counts.index.map(lambda issue: ISSUES[issue].severity)
    totals = {name: _trend(counts.loc[severity == name].sum(), known) for name in ("error", "warning")}
    kinds = [
        KindTrend(issue, kind, _trend(counts.T[issue], known))
        for issue, kind in ISSUES.items()
        if issue in counts.index and counts.loc[issue].any()
    ]
    return totals, sorted(kinds, key=lambda each: (each.kind.severity, -each.trend.now))


def _trend(counts: pd.Series, known: list[bool]) -> Trend:
    days = [int(count) if is_known else None for count, is_known in zip(counts, known, strict=True)]
    now = days[-1] or 0
    yesterday, first = days[-2], days[0]
    return Trend(now, None if yesterday is None else now - yesterday, None if first is None else now - first, days)
