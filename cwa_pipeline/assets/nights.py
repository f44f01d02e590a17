"""The inputs of the night, kept beside the warehouse for `cwa-pipeline what-if`."""

from datetime import datetime
from zoneinfo import ZoneInfo

import dagster as dg

from cwa_pipeline import nights
from cwa_pipeline.assets.io import OWNERS, WarehouseIOManager
from cwa_pipeline.assets.resources import SettingsResource
from cwa_pipeline.environment import nights_folder, warehouse_url

GROUP = "what_if"


@dg.asset(
    group_name=GROUP,
    kinds={"parquet"},
    owners=OWNERS,
    deps=[dg.AssetKey(table) for table in nights.INPUTS],
    description="The tables that the rules work from, as they were this night: one file of Parquet beside the warehouse. "
    "`cwa-pipeline what-if` replays the rules on it; `[history] nights` says how many nights are kept.",
)
def night_inputs(settings: SettingsResource, warehouse: dg.ResourceParam[WarehouseIOManager]) -> dg.MaterializeResult:
    values = settings.values
    if not values.history.nights:
        return dg.MaterializeResult(metadata={"kept": dg.MetadataValue.text("none, as [history] nights says")})
    night = datetime.now(ZoneInfo(values.schedule.timezone)).date()
    path, manifest = nights.keep(
        nights_folder(values, warehouse_url()),
        night,
        warehouse.frame,
        values.sync.additional_members,
        values.history.nights,
    )
    return dg.MaterializeResult(
        metadata={"path": dg.MetadataValue.path(path), "rows": manifest.rows, "bytes": path.stat().st_size}
    )
