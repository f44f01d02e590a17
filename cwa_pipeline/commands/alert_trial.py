"""Whether alerts would get through: what is configured, and a test message to each address.

What belongs here: the lines that `cwa-pipeline check` says of alerts. What must not: a sync; and the dead-man's switch is never called
for a test, for it would then wait another day before it raises the alarm.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from croniter import croniter

from cwa_pipeline.alerts.addresses import addresses, send, understood
from cwa_pipeline.commands.fitness import Finding, Mark
from cwa_pipeline.config.environment import alert_urls, ping_url
from cwa_pipeline.config.settings import Settings
from cwa_pipeline.errors import SettingsError

NONE = "CWA_ALERT_URLS is not set; put the addresses into the environment or the .env file (docs/how-to/alerts.md)"
TITLE = "cwa-pipeline: test message"
TEXT = "This is a test message of cwa-pipeline check --alert. Alerts reach you here."
LOOKED_AT = 60  # syncs; a weekly or monthly pattern shows in them


def try_addresses() -> Iterator[Finding]:
    """Send a test message to each address, and say of each whether it went through."""
    try:
        to = addresses(alert_urls())
    except SettingsError as error:
        yield Finding("alerts", "FAIL", str(error))
        return
    if not to:
        yield Finding("alerts", "FAIL", NONE)
    for outcome in send(to, TITLE, TEXT, "info"):
        yield Finding(outcome.name, "FAIL" if outcome.problem else "ok", outcome.problem or "took the test message")


def fit_to_alert(settings: Settings) -> Iterator[tuple[Mark, str]]:
    """What `check` says of alerts; nothing when none are configured. Nothing is sent."""
    alerts, to, url = settings.alerts, addresses(alert_urls()), ping_url()
    if not alerts.enabled:
        if to:
            yield "warn", "CWA_ALERT_URLS is set, but nothing is told; set [alerts] enabled = true"
        if url:
            yield (
                "warn",
                "CWA_PING_URL is called by `cwa-pipeline sync` alone; for the schedule's syncs, set [alerts] enabled = true",
            )
        return
    problems = [outcome for outcome in understood(to) if outcome.problem]
    yield from (("FAIL", f"{outcome.name} {outcome.problem}") for outcome in problems)
    if not to:
        yield "FAIL", NONE
    elif not problems:
        yield "ok", f"addresses: {len(to)} (cwa-pipeline check --alert sends each a test message)"
    if url is None:
        yield "warn", "CWA_PING_URL is not set, so nobody is told when this machine or Dagster's daemon is dead"
    pause = longest_pause(settings, datetime.now(UTC))
    if pause >= timedelta(hours=alerts.late_after_hours):
        hours = pause / timedelta(hours=1)
        yield (
            "warn",
            f"[alerts] late_after_hours is {alerts.late_after_hours:g}, but the schedule pauses for {hours:g} hours; make it {hours + 2:g}",
        )


def longest_pause(settings: Settings, now: datetime) -> timedelta:
    """The longest time between two syncs by the schedule."""
    ticks = croniter(settings.schedule.cron, now.astimezone(ZoneInfo(settings.schedule.timezone)))
    times = [ticks.get_next(datetime).astimezone(UTC) for _ in range(LOOKED_AT)]
    return max(after - before for before, after in pairwise(times))
