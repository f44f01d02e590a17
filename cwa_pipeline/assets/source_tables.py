"""The tables of ConnectWise Automate and PC Repair Tracker as read, each with its count, the two systems side by side.

What belongs here: storing and checking each table once it is read. What must not: which read comes when (`source_reads`), how a
system is read (`systems`), or a decision.
"""

import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, wait

import dagster as dg

from cwa_pipeline.assets import checks, matching, sources
from cwa_pipeline.assets.resources import AutomateResource, PcrtResource, SettingsResource, WarehouseResource
from cwa_pipeline.assets.second_process import SecondProcessResource
from cwa_pipeline.assets.source_reads import SourceReads
from cwa_pipeline.assets.storing import Storing
from cwa_pipeline.assets.table_metadata import table_spec
from cwa_pipeline.assets.tables_step import RULES, work_out_ahead
from cwa_pipeline.memory import give_back_freed_memory

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
    with (
        SourceReads(
            selected,
            automate.client,
            pcrt.database,
            second_process,
            settings.values,
            lambda: warehouse.frame("cwa_groups"),
        ) as reads,
        Storing(context, warehouse) as storing,
    ):
        tables_of = reads.begin()
        order, under_way = [*tables_of], {*tables_of}
        try:
            while under_way:
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                for read in sorted(done, key=order.index):
                    read_after = {"read_after_seconds": round(time.perf_counter() - since, 3)}
                    for table, reading in zip(tables_of[read], read.result(), strict=True):
                        if table in selected and reading is not None:
                            storing.add_reading(table, reading, read_after)
                yield from storing.stored()
            give_back_freed_memory()  # what the pages and packets took
            checked = checks.results(context, [*CWA_TABLES, *PCRT_TABLES], warehouse.frame)
            if _goes_on_with_rules(context) and not any(map(checks.stops, checked)):
                work_out_ahead(matching.FIRST, warehouse, second_process=second_process)
        except Exception:
            reads.give_up()
            yield from storing.stored_all_the_same()
            raise
        finally:
            if under_way:
                reads.give_up()
        last = storing.not_told()  # and of its checks only after a table
        yield from (check for check in checked if check.asset_key not in last)
        yield from storing.all_stored()
    yield from (check for check in checked if check.asset_key in last)


def _goes_on_with_rules(context: dg.AssetExecutionContext) -> bool:
    """Whether this run works out all that the rules do, and not only some tables that a person picked."""
    run = context.run
    picked = run.asset_selection or run.asset_check_selection
    return not picked and RULES in (run.step_keys_to_execute or [RULES])
