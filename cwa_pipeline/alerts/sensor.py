"""The sensor behind every alert: once a minute it compares the current state with the reported one, and sends the difference.

A run status sensor would not do. Dagster moves it on to the next run even if it failed, so a message that could not be sent would be
lost; and "late" and "no longer held" are not the end of a run.
"""

import logging
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from cwa_pipeline.alerts.addresses import addresses
from cwa_pipeline.alerts.changes import State, changes
from cwa_pipeline.alerts.digest import digest, due_at
from cwa_pipeline.alerts.messages import deliver, message
from cwa_pipeline.alerts.ping import ping
from cwa_pipeline.alerts.syncs import Ends, last_ends, left_by_the_last_sync
from cwa_pipeline.assets.jobs import name_with_site, site_of
from cwa_pipeline.config.environment import alert_urls, page_path, ping_url, warehouse_url
from cwa_pipeline.config.settings import AlertSettings, Settings
from cwa_pipeline.errors import PipelineError, SettingsError
from cwa_pipeline.warehouse.site import refuse_another_sites_tables
from cwa_pipeline.warehouse.store import Warehouse

INTERVAL_SECONDS = 60  # nobody acts on an alert faster than that

log = logging.getLogger(__name__)


def alerts_sensor(alerts: AlertSettings, job: str) -> dg.SensorDefinition:
    """The sensor of `[alerts]` for the runs of one job. It runs if alerts are enabled; otherwise it can be started in the UI."""

    @dg.sensor(
        name=name_with_site(site_of(job), "alerts"),
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING if alerts.enabled else dg.DefaultSensorStatus.STOPPED,
        description="Reports failed and late syncs, held groups and jumps of issues, once, and their end; calls the dead-man's switch.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        now = datetime.now(UTC)
        state = State.of(context.cursor, now)
        summary = tick(state, context.instance, job, now)
        context.update_cursor(state.model_dump_json())
        return dg.SkipReason(summary)

    return sensor


def tick(state: State, instance: dg.DagsterInstance, job: str, now: datetime) -> str:
    """Report what has changed. Updates `state`. Returns a summary for the tick's line in the UI."""
    settings, alerts, timezone = _settings()
    zone, to = ZoneInfo(timezone), addresses(alert_urls())
    warehouse, dry = _warehouse(), settings is not None and settings.sync.dry_run
    page = _page(settings)
    numbers = [address.number for address in to]

    ends = last_ends(
        instance, job, warehouse, busy_runs=state.busy_runs, failed_run=state.failed_run, dry_run_counts=dry
    )
    left = left_by_the_last_sync(warehouse, state.judged_run, dry_run_counts=dry)
    found = [change for change in changes(state, ends, left, alerts, now, zone) if change.about in alerts.tell]
    if found and to:
        state.outbox.append(message(job, found, page, numbers, now))
    if alerts.digest and (due := due_at(alerts.digest, zone, now)) > (state.digest_at or state.watching_since):
        since, state.digest_at = state.digest_at or due - timedelta(days=1), now
        if to:
            state.outbox.append(digest(job, warehouse, since, now, zone, page, numbers))
    problems = _ping(state, ends, alerts, now)
    waiting = len(state.outbox)
    state.outbox, not_taken = deliver(state.outbox, to, now)
    for problem in [*problems, *not_taken]:
        log.warning("%s", problem)
    done = [change.headline for change in found] or ["nothing to report"]
    if found and not to:
        done.append("no address to send it to: set CWA_ALERT_URLS")
    if waiting:
        done.append(f"{waiting - len(state.outbox)} of {waiting} messages delivered")
    return "; ".join([*done, *problems, *not_taken])


def _settings() -> tuple[Settings | None, AlertSettings, str]:
    """The settings, those of alerts and the time zone. With a broken file, the defaults: the sync fails, and that must be reported."""
    try:
        settings = Settings.load()
    except SettingsError:
        return None, AlertSettings(), "UTC"
    return settings, settings.alerts, settings.schedule.timezone


def _warehouse() -> Warehouse | None:
    """The warehouse; None if WAREHOUSE_URL is wrong or of another site: every sync fails, and that must be reported."""
    try:
        warehouse = Warehouse(warehouse_url())
        refuse_another_sites_tables(warehouse)
    except SettingsError:
        return None
    except PipelineError:
        pass  # it is down; reading it reports that
    return warehouse


def _page(settings: Settings | None) -> str:
    try:
        settings = settings or Settings.load()
        return settings.page.url or str(page_path(settings, warehouse_url()))
    except SettingsError:
        return "unknown; the configuration cannot be read, cwa-pipeline check says why"


def _ping(state: State, ends: Ends, alerts: AlertSettings, now: datetime) -> list[str]:
    """Call the dead-man's switch for a new success. A failed call is repeated at the next tick, until the success is old."""
    try:
        url = ping_url()
    except SettingsError as error:
        return [str(error)]
    success = ends.success
    if url is None or success is None or success.run_id == state.pinged_run:
        return []
    problem = None
    if now - success.ended_at < timedelta(hours=alerts.late_after_hours):
        problem = ping(url)
    if problem is None:
        state.pinged_run = success.run_id
    return [] if problem is None else [problem]
