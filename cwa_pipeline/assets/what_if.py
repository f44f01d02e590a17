"""The inputs of the night, kept beside the warehouse for `cwa-pipeline what-if`."""

from datetime import datetime
from zoneinfo import ZoneInfo

import dagster as dg
import pandas as pd

from cwa_pipeline.assets.io_manager import KEY
from cwa_pipeline.assets.resources import SettingsResource, WarehouseResource
from cwa_pipeline.assets.table_asset import OWNERS
from cwa_pipeline.config.environment import nights_folder, warehouse_url
from cwa_pipeline.errors import BackupError
from cwa_pipeline.rules.guards import tables_of_other_runs
from cwa_pipeline.warehouse import nights


@dg.asset(
    group_name="what_if",
    kinds={"parquet"},
    owners=OWNERS,
    io_manager_key=KEY,
    ins={table: dg.AssetIn() for table in nights.INPUTS},
    description="The tables that the rules work from, as they were this night: one file of Parquet beside the warehouse. "
    "`cwa-pipeline what-if` replays the rules on it; `[history] nights` says how many nights are kept.",
)
def night_inputs(
    context: dg.AssetExecutionContext, settings: SettingsResource, warehouse: WarehouseResource, **tables: pd.DataFrame
) -> dg.MaterializeResult:
    values = settings.values
    folder = nights_folder(values, warehouse_url())
    if not values.history.nights:
        nights.forget_all_but(folder, 0)
        return dg.MaterializeResult(metadata={"kept": dg.MetadataValue.text("none, as [history] nights says")})
    night, mode = datetime.now(ZoneInfo(values.schedule.timezone)).date(), values.sync.additional_members
    try:
        others = tables_of_other_runs(warehouse.warehouse.loads(), nights.INPUTS, context.run.run_id)
        if others:
            raise BackupError(
                f"{', '.join(others)} not read in this run; a night is what one run of the whole job reads"
            )
        path, manifest = nights.keep(folder, night, tables.__getitem__, mode, values.history.nights)
    except BackupError as error:
        # The sync has lost nothing by it, so it goes on: lists that were written must be called written.
        context.log.warning("The night is not kept for what-if: %s", error)
        return dg.MaterializeResult(metadata={"kept": dg.MetadataValue.text(f"no: {error}")})
    return dg.MaterializeResult(
        metadata={"path": dg.MetadataValue.path(path), "rows": manifest.rows, "bytes": path.stat().st_size}
    )
