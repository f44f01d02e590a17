"""The tables of PC Repair Tracker, as read in one consistent snapshot; that is why they are one step."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from cwa_pipeline.assets import sources
from cwa_pipeline.assets.checks import COMPLETE, serials_can_be_read
from cwa_pipeline.assets.resources import PcrtResource, SettingsResource
from cwa_pipeline.assets.table_asset import table_spec
from cwa_pipeline.rules.matching.plans import subscriptions_with_plans
from cwa_pipeline.rules.matching.serials import with_normalised_serial

GROUP = "pcrt"
KINDS = {"mysql", "pandas"}
TABLES = ("pcrt_groups", "pcrt_pcids", "pcrt_subscriptions")  # in the order of a snapshot


@dg.multi_asset(
    specs=[
        table_spec("pcrt_groups", GROUP, kinds=KINDS, deps=[sources.PCRT_GROUPS]),
        table_spec("pcrt_pcids", GROUP, kinds=KINDS, deps=[sources.PCRT_PCIDS]),
        table_spec(
            "pcrt_subscriptions", GROUP, kinds=KINDS, deps=[sources.PCRT_SUBSCRIPTIONS, "pcrt_pcids", "cwa_groups"]
        ),
    ],
    check_specs=[*(COMPLETE[table].spec(table) for table in TABLES), serials_can_be_read.spec("pcrt_pcids")],
    can_subset=True,
)
def pcrt_tables(
    context: dg.AssetExecutionContext, pcrt: PcrtResource, settings: SettingsResource, cwa_groups: pd.DataFrame
) -> Iterator[dg.MaterializeResult]:
    groups, pcids, subscriptions = pcrt.database.read()
    pcids = pcids._replace(frame=with_normalised_serial(pcids.frame))
    with_plans = subscriptions_with_plans(
        subscriptions.frame, pcids.frame, cwa_groups, settings.values.cwa.plans, settings.values.pcrt.bizcare_prefix
    )
    readings = {
        "pcrt_groups": groups,
        "pcrt_pcids": pcids,
        "pcrt_subscriptions": subscriptions._replace(frame=with_plans),
    }
    for key in sorted(context.selected_asset_keys, key=lambda key: TABLES.index(key.path[-1])):
        table = key.path[-1]
        checks = [COMPLETE[table](readings[table], asset_key=key)]
        if table == "pcrt_pcids":
            checks.append(serials_can_be_read(pcids.frame, asset_key=key))
        yield dg.MaterializeResult(asset_key=key, value=readings[table], check_results=checks)
