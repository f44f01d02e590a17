"""What Dagster shows of a table: before it is ever filled, and of each time it is.

What belongs here: specs and metadata from what `tables.py` says of a table. What must not: a Dagster step, or anything about one
particular table.
"""

from collections.abc import Iterable
from typing import Any

import dagster as dg
import pandas as pd

from cwa_pipeline.assets.lineage import column_lineage, come_from
from cwa_pipeline.tables import TABLES
from cwa_pipeline.warehouse.schema import column_type, key, model, non_personal_columns

OWNERS = ["team:pcrt-maintainers"]
PREVIEW_ROWS = 5  # enough to recognise a table; the rows themselves are one query away


def table_spec(table: str, group: str, kinds: set[str], deps: Iterable[dg.AssetKey | str]) -> dg.AssetSpec:
    """The asset of a table, one of several of a step: a run may leave it out."""
    return dg.AssetSpec(
        table,
        deps=deps,
        description=TABLES[table].__doc__ or "",
        metadata={"dagster/table_name": table, "dagster/column_schema": _column_schema(table)},
        group_name=group,
        kinds=kinds,
        owners=OWNERS,
        skippable=True,
    )


def materialisation_metadata(asset: dg.AssetKey, frame: pd.DataFrame) -> dict[str, Any]:
    """The row count and the first rows. Event logs last for ever, so columns that name people are left out."""
    *prefix, table = asset.path
    shown = non_personal_columns(table)
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
