"""The job, its schedule and what happens after a failure. With a site, each name starts with the site's."""

import socket
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import dagster as dg
from croniter import croniter

from cwa_pipeline.assets.failures import NOTHING_SAID, problems_in, tell_of_failure
from cwa_pipeline.config.settings import ScheduleSettings

NIGHTLY_SYNC = "nightly_sync"
AssetJob = Any  # Dagster has no public name for what `define_asset_job` returns

# A retry starts from the beginning: a failed step must not run again on an older reading, and a sync is short.
_RETRY_TAGS = {"dagster/retry_strategy": "ALL_STEPS"}

TICKS_COMPARED = 60  # of the schedule: enough for a weekly or monthly pattern

# With many sites, the queue counts runs by these tags: one for a site, a few for a host (deploy/dagster.yaml).
SITE_TAG, HOST_TAG = "cwa-pipeline/site", "cwa-pipeline/host"
CWA_TAG = "cwa-pipeline/cwa"  # tells two sites of one name apart


def name_with_site(site: str | None, name: str) -> str:
    """The name of a job, schedule or sensor, which starts with the site's name if there is a site."""
    return f"{site}_{name}" if site else name


def site_of(job: str) -> str | None:
    """The site of a nightly sync's job; None without a site."""
    return job.removesuffix(NIGHTLY_SYNC).removesuffix("_") or None


def site_tags(site: str | None) -> dict[str, str]:
    """The tags by which the queue counts the runs of a site; none without a site."""
    return {SITE_TAG: site, HOST_TAG: socket.gethostname()} if site else {}


def nightly_sync_job(site: str | None = None, cwa_url: str = "") -> AssetJob:
    """The job `nightly_sync`, or `tampa_nightly_sync` of the site `tampa`: every asset of this code location."""
    return dg.define_asset_job(
        name_with_site(site, NIGHTLY_SYNC),
        selection=dg.AssetSelection.all(),
        description="Reads both systems, publishes the tables and brings every BizCare subscription's Additional Members up to date.",
        tags={**_RETRY_TAGS, **site_tags(site), **({CWA_TAG: cwa_url} if site else {})},
    )


def nightly_sync_schedule(schedule: ScheduleSettings, job: AssetJob) -> dg.ScheduleDefinition:
    """The schedule of `[schedule]`. It ships running: installing the pipeline is the decision to sync every night."""
    return dg.ScheduleDefinition(
        name=f"{job.name}_schedule",
        job=job,
        cron_schedule=schedule.cron,
        execution_timezone=schedule.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Runs nightly_sync every night, in the time zone of the shop.",
    )


def freshness(schedule: ScheduleSettings) -> dg.FreshnessPolicy:
    """The lists and the page are stale if the last scheduled sync did not make them before the next one starts."""
    ticks = croniter(schedule.cron, datetime(2026, 1, 1))
    times = [ticks.get_next(datetime) for _ in range(TICKS_COMPARED)]
    shortest_pause = min(after - before for before, after in pairwise(times))
    return dg.FreshnessPolicy.cron(schedule.cron, min(shortest_pause, timedelta(days=1)), schedule.timezone)


def page_after_a_failure_of(job: AssetJob) -> dg.SensorDefinition:
    """The sensor that shows a failed run on the page. It runs where the site's code runs, as the job does."""

    @dg.run_failure_sensor(
        name=name_with_site(site_of(job.name), "page_after_a_failure"),
        monitored_jobs=[job],
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Renews the integration page when a sync failed: yesterday's tables, and the failure at the top.",
    )
    def renew(context: dg.RunFailureSensorContext) -> None:
        run_id = context.dagster_run.run_id
        entries = context.instance.all_logs(run_id)
        found = problems_in(entry.dagster_event for entry in entries if entry.dagster_event is not None)
        if not found.busy:
            tell_of_failure(run_id, found.errors or [NOTHING_SAID])

    return renew
