"""From the state that people know of to the current one: each change is reported once.

Dagster's storage keeps the state, as the sensor's cursor, because the warehouse may be what is down.
"""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ValidationError

from cwa_pipeline.alerts.addresses import Tone
from cwa_pipeline.alerts.syncs import Ends, Left
from cwa_pipeline.config.settings import AlertSettings, Told

NAMED_AT_MOST = 10  # groups, kinds or problems in one message; the page has them all

log = logging.getLogger(__name__)


class Message(BaseModel):
    """One message to deliver; `to` holds the numbers of the addresses that do not have it yet."""

    title: str
    text: str
    tone: Tone
    made_at: datetime
    to: list[int]
    tries: int = 0
    not_before: datetime | None = None


class Jump(BaseModel):
    """A kind of issue that jumped: how many were open before, and how many when it was last reported."""

    before: int
    told: int


class State(BaseModel):
    """The state that people know of. Contains no secret and no customer's name."""

    watching_since: datetime
    last_success_at: datetime | None = None
    failed_run: str | None = None
    is_late: bool = False
    judged_run: str | None = None  # the run that `held` and `counts` are from
    held: list[int] = []
    counts: dict[str, int] | None = None
    jumped: dict[str, Jump] = {}
    busy_runs: list[str] = []  # stopped because another sync was running
    pinged_run: str | None = None
    digest_at: datetime | None = None
    outbox: list[Message] = []

    @classmethod
    def of(cls, cursor: str | None, now: datetime) -> Self:
        """The state in a cursor; a new one if there is none, or if this version cannot read it."""
        if cursor:
            try:
                return cls.model_validate_json(cursor)
            except ValidationError:
                log.warning("The alerts' state cannot be read; current problems are reported again")
        return cls(watching_since=now)


class Change(NamedTuple):
    """One change of state: its kind, a headline and the lines below it."""

    about: Told
    tone: Tone
    headline: str
    lines: list[str]


def changes(
    state: State, ends: Ends, left: Left | None, alerts: AlertSettings, now: datetime, zone: ZoneInfo
) -> list[Change]:
    """What has changed. Updates `state`. `left` is None if the tables have not changed since the last call."""
    state.busy_runs = ends.busy_runs
    if ends.success and (state.last_success_at is None or ends.success.ended_at > state.last_success_at):
        state.last_success_at = ends.success.ended_at
    found = [*_failed(state, ends, zone), *_late(state, alerts, now, zone)]
    if left is not None:
        found += [*_held(state, left), *_jumped(state, left, alerts)]
        state.judged_run = left.run_id
    return found


def _failed(state: State, ends: Ends, zone: ZoneInfo) -> Iterator[Change]:
    """A failure after a success, and the success after it; further failures in between are not news."""
    last, known = ends.last, state.failed_run
    if last is None or (last.succeeded and known is None):
        return
    state.failed_run = None if last.succeeded else last.run_id
    when = f"{last.ended_at.astimezone(zone):%Y-%m-%d %H:%M}"
    if last.succeeded:
        yield Change("failed", "success", "sync succeeds again", [f"The sync of {when} succeeded (run {last.run_id})."])
    elif known is None:
        lines = [f"- {line}" for line in _first(last.problems)]
        yield Change("failed", "failure", "sync failed", [f"The sync of {when} failed (run {last.run_id}):", *lines])


def _late(state: State, alerts: AlertSettings, now: datetime, zone: ZoneInfo) -> Iterator[Change]:
    """No success for the configured time, and the first success after that."""
    since = state.last_success_at or state.watching_since
    is_late = now - since > timedelta(hours=alerts.late_after_hours)
    if is_late == state.is_late:
        return
    state.is_late = is_late
    when = f"{since.astimezone(zone):%Y-%m-%d %H:%M}"
    if not is_late:
        yield Change("late", "success", "no longer late", [f"A sync succeeded on {when}."])
    else:
        succeeded = f"since {when}" if state.last_success_at else f"yet (watched since {when})"
        problem = f"No sync has succeeded {succeeded}, more than {alerts.late_after_hours:g} hours."
        remedy = "Check in Dagster's UI whether the schedule is on, a run waits or hangs, and why the last one failed."
        yield Change("late", "failure", "sync is late", [problem, remedy])


def _held(state: State, left: Left) -> Iterator[Change]:
    """Groups that a guard holds since the last sync, and groups that are no longer held."""
    new, over = sorted({*left.held} - {*state.held}), sorted({*state.held} - {*left.held})
    state.held = left.held
    if new:
        look = "Look at cwa-pipeline plan. Then run cwa-pipeline sync --release GROUP_ID, or correct what is missing in CWA."
        lines = [f"Not written until released: {_groups(new)}.", look]
        yield Change("held", "warning", f"{_counted(len(new), 'group')} held", lines)
    if over:
        still = f"; {len(left.held)} still are" if left.held else ""
        lines = [f"No longer held: {_groups(over)}{still}."]
        yield Change("held", "success", f"{_counted(len(over), 'group')} no longer held", lines)


def _jumped(state: State, left: Left, alerts: AlertSettings) -> Iterator[Change]:
    """Kinds of issues with many more open than after the sync before, and kinds that came down again.

    A kind has come down when it is no longer a jump from where it was. Until then it is reported again only if it jumps further.
    """
    counts, before = left.counts, left.counts if state.counts is None else state.counts
    state.counts = counts
    up, down = [], []
    for issue in sorted({*counts, *state.jumped}):
        now, jump = counts.get(issue, 0), state.jumped.get(issue)
        if jump is None and _is_jump(before.get(issue, 0), now, alerts):
            state.jumped[issue] = Jump(before=before.get(issue, 0), told=now)
            up.append(f"- {issue}: from {before.get(issue, 0)} to {now}")
        elif jump is not None and not _is_jump(jump.before, now, alerts):
            del state.jumped[issue]
            down.append(f"- {issue}: {now}, after {jump.told}")
        elif jump is not None and _is_jump(jump.told, now, alerts):
            up.append(f"- {issue}: from {jump.told} to {now}, and from {jump.before} before that")
            jump.told = now
    if up:
        yield Change("jumped", "warning", "many more issues", ["Open issues of a kind jumped:", *_first(up)])
    if down:
        lines = ["Open issues that had jumped came down again:", *_first(down)]
        yield Change("jumped", "success", "issues came down again", lines)


def _is_jump(before: int, now: int, alerts: AlertSettings) -> bool:
    return now - before >= alerts.jump_by and now - before > alerts.jump_share * before


def _first(lines: list[str]) -> list[str]:
    more = len(lines) - NAMED_AT_MOST
    return lines if more <= 0 else [*lines[:NAMED_AT_MOST], f"- and {more} more"]


def _groups(group_ids: list[int]) -> str:
    more = len(group_ids) - NAMED_AT_MOST
    named = ", ".join(map(str, group_ids[:NAMED_AT_MOST])) + (f" and {more} more" if more > 0 else "")
    return f"group{'' if len(group_ids) == 1 else 's'} {named}"


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
