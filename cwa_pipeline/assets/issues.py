"""What does not line up, since when, and everything open in one list."""

import pandas as pd

from cwa_pipeline.assets.issue_metadata import issue_metadata
from cwa_pipeline.assets.resources import WarehouseResource
from cwa_pipeline.assets.tables_step import WithMetadata
from cwa_pipeline.memory import give_back_freed_memory
from cwa_pipeline.rules import history
from cwa_pipeline.rules.issues import client_issues as client
from cwa_pipeline.rules.issues import computer_issues as computer
from cwa_pipeline.rules.issues import group_issues as group


def _told(table: str, issues: pd.DataFrame, warehouse: WarehouseResource) -> WithMetadata:
    """The issues, with what Dagster is to show of them."""
    return WithMetadata(issues, issue_metadata(table, issues, warehouse.before("issue_history")))


def client_issues(
    warehouse: WarehouseResource,
    cwa_clients: pd.DataFrame,
    client_groups: pd.DataFrame,
) -> WithMetadata:
    return _told("client_issues", client.client_issues(cwa_clients, client_groups), warehouse)


def computer_issues(
    warehouse: WarehouseResource,
    computer_matches: pd.DataFrame,
    cwa_computers: pd.DataFrame,
    cwa_clients: pd.DataFrame,
    cwa_group_members: pd.DataFrame,
    cwa_groups: pd.DataFrame,
    pcrt_pcids: pd.DataFrame,
    serial_blacklist: pd.DataFrame,
) -> WithMetadata:
    give_back_freed_memory()  # from here on, while the second process suggests, a run takes the most memory
    issues = computer.computer_issues(
        computer_matches, cwa_computers, cwa_clients, cwa_group_members, cwa_groups, pcrt_pcids, serial_blacklist
    )
    return _told("computer_issues", issues, warehouse)


def group_issues(
    warehouse: WarehouseResource,
    pcrt_groups: pd.DataFrame,
    pcrt_subscriptions: pd.DataFrame,
    client_groups: pd.DataFrame,
    cwa_computers: pd.DataFrame,
    cwa_group_members: pd.DataFrame,
    cwa_groups: pd.DataFrame,
    members_plan: pd.DataFrame,
) -> WithMetadata:
    issues = group.group_issues(
        pcrt_groups, pcrt_subscriptions, client_groups, cwa_computers, cwa_group_members, cwa_groups, members_plan
    )
    return _told("group_issues", issues, warehouse)


def issue_history(
    warehouse: WarehouseResource,
    client_issues: pd.DataFrame,
    computer_issues: pd.DataFrame,
    group_issues: pd.DataFrame,
) -> pd.DataFrame:
    previous = warehouse.before("issue_history")
    return history.issue_history(previous, client_issues, computer_issues, group_issues, pd.Timestamp.now("UTC"))


def open_issues(
    client_issues: pd.DataFrame, computer_issues: pd.DataFrame, group_issues: pd.DataFrame, issue_history: pd.DataFrame
) -> pd.DataFrame:
    return history.open_issues(client_issues, computer_issues, group_issues, issue_history)
