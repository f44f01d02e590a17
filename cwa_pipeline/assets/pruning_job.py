"""The job that removes finished records older than `[history]` allows, and its schedule.

It has no assets, because it makes none: `nightly_sync` stays the job of every asset.
"""

from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from cwa_pipeline.assets.jobs import NIGHTLY_SYNC, name_with_site, site_tags
from cwa_pipeline.config.environment import warehouse_url
from cwa_pipeline.config.settings import ScheduleSettings, Settings
from cwa_pipeline.warehouse import site
from cwa_pipeline.warehouse.pruning import prune_dagster, prune_warehouse
from cwa_pipeline.warehouse.store import Warehouse

PRUNING = "pruning"
PRUNING_CRON = "30 12 * * 0"  # Sunday at noon, far from any night's sync: only one may use the warehouse


class PruningConfig(dg.Config):
    """How a pruning runs."""

    dry_run: bool = Field(default=False, description="Only say what would be removed.")


@dg.op(
    description="Removes what [history] lets go from the warehouse; what the guards and the page need is kept whatever its age."
)
def prune_the_warehouse(context: dg.OpExecutionContext, config: PruningConfig) -> None:
    history = Settings.load().history
    with Warehouse(warehouse_url()) as warehouse, warehouse.exclusive():
        site.claim(warehouse)
        removed = prune_warehouse(warehouse, history, datetime.now(UTC), dry_run=config.dry_run)
    context.add_output_metadata(removed)


@dg.op(description="Removes the runs, events and logs that [history] lets go from Dagster's own storage.")
def prune_dagsters_runs(context: dg.OpExecutionContext, config: PruningConfig) -> None:
    origin, history = context.run.remote_job_origin, Settings.load().history
    removed = prune_dagster(
        context.instance,
        history,
        datetime.now(UTC),
        jobs={name_with_site(Settings.load().site.name, NIGHTLY_SYNC), context.job_name},
        location=origin.location_name if origin else None,
        dry_run=config.dry_run,
    )
    context.add_output_metadata({"runs": len(removed)})


def pruning_job(site_name: str | None = None) -> dg.JobDefinition:
    """The job `pruning`, or `tampa_pruning` of the site `tampa`."""

    @dg.job(
        name=name_with_site(site_name, PRUNING),
        description="Forgets what is over and older than [history] says: rows of the warehouse, and Dagster's runs.",
        tags=site_tags(site_name),
    )
    def pruning() -> None:
        prune_the_warehouse()
        prune_dagsters_runs()

    return pruning


def pruning_schedule(schedule: ScheduleSettings, pruning: dg.JobDefinition) -> dg.ScheduleDefinition:
    """Once a week. If a sync is running at that moment, the pruning waits in the queue."""
    return dg.ScheduleDefinition(
        name=f"{pruning.name}_schedule",
        job=pruning,
        cron_schedule=PRUNING_CRON,
        execution_timezone=schedule.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Runs pruning every week, in the time zone of the shop.",
    )
