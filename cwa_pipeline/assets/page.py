"""The integration page: what technicians open every morning, made of the tables when all is done."""

from contextlib import suppress
from datetime import UTC, datetime

import dagster as dg

from cwa_pipeline.assets.resources import SettingsResource, WarehouseResource
from cwa_pipeline.assets.table_metadata import OWNERS
from cwa_pipeline.config.environment import page_path, warehouse_url
from cwa_pipeline.page import render, renew
from cwa_pipeline.warehouse.store import MAY_BE_UNFILLED

GROUP = "page"
_LINKS = "chain_links"  # no table: what `look_at_chains` found, for the page
_NO_ASSETS = {"issue_snoozes", "sync_runs", "sync_failures"}  # the warehouse's own


@dg.asset(
    group_name=GROUP,
    kinds={"html"},
    owners=OWNERS,
    deps=[dg.AssetKey(table) for table in renew.PAGE_TABLES if table not in _NO_ASSETS],
    description="What technicians open every morning: how the last sync ended, the open issues with what to do about each, the likeliest "
    "matches, and why a computer is covered or not. One HTML file that needs no server; `[page] path` says where.",
)
def integration_page(settings: SettingsResource, warehouse: WarehouseResource) -> dg.MaterializeResult:
    path = page_path(settings.values, warehouse_url())
    text = renew.page(
        lambda table: warehouse.frame(table, or_empty=table in MAY_BE_UNFILLED),
        settings.values,
        datetime.now(UTC),
        warehouse.frame(_LINKS) if warehouse.has_made(_LINKS) else None,
    )
    render.put_in_place(path, text)
    address = settings.values.page.url
    return dg.MaterializeResult(
        metadata={
            "path": dg.MetadataValue.path(path),
            "bytes": len(text.encode()),
            "page": dg.MetadataValue.url(address or path.as_uri()),
        }
    )


def look_at_chains(warehouse: WarehouseResource) -> None:
    """A third of the page's work, for which nothing but the suggestions is missing: for a step that has to wait for those.

    Where it fails it does so again for the page itself, and is that one's failure.
    """
    if all(map(warehouse.has_made, renew.LINKED_TABLES)):
        with suppress(Exception):
            warehouse.show(_LINKS, renew.chain_links(warehouse.frame))
