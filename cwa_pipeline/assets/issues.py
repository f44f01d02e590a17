"""What does not line up, since when, and every open issue in one list."""

from typing import Any

import dagster as dg
import pandas as pd

from cwa_pipeline.assets.checks import DID_NOT_GROW, group_members_are_known_computers
from cwa_pipeline.assets.issue_metadata import issue_metadata
from cwa_pipeline.assets.resources import WarehouseResource
from cwa_pipeline.assets.table_asset import table_asset
from cwa_pipeline.rules import history
from cwa_pipeline.rules.issues import client_issues as of_clients
from cwa_pipeline.rules.issues import computer_issues as of_computers
from cwa_pipeline.rules.issues import group_issues as of_groups

GROUP = "issues"


@table_asset(GROUP)
def client_issues(
    warehouse: WarehouseResource, cwa_clients: pd.DataFrame, client_groups: pd.DataFrame
) -> dg.MaterializeResult:
    issues = of_clients.client_issues(cwa_clients, client_groups)
    return dg.MaterializeResult(value=issues, metadata=_metadata("client_issues", issues, warehouse))


@table_asset(GROUP, checks=[group_members_are_known_computers])
def computer_issues(
    warehouse: WarehouseResource,
    computer_matches: pd.DataFrame,
    cwa_computers: pd.DataFrame,
    cwa_clients: pd.DataFrame,
    cwa_group_members: pd.DataFrame,
    cwa_groups: pd.DataFrame,
    pcrt_pcids: pd.DataFrame,
    serial_blacklist: pd.DataFrame,
) -> dg.MaterializeResult:
    issues = of_computers.computer_issues(
        computer_matches, cwa_computers, cwa_clients, cwa_group_members, cwa_groups, pcrt_pcids, serial_blacklist
    )
    return dg.MaterializeResult(
        value=issues,
        metadata=_metadata("computer_issues", issues, warehouse),
        check_results=[group_members_are_known_computers(cwa_group_members, cwa_computers)],
    )


@table_asset(GROUP)
def group_issues(
    warehouse: WarehouseResource,
    pcrt_groups: pd.DataFrame,
    pcrt_subscriptions: pd.DataFrame,
    client_groups: pd.DataFrame,
    cwa_computers: pd.DataFrame,
    cwa_group_members: pd.DataFrame,
    cwa_groups: pd.DataFrame,
    members_plan: pd.DataFrame,
) -> dg.MaterializeResult:
    issues = of_groups.group_issues(
        pcrt_groups, pcrt_subscriptions, client_groups, cwa_computers, cwa_group_members, cwa_groups, members_plan
    )
    return dg.MaterializeResult(value=issues, metadata=_metadata("group_issues", issues, warehouse))


@table_asset(GROUP, checks=DID_NOT_GROW)
def issue_history(
    warehouse: WarehouseResource,
    client_issues: pd.DataFrame,
    computer_issues: pd.DataFrame,
    group_issues: pd.DataFrame,
) -> dg.MaterializeResult:
    previous, now = warehouse.warehouse.read("issue_history"), pd.Timestamp.now("UTC")
    issues = history.issue_history(previous, client_issues, computer_issues, group_issues, now)
    return dg.MaterializeResult(value=issues, check_results=[did_not_grow(issues) for did_not_grow in DID_NOT_GROW])


@table_asset(GROUP)
def open_issues(
    client_issues: pd.DataFrame, computer_issues: pd.DataFrame, group_issues: pd.DataFrame, issue_history: pd.DataFrame
) -> dg.MaterializeResult:
    return dg.MaterializeResult(value=history.open_issues(client_issues, computer_issues, group_issues, issue_history))


def _metadata(table: str, issues: pd.DataFrame, warehouse: WarehouseResource) -> dict[str, Any]:
    """What Dagster shows of an issue table; `issue_history` is still that of the sync before, for it is made later."""
    return issue_metadata(table, issues, warehouse.warehouse.read("issue_history"))
