"""Where the chain from a computer to the subscriptions that list it breaks: a code for each link of each computer.

The facts and sentences of the few computers that are shown are in `explanation`.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray

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

_NONE = -1  # in place of the number of a case, a link or a row

# The state of one PCID in one list, the worst first: the worst counts if a PCID belongs into several lists.
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
    has_plan = matches["computer_id"].isin(cwa_group_members.loc[with_plan, "computer_id"]).to_numpy("bool")
    cases_of: dict[str, dict[str, np.ndarray]] = {
        "group": _group_link(matches, client_groups, pcrt_groups),
        "plan": {"in_plans": has_plan, "in_no_plan": ~has_plan},
        "subscriptions": _subscriptions_link(matches, pcrt_subscriptions, listings),
    }
    links = matches.assign(match=matches["reason"].fillna("by_" + matches["matched_by"]))
    broken = np.where(matches["reason"].notna(), LINKS.index("match"), _NONE)
    for link, cases in cases_of.items():
        # Which case it is as a number: a text is made of it only where the chain comes to this link
        case = np.where(broken == _NONE, np.select([*cases.values()], range(len(cases)), default=_NONE), _NONE)
        links[link] = _texts(cases, case)
        breaks = np.array([*(code not in HOLDING for code in cases), False])
        broken[breaks[case]] = LINKS.index(link)
    return links.assign(broken=_texts(LINKS, broken))


def _texts(names: Iterable[str], which: np.ndarray) -> ExtensionArray:
    """The names of these numbers; null for _NONE."""
    return pd.array([*names, None], dtype="str").take(which)


def bizcare_subscriptions(pcrt_subscriptions: pd.DataFrame) -> pd.DataFrame:
    """The active BizCare subscriptions: those that a group has to show for its computers."""
    return pcrt_subscriptions[pcrt_subscriptions["active"] & pcrt_subscriptions["is_bizcare"]]


def member_listings(subscription_members: pd.DataFrame, additional_members: pd.DataFrame) -> pd.DataFrame:
    """The state of each PCID in each list it belongs into, after the last run: subscription_id, pcid and listing (LISTINGS).

    A list that was not written is as it was read: it lists the PCID unless the PCID is one that it would have added.
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


def _group_link(matches: pd.DataFrame, client_groups: pd.DataFrame, pcrt_groups: pd.DataFrame) -> dict[str, np.ndarray]:
    """Whether the PCID is in the group that the computer's client is tied to; it matters only if there is a PCID."""
    client = pd.Index(client_groups["client_id"]).get_indexer(pd.Index(matches["client_id"]))
    untied = ("external_id_missing", "external_id_invalid", "group_does_not_exist")
    in_no_group = matches["pcid_group_id"].isna()
    return {
        "no_client": matches["client_id"].isna().to_numpy(),
        "client_unknown": client == _NONE,
        **{reason: np.append(client_groups["reason"] == reason, False)[client] for reason in untied},
        "pcid_in_no_group": in_no_group.to_numpy(),
        "in_its_group": (matches["pcid_group_id"] == matches["expected_group_id"]).fillna(False).to_numpy("bool"),
        "pcid_in_unknown_group": ~matches["pcid_group_id"].isin(pcrt_groups["group_id"]).to_numpy("bool"),
        "pcid_in_other_group": ~in_no_group.to_numpy(),
    }


def _subscriptions_link(
    matches: pd.DataFrame, pcrt_subscriptions: pd.DataFrame, listings: pd.DataFrame
) -> dict[str, np.ndarray]:
    """The worst state of the PCID in the lists it belongs into; if there is no list, what the group has instead."""
    bizcare = bizcare_subscriptions(pcrt_subscriptions)
    groups, groups_with_plan = bizcare["effective_group_id"], bizcare.loc[bizcare["plan"].notna(), "effective_group_id"]
    worst = listings["listing"].cat.codes.groupby(listings["pcid"]).min()
    code = lookup(matches["pcid"], worst.astype("Int64")).fillna(_NONE).to_numpy("int64")
    return {
        **{name: code == number for number, name in enumerate(LISTINGS.categories)},
        "no_subscription": ~matches["expected_group_id"].isin(groups.dropna()).to_numpy("bool"),
        "no_valid_subscription": ~matches["expected_group_id"].isin(groups_with_plan.dropna()).to_numpy("bool"),
        "no_subscription_of_plan": code == _NONE,
    }
