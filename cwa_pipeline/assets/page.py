"""The integration page: what technicians open every morning, made when all else is done."""

from datetime import UTC, datetime

import dagster as dg
import pandas as pd

from cwa_pipeline.assets.io_manager import KEY, MAY_BE_EMPTY
from cwa_pipeline.assets.resources import SettingsResource, WarehouseResource
from cwa_pipeline.assets.table_asset import OWNERS
from cwa_pipeline.config.environment import page_path, warehouse_url
from cwa_pipeline.page import render, renew
from cwa_pipeline.warehouse.store import MAY_BE_UNFILLED

NOT_ASSETS = ("issue_snoozes", "sync_runs", "sync_failures")  # tables that people and runs add to


def _input(table: str) -> dg.AssetIn:
    return dg.AssetIn(metadata={MAY_BE_EMPTY: True} if table in MAY_BE_UNFILLED else None)


@dg.asset(
    group_name="page",
    kinds={"html"},
    owners=OWNERS,
    io_manager_key=KEY,
    ins={table: _input(table) for table in renew.PAGE_TABLES if table not in NOT_ASSETS},
    description="What technicians open every morning: how the last sync ended, the open issues with what to do about each, the likeliest "
    "matches, and why a computer is covered or not. One HTML file that needs no server; `[page] path` says where.",
)
def integration_page(
    settings: SettingsResource, warehouse: WarehouseResource, **tables: pd.DataFrame
) -> dg.MaterializeResult:
    path = page_path(settings.values, warehouse_url())
    tables |= {table: warehouse.warehouse.read(table) for table in NOT_ASSETS}
    text = renew.page(tables.__getitem__, settings.values, datetime.now(UTC))
    render.put_in_place(path, text)
    return dg.MaterializeResult(
        metadata={
            "path": dg.MetadataValue.path(path),
            "bytes": len(text.encode()),
            "page": dg.MetadataValue.url(settings.values.page.url or path.as_uri()),
        }
    )
