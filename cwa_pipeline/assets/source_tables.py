"""The tables of ConnectWise Automate and PC Repair Tracker as read, each with its count, the two systems side by side.

What belongs here: which table is read how, and the columns that a rule adds to it at once. What must not: how a system is read
(`systems`), or a decision. PCRT's three tables are read in one go, in one consistent snapshot where its engine can give one.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

import dagster as dg
import pandas as pd

from cwa_pipeline import checks
from cwa_pipeline.assets import sources
from cwa_pipeline.assets.resources import AutomateResource, PcrtResource, SettingsResource, WarehouseResource
from cwa_pipeline.assets.second_process import SecondProcessResource
from cwa_pipeline.assets.storing import Storing
from cwa_pipeline.assets.table_metadata import table_spec
from cwa_pipeline.memory import give_back_freed_memory
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


@dg.multi_asset(
    specs=[
        *(table_spec(table, "cwa", {"api", "pandas"}, deps) for table, deps in CWA_TABLES.items()),
        *(table_spec(table, "pcrt", {"mysql", "pandas"}, deps) for table, deps in PCRT_TABLES.items()),
    ],
    check_specs=checks.specs([*CWA_TABLES, *PCRT_TABLES]),
    can_subset=True,
)
def source_tables(
    context: dg.AssetExecutionContext,
    automate: AutomateResource,
    pcrt: PcrtResource,
    settings: SettingsResource,
    warehouse: WarehouseResource,
    second_process: SecondProcessResource,
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """Each table goes into the warehouse as soon as it is read, and they are checked once all are read, while the last are being stored."""
    selected = {key.path[-1] for key in context.selected_asset_keys}
    since = time.perf_counter()
    plans, prefix = settings.values.cwa.plans, settings.values.pcrt.bizcare_prefix
    with (
        ThreadPoolExecutor(1, "read-cwa") as of_cwa,
        ThreadPoolExecutor(1, "read-pcrt") as of_pcrt,
        Storing(context, warehouse) as storing,
    ):

        def cwa_groups() -> pd.DataFrame:
            return cwa["cwa_groups"].result().frame if "cwa_groups" in selected else warehouse.frame("cwa_groups")

        def pcrt_readings() -> list[Reading]:
            database = pcrt.database
            groups, pcids, subscriptions = second_process.work(database.how_many_pcids(), database.read)
            pcids = pcids._replace(frame=with_normalised_serial(pcids.frame))
            with_plans = subscriptions_with_plans(subscriptions.frame, pcids.frame, cwa_groups(), plans, prefix)
            return [groups, pcids, subscriptions._replace(frame=with_plans)]

        cwa: dict[str, Future[Reading]] = {}
        for table, reads in _cwa_reads(automate.client, plans, cwa_groups).items():
            if table in selected:
                cwa[table] = of_cwa.submit(reads)
        # In this order: Dagster has to be told of a table after those that it is made of.
        tables_of: dict[Future[Any], Sequence[str]] = {read: [table] for table, read in cwa.items()}
        if selected & PCRT_TABLES.keys():
            tables_of[of_pcrt.submit(pcrt_readings)] = [*PCRT_TABLES]
        order, under_way = [*tables_of], {*tables_of}
        try:
            while under_way:
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                for read in sorted(done, key=order.index):
                    found = read.result()
                    read_after = {"read_after_seconds": round(time.perf_counter() - since, 3)}
                    readings = [found] if isinstance(found, Reading) else found
                    for table, reading in zip(tables_of[read], readings, strict=True):
                        if table in selected:
                            storing.add_reading(table, reading, read_after)
                yield from storing.stored()
            give_back_freed_memory()  # what the pages and packets took
            checked = checks.results(context, [*CWA_TABLES, *PCRT_TABLES], warehouse.frame)
        except Exception:
            yield from storing.stored_all_the_same()
            raise
        finally:
            if under_way:  # after a failure there is no use in the rest
                of_cwa.shutdown(wait=False, cancel_futures=True)
                second_process.end()
        last = storing.not_told()  # and of its checks only after a table
        yield from (check for check in checked if check.asset_key not in last)
        yield from storing.all_stored()
    yield from (check for check in checked if check.asset_key in last)


def _cwa_reads(
    client: Automate, plans: Sequence[str], cwa_groups: Callable[[], pd.DataFrame]
) -> dict[str, Callable[[], Reading]]:
    """How each table of CWA is read, in this order: others need the groups, and what takes long to be stored comes early."""

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
        "cwa_groups": groups,
        "cwa_computers": computers,
        "cwa_group_members": group_members,
        "cwa_clients": client.clients,
    }
