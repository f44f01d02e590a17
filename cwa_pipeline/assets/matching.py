"""What is tied to what: clients to groups, computers to PCIDs."""

from typing import Any

import pandas as pd

from cwa_pipeline.assets.second_process import SecondProcessResource
from cwa_pipeline.config.settings import generic_serials
from cwa_pipeline.rules.matching import matches as matching
from cwa_pipeline.rules.matching import serials
from cwa_pipeline.rules.suggestions import suggestions


def serial_blacklist() -> pd.DataFrame:
    return serials.serial_blacklist(generic_serials())


def client_groups(cwa_clients: pd.DataFrame, pcrt_groups: pd.DataFrame) -> pd.DataFrame:
    return matching.client_groups(cwa_clients, pcrt_groups)


def computer_matches(
    second_process: SecondProcessResource,
    cwa_computers: pd.DataFrame,
    pcrt_pcids: pd.DataFrame,
    serial_blacklist: pd.DataFrame,
    client_groups: pd.DataFrame,
) -> pd.DataFrame:
    matches = matching.computer_matches(cwa_computers, pcrt_pcids, serial_blacklist, client_groups)
    second_process.begin(*_suggesting(cwa_computers, matches, pcrt_pcids, serial_blacklist))
    return matches


def match_suggestions(
    second_process: SecondProcessResource,
    cwa_computers: pd.DataFrame,
    computer_matches: pd.DataFrame,
    pcrt_pcids: pd.DataFrame,
    serial_blacklist: pd.DataFrame,
) -> pd.DataFrame:
    found = second_process.work(*_suggesting(cwa_computers, computer_matches, pcrt_pcids, serial_blacklist))
    second_process.rest()  # nothing else is asked of it, and the page has a use for its memory
    return found


def _suggesting(
    cwa_computers: pd.DataFrame,
    computer_matches: pd.DataFrame,
    pcrt_pcids: pd.DataFrame,
    serial_blacklist: pd.DataFrame,
) -> tuple[Any, ...]:
    """How much work the suggestions are, and what is called with what for them."""
    return (
        len(cwa_computers),
        suggestions.match_suggestions,
        cwa_computers[suggestions.LOOKED_AT["cwa_computers"]],
        computer_matches[suggestions.LOOKED_AT["computer_matches"]],
        pcrt_pcids[suggestions.LOOKED_AT["pcrt_pcids"]],
        serial_blacklist,
    )


FIRST = (serial_blacklist, client_groups, computer_matches)  # of all that is worked out
