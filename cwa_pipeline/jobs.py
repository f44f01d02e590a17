"""The one job, its schedule, and what happens when it failed."""

import dagster as dg

from cwa_pipeline.failures import NOTHING_SAID, problems_in, tell_of_failure
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


@dg.run_failure_sensor(
    monitored_jobs=[nightly_sync],
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Renews the integration page when a sync failed: yesterday's tables, and the failure at the top.",
)
def page_after_a_failure(context: dg.RunFailureSensorContext) -> None:
    run_id = context.dagster_run.run_id
    entries = context.instance.all_logs(run_id)
    found = problems_in(entry.dagster_event for entry in entries if entry.dagster_event is not None)
    if not found.busy:
        tell_of_failure(run_id, found.errors or [NOTHING_SAID])
