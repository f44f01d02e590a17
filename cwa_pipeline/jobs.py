"""The one job and its schedule."""

import dagster as dg

from cwa_pipeline.settings import ScheduleSettings

# A step that failed must not be re-run on yesterday's reading, and a sync is short: any retry starts from the beginning.
_RETRY_TAGS = {"dagster/retry_strategy": "ALL_STEPS"}

nightly_sync = dg.define_asset_job(
    "nightly_sync",
    selection=dg.AssetSelection.all(),
    description="Reads both systems, publishes the tables and brings every BizCare subscription's Additional Members up to date.",
    tags=_RETRY_TAGS,
)


def nightly_sync_schedule(schedule: ScheduleSettings) -> dg.ScheduleDefinition:
    """The schedule of `[schedule]`. It ships running: installing the pipeline is the decision to sync every night."""
    return dg.ScheduleDefinition(
        name="nightly_sync_schedule",
        job=nightly_sync,
        cron_schedule=schedule.cron,
        execution_timezone=schedule.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Runs nightly_sync every night, in the time zone of the shop.",
    )
