"""Who is covered, and what each subscription's Additional Members become."""

import hashlib
from typing import Literal

import pandas as pd

from cwa_pipeline.rules.frames import as_table
from cwa_pipeline.rules.matching.plans import computer_plans
from cwa_pipeline.rules.members.lists import ListFormat, encode, parse
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


def planned_members(
    pcrt_subscriptions: pd.DataFrame,
    client_groups: pd.DataFrame,
    subscription_members: pd.DataFrame,
    last_written: pd.DataFrame,
    list_format: ListFormat,
) -> pd.DataFrame:
    """Lists are ascending and unique, and a list already right is not written.

    `last_written` (subscription_id, after) is what we wrote last: a list that differs from it was edited by hand.
    Returns a `members_plan` table, one row per judged subscription (also for a list that should be empty): `unchanged`,
    `planned`, or `held` when the list as read cannot be read.
    """
    judged = judged_subscriptions(pcrt_subscriptions, client_groups)
    wanted = subscription_members.sort_values("pcid").groupby("subscription_id")["pcid"].agg(tuple).to_dict()
    ours = last_written.set_index("subscription_id")["after"].astype("object")
    written = ours.where(ours.notna(), None).to_dict()
    lists = judged["additional_members"].astype("object")
    rows = []
    for subscription_id, before in zip(judged["subscription_id"], lists.where(lists.notna(), None), strict=True):
        listed = parse(before, list_format)
        change = _change(before, listed, wanted.get(subscription_id, ()), list_format)
        edit = _hand_edit(before, listed or (), written.get(subscription_id, before), list_format)
        rows.append({"before": before, **change, **edit})
    columns = MembersPlan.to_schema().columns.keys() - {"subscription_id", "group_id", "plan"}
    plan = pd.DataFrame(rows, columns=sorted(columns), index=judged.index)
    return as_table(judged.join(plan), MembersPlan)


def _change(
    before: str | None, listed: tuple[int, ...] | None, wanted: tuple[int, ...], list_format: ListFormat
) -> dict[str, object]:
    """What to do with a list that has the PCIDs `listed` (None if it cannot be read) and should have `wanted`."""
    if listed is None:
        reason = f"Additional Members cannot be read as {list_format}; correct it in PCRT by hand"
        nothing = {"after": before, "listed": 0, "added": 0, "removed": 0}
        return {**nothing, "status": "held", "guard": "unreadable", "reason": reason}
    added, removed = set(wanted) - set(listed), set(listed) - set(wanted)
    is_right = listed == wanted
    return {
        "after": before if is_right else encode(wanted, list_format),
        "listed": len(set(listed)),
        "added": len(added),
        "removed": len(removed),
        "added_pcids": _spelled(added),
        "removed_pcids": _spelled(removed),
        "status": "unchanged" if is_right else "planned",
    }


def _hand_edit(
    before: str | None, listed: tuple[int, ...], written: str | None, list_format: ListFormat
) -> dict[str, object]:
    """The PCIDs that someone added and removed by hand since we wrote the list `written`."""
    if before == written:
        return {"hand_edited": False}
    ours = set(parse(written, list_format) or ())
    return {
        "hand_edited": True,
        "hand_added_pcids": _spelled(set(listed) - ours),
        "hand_removed_pcids": _spelled(ours - set(listed)),
    }


def only_planned(plan: pd.DataFrame, reason: str) -> pd.DataFrame:
    """The plan of a run that does not write: each `planned` list gets the reason."""
    return plan.assign(reason=plan["reason"].mask(plan["status"] == "planned", reason))


def plan_id(plan: pd.DataFrame) -> str:
    """An id of the changes that a plan would write: the same for the same changes, another one for any others."""
    changes = plan.loc[plan["status"] == "planned", ["subscription_id", "before", "after"]]
    text = changes.sort_values("subscription_id").to_json(orient="values")
    return hashlib.sha256(text.encode()).hexdigest()[:PLAN_ID_DIGITS]


def spelled_pcids(text: pd.Series) -> pd.Series:
    """The PCIDs of an `added_pcids` or `removed_pcids` column, one set a row."""
    return text.fillna("").map(lambda pcids: frozenset(map(int, pcids.split())))


def _spelled(pcids: set[int]) -> str | None:
    return " ".join(map(str, sorted(pcids))) or None
