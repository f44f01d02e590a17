"""What does not line up about a computer.

What belongs here: when a computer has an issue. What must not: which PCID it is (`rules.matching`).
"""

import numpy as np
import pandas as pd

from cwa_pipeline.rules.frames import as_table, lookup, positions
from cwa_pipeline.rules.issues.kinds import issue_rows
from cwa_pipeline.rules.matching.matches import pcids_with_serial
from cwa_pipeline.rules.matching.plans import computer_plans
from cwa_pipeline.rules.matching.serials import is_generic
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
    row = pd.Index(cwa_computers["computer_id"]).get_indexer(pd.Index(computer_matches["computer_id"]))
    computers = computer_matches.assign(row=row)[row >= 0]
    serial = cwa_computers["serial_number_normalised"].take(computers["row"].to_numpy()).set_axis(computers.index)

    tag_unknown = computers["reason"] == "asset_tag_unknown"
    unmatched_by_serial = computers["reason"].notna() & ~tag_unknown
    judged = computers[computers["pcid"].notna() & computers["expected_group_id"].notna()]
    in_no_group = judged["pcid_group_id"].isna()
    elsewhere = ~in_no_group & (judged["pcid_group_id"] != judged["expected_group_id"])
    plan_counts = computer_plans(cwa_group_members, cwa_groups).groupby("computer_id").size()
    plan_count = lookup(computers["computer_id"], plan_counts).fillna(0)
    of_several_clients = _of_several_clients(serial, computers["client_id"]) & ~is_generic(serial, serial_blacklist)

    issues = pd.concat(
        [
            issue_rows(computers[tag_unknown], "pcid_does_not_exist", computers["reason"]),
            issue_rows(computers[unmatched_by_serial], "no_matching_pcid", computers["reason"]),
            issue_rows(judged[in_no_group], "not_in_group"),
            issue_rows(judged[elsewhere.fillna(False)], "in_wrong_group"),
            issue_rows(computers[plan_count == 0], "no_cwa_group"),
            issue_rows(_sharing_a_pcid(computers), "shared_pcid"),
            issue_rows(_disagreeing(computers, serial, pcrt_pcids, serial_blacklist), "override_disagrees"),
            issue_rows(computers[of_several_clients], "suspected_generic_serial"),
            issue_rows(computers[plan_count > 1], "several_plans"),
        ],
        ignore_index=True,
    )
    # Texts only of the computers that have an issue, and only now.
    facts = cwa_computers[["name", "serial_number", "asset_tag"]].take(issues.pop("row").to_numpy())
    facts = facts.rename(columns={"name": "computer_name"}).set_axis(issues.index)
    client_name = lookup(issues["client_id"], cwa_clients.set_index("client_id")["name"])
    return as_table(issues.assign(client_name=client_name, **facts), ComputerIssues)


def _sharing_a_pcid(computers: pd.DataFrame) -> pd.DataFrame:
    """Two or more computers matched to one PCID: each of them."""
    return computers[computers["pcid"].notna() & computers["pcid"].duplicated(keep=False)]


def _disagreeing(
    computers: pd.DataFrame, serial: pd.Series, pcrt_pcids: pd.DataFrame, serial_blacklist: pd.DataFrame
) -> pd.DataFrame:
    """Matched by Asset Tag, while its serial belongs to exactly one other PCID; a generic serial belongs to none."""
    overridden = computers[computers["matched_by"] == "asset_tag"]
    serial = serial[overridden.index]
    bearers = pcrt_pcids[positions(pcrt_pcids["serial_number_normalised"], serial) >= 0]
    of_serial = pcids_with_serial(serial, bearers, serial_blacklist)
    return overridden[(of_serial["how_many"] == 1) & (of_serial["pcid"] != overridden["pcid"])]


def _of_several_clients(serial: pd.Series, client_id: pd.Series) -> pd.Series:
    """Whether computers of two or more clients carry the serial; one of no client counts for none."""
    number, distinct = pd.factorize(serial)
    is_known, client = client_id.notna().to_numpy(), client_id.to_numpy("int64", na_value=0)
    one_client, several = np.zeros(len(distinct), dtype="int64"), np.zeros(len(distinct), dtype="bool")
    one_client[number[is_known]] = client[is_known]  # of its clients any
    several[number[is_known & (one_client[number] != client)]] = True
    return pd.Series(several[number], index=serial.index)
