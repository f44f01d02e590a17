"""Who is covered, and what each subscription's Additional Members become.

What belongs here: the lists as they ought to be, and the plan of changes that leads there. What must not: how a list is
spelled (`rules.member_lists`), how much may change in one night (`rules.guards`), writing it.
"""

import hashlib
from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from cwa_pipeline.rules.frames import as_table, lookup, same_text
from cwa_pipeline.rules.matching.plans import computer_plans
from cwa_pipeline.rules.members.lists import LARGEST_PCID, ListFormat, encode, encode_all, parse
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
    if mode == "by_plan":
        shared = ["group_id", "plan"]
        covered = matched.merge(computer_plans(cwa_group_members, cwa_groups), on="computer_id")
    else:
        shared = ["group_id"]
        plans = cwa_groups.loc[cwa_groups["plan"].notna(), "cwa_group_id"]
        in_a_plan = cwa_group_members.loc[cwa_group_members["cwa_group_id"].isin(plans), "computer_id"]
        covered = matched[matched["computer_id"].isin(in_a_plan)]
    covered = covered.rename(columns={"expected_group_id": "group_id"})

    judged = judged_subscriptions(pcrt_subscriptions, client_groups).drop(columns="additional_members")
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
    judged = judged_subscriptions(pcrt_subscriptions, client_groups).reset_index(drop=True)
    ids, before = judged["subscription_id"], judged["additional_members"]
    spelled = _lists_as_written(subscription_members, list_format)
    ours = lookup(ids, last_written.set_index("subscription_id")["after"])
    stands = ~ids.isin(last_written["subscription_id"]) | same_text(before, ours)
    # A list that reads as we would write it is right. Any other is a text of the shop's that has to be parsed, one by one.
    is_right = stands & (before == lookup(ids, spelled["text"])).fillna(False)
    right, others = judged[is_right], judged[~is_right]
    size = lookup(right["subscription_id"], spelled["size"])
    decided = [_right(right, size), _decided(others, subscription_members, last_written, list_format)]
    return as_table(pd.concat(decided).rename(columns={"additional_members": "before"}), MembersPlan)


def _right(judged: pd.DataFrame, size: pd.Series) -> pd.DataFrame:
    """What becomes of lists that are just as we would write them, of that many PCIDs."""
    none = pd.Series(None, index=judged.index, dtype="str")
    return judged.assign(
        after=judged["additional_members"],
        listed=size.astype("int64"),
        added=0,
        removed=0,
        added_pcids=none,
        removed_pcids=none,
        hand_edited=False,
        hand_added_pcids=none,
        hand_removed_pcids=none,
        status=pd.Series("unchanged", index=judged.index, dtype="str"),
        guard=none,
        reason=none,
    )


def _decided(
    judged: pd.DataFrame, subscription_members: pd.DataFrame, last_written: pd.DataFrame, list_format: ListFormat
) -> pd.DataFrame:
    """What becomes of each list, whatever it is."""
    subscription_ids = judged["subscription_id"].tolist()
    members = subscription_members[subscription_members["subscription_id"].isin(judged["subscription_id"])]
    wanted = _lists_by_subscription(members)
    written = dict(zip(last_written["subscription_id"].tolist(), last_written["after"].tolist(), strict=True))
    before = judged["additional_members"].astype("object").where(judged["additional_members"].notna(), None).tolist()
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
    return judged.assign(
        after=pd.array([decision.after for decision in decisions], dtype="str"),
        listed=pd.array([len(set(decision.listed)) for decision in decisions], dtype="int64"),
        added=pd.array([len(decision.added) for decision in decisions], dtype="int64"),
        removed=pd.array([len(decision.removed) for decision in decisions], dtype="int64"),
        added_pcids=pd.array([_spelled(decision.added) for decision in decisions], dtype="str"),
        removed_pcids=pd.array([_spelled(decision.removed) for decision in decisions], dtype="str"),
        hand_edited=pd.array([edit is not None for edit in edits], dtype="bool"),
        hand_added_pcids=pd.array([_spelled(edit[0]) if edit else None for edit in edits], dtype="str"),
        hand_removed_pcids=pd.array([_spelled(edit[1]) if edit else None for edit in edits], dtype="str"),
        status=pd.array([decision.status for decision in decisions], dtype="str"),
        guard=pd.array([decision.guard for decision in decisions], dtype="str"),
        reason=pd.array([decision.reason for decision in decisions], dtype="str"),
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


def _lists_as_written(subscription_members: pd.DataFrame, list_format: ListFormat) -> pd.DataFrame:
    """The wanted list of each subscription that has one, under its id: its text and its size, as far as it reads back as it is."""
    ordered = subscription_members.sort_values(["subscription_id", "pcid"])
    subscription_ids, starts = np.unique(ordered["subscription_id"].to_numpy(), return_index=True)
    starts = np.append(starts, len(ordered))
    texts = encode_all(ordered["pcid"].to_numpy(), starts, list_format)
    reads_back = (ordered["pcid"] >= 1) & (ordered["pcid"] <= LARGEST_PCID)
    lists = pd.DataFrame({"text": texts.array, "size": np.diff(starts)}, index=pd.Index(subscription_ids))
    return lists.drop(ordered.loc[~reads_back, "subscription_id"].unique())


def _lists_by_subscription(subscription_members: pd.DataFrame) -> dict[int, tuple[int, ...]]:
    """The wanted list of each subscription that has one, ascending."""
    ordered = subscription_members.sort_values(["subscription_id", "pcid"])
    subscription_ids, starts = np.unique(ordered["subscription_id"].to_numpy(), return_index=True)
    lists = np.split(ordered["pcid"].to_numpy(), starts[1:])
    return {key: tuple(pcids.tolist()) for key, pcids in zip(subscription_ids.tolist(), lists, strict=False)}
