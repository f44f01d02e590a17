"""`cwa-pipeline check`: whether the configuration, the CWA account, both databases and the alerts are ready for a sync."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from croniter import croniter

from cwa_pipeline.alerts.addresses import addresses, send, understood
from cwa_pipeline.config.environment import (
    CwaCredentials,
    alert_urls,
    nights_folder,
    page_path,
    pcrt_database_url,
    ping_url,
    warehouse_url,
)
from cwa_pipeline.config.settings import Settings, config_path
from cwa_pipeline.cwa.client import CwaClient
from cwa_pipeline.cwa.members import read_group_members
from cwa_pipeline.cwa.records import read_clients, read_groups
from cwa_pipeline.errors import PipelineError, SettingsError
from cwa_pipeline.pcrt.privileges import excess_privileges, remedy
from cwa_pipeline.pcrt.reader import Pcrt
from cwa_pipeline.rules.matching.plans import plans_of_groups
from cwa_pipeline.warehouse import site
from cwa_pipeline.warehouse.store import Warehouse

PRIVILEGES_SHOWN = 5  # the remedy is the same for any number
SYNCS_COMPARED = 60  # enough to show a weekly or monthly pattern
TEST_TITLE = "cwa-pipeline: test message"
TEST_TEXT = "This is a test message of cwa-pipeline check --alert. Alerts reach you here."
NO_ADDRESS = (
    "CWA_ALERT_URLS is not set; put the addresses into the environment or the .env file (docs/how-to/alerts.md)"
)

Mark = Literal["ok", "warn", "FAIL"]
Marks = Iterator[tuple[Mark, str]]


class Finding(NamedTuple):
    """What was checked, whether it is ready, and what was found or what to do."""

    subject: str
    mark: Mark
    text: str


def check_all() -> Iterator[Finding]:
    """Check everything. A problem with one system does not stop the other checks."""
    try:
        settings = Settings.load()
    except SettingsError as error:
        yield from (Finding("configuration", "FAIL", line) for line in str(error).splitlines())
        return
    yield Finding("configuration", "ok", str(config_path()))
    for subject, check in CHECKS.items():
        try:
            yield from (Finding(subject, mark, text) for mark, text in check(settings))
        except PipelineError as error:
            yield Finding(subject, "FAIL", str(error))


def try_addresses() -> Iterator[Finding]:
    """Send a test message to each alert address. Never calls CWA_PING_URL: its monitor would take that for a good sync."""
    try:
        to = addresses(alert_urls())
    except SettingsError as error:
        yield Finding("alerts", "FAIL", str(error))
        return
    if not to:
        yield Finding("alerts", "FAIL", NO_ADDRESS)
    for outcome in send(to, TEST_TITLE, TEST_TEXT, "info"):
        yield Finding(outcome.name, "FAIL" if outcome.problem else "ok", outcome.problem or "took the test message")


def _check_automate(settings: Settings) -> Marks:
    with CwaClient(settings.cwa.url, CwaCredentials.from_environment(), connections=settings.cwa.connections) as client:
        client.log_in()
        yield "ok", f"logged in at {settings.cwa.url}"
        clients = len(read_clients(client).frame)
        yield ("ok", f"sees {clients} clients") if clients else ("FAIL", "sees no client; give it the right to")
        groups = plans_of_groups(read_groups(client).frame, settings.cwa.plans)
        for plan in settings.cwa.plans:
            if not (groups["plan"] == plan).any():
                yield "FAIL", f"no CWA group is called {plan}; name the group so in CWA, or take it out of [cwa] plans"
        members = read_group_members(client, groups.loc[groups["plan"].notna(), "cwa_group_id"].tolist()).frame
        if members.empty:
            yield "FAIL", "sees no computer in any plan's CWA group; check its rights and [cwa] plans"
        else:
            yield "ok", f"sees {members['computer_id'].nunique()} computers in plans"


def _check_pcrt(settings: Settings) -> Marks:
    url, target = pcrt_database_url(), settings.pcrt.additional_members
    with Pcrt(url, settings.pcrt) as pcrt:
        problems = pcrt.check()
    if problems:
        yield from (("FAIL", problem) for problem in problems)
        return
    yield "ok", f"its tables can be read, and {target.table}.{target.column} can be written"
    excess = excess_privileges(url, settings.pcrt)
    if excess == []:
        yield "ok", f"its account may update {target.table}.{target.column} and nothing else"
    elif excess:
        more = f" and {len(excess) - PRIVILEGES_SHOWN} more" if len(excess) > PRIVILEGES_SHOWN else ""
        allowed = ", ".join(excess[:PRIVILEGES_SHOWN]) + more
        yield "warn", f"its account may do more than it needs: {allowed}; {remedy(url, settings.pcrt)}"


def _check_warehouse(_settings: Settings) -> Marks:
    with Warehouse(warehouse_url()) as warehouse, warehouse.exclusive():
        site.claim(warehouse)
        yield "ok", f"its tables are there ({warehouse_url().render_as_string(hide_password=True)})"


def _check_page(settings: Settings) -> Marks:
    path = page_path(settings, warehouse_url())
    if not path.parent.is_dir():
        yield "FAIL", f"{path.parent} is no folder; make it, or correct [page] path"
    elif path.is_dir() or not _is_writable(path.parent):
        yield "FAIL", f"{path} cannot be written; correct its folder's rights, or [page] path"
    else:
        yield "ok", f"it can be written ({path})"


def _check_nights(settings: Settings) -> Marks:
    """A warning if the inputs of a night cannot be kept, else nothing; a sync works without them."""
    folder = nights_folder(settings, warehouse_url())
    place = folder if folder.exists() else folder.parent
    if settings.history.nights and not (place.is_dir() and _is_writable(place)):
        remedy = "correct its rights, or [history] nights_folder"
        yield "warn", f"{folder} cannot be written, so what-if has no nights; {remedy}"


def check_alerts(settings: Settings) -> Marks:
    """Whether alerts are set up; nothing if none are configured. Sends nothing."""
    alerts, to, url = settings.alerts, addresses(alert_urls()), ping_url()
    if not alerts.enabled:
        if to:
            yield "warn", "CWA_ALERT_URLS is set, but no alert is sent; set [alerts] enabled = true"
        if url:
            only = "CWA_PING_URL is called by `cwa-pipeline sync` only"
            yield "warn", f"{only}; for the schedule's syncs, set [alerts] enabled = true"
        return
    problems = [outcome for outcome in understood(to) if outcome.problem]
    yield from (("FAIL", f"{outcome.name} {outcome.problem}") for outcome in problems)
    if not to:
        yield "FAIL", NO_ADDRESS
    elif not problems:
        yield "ok", f"addresses: {len(to)} (cwa-pipeline check --alert sends each a test message)"
    if url is None:
        yield "warn", "CWA_PING_URL is not set, so nobody is told when this machine or Dagster's daemon is dead"
    pause, limit = longest_pause(settings, datetime.now(UTC)) / timedelta(hours=1), alerts.late_after_hours
    if pause >= limit:
        schedule = f"the schedule pauses for {pause:g} hours; make it {pause + 2:g}"
        yield "warn", f"[alerts] late_after_hours is {limit:g}, but {schedule}"


def longest_pause(settings: Settings, now: datetime) -> timedelta:
    """The longest time between two syncs of the schedule."""
    ticks = croniter(settings.schedule.cron, now.astimezone(ZoneInfo(settings.schedule.timezone)))
    times = [ticks.get_next(datetime).astimezone(UTC) for _ in range(SYNCS_COMPARED)]
    return max(after - before for before, after in pairwise(times))


def _is_writable(folder: Path) -> bool:
    return os.access(folder, os.W_OK | os.X_OK)


CHECKS: dict[str, Callable[[Settings], Marks]] = {
    "CWA account": _check_automate,
    "PCRT database": _check_pcrt,
    "warehouse": _check_warehouse,
    "page": _check_page,
    "nights": _check_nights,
    "alerts": check_alerts,
}
