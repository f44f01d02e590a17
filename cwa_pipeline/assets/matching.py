"""What belongs to what: clients to groups, computers to PCIDs."""

import dagster as dg
import pandas as pd

from cwa_pipeline.assets import sources
from cwa_pipeline.assets.checks import (
    computers_have_a_known_client,
    one_row_per_client,
    one_row_per_computer,
    serial_matches_have_the_same_serial,
)
from cwa_pipeline.assets.table_asset import table_asset
from cwa_pipeline.config.settings import generic_serials
from cwa_pipeline.rules.matching import matches, serials
from cwa_pipeline.rules.suggestions import suggestions

GROUP = "matching"


@table_asset(GROUP, deps=[sources.GENERIC_SERIALS])
def serial_blacklist() -> dg.MaterializeResult:
    return dg.MaterializeResult(value=serials.serial_blacklist(generic_serials()))


@table_asset(GROUP, checks=[one_row_per_client])
def client_groups(cwa_clients: pd.DataFrame, pcrt_groups: pd.DataFrame) -> dg.MaterializeResult:
    groups = matches.client_groups(cwa_clients, pcrt_groups)
    return dg.MaterializeResult(value=groups, check_results=[one_row_per_client(groups, cwa_clients)])


@table_asset(GROUP, checks=[one_row_per_computer, serial_matches_have_the_same_serial, computers_have_a_known_client])
def computer_matches(
    cwa_computers: pd.DataFrame,
    pcrt_pcids: pd.DataFrame,
    serial_blacklist: pd.DataFrame,
    client_groups: pd.DataFrame,
) -> dg.MaterializeResult:
    matched = matches.computer_matches(cwa_computers, pcrt_pcids, serial_blacklist, client_groups)
    checks = [
        one_row_per_computer(matched, cwa_computers),
        serial_matches_have_the_same_serial(matched, cwa_computers, pcrt_pcids, serial_blacklist),
        computers_have_a_known_client(cwa_computers, client_groups),
    ]
    return dg.MaterializeResult(value=matched, check_results=checks)


@table_asset(GROUP)
def match_suggestions(
    cwa_computers: pd.DataFrame,
    computer_matches: pd.DataFrame,
    pcrt_pcids: pd.DataFrame,
    serial_blacklist: pd.DataFrame,
) -> dg.MaterializeResult:
    found = suggestions.match_suggestions(cwa_computers, computer_matches, pcrt_pcids, serial_blacklist)
    return dg.MaterializeResult(value=found)
