"""Who is covered, and what each subscription's Additional Members become.

What belongs here: the lists as they ought to be, and the plan of changes that leads there. What must not: how a list is
spelled (`rules.member_lists`), how much may change in one night (`rules.guards`), writing it.
"""

import hashlib
from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from cwa_pipeline.rules.frames import as_table
from cwa_pipeline.rules.member_lists import ListFormat, encode, parse
from cwa_pipeline.rules.plans import computer_plans
from cwa_pipeline.tables import MembersPlan, SubscriptionMembers

PLAN_ID_DIGITS = 12  # hexadecimal: enough that two plans of a shop never share an id, short enough to type


def judged_subscriptions(pcrt_subscriptions: pd.DataFrame, client_groups: pd.DataFrame) -> pd.DataFrame:
    """Each active subscription with a valid plan in a tied group; everything else is never touched.

    Returns subscription_id, group_id (the one it counts for), plan and additional_members.
    """
    judged = pcrt_subscriptions[
        pcrt_subscriptions["active"]
        & pcrt_subscriptions["plan"].notna()
        & pcrt_subscriptions["effective_group_id"].isin(client_groups["group_id"].dropna())
    ]
    columns = ["subscription_id", "effective_group_id", "plan", "additional_members"]
    return judged[columns].rename(columns={"effective_group_id": "group_id"})


def subscription_members(
    pcrt_subscriptions: pd.DataFrame,
    client_groups: pd.DataFrame,
    computer_matches: pd.DataFrame,
    cwa_group_members: pd.DataFrame,
    cwa_groups: pd.DataFrame,
    mode: Literal["every_plan", "by_plan"],
) -> pd.DataFrame:
    """Additional Members becomes exactly the covered PCIDs.

    Covered are the matched computers of the group's clients whose PCID is in that very group and which are in at
    least one plan. With `every_plan` every judged subscription of the group lists them all, with `by_plan` only those
    in its own plan.

    Returns a `subscription_members` table.
    """
    # Null, and so not in it, unless both groups are known.
    in_its_group = computer_matches["pcid_group_id"] == computer_matches["expected_group_id"]
    matched = computer_matches.loc[in_its_group.fillna(False), ["computer_id", "expected_group_id", "pcid"]]
    covered = matched.merge(computer_plans(cwa_group_members, cwa_groups), on="computer_id")
    covered = covered.rename(columns={"expected_group_id": "group_id"})

    judged = judged_subscriptions(pcrt_subscriptions, client_groups)
    shared = ["group_id", "plan"] if mode == "by_plan" else ["group_id"]
    members = judged.merge(covered[[*shared, "pcid"]].drop_duplicates(), on=shared)
    return as_table(members, SubscriptionMembers)


class _Decision(NamedTuple):
    """What becomes of one list."""

    after: str | None
    status: str
    listed: tuple[int, ...] = ()
    added: tuple[int, ...] = ()
    removed: tuple[int, ...] = ()
    guard: str | None = None
    reason: str | None = None


