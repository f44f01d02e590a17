"""Everything wired. Only the site's name, schedule and alerts are read here; systems and secrets are opened when a run starts."""

import dagster as dg

from cwa_pipeline.alerts.sensor import alerts_sensor
from cwa_pipeline.assets import coverage, cwa, issues, matching, page, pcrt, sources, what_if
from cwa_pipeline.assets.io_manager import KEY, warehouse_io_manager
from cwa_pipeline.assets.jobs import freshness, nightly_sync_job, nightly_sync_schedule, page_after_a_failure_of
from cwa_pipeline.assets.pruning_job import pruning_job, pruning_schedule
from cwa_pipeline.assets.resources import CwaResource, PcrtResource, SettingsResource, WarehouseResource
from cwa_pipeline.config.settings import AlertSettings, ScheduleSettings, Settings, config_path

# Without a configuration yet, the lineage can still be looked at. A run then says what is missing.
_settings = Settings.load() if config_path().exists() else None
_schedule = _settings.schedule if _settings else ScheduleSettings()
_alerts = _settings.alerts if _settings else AlertSettings()
_site = _settings.site.name if _settings else None  # None: keys and names have no prefix
_nightly_sync = nightly_sync_job(_site, _settings.cwa.url if _settings else "")
_pruning = pruning_job(_site)
job_name = _nightly_sync.name
_fresh = {"additional_members": freshness(_schedule), "integration_page": freshness(_schedule)}

defs = dg.Definitions(
    assets=dg.map_asset_specs(
        lambda spec: spec.replace_attributes(freshness_policy=_fresh.get(spec.key.path[-1])),
        dg.load_assets_from_modules(  # type: ignore[arg-type] # its return type also names kinds of asset that are gone
            [sources, cwa, pcrt, matching, issues, coverage, page, what_if],
            key_prefix=_site,
            source_key_prefix=_site,
            include_specs=True,
        ),
    ),
    jobs=[_nightly_sync, _pruning],
    schedules=[nightly_sync_schedule(_schedule, _nightly_sync), pruning_schedule(_schedule, _pruning)],
    sensors=[page_after_a_failure_of(_nightly_sync), alerts_sensor(_alerts, _nightly_sync.name)],
    resources={
        "settings": SettingsResource(),
        "cwa": CwaResource(),
        "pcrt": PcrtResource(),
        "warehouse": WarehouseResource(),
        KEY: warehouse_io_manager,
    },
    # A run is a process of its own already. A process for each step would cost ten times as much and read every table back.
    executor=dg.in_process_executor,
)
