"""Everything wired. Only the settings of schedule and alerts are read here; files, secrets and systems are opened when a run starts."""

import dagster as dg

from cwa_pipeline import checks
from cwa_pipeline.alerts.sensor import alerts_sensor
from cwa_pipeline.assets import coverage, issues, matching, page, source_tables
from cwa_pipeline.assets.io import WarehouseIOManager
from cwa_pipeline.assets.resources import AutomateResource, PcrtResource, SettingsResource
from cwa_pipeline.assets.sources import source_systems
from cwa_pipeline.jobs import nightly_sync, nightly_sync_schedule, page_after_a_failure
from cwa_pipeline.pruning_job import pruning, pruning_schedule
from cwa_pipeline.settings import AlertSettings, ScheduleSettings, Settings, config_path

# Without a configuration yet, the lineage can still be looked at; a run then says what is missing.
_schedule = Settings.load().schedule if config_path().exists() else ScheduleSettings()
_alerts = Settings.load().alerts if config_path().exists() else AlertSettings()

defs = dg.Definitions(
    assets=[*source_systems, *dg.load_assets_from_modules([source_tables, matching, issues, coverage, page])],
    asset_checks=dg.load_asset_checks_from_modules([checks]),
    jobs=[nightly_sync, pruning],
    schedules=[nightly_sync_schedule(_schedule), pruning_schedule(_schedule)],
    sensors=[page_after_a_failure, alerts_sensor(_alerts, nightly_sync.name)],
    resources={
        "settings": SettingsResource(),
        "automate": AutomateResource(),
        "pcrt": PcrtResource(),
        "warehouse": WarehouseIOManager(),
    },
    # A run is a process of its own already; a process per step would cost ten times as much and read every table back.
    executor=dg.in_process_executor,
)
