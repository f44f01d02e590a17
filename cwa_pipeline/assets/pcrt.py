"""The tables of PC Repair Tracker as read, all three in one consistent snapshot where its engine can give one, each with its count."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from cwa_pipeline.assets import sources
from cwa_pipeline.assets.io import OWNERS, definition_metadata, table_description
from cwa_pipeline.assets.resources import PcrtResource, SettingsResource
from cwa_pipeline.rules.plans import subscriptions_with_plans
from cwa_pipeline.rules.serials import with_normalised_serial
from cwa_pipeline.systems.reading import Reading

_DEPS = {
    "pcrt_groups": {sources.PCRT_GROUPS},
    "pcrt_pcids": {sources.PCRT_PCIDS},
    "pcrt_subscriptions": {sources.PCRT_SUBSCRIPTIONS, dg.AssetKey("pcrt_pcids"), dg.AssetKey("cwa_groups")},
}


@dg.multi_asset(
    name="pcrt_tables",
    group_name="pcrt",
    outs={
        table: dg.AssetOut(
            description=table_description(table),
            metadata=definition_metadata(table),
            kinds={"mysql", "pandas"},
            owners=OWNERS,
            io_manager_key="warehouse",
            is_required=False,
        )
        for table in _DEPS
    },
    internal_asset_deps=_DEPS,
    deps=[sources.PCRT_GROUPS, sources.PCRT_PCIDS, sources.PCRT_SUBSCRIPTIONS],
    can_subset=True,
)
def pcrt_tables(
    context: dg.AssetExecutionContext, pcrt: PcrtResource, settings: SettingsResource, cwa_groups: pd.DataFrame
) -> Iterator[dg.Output[Reading]]:
    snapshot = pcrt.database.read()
    pcids = with_normalised_serial(snapshot.pcids.frame)
    subscriptions = subscriptions_with_plans(
        snapshot.subscriptions.frame, pcids, cwa_groups, settings.values.cwa.plans, settings.values.pcrt.bizcare_prefix
    )
    readings = {
        "pcrt_groups": snapshot.groups,
        "pcrt_pcids": snapshot.pcids._replace(frame=pcids),
        "pcrt_subscriptions": snapshot.subscriptions._replace(frame=subscriptions),
    }
    for table, reading in readings.items():
        if dg.AssetKey(table) in context.selected_asset_keys:
            yield dg.Output(reading, table)
