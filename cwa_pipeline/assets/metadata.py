"""What Dagster shows of a table: its columns before it is ever filled, its row count and first rows each time it is.

Event logs are permanent, so columns that name people are left out of the first rows.
"""

from typing import Any

import dagster as dg
import pandas as pd

from cwa_pipeline.assets.lineage import column_lineage, come_from
from cwa_pipeline.warehouse.schema import column_type, key, model, non_personal_columns

PREVIEW_ROWS = 5  # enough to recognise a table; the rows themselves are one query away


def column_schema(table: str) -> dg.TableSchema:
    """The columns of a table with their types, descriptions and what they come from."""
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


def materialisation_metadata(asset: dg.AssetKey, frame: pd.DataFrame) -> dict[str, Any]:
    """The row count, the first rows and the lineage of the columns."""
    *prefix, table = asset.path
    shown = non_personal_columns(table)
    records = [
        dg.TableRecord({str(name): "" if pd.isna(value) else str(value) for name, value in row.items()})
        for row in frame[shown].head(PREVIEW_ROWS).to_dict("records")
    ]
    schema = dg.TableSchema([dg.TableColumn(name) for name in shown])
    return {
        **column_lineage(table, prefix),
        "dagster/row_count": len(frame),
        "preview": dg.MetadataValue.table(records, schema=schema) if records else dg.MetadataValue.text("no rows"),
    }
