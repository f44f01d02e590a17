"""Which columns each column comes from: from the fields of CWA and PCRT to the issue tables, for Dagster's column lineage.

One line for each column. A column that is not here is a constant, such as the name of an issue, or the time.
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg

_CWA, _PCRT = "connectwise_automate", "pc_repair_tracker"
_SERIALS = "cwa_computers.serial_number_normalised pcrt_pcids.serial_number_normalised serial_blacklist.normalised"
_MATCH = f"cwa_computers.asset_tag pcrt_pcids.pcid {_SERIALS}"
_PLANS = "cwa_group_members.computer_id cwa_group_members.cwa_group_id cwa_groups.plan"
_PLANS_OF_COMPUTERS = f"{_PLANS} cwa_computers.client_id client_groups.group_id"
_SUBSCRIBED = "pcrt_subscriptions.plan pcrt_subscriptions.is_bizcare"
_LIKENESS = f"{_SERIALS} cwa_computers.name cwa_computers.last_user cwa_computers.make pcrt_pcids.name pcrt_pcids.make"

SOURCES: dict[str, dict[str, str]] = {
    "cwa_clients": {
        "client_id": f"{_CWA}/clients.Id",
        "name": f"{_CWA}/clients.Name",
        "external_id": f"{_CWA}/clients.ExternalId",
    },
    "cwa_computers": {
        "computer_id": f"{_CWA}/computers.Id",
        "name": f"{_CWA}/computers.ComputerName",
        "client_id": f"{_CWA}/computers.Client",
        "serial_number": f"{_CWA}/computers.SerialNumber",
        "serial_number_normalised": f"{_CWA}/computers.SerialNumber",
        "asset_tag": f"{_CWA}/computers.AssetTag",
        "last_contact": f"{_CWA}/computers.RemoteAgentLastContact",
        "last_user": f"{_CWA}/computers.LastUserName",
        "make": f"{_CWA}/computers.BiosManufacturer",
    },
    "cwa_groups": {
        "cwa_group_id": f"{_CWA}/groups.Id",
        "name": f"{_CWA}/groups.Name",
        "plan": f"{_CWA}/groups.Name",
    },
    "cwa_group_members": {
        "computer_id": f"{_CWA}/group_computers.ComputerId",
        "cwa_group_id": f"{_CWA}/group_computers.GroupId",
    },
    "pcrt_groups": {"group_id": f"{_PCRT}/groups.group_id", "name": f"{_PCRT}/groups.name"},
    "pcrt_pcids": {
        "pcid": f"{_PCRT}/pcids.pcid",
        "name": f"{_PCRT}/pcids.name",
        "make": f"{_PCRT}/pcids.make",
        "group_id": f"{_PCRT}/pcids.group_id",
        "serial_number": f"{_PCRT}/pcids.extra",
        "serial_number_normalised": f"{_PCRT}/pcids.extra",
        "serial_problem": f"{_PCRT}/pcids.extra",
    },
    "pcrt_subscriptions": {
        **{
            name: f"{_PCRT}/subscriptions.{name}"
            for name in ("subscription_id", "name", "group_id", "pcid", "cwa_group")
        },
        "effective_group_id": f"{_PCRT}/subscriptions.group_id {_PCRT}/subscriptions.pcid pcrt_pcids.group_id",
        "plan": f"{_PCRT}/subscriptions.cwa_group cwa_groups.plan cwa_groups.cwa_group_id",
        "is_bizcare": f"{_PCRT}/subscriptions.cwa_group {_PCRT}/subscriptions.name",
        "active": f"{_PCRT}/subscriptions.active",
        "additional_members": f"{_PCRT}/subscriptions.additional_members",
    },
    "client_groups": {
        "client_id": "cwa_clients.client_id",
        "group_id": "cwa_clients.external_id pcrt_groups.group_id",
        "reason": "cwa_clients.external_id pcrt_groups.group_id",
    },
    "computer_matches": {
        "computer_id": "cwa_computers.computer_id",
        "client_id": "cwa_computers.client_id",
        "expected_group_id": "cwa_computers.client_id client_groups.group_id",
        "pcid": _MATCH,
        "matched_by": _MATCH,
        "reason": _MATCH,
        "pcid_group_id": "pcrt_pcids.group_id",
    },
    "match_suggestions": {
        "computer_id": "computer_matches.computer_id",
        "rank": _LIKENESS,
        "pcid": "pcrt_pcids.pcid",
        "score": _LIKENESS,
        "confidence": _LIKENESS,
        "same_group": "computer_matches.expected_group_id pcrt_pcids.group_id",
        "evidence": _LIKENESS,
    },
    "client_issues": {
        "issue_key": "cwa_clients.client_id",
        "issue": "client_groups.group_id",
        "reason": "client_groups.reason",
        "client_id": "cwa_clients.client_id",
        "client_name": "cwa_clients.name",
        "external_id": "cwa_clients.external_id",
    },
    "computer_issues": {
        "issue_key": "cwa_computers.computer_id",
        "issue": f"computer_matches.pcid computer_matches.pcid_group_id computer_matches.expected_group_id {_PLANS} {_SERIALS}",
        "reason": "computer_matches.reason",
        "computer_id": "cwa_computers.computer_id",
        "computer_name": "cwa_computers.name",
        "client_id": "computer_matches.client_id",
        "client_name": "cwa_clients.name",
        "serial_number": "cwa_computers.serial_number",
        "asset_tag": "cwa_computers.asset_tag",
        "pcid": "computer_matches.pcid",
        "pcid_group_id": "computer_matches.pcid_group_id",
        "expected_group_id": "computer_matches.expected_group_id",
    },
    "group_issues": {
        "issue_key": "pcrt_groups.group_id pcrt_subscriptions.subscription_id",
        "issue": f"{_PLANS_OF_COMPUTERS} {_SUBSCRIBED} pcrt_subscriptions.active members_plan.guard",
        "reason": f"{_SUBSCRIBED} members_plan.guard",
        "group_id": "pcrt_groups.group_id pcrt_subscriptions.effective_group_id",
        "group_name": "pcrt_groups.name",
        "subscription_id": "pcrt_subscriptions.subscription_id",
        "subscription_name": "pcrt_subscriptions.name",
        "cwa_group": "pcrt_subscriptions.cwa_group",
        "computer_plans": _PLANS_OF_COMPUTERS,
        "subscription_plans": "pcrt_subscriptions.plan",
    },
    "issue_history": {
        name: f"client_issues.{name} computer_issues.{name} group_issues.{name}"
        for name in ("issue_key", "issue", "reason")
    },
    "open_issues": {
        **{
            name: f"client_issues.{name} computer_issues.{name} group_issues.{name}"
            for name in ("issue_key", "issue", "reason", "severity")
        },
        "customer": "client_issues.client_name computer_issues.client_name group_issues.group_name",
        "subject": "client_issues.client_name computer_issues.computer_name group_issues.subscription_name group_issues.group_name",
        "first_seen": "issue_history.first_seen",
    },
}


def column_lineage(table: str, prefix: Sequence[str] = ()) -> dict[str, Any]:
    """The metadata of a materialisation: the columns that each column comes from; empty if no column comes from another table.

    `prefix` stands before the asset keys of a site.
    """
    if table not in SOURCES:
        return {}
    deps = {column: [_dep(name, prefix) for name in names.split()] for column, names in SOURCES[table].items()}
    return {"dagster/column_lineage": dg.TableColumnLineage(deps_by_column=deps)}


def come_from(table: str, column: str) -> str:
    """The same in words, for the end of a column's description: only Dagster+ draws the lineage of columns."""
    names = SOURCES.get(table, {}).get(column)
    return f". From {names.replace(' ', ', ')}" if names else ""


def _dep(name: str, prefix: Sequence[str]) -> dg.TableColumnDep:
    asset, _, column = name.rpartition(".")
    return dg.TableColumnDep(asset_key=dg.AssetKey([*prefix, *asset.split("/")]), column_name=column)
