"""The one IO manager: every table goes into the warehouse, and an asset's inputs come from there.

A table that this run has stored stays in memory for the assets after it. A table that this run has not stored is read from the
warehouse, so that any asset can be materialised alone.
"""

import dagster as dg
import pandas as pd

from cwa_pipeline.assets.metadata import materialisation_metadata
from cwa_pipeline.rules.receipts import Reading
from cwa_pipeline.warehouse.frames import validated
from cwa_pipeline.warehouse.store import Warehouse

KEY = "warehouse_io_manager"
MAY_BE_EMPTY = "cwa-pipeline/may_be_empty"  # on an input whose table may not have been filled yet


class WarehouseIOManager(dg.IOManager):
    """Stores each output as the table that the asset is named after, and hands it to the inputs that ask for it."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._frames: dict[str, pd.DataFrame] = {}

    def handle_output(self, context: dg.OutputContext, obj: Reading | pd.DataFrame) -> None:
        """Store a table, in one transaction with its receipt when it was read from a system.

        A reading that is empty or not as counted leaves the table as it was: only its receipt is stored. Raises WarehouseError for a
        frame that is not as its model says.
        """
        table = context.asset_key.path[-1]
        frame = validated(table, obj.frame if isinstance(obj, Reading) else obj)
        if not isinstance(obj, Reading):
            self._warehouse.fill({table: frame}, context.run_id)
        elif obj.is_whole:
            self._warehouse.fill(
                {table: frame}, context.run_id, {"read_receipts": _receipt(table, obj, context.run_id)}
            )
        else:
            context.log.warning("%s keeps its earlier rows: the reading is empty or not as counted", table)
            self._warehouse.append("read_receipts", _receipt(table, obj, context.run_id))
        self._frames[table] = frame
        context.add_output_metadata(materialisation_metadata(context.asset_key, frame))

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        """The table as this run stored it, else as the warehouse has it. An asset must not change it: others get the same frame."""
        table = context.asset_key.path[-1]
        if table in self._frames:
            return self._frames[table]
        return self._warehouse.read(table, or_empty=MAY_BE_EMPTY in (context.definition_metadata or {}))


@dg.io_manager(required_resource_keys={"warehouse"})
def warehouse_io_manager(context: dg.InitResourceContext) -> WarehouseIOManager:
    """Dagster makes one for each run, over the warehouse that the run has locked."""
    return WarehouseIOManager(context.resources.warehouse.warehouse)


def _receipt(table: str, reading: Reading, run_id: str) -> pd.DataFrame:
    """The row of `read_receipts` for a reading."""
    return pd.DataFrame(
        [
            {
                "run_id": run_id,
                "table_name": table,
                "counted_at": pd.Timestamp.now("UTC"),
                "rows_read": len(reading.frame),
                "rows_counted": reading.counted,
                "counted_by": reading.counted_by,
            }
        ]
    )
