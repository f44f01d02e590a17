"""Who is covered, and what each subscription's Additional Members become.

What belongs here: the lists as they ought to be, and the plan of changes that leads there. What must not: how a list is
spelled (`rules.member_lists`), how much may change in one night (`checks`), writing it.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from cwa_pipeline.rules.frames import as_table
from cwa_pipeline.rules.member_lists import ListFormat, encode, parse
from cwa_pipeline.rules.plans import computer_plans
from cwa_pipeline.tables import AdditionalMembers, SubscriptionMembers


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
    reason: str | None = None
    added_pcids: tuple[int, ...] = ()
    removed_pcids: tuple[int, ...] = ()


def planned_members(
    pcrt_subscriptions: pd.DataFrame,
    client_groups: pd.DataFrame,
    computer_matches: pd.DataFrame,
    subscription_members: pd.DataFrame,
    list_format: ListFormat,
) -> pd.DataFrame:
    """Lists are ascending and unique, and a list already right is not written.

    Returns an `additional_members` table, one row per judged subscription, also for a list that ought to be empty:
    `unchanged`, `planned`, or `held` when it cannot be read, or would lose a PCID whose computer's client is unknown.
    """
    judged = judged_subscriptions(pcrt_subscriptions, client_groups)
    wanted = _lists_by_subscription(subscription_members)
    doubtful = _computers_of_unknown_clients(computer_matches, client_groups)
    texts = judged["additional_members"].astype("object").where(judged["additional_members"].notna(), None)
    # A list is a text of the shop's that has to be parsed one by one, hence this loop over lists.
    decisions = pd.DataFrame(
        [
            _decision(text, wanted.get(subscription_id, ()), doubtful, list_format)
            for subscription_id, text in zip(judged["subscription_id"].tolist(), texts.tolist(), strict=True)
        ],
        columns=list(_Decision._fields),
        index=judged.index,
    )
    return as_table(
        judged.rename(columns={"additional_members": "before"})
        .join(decisions)
        .assign(
            added=decisions["added_pcids"].map(len),
            removed=decisions["removed_pcids"].map(len),
            added_pcids=decisions["added_pcids"].map(_with_blanks),
            removed_pcids=decisions["removed_pcids"].map(_with_blanks),
        ),
        AdditionalMembers,
    )


def only_planned(plan: pd.DataFrame, reason: str) -> pd.DataFrame:
    """The plan of a run that does not write: each `planned` list says why it stays so."""
    return plan.assign(reason=plan["reason"].mask(plan["status"] == "planned", reason))


def _decision(
    before: str | None, wanted: tuple[int, ...], doubtful: Mapping[int, int], list_format: ListFormat
) -> _Decision:
    """Decide about one list: as read, as it ought to be, and the PCIDs that must not go tonight."""
    listed = parse(before, list_format)
    if listed is None:
        return _Decision(
            before, "held", f"Additional Members cannot be read as {list_format}; correct it in PCRT by hand"
        )
    if listed == wanted:
        return _Decision(before, "unchanged")
    added, removed = tuple(sorted(set(wanted) - set(listed))), tuple(sorted(set(listed) - set(wanted)))
    kept_back = [pcid for pcid in removed if pcid in doubtful]
    if not kept_back:
        return _Decision(encode(wanted, list_format), "planned", None, added, removed)
    reason = (
        f"would remove PCID {kept_back[0]}, which is computer {doubtful[kept_back[0]]}, whose client CWA did not list; "
        "check that the CWA account may see all clients"
    )
    return _Decision(encode(wanted, list_format), "held", reason, added, removed)


def _with_blanks(pcids: tuple[int, ...]) -> str | None:
    return " ".join(map(str, pcids)) or None


def _lists_by_subscription(subscription_members: pd.DataFrame) -> dict[int, tuple[int, ...]]:
    """The wanted list of each subscription that has one, ascending."""
    ordered = subscription_members.sort_values(["subscription_id", "pcid"])
    subscription_ids, starts = np.unique(ordered["subscription_id"].to_numpy(), return_index=True)
    lists = np.split(ordered["pcid"].to_numpy(), starts[1:])
    return {key: tuple(pcids.tolist()) for key, pcids in zip(subscription_ids.tolist(), lists, strict=False)}


def _computers_of_unknown_clients(computer_matches: pd.DataFrame, client_groups: pd.DataFrame) -> dict[int, int]:
    """For each PCID to which a computer of an unknown client is matched, the lowest id of such a computer.

    A client that is missing may mean a short read, and then its computers are still covered.
    """
    unknown = ~computer_matches["client_id"].isin(client_groups["client_id"])
    rows = computer_matches[unknown & computer_matches["pcid"].notna()]
    lowest = rows.groupby("pcid")["computer_id"].min()
    return dict(zip(lowest.index.tolist(), lowest.tolist(), strict=True))
