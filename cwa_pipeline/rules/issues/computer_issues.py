"""The issues of computers."""

import pandas as pd

from cwa_pipeline.rules.frames import as_table, lookup
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
    facts = cwa_computers[["computer_id", "name", "serial_number", "serial_number_normalised", "asset_tag"]]
    computers = computer_matches.merge(facts.rename(columns={"name": "computer_name"}), on="computer_id")
    serial = computers["serial_number_normalised"]

    tag_unknown = computers["reason"] == "asset_tag_unknown"
    unmatched_by_serial = computers["reason"].notna() & ~tag_unknown
    judged = computers[computers["pcid"].notna() & computers["expected_group_id"].notna()]
    in_no_group = judged["pcid_group_id"].isna()
    elsewhere = ~in_no_group & (judged["pcid_group_id"] != judged["expected_group_id"])
    plan_counts = computer_plans(cwa_group_members, cwa_groups).groupby("computer_id").size()
    plan_count = lookup(computers["computer_id"], plan_counts).fillna(0)
    has_several_clients = computers["client_id"].groupby(serial).transform("nunique") > 1
    is_suspected = has_several_clients & ~is_generic(serial, serial_blacklist)

    issues = pd.concat(
        [
            issue_rows(computers[tag_unknown], "pcid_does_not_exist", computers["reason"]),
            issue_rows(computers[unmatched_by_serial], "no_matching_pcid", computers["reason"]),
            issue_rows(judged[in_no_group], "not_in_group"),
            issue_rows(judged[elsewhere.fillna(False)], "in_wrong_group"),
            issue_rows(computers[plan_count == 0], "no_cwa_group"),
            issue_rows(_sharing_a_pcid(computers), "shared_pcid"),
            issue_rows(_disagreeing(computers, pcrt_pcids, serial_blacklist), "override_disagrees"),
            issue_rows(computers[is_suspected], "suspected_generic_serial"),
            issue_rows(computers[plan_count > 1], "several_plans"),
        ],
        ignore_index=True,
    )
    client_name = lookup(issues["client_id"], cwa_clients.set_index("client_id")["name"])
    return as_table(issues.assign(client_name=client_name), ComputerIssues)


def _sharing_a_pcid(computers: pd.DataFrame) -> pd.DataFrame:
    """Two or more computers matched to one PCID: each of them."""
    return computers[computers["pcid"].notna() & computers["pcid"].duplicated(keep=False)]


def _disagreeing(computers: pd.DataFrame, pcrt_pcids: pd.DataFrame, serial_blacklist: pd.DataFrame) -> pd.DataFrame:
    """Matched by Asset Tag, while its serial belongs to exactly one other PCID; a generic serial belongs to none."""
    overridden = computers[computers["matched_by"] == "asset_tag"]
    serial = overridden["serial_number_normalised"]
    bearers = pcrt_pcids[pcrt_pcids["serial_number_normalised"].isin(serial.tolist())]
    of_serial = pcids_with_serial(serial, bearers, serial_blacklist)
    return overridden[(of_serial["how_many"] == 1) & (of_serial["pcid"] != overridden["pcid"])]
