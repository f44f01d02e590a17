"""What does not line up, since when, and everything open in one list."""

import dagster as dg
import pandas as pd

from cwa_pipeline import rules
from cwa_pipeline.assets.io import WarehouseIOManager, table_asset
from cwa_pipeline.assets.issue_metadata import issue_metadata
from cwa_pipeline.rules import history

GROUP = "issues"
KINDS = {"pandas"}


def _told(context: dg.AssetExecutionContext, warehouse: WarehouseIOManager, issues: pd.DataFrame) -> pd.DataFrame:
    """The issues, with what Dagster is to show of them put beside."""
    table = context.asset_key.path[-1]
    context.add_output_metadata(issue_metadata(table, issues, warehouse.warehouse.read("issue_history")))
    return issues


@table_asset(group=GROUP, kinds=KINDS)
def client_issues(
    context: dg.AssetExecutionContext,
    warehouse: dg.ResourceParam[WarehouseIOManager],
    cwa_clients: pd.DataFrame,
    client_groups: pd.DataFrame,
) -> pd.DataFrame:
    return _told(context, warehouse, rules.client_issues.client_issues(cwa_clients, client_groups))


@table_asset(group=GROUP, kinds=KINDS)
def computer_issues(
    context: dg.AssetExecutionContext,
    warehouse: dg.ResourceParam[WarehouseIOManager],
    computer_matches: pd.DataFrame,
    cwa_computers: pd.DataFrame,
    cwa_clients: pd.DataFrame,
    cwa_group_members: pd.DataFrame,
    cwa_groups: pd.DataFrame,
    pcrt_pcids: pd.DataFrame,
    serial_blacklist: pd.DataFrame,
) -> pd.DataFrame:
    issues = rules.computer_issues.computer_issues(
        computer_matches, cwa_computers, cwa_clients, cwa_group_members, cwa_groups, pcrt_pcids, serial_blacklist
    )
    return _told(context, warehouse, issues)


@table_asset(group=GROUP, kinds=KINDS)
def group_issues(
    context: dg.AssetExecutionContext,
    warehouse: dg.ResourceParam[WarehouseIOManager],
    pcrt_groups: pd.DataFrame,
    pcrt_subscriptions: pd.DataFrame,
    client_groups: pd.DataFrame,
    cwa_computers: pd.DataFrame,
    cwa_group_members: pd.DataFrame,
    cwa_groups: pd.DataFrame,
    members_plan: pd.DataFrame,
) -> pd.DataFrame:
    issues = rules.group_issues.group_issues(
        pcrt_groups, pcrt_subscriptions, client_groups, cwa_computers, cwa_group_members, cwa_groups, members_plan
    )
    return _told(context, warehouse, issues)


@table_asset(group=GROUP, kinds=KINDS)
def issue_history(
    warehouse: dg.ResourceParam[WarehouseIOManager],
    client_issues: pd.DataFrame,
    computer_issues: pd.DataFrame,
    group_issues: pd.DataFrame,
) -> pd.DataFrame:
    previous = warehouse.warehouse.read("issue_history")
    return history.issue_history(previous, client_issues, computer_issues, group_issues, pd.Timestamp.now("UTC"))


@table_asset(group=GROUP, kinds=KINDS)
def open_issues(
    client_issues: pd.DataFrame, computer_issues: pd.DataFrame, group_issues: pd.DataFrame, issue_history: pd.DataFrame
) -> pd.DataFrame:
    return history.open_issues(client_issues, computer_issues, group_issues, issue_history)