def planned_members(
    pcrt_subscriptions: pd.DataFrame,
    client_groups: pd.DataFrame,
    subscription_members: pd.DataFrame,
    last_written: pd.DataFrame,
    list_format: ListFormat,
) -> pd.DataFrame:
    """Lists are ascending and unique, and a list already right is not written.

    `last_written` (subscription_id, after) is what we wrote last: a list that differs from it was edited by hand.
    Returns a `members_plan` table, one row per judged subscription (also for a list that ought to be empty): `unchanged`,
    `planned`, or `held` when the list as read cannot be read.
    """
    judged = judged_subscriptions(pcrt_subscriptions, client_groups)
    wanted = _lists_by_subscription(subscription_members)
    written = dict(zip(last_written["subscription_id"].tolist(), last_written["after"].tolist(), strict=True))
    subscription_ids = judged["subscription_id"].tolist()
    before = judged["additional_members"].astype("object").where(judged["additional_members"].notna(), None).tolist()
    # A list is a text of the shop's that has to be parsed one by one, so this is a loop over lists and not over a column.
    decisions = [
        _decision(text, wanted.get(subscription_id, ()), list_format)
        for subscription_id, text in zip(subscription_ids, before, strict=True)
    ]
    edits = [
        _edited_by_hand(text, decision.listed, written[subscription_id], list_format)
        if subscription_id in written
        else None
        for subscription_id, text, decision in zip(subscription_ids, before, decisions, strict=True)
    ]
    return as_table(
        judged.rename(columns={"additional_members": "before"}).assign(
            after=pd.array([decision.after for decision in decisions], dtype="str"),
            listed=[len(set(decision.listed)) for decision in decisions],
            added=[len(decision.added) for decision in decisions],
            removed=[len(decision.removed) for decision in decisions],
            added_pcids=pd.array([_spelled(decision.added) for decision in decisions], dtype="str"),
            removed_pcids=pd.array([_spelled(decision.removed) for decision in decisions], dtype="str"),
            hand_edited=[edit is not None for edit in edits],
            hand_added_pcids=pd.array([_spelled(edit[0]) if edit else None for edit in edits], dtype="str"),
            hand_removed_pcids=pd.array([_spelled(edit[1]) if edit else None for edit in edits], dtype="str"),
            status=[decision.status for decision in decisions],
            guard=pd.array([decision.guard for decision in decisions], dtype="str"),
            reason=pd.array([decision.reason for decision in decisions], dtype="str"),
        ),
        MembersPlan,
    )


def only_planned(plan: pd.DataFrame, reason: str) -> pd.DataFrame:
    """The plan of a run that does not write: each `planned` list says why it stays so."""
    return plan.assign(reason=plan["reason"].mask(plan["status"] == "planned", reason))


def plan_id(plan: pd.DataFrame) -> str:
    """What names the changes a plan would write: the same for the same changes, another one as soon as the world moved on."""
    changes = plan.loc[plan["status"] == "planned", ["subscription_id", "before", "after"]]
    text = changes.sort_values("subscription_id").to_json(orient="values")
    return hashlib.sha256(text.encode()).hexdigest()[:PLAN_ID_DIGITS]


def spelled_pcids(text: pd.Series) -> pd.Series:
    """The PCIDs of an `added_pcids` or `removed_pcids` column, as a set for each row."""
    return text.fillna("").map(lambda pcids: frozenset(map(int, pcids.split())))


def _spelled(pcids: Iterable[int]) -> str | None:
    return " ".join(map(str, pcids)) or None


def _edited_by_hand(
    before: str | None, listed: tuple[int, ...], written: str | None, list_format: ListFormat
) -> tuple[list[int], list[int]] | None:
    """What hand added to and removed from the list that we wrote last; None when it still stands."""
    if before == (None if pd.isna(written) else written):
        return None
    ours = set(parse(None if pd.isna(written) else written, list_format) or ())
    return sorted(set(listed) - ours), sorted(ours - set(listed))


def _decision(before: str | None, wanted: tuple[int, ...], list_format: ListFormat) -> _Decision:
    """Decide about one list, as read and as it ought to be."""
    listed = parse(before, list_format)
    if listed is None:
        reason = f"Additional Members cannot be read as {list_format}; correct it in PCRT by hand"
        return _Decision(before, "held", guard="unreadable", reason=reason)
    if listed == wanted:
        return _Decision(before, "unchanged", listed)
    added, removed = tuple(sorted(set(wanted) - set(listed))), tuple(sorted(set(listed) - set(wanted)))
    return _Decision(encode(wanted, list_format), "planned", listed, added, removed)


def _lists_by_subscription(subscription_members: pd.DataFrame) -> dict[int, tuple[int, ...]]:
    """The wanted list of each subscription that has one, ascending."""
    ordered = subscription_members.sort_values(["subscription_id", "pcid"])
    subscription_ids, starts = np.unique(ordered["subscription_id"].to_numpy(), return_index=True)
    lists = np.split(ordered["pcid"].to_numpy(), starts[1:])
    return {key: tuple(pcids.tolist()) for key, pcids in zip(subscription_ids.tolist(), lists, strict=False)}
