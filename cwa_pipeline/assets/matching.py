"""What is tied to what: clients to groups, computers to PCIDs."""

import pandas as pd

from cwa_pipeline.rules import matching, serials, suggestions
from cwa_pipeline.settings import generic_serials


def serial_blacklist() -> pd.DataFrame:
    return serials.serial_blacklist(generic_serials())


def client_groups(cwa_clients: pd.DataFrame, pcrt_groups: pd.DataFrame) -> pd.DataFrame:
    return matching.client_groups(cwa_clients, pcrt_groups)


def computer_matches(
    cwa_computers: pd.DataFrame, pcrt_pcids: pd.DataFrame, serial_blacklist: pd.DataFrame, client_groups: pd.DataFrame
) -> pd.DataFrame:
    return matching.computer_matches(cwa_computers, pcrt_pcids, serial_blacklist, client_groups)


def match_suggestions(
    cwa_computers: pd.DataFrame,
    computer_matches: pd.DataFrame,
    pcrt_pcids: pd.DataFrame,
    serial_blacklist: pd.DataFrame,
) -> pd.DataFrame:
    return suggestions.match_suggestions(cwa_computers, computer_matches, pcrt_pcids, serial_blacklist)
