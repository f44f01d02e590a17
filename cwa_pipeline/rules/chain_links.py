"""Where the chain from a computer to the subscriptions that list it breaks: the code of each link.

What belongs here: the links of every computer, read off what other rules decided, by steps cheap enough for a million of them. What
must not: the facts and sentences for people, which only the few computers that are shown get (`rules.explanation`).
"""

import numpy as np
import pandas as pd

from cwa_pipeline.rules.frames import first_true, lookup
from cwa_pipeline.rules.guards import STOPPING

# The tables that `computer_links` takes, by name, with the listings.
LINK_TABLES = (
    "cwa_computers",
    "client_groups",
    "computer_matches",
    "pcrt_groups",
    "pcrt_subscriptions",
    "cwa_group_members",
    "cwa_groups",
)
LINKS = ("match", "group", "plan", "subscriptions")
HOLDING = {"by_asset_tag", "by_serial", "in_its_group", "in_plans", "listed"}  # with any other code a link is broken

# What can be said of one PCID in one list, the worst first: it is what counts where a PCID belongs into several lists.
LISTINGS = pd.CategoricalDtype(
    ["unreadable", "all_held", "held", "conflict", "only_planned", "not_yet_synced", "listed"], ordered=True
)


def computer_links(
    cwa_computers: pd.DataFrame,
    client_groups: pd.DataFrame,
    computer_matches: pd.DataFrame,
    pcrt_groups: pd.DataFrame,
    pcrt_subscriptions: pd.DataFrame,
    cwa_group_members: pd.DataFrame,
    cwa_groups: pd.DataFrame,
    listings: pd.DataFrame,
) -> pd.DataFrame:
    """Each computer's match with a code for each link, null where an earlier one is broken, and `broken`, which names that one.

    `listings` are those of `member_listings`. One row per computer, by ascending id.
    """
    matches = computer_matches[computer_matches["computer_id"].isin(cwa_computers["computer_id"])]
    matches = matches.sort_values("computer_id", ignore_index=True)
    is_plan = cwa_groups["plan"].notna()
    with_plan = cwa_group_members["cwa_group_id"].isin(cwa_groups.loc[is_plan, "cwa_group_id"])
    has_plan = matches["computer_id"].isin(cwa_group_members.loc[with_plan, "computer_id"])
    links = matches.assign(
        match=matches["reason"].fillna("by_" + matches["matched_by"]),
        group=_group_link(matches, client_groups, pcrt_groups),
        plan=first_true({"in_plans": has_plan, "in_no_plan": ~has_plan}),
        subscriptions=_subscriptions_link(matches, pcrt_subscriptions, listings),
    )
    broken, reached = pd.Series(None, index=links.index, dtype="str"), pd.Series(True, index=links.index)
    for link in LINKS:
        links[link] = links[link].where(reached)
        breaks = links[link].notna() & ~links[link].isin(list(HOLDING))
        broken, reached = broken.mask(breaks, link), reached & ~breaks
    return links.assign(broken=broken)


def bizcare_subscriptions(pcrt_subscriptions: pd.DataFrame) -> pd.DataFrame:
    """The active BizCare subscriptions: those that a group has to show for its computers."""
    return pcrt_subscriptions[pcrt_subscriptions["active"] & pcrt_subscriptions["is_bizcare"]]


def member_listings(subscription_members: pd.DataFrame, additional_members: pd.DataFrame) -> pd.DataFrame:
    """What the last run made of each PCID in each list it belongs into: subscription_id, pcid and listing (LISTINGS).

    A list that was not written is as it was read, and lists the PCID all the same unless the PCID is among those it would have added.
    """
    members = subscription_members[["subscription_id", "pcid"]]
    lists = additional_members.set_index("subscription_id")
    row = lists.index.get_indexer(pd.Index(members["subscription_id"]))
    of_list = first_true(
        {
            "unreadable": lists["guard"] == "unreadable",
            "conflict": lists["status"] == "conflict",
            "all_held": lists["guard"].isin(list(STOPPING)),
            "held": lists["status"] == "held",
            "only_planned": lists["status"] == "planned",
        }
    ).astype(LISTINGS)
    would_add = lists.loc[lists["status"].isin(["held", "planned"]), "added_pcids"].dropna()
    may_miss = members["subscription_id"].isin(would_add.index).to_numpy()
    added = would_add.str.split().explode().astype("int64")
    missing = np.zeros(len(members), dtype="bool")
    missing[may_miss] = pd.MultiIndex.from_frame(members[may_miss]).isin(
        pd.MultiIndex.from_arrays([added.index, added])
    )
    listing = of_list.array.take(row, allow_fill=True)
    listed = ~listing.isin(["unreadable", "conflict"]) & ~missing
    listing[listed] = "listed"
    listing[row < 0] = "not_yet_synced"
    return members.assign(listing=listing)


def _group_link(matches: pd.DataFrame, client_groups: pd.DataFrame, pcrt_groups: pd.DataFrame) -> pd.Series:
    """Whether the PCID is in the group that the computer's client is tied to; it matters only where there is a PCID."""
    client_reason = lookup(matches["client_id"], client_groups.set_index("client_id")["reason"])
    untied = ("external_id_missing", "external_id_invalid", "group_does_not_exist")
    return first_true(
        {
            "no_client": matches["client_id"].isna(),
            "client_unknown": ~matches["client_id"].isin(client_groups["client_id"]),
            **{reason: client_reason == reason for reason in untied},
            "pcid_in_no_group": matches["pcid_group_id"].isna(),
            "in_its_group": (matches["pcid_group_id"] == matches["expected_group_id"]).fillna(False),
            "pcid_in_unknown_group": ~matches["pcid_group_id"].isin(pcrt_groups["group_id"]),
            "pcid_in_other_group": matches["pcid_group_id"].notna(),
        }
    )


def _subscriptions_link(matches: pd.DataFrame, pcrt_subscriptions: pd.DataFrame, listings: pd.DataFrame) -> pd.Series:
    """What became of the PCID in the lists it belongs into, the worst of them; where there is none, what the group has instead."""
    bizcare = bizcare_subscriptions(pcrt_subscriptions)
    groups, groups_with_plan = bizcare["effective_group_id"], bizcare.loc[bizcare["plan"].notna(), "effective_group_id"]
    worst = listings["listing"].cat.codes.groupby(listings["pcid"]).min()
    code = lookup(matches["pcid"], worst.astype("Int64"))
    no_list = first_true(
        {
            "no_subscription": ~matches["expected_group_id"].isin(groups.dropna()),
            "no_valid_subscription": ~matches["expected_group_id"].isin(groups_with_plan.dropna()),
            "no_subscription_of_plan": code.isna(),
        }
    )
    names = pd.array([*LISTINGS.categories, None], dtype="str")
    return pd.Series(names.take(code.fillna(-1).to_numpy("int64")), index=matches.index).fillna(no_list)
