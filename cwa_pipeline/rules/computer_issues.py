"""What does not line up about a computer.

What belongs here: when a computer has an issue. What must not: which PCID it is (`rules.matching`).
"""

import pandas as pd

from cwa_pipeline.rules.frames import as_table, lookup
from cwa_pipeline.rules.issues import issue_rows
from cwa_pipeline.rules.matching import pcids_with_serial
from cwa_pipeline.rules.plans import computer_plans
from cwa_pipeline.rules.serials import is_generic
from cwa_pipeline.tables import ComputerIssues


def computer_issues(
    computer_matches: pd.DataFrame,
    cwa_computers: pd.DataFrame,
    cwa_clients: pd.DataFrame,
    cwa_group_members: pd.DataFrame,
    cwa_groups: pd.DataFrame,
    pcrt_pcids: pd.DataFrame,
    serial_blacklist: pd.DataFrame,
) -> pd.DataFrame:
    """List the issues of all computers; one computer can have several.

    - `pcid_does_not_exist`, `no_matching_pcid`: not matched; the reason is that of `computer_matches`.
    - `not_in_group`, `in_wrong_group`: matched, its client tied to a group, and its PCID in no group or in another one.
    - `no_cwa_group`: every computer in no plan.
    - `shared_pcid`, `override_disagrees`, `suspected_generic_serial`, `several_plans`: warnings.

    Returns a `computer_issues` table.
    """
    computers = (
        cwa_computers[["computer_id", "name", "serial_number", "serial_number_normalised", "asset_tag"]]
        .rename(columns={"name": "computer_name"})
        .merge(computer_matches, on="computer_id")
    )
    computers["client_name"] = lookup(computers["client_id"], cwa_clients.set_index("client_id")["name"])
    not_generic = computers[~is_generic(computers["serial_number_normalised"], serial_blacklist)]

    tag_unknown = computers["reason"] == "asset_tag_unknown"
    unmatched_by_serial = computers["reason"].notna() & ~tag_unknown
    judged = computers[computers["pcid"].notna() & computers["expected_group_id"].notna()]
    in_no_group = judged["pcid_group_id"].isna()
    elsewhere = ~in_no_group & (judged["pcid_group_id"] != judged["expected_group_id"])
    plan_counts = computer_plans(cwa_group_members, cwa_groups).groupby("computer_id").size()
    plan_count = lookup(computers["computer_id"], plan_counts).fillna(0)

    return as_table(
        pd.concat(
            [
                issue_rows(computers[tag_unknown], "pcid_does_not_exist", computers["reason"]),
                issue_rows(computers[unmatched_by_serial], "no_matching_pcid", computers["reason"]),
                issue_rows(judged[in_no_group], "not_in_group"),
                issue_rows(judged[elsewhere.fillna(False)], "in_wrong_group"),
                issue_rows(computers[plan_count == 0], "no_cwa_group"),
                issue_rows(_sharing_a_pcid(computers), "shared_pcid"),
                issue_rows(_disagreeing(computers, pcrt_pcids, serial_blacklist), "override_disagrees"),
                issue_rows(_with_serial_of_several_clients(not_generic), "suspected_generic_serial"),
                issue_rows(computers[plan_count > 1], "several_plans"),
            ]
        ),
        ComputerIssues,
    )


def _sharing_a_pcid(computers: pd.DataFrame) -> pd.DataFrame:
    """Two or more computers matched to one PCID: each of them."""
    return computers[computers["pcid"].notna() & computers["pcid"].duplicated(keep=False)]


def _disagreeing(computers: pd.DataFrame, pcrt_pcids: pd.DataFrame, serial_blacklist: pd.DataFrame) -> pd.DataFrame:
    """Matched by Asset Tag, while its serial belongs to exactly one other PCID; a generic serial belongs to none."""
    overridden = computers[computers["matched_by"] == "asset_tag"]
    of_serial = pcids_with_serial(overridden["serial_number_normalised"], pcrt_pcids, serial_blacklist)
    return overridden[(of_serial["how_many"] == 1) & (of_serial["pcid"] != overridden["pcid"])]


def _with_serial_of_several_clients(not_generic: pd.DataFrame) -> pd.DataFrame:
    """A serial not on the list carried by computers of two or more clients: each computer that carries it."""
    serial = pd.Series(pd.factorize(not_generic["serial_number_normalised"])[0], index=not_generic.index)
    pairs = pd.DataFrame({"serial": serial, "client_id": not_generic["client_id"]})
    carried = pairs.dropna().drop_duplicates()
    return not_generic[serial.isin(carried.loc[carried["serial"].duplicated(), "serial"])]
