"""The inputs of the night, kept beside the warehouse for `cwa-pipeline what-if`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg

from cwa_pipeline.assets.resources import SettingsResource, WarehouseResource
from cwa_pipeline.assets.table_metadata import OWNERS
from cwa_pipeline.assets.tables_step import NoTable
from cwa_pipeline.config.environment import nights_folder, warehouse_url
from cwa_pipeline.errors import BackupError
from cwa_pipeline.rules.guards import tables_of_other_runs
from cwa_pipeline.warehouse import nights

GROUP = "what_if"


def _keep(
    context: dg.AssetExecutionContext, settings: SettingsResource, warehouse: WarehouseResource
) -> Mapping[str, Any]:
    values = settings.values
    folder = nights_folder(values, warehouse_url())
    if not values.history.nights:
        nights.forget_all_but(folder, 0)
        return {"kept": dg.MetadataValue.text("none, as [history] nights says")}
    night, mode = datetime.now(ZoneInfo(values.schedule.timezone)).date(), values.sync.additional_members
    try:
        stored_by_others = tables_of_other_runs(warehouse.warehouse.loads(), nights.INPUTS, context.run.run_id)
        if others := [table for table in stored_by_others if not warehouse.has_made(table)]:
            raise BackupError(
                f"{', '.join(others)} not read in this run; a night is what one run of the whole job reads"
            )
        path, manifest = nights.keep(folder, night, warehouse.frame, mode, values.history.nights)
    except BackupError as error:
        # The sync has lost nothing by it, and its lists are to be called written when they are.
        context.log.warning("The night is not kept for what-if: %s", error)
        return {"kept": dg.MetadataValue.text(f"no: {error}")}
    return {"path": dg.MetadataValue.path(path), "rows": manifest.rows, "bytes": path.stat().st_size}


night_inputs = NoTable(
    dg.AssetSpec(
        "night_inputs",
        deps=[dg.AssetKey(table) for table in nights.INPUTS],
        description="The tables that the rules work from, as they were this night: one file of Parquet beside the warehouse. "
        "`cwa-pipeline what-if` replays the rules on it; `[history] nights` says how many nights are kept.",
        group_name=GROUP,
        kinds={"parquet"},
        owners=OWNERS,
        skippable=True,
    ),
    _keep,
)
