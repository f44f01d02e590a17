"""The tables of ConnectWise Automate and PC Repair Tracker as read, each with its count, the two systems side by side.

What belongs here: which table is read how, and the columns that a rule adds to it at once. What must not: how a system is read
(`systems`), or a decision. PCRT's three tables are read in one go, in one consistent snapshot where its engine can give one.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import dagster as dg
import pandas as pd

from cwa_pipeline.assets import sources
from cwa_pipeline.assets.io import OWNERS, WarehouseIOManager, definition_metadata, table_description
from cwa_pipeline.assets.resources import AutomateResource, PcrtResource, SettingsResource
from cwa_pipeline.rules.plans import plans_of_groups, subscriptions_with_plans
from cwa_pipeline.rules.serials import with_normalised_serial
from cwa_pipeline.systems.automate import Automate
from cwa_pipeline.systems.reading import Reading

CWA_TABLES = {
    "cwa_clients": {sources.CWA_CLIENTS},
    "cwa_computers": {sources.CWA_COMPUTERS},
    "cwa_groups": {sources.CWA_GROUPS},
    "cwa_group_members": {sources.CWA_GROUP_COMPUTERS, dg.AssetKey("cwa_groups")},
}
PCRT_TABLES = {
    "pcrt_groups": {sources.PCRT_GROUPS},
    "pcrt_pcids": {sources.PCRT_PCIDS},
    "pcrt_subscriptions": {sources.PCRT_SUBSCRIPTIONS, dg.AssetKey("pcrt_pcids"), dg.AssetKey("cwa_groups")},
}


def _out(table: str, group: str, kind: str) -> dg.AssetOut:
    return dg.AssetOut(
        group_name=group,
        description=table_description(table),
        metadata=definition_metadata(table),
        kinds={kind, "pandas"},
        owners=OWNERS,
        io_manager_key="warehouse",
        is_required=False,
    )


@dg.multi_asset(
    name="source_tables",
    outs={
        **{table: _out(table, "cwa", "api") for table in CWA_TABLES},
        **{table: _out(table, "pcrt", "mysql") for table in PCRT_TABLES},
    },
    internal_asset_deps=CWA_TABLES | PCRT_TABLES,
    deps=[key for deps in (CWA_TABLES | PCRT_TABLES).values() for key in deps if key in sources.KEYS],
    can_subset=True,
)
def source_tables(
    context: dg.AssetExecutionContext,
    automate: AutomateResource,
    pcrt: PcrtResource,
    settings: SettingsResource,
    warehouse: dg.ResourceParam[WarehouseIOManager],
) -> Iterator[dg.Output[Reading]]:
    """Each table is handed on as soon as it is read, and goes into the warehouse while the next one is on its way."""
    selected = {key.path[-1] for key in context.selected_asset_keys}
    plans, prefix = settings.values.cwa.plans, settings.values.pcrt.bizcare_prefix
    with ThreadPoolExecutor(1, "read-cwa") as of_cwa, ThreadPoolExecutor(1, "read-pcrt") as of_pcrt:

        def cwa_groups() -> pd.DataFrame:
            return cwa["cwa_groups"].result().frame if "cwa_groups" in cwa else warehouse.frame("cwa_groups")

        snapshot = of_pcrt.submit(pcrt.database.read) if selected & PCRT_TABLES.keys() else None
        cwa = {
            table: of_cwa.submit(read)
            for table, read in _cwa_reads(automate.client, plans, cwa_groups).items()
            if table in selected
        }
        try:
            for table, reading in cwa.items():
                yield dg.Output(reading.result(), table)
            if snapshot is not None:
                groups, pcids, subscriptions = snapshot.result()
                pcids = pcids._replace(frame=with_normalised_serial(pcids.frame))
                with_plans = subscriptions_with_plans(subscriptions.frame, pcids.frame, cwa_groups(), plans, prefix)
                found = (groups, pcids, subscriptions._replace(frame=with_plans))
                for table, counted in zip(PCRT_TABLES, found, strict=True):
                    if table in selected:
                        yield dg.Output(counted, table)
        finally:
            of_cwa.shutdown(wait=False, cancel_futures=True)  # after a failure there is no use in the rest


def _cwa_reads(
    client: Automate, plans: Sequence[str], cwa_groups: Callable[[], pd.DataFrame]
) -> dict[str, Callable[[], Reading]]:
    """How each table of CWA is read, in the order in which they can be: the members need the groups first."""

    def computers() -> Reading:
        reading = client.computers()
        return reading._replace(frame=with_normalised_serial(reading.frame))

    def groups() -> Reading:
        reading = client.groups()
        return reading._replace(frame=plans_of_groups(reading.frame, plans))

    def group_members() -> Reading:
        found = cwa_groups()
        return client.group_members(found.loc[found["plan"].notna(), "cwa_group_id"].tolist())

    return {
        "cwa_clients": client.clients,
        "cwa_computers": computers,
        "cwa_groups": groups,
        "cwa_group_members": group_members,
    }
