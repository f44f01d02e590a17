"""How a frame becomes a table of the warehouse, and what Dagster shows of it.

What belongs here: the IO manager all assets share, the `table_asset` decorator that gives each asset what `tables.py` says of it, and
the metadata of a materialisation. What must not: anything about one particular table.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from inspect import Parameter, Signature, signature
from typing import Any

import dagster as dg
import pandas as pd
from pydantic import PrivateAttr

from cwa_pipeline import site
from cwa_pipeline.assets.lineage import column_lineage, come_from
from cwa_pipeline.assets.site_runs import refuse_a_second_site_of_this_name
from cwa_pipeline.environment import warehouse_url
from cwa_pipeline.systems.reading import Reading
from cwa_pipeline.systems.warehouse import Warehouse
from cwa_pipeline.systems.warehouse_schema import column_type, impersonal_columns, key, model
from cwa_pipeline.tables import TABLES

OWNERS = ["team:pcrt-maintainers"]
PREVIEW_ROWS = 5  # enough to recognise a table; the rows themselves are one query away


class WarehouseIOManager(dg.ConfigurableIOManager):
    """The warehouse, held by one run at a time.

    A frame goes into the table named as its asset. Within a run it is also kept for the assets downstream; an asset that is
    materialised alone reads its inputs from the tables.
    """

    _warehouse: Warehouse = PrivateAttr()
    _held: ExitStack = PrivateAttr()
    _frames: dict[str, pd.DataFrame] = PrivateAttr()

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Open the warehouse named by WAREHOUSE_URL and take its lock (BusyError when another sync has it)."""
        if context.instance and context.run:
            refuse_a_second_site_of_this_name(context.instance, context.run)
        self._frames = {}
        self._warehouse = Warehouse(warehouse_url())
        with ExitStack() as held:
            held.enter_context(self._warehouse)
            held.enter_context(self._warehouse.exclusive())
            site.claim(self._warehouse)
            self._held = held.pop_all()

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        self._held.close()

    @property
    def warehouse(self) -> Warehouse:
        """The warehouse itself, for the assets that keep a history."""
        return self._warehouse

    def handle_output(self, context: dg.OutputContext, obj: pd.DataFrame | Reading) -> None:
        table = context.asset_key.path[-1]
        if isinstance(obj, Reading) and not obj.is_whole:
            self._frames[table] = frame = obj.frame  # for the blocking check to see; the table keeps what it has
            context.log.warning("%s keeps the rows of before: what was read is empty or not as counted", table)
        else:
            frame = self.publish(table, obj.frame if isinstance(obj, Reading) else obj, context.run_id)
        context.add_output_metadata(materialisation_metadata(context.asset_key, frame))
        if isinstance(obj, Reading):
            self._warehouse.append("read_receipts", receipt(table, obj, context.run_id))
            context.add_output_metadata({"rows_counted": obj.counted, "counted_by": obj.counted_by})

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        return self.frame(context.asset_key.path[-1])

    def frame(self, table: str, *, or_empty: bool = False) -> pd.DataFrame:
        """The table as this run filled it, else as the warehouse has it."""
        return self._frames[table] if table in self._frames else self._warehouse.read(table, or_empty=or_empty)

    def publish(self, table: str, frame: pd.DataFrame, run_id: str) -> pd.DataFrame:
        """Fill the table with the frame; the frame as the table now has it is returned and kept."""
        self._frames[table] = self._warehouse.replace({table: frame}, run_id)[table]
        return self._frames[table]


_WAREHOUSE = Parameter("warehouse", Parameter.POSITIONAL_OR_KEYWORD, annotation=dg.ResourceParam[WarehouseIOManager])


def table_asset(
    *, group: str, kinds: set[str], deps: Sequence[dg.AssetKey] = ()
) -> Callable[[Callable[..., pd.DataFrame]], dg.AssetsDefinition]:
    """An asset that returns the frame of the table it is named after; a parameter named as a table is that table.

    Such a parameter is a dependency, and is read from the warehouse without Dagster's loading of inputs: that puts two events a
    parameter on record, which took a tenth of a small shop's sync and said nothing that the lineage does not.
    """

    def decorate(compute: Callable[..., pd.DataFrame]) -> dg.AssetsDefinition:
        table, parameters = compute.__name__, signature(compute).parameters
        inputs = [name for name in parameters if name in TABLES]

        def with_tables(*context: dg.AssetExecutionContext, **resources: Any) -> pd.DataFrame:
            warehouse = resources["warehouse"] if "warehouse" in parameters else resources.pop("warehouse")
            return compute(*context, **resources, **{name: warehouse.frame(name) for name in inputs})

        resources = {name: parameter for name, parameter in parameters.items() if name not in inputs}
        resources["warehouse"] = _WAREHOUSE
        # What Dagster goes by when it looks for resources and configuration.
        with_tables.__signature__ = Signature([*resources.values()])  # type: ignore[attr-defined]
        return dg.asset(
            name=table,
            group_name=group,
            kinds=kinds,
            deps=[*inputs, *deps],
            owners=OWNERS,
            description=table_description(table),
            metadata=definition_metadata(table),
            io_manager_key="warehouse",
        )(with_tables)

    return decorate


def table_description(table: str) -> str:
    """What the table holds."""
    return TABLES[table].__doc__ or ""


def definition_metadata(table: str) -> dict[str, Any]:
    """What is known of a table before it is ever filled: its name and columns (kept off the materialisation, see facts on Dagster)."""
    return {"dagster/table_name": table, "dagster/column_schema": _column_schema(table)}


def materialisation_metadata(asset: dg.AssetKey, frame: pd.DataFrame) -> dict[str, Any]:
    """The row count and the first rows. Event logs last for ever, so columns that name people are left out."""
    *prefix, table = asset.path
    shown = impersonal_columns(table)
    preview = frame[shown].head(PREVIEW_ROWS)
    records = [
        dg.TableRecord({str(name): "" if pd.isna(value) else str(value) for name, value in row.items()})
        for row in preview.to_dict("records")
    ]
    schema = dg.TableSchema([dg.TableColumn(name) for name in shown])
    return {
        **column_lineage(table, prefix),
        "dagster/row_count": len(frame),
        "preview": dg.MetadataValue.table(records, schema=schema) if records else dg.MetadataValue.text("no rows"),
    }


def receipt(table: str, reading: Reading, run_id: str) -> pd.DataFrame:
    """The row of `read_receipts` for a reading."""
    row = {
        "run_id": run_id,
        "table_name": table,
        "counted_at": pd.Timestamp.now("UTC"),
        "rows_read": len(reading.frame),
        "rows_counted": reading.counted,
        "counted_by": reading.counted_by,
    }
    return pd.DataFrame([row])


def _column_schema(table: str) -> dg.TableSchema:
    unique = key(table)
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=name,
                type=str(column_type(table, name).sql).lower(),
                description=f"{column.description}{come_from(table, name)}",
                constraints=dg.TableColumnConstraints(nullable=column.nullable, unique=column.unique),
            )
            for name, column in model(table).columns.items()
        ],
        constraints=dg.TableConstraints(other=[f"unique: {', '.join(unique)}"] if unique else []),
    )
