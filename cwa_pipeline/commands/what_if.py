"""What would differ, in issues and lists, had a night's rules been others.

What belongs here: replaying the rules on a night's inputs, and comparing two replays. What must not: anything that a replay writes, for
it writes nothing. Guards, holds and hand edits are not replayed: they depend on the nights before, not on the rules.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import pandas as pd

from cwa_pipeline.rules import history
from cwa_pipeline.rules.frames import lookup
from cwa_pipeline.rules.issues import client_issues, computer_issues, group_issues
from cwa_pipeline.rules.matching import matches as matching
from cwa_pipeline.rules.matching import serials
from cwa_pipeline.rules.members import membership
from cwa_pipeline.rules.members.ledger import last_written
from cwa_pipeline.rules.members.lists import ListFormat
from cwa_pipeline.warehouse.nights import Night
from cwa_pipeline.warehouse.schema import dtypes

LEDGER, HISTORY = "additional_members_ledger", "issue_history"
Mode = Literal["every_plan", "by_plan"]
ISSUE = ["issue_key", "area", "issue", "reason", "severity", "customer", "subject"]


class Replay(NamedTuple):
    """What the rules make of a night: its open issues, one row per subscription and PCID that ought to be listed, and by what."""

    issues: pd.DataFrame
    members: pd.DataFrame
    generic_serials: int


class Differences(NamedTuple):
    """What one replay has and the other has not.

    `issues` has the columns of ISSUE and `change` (`new` or `gone`; one whose reason changed is both); `members` has subscription_id,
    group_id, pcid and `change` (`added` or `removed`), `customer`, `subscription` and `computer`, the names they go by.
    """

    issues: pd.DataFrame
    members: pd.DataFrame


def replayed(night: Night, mode: Mode, list_format: ListFormat, generic_serials: Sequence[str] | None = None) -> Replay:
    """Let the rules work on a night's inputs; without `generic_serials`, with those of the night itself."""
    computers, clients = night.frame("cwa_computers"), night.frame("cwa_clients")
    members, cwa_groups = night.frame("cwa_group_members"), night.frame("cwa_groups")
    groups, pcids, subscriptions = (night.frame(table) for table in ("pcrt_groups", "pcrt_pcids", "pcrt_subscriptions"))
    blacklist = (
        night.frame("serial_blacklist") if generic_serials is None else serials.serial_blacklist(generic_serials)
    )

    client_groups = matching.client_groups(clients, groups)
    matches = matching.computer_matches(computers, pcids, blacklist, client_groups)
    listed = membership.subscription_members(subscriptions, client_groups, matches, members, cwa_groups, mode)
    plan = membership.planned_members(subscriptions, client_groups, listed, last_written(_empty(LEDGER)), list_format)
    tonight = (
        client_issues.client_issues(clients, client_groups),
        computer_issues.computer_issues(matches, computers, clients, members, cwa_groups, pcids, blacklist),
        group_issues.group_issues(groups, subscriptions, client_groups, computers, members, cwa_groups, plan),
    )
    seen = history.issue_history(_empty(HISTORY), *tonight, pd.Timestamp(night.read_at))
    return Replay(
        history.open_issues(*tonight, seen)[ISSUE], listed[["subscription_id", "group_id", "pcid"]], len(blacklist)
    )


def differences(night: Night, before: Replay, after: Replay) -> Differences:
    """What differs between two replays of a night, by name."""
    issues = _changes(before.issues, after.issues, ["issue_key", "reason"], "gone", "new")
    members = _changes(before.members, after.members, ["subscription_id", "pcid"], "removed", "added")
    named = members.assign(
        customer=lookup(members["group_id"], night.frame("pcrt_groups").set_index("group_id")["name"]),
        subscription=lookup(
            members["subscription_id"], night.frame("pcrt_subscriptions").set_index("subscription_id")["name"]
        ),
        computer=lookup(members["pcid"], night.frame("pcrt_pcids").set_index("pcid")["name"]),
    )
    return Differences(
        issues.sort_values(["issue", "change", "customer", "subject"], ignore_index=True),
        named.sort_values(["customer", "subscription_id", "change", "pcid"], ignore_index=True),
    )


def _changes(before: pd.DataFrame, after: pd.DataFrame, key: list[str], gone: str, new: str) -> pd.DataFrame:
    """The rows that are in only one of two tables, with `change` telling in which."""
    every = pd.concat([before.assign(change=gone), after.assign(change=new)], ignore_index=True)
    return every[~every.duplicated(key, keep=False)]


def _empty(table: str) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in dtypes(table).items()})
