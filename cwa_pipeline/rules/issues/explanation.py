"""Why a computer is covered, or why not: the chain from its serial number to the subscriptions that list it, in words.

Nothing is decided here: an explanation repeats what other rules decided, so it cannot differ from the sync. The page gets codes and
facts, and fills them into TEXTS and FIXES as `told` does.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from cwa_pipeline.rules.frames import join_texts, lookup
from cwa_pipeline.rules.issues.chain_links import LINKS, bizcare_subscriptions, computer_links, member_listings
from cwa_pipeline.rules.matching.plans import computer_plans

# What each code says of its link; the words in braces are columns of `computer_chains`.
TEXTS = {
    "by_asset_tag": "Asset Tag {asset_tag} in CWA names PCID {pcid} ({pcid_name}), whatever the serial number",
    "by_serial": "Serial number {serial_number} is that of PCID {pcid} ({pcid_name}) only",
    "asset_tag_unknown": "Asset Tag {asset_tag} in CWA names no PCID, and an Asset Tag never falls back to the serial number",
    "generic_serial": "Serial number ({serial_number}) is blank or on the list of generic ones, so it identifies no machine",
    "no_pcid_with_serial": "No PCID has serial number {serial_number}",
    "duplicate_serial": "Several PCIDs have serial number {serial_number}, so there is no guess: {other_pcids}",
    "in_its_group": "PCID {pcid} is in group {expected_group_id} ({expected_group_name}), that of client {client_name}",
    "no_client": "CWA shows no client for this computer, so there is no group to expect it in",
    "client_unknown": "Client {client_id} of this computer is not among the clients that CWA shows",
    "external_id_missing": "Client {client_name} has no External ID in CWA, so it is tied to no PCRT group",
    "external_id_invalid": "External ID {external_id} of client {client_name} is not a whole number, so it names no PCRT group",
    "group_does_not_exist": "External ID {external_id} of client {client_name} names a group that PCRT does not have",
    "pcid_in_no_group": "PCID {pcid} is in no group; client {client_name} is group {expected_group_id} ({expected_group_name})",
    "pcid_in_unknown_group": "PCID {pcid} is in group {pcid_group_id}, which PCRT does not have; client {client_name} is group "
    "{expected_group_id} ({expected_group_name})",
    "pcid_in_other_group": "PCID {pcid} is in group {pcid_group_id} ({pcid_group_name}), but client {client_name} is group "
    "{expected_group_id} ({expected_group_name})",
    "in_plans": "In CWA it is in: {plans}",
    "in_no_plan": "In CWA it is in no group that stands for a plan",
    "listed": "Additional Members lists PCID {pcid} in subscription {subscription_ids}",
    "no_subscription": "Group {expected_group_id} ({expected_group_name}) has no active BizCare subscription",
    "no_valid_subscription": "The CWA Group field of no subscription of group {expected_group_id} ({expected_group_name}) names a plan; "
    "its BizCare subscriptions: {group_subscription_ids}",
    "no_subscription_of_plan": "No subscription of group {expected_group_id} ({expected_group_name}) is for {plans}; they are for: "
    "{group_plans}",
    "unreadable": "Additional Members of subscription {unlisted_ids} cannot be read, so PCID {pcid} was not added",
    "held": "Subscription {unlisted_ids} should list PCID {pcid}, but the group is held: {list_reason}",
    "all_held": "Subscription {unlisted_ids} should list PCID {pcid}, but all groups are held: {list_reason}",
    "conflict": "Subscription {unlisted_ids} should list PCID {pcid}, but was not written: {list_reason}",
    "only_planned": "Subscription {unlisted_ids} should list PCID {pcid}, but the last run did not write: {list_reason}",
    "not_yet_synced": "Subscription {unlisted_ids} should list PCID {pcid}, but no sync has handled it yet",
}

# The smallest fix of each broken link: a code that is not here is of a link that holds.
FIXES = {
    "asset_tag_unknown": "In CWA, correct Asset Tag of computer {computer_id} ({computer_name}) to its PCID, or empty it",
    "generic_serial": "In CWA, type the PCID into Asset Tag of computer {computer_id} ({computer_name})",
    "no_pcid_with_serial": "In PCRT, enter serial number {serial_number} at the computer's PCID; "
    "or in CWA, type the PCID into Asset Tag of computer {computer_id}",
    "duplicate_serial": "In CWA, type the right one of PCIDs {other_pcids} into Asset Tag of computer {computer_id} ({computer_name})",
    "no_client": "In CWA, put computer {computer_id} ({computer_name}) into its client",
    "client_unknown": "In CWA, let the pipeline's account see client {client_id}, or move computer {computer_id} to its client",
    "external_id_missing": "In CWA, type the id of its PCRT group into External ID of client {client_id} ({client_name}); "
    "the group of PCID {pcid}: {pcid_group_id}",
    "external_id_invalid": "In CWA, correct External ID of client {client_id} ({client_name}) to the id of its PCRT group; "
    "the group of PCID {pcid}: {pcid_group_id}",
    "group_does_not_exist": "In CWA, correct External ID of client {client_id} ({client_name}) to the id of its PCRT group; "
    "the group of PCID {pcid}: {pcid_group_id}",
    "pcid_in_no_group": "In PCRT, put PCID {pcid} into group {expected_group_id} ({expected_group_name})",
    "pcid_in_unknown_group": "In PCRT, move PCID {pcid} to group {expected_group_id} ({expected_group_name})",
    "pcid_in_other_group": "In PCRT, move PCID {pcid} to group {expected_group_id} ({expected_group_name}); "
    "or, when PCRT is right, correct the computer's client or its External ID in CWA",
    "in_no_plan": "In CWA, add computer {computer_id} ({computer_name}) to the group of its plan; "
    "the subscriptions of its PCRT group are for: {group_plans}",
    "no_subscription": "In PCRT, add an active subscription to group {expected_group_id} with CWA Group: {plans}",
    "no_valid_subscription": "In PCRT, set CWA Group of subscription {group_subscription_ids} to: {plans}",
    "no_subscription_of_plan": "In PCRT, add an active subscription to group {expected_group_id} with CWA Group: {plans}; "
    "or in CWA, move computer {computer_id} to the group of a plan it has",
    "unreadable": "In PCRT, correct or empty Additional Members of subscription {unlisted_ids} by hand; the next sync fills it",
    "held": "Look at it with cwa-pipeline plan, then: cwa-pipeline sync --release {expected_group_id}",
    "all_held": "Look at it with cwa-pipeline plan, then: cwa-pipeline sync --release all",
    "conflict": "Run cwa-pipeline sync again",
    "only_planned": "Run cwa-pipeline sync, without a dry run",
    "not_yet_synced": "Run cwa-pipeline sync",
}

# The columns of `computer_chains` and their types. Several ids are one text with a blank between, several plans with a comma; after
# MOST_IDS of them it goes on "and 7 more".
COLUMNS = {
    "computer_id": "int64",
    **dict.fromkeys([*LINKS, "broken"], "str"),
    "computer_name": "str",
    "client_id": "Int64",
    "client_name": "str",
    "external_id": "str",
    "serial_number": "str",
    "asset_tag": "str",
    "pcid": "Int64",
    "pcid_name": "str",
    "pcid_group_id": "Int64",
    "pcid_group_name": "str",
    "expected_group_id": "Int64",
    "expected_group_name": "str",
    "other_pcids": "str",  # those with its serial number, for `duplicate_serial`
    "plans": "str",  # the plans it is in
    "subscription_ids": "str",  # those that should list it, if the links before hold
    "unlisted_ids": "str",  # those of them that do not, for the reason that the code of `subscriptions` gives
    "list_reason": "str",  # why the last run did not write the first of those
    "group_subscription_ids": "str",  # the active BizCare subscriptions of the expected group
    "group_plans": "str",  # the valid plans of those
}
# The tables that `computer_chains` takes, by name.
CHAIN_TABLES = (
    "cwa_computers",
    "cwa_clients",
    "client_groups",
    "computer_matches",
    "pcrt_pcids",
    "pcrt_groups",
    "pcrt_subscriptions",
    "cwa_group_members",
    "cwa_groups",
    "subscription_members",
    "additional_members",
)
MOST_IDS = 6  # how many ids a text names: one a plan, by default; a serial number can be that of a thousand PCIDs


class Line(NamedTuple):
    """A link of a chain in words, or its fix."""

    what: str  # one of LINKS, or "fix"
    holds: bool
    text: str


def told(chain: Mapping[Any, object]) -> list[Line]:
    """One row of `computer_chains` as sentences: each link that was reached, then the fix of the broken one."""
    facts = {name: "none" if pd.isna(chain[name]) else str(chain[name]).strip() or "none" for name in COLUMNS}  # type: ignore[call-overload]
    reached = [(link, facts[link]) for link in LINKS if facts[link] != "none"]
    links = [Line(link, code not in FIXES, TEXTS[code].format_map(facts)) for link, code in reached]
    return links + [Line("fix", False, FIXES[code].format_map(facts)) for _, code in reached if code in FIXES]


def computer_chains(
    cwa_computers: pd.DataFrame,
    cwa_clients: pd.DataFrame,
    client_groups: pd.DataFrame,
    computer_matches: pd.DataFrame,
    pcrt_pcids: pd.DataFrame,
    pcrt_groups: pd.DataFrame,
    pcrt_subscriptions: pd.DataFrame,
    cwa_group_members: pd.DataFrame,
    cwa_groups: pd.DataFrame,
    subscription_members: pd.DataFrame,
    additional_members: pd.DataFrame,
    links: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The chain of each of the computers: a code for each link, null where an earlier one is broken, and the facts (COLUMNS).

    `broken` names the first broken link, null for a computer that is covered. `additional_members` may be empty: no sync
    has handled its lists yet. The other tables may have many more computers; so may `links`, the result of `computer_links` if
    it is already known. One row per computer, by ascending id.
    """
    matches = computer_matches[computer_matches["computer_id"].isin(cwa_computers["computer_id"])]
    members = subscription_members[subscription_members["pcid"].isin(matches["pcid"].dropna())]
    lists = additional_members[additional_members["subscription_id"].isin(members["subscription_id"])]
    of_plans = cwa_group_members[cwa_group_members["computer_id"].isin(matches["computer_id"])]
    listings = member_listings(members, lists)
    if links is None:
        links = computer_links(
            cwa_computers, client_groups, matches, pcrt_groups, pcrt_subscriptions, of_plans, cwa_groups, listings
        )
    computers = cwa_computers[["computer_id", "name", "serial_number", "serial_number_normalised", "asset_tag"]]
    chains = links.merge(computers.rename(columns={"name": "computer_name"}), on="computer_id")
    clients, groups = cwa_clients.set_index("client_id"), pcrt_groups.set_index("group_id")["name"]
    pcids = pcrt_pcids[pcrt_pcids["pcid"].isin(matches["pcid"].dropna())]
    bizcare = bizcare_subscriptions(pcrt_subscriptions)
    bizcare = bizcare[bizcare["effective_group_id"].isin(matches["expected_group_id"].dropna())]
    valid = bizcare[bizcare["plan"].notna()].drop_duplicates(["effective_group_id", "plan"])
    in_plans = computer_plans(of_plans, cwa_groups)
    chains = chains.assign(
        client_name=lookup(chains["client_id"], clients["name"]),
        external_id=lookup(chains["client_id"], clients["external_id"]),
        pcid_name=lookup(chains["pcid"], pcids.set_index("pcid")["name"]),
        pcid_group_name=lookup(chains["pcid_group_id"], groups),
        expected_group_name=lookup(chains["expected_group_id"], groups),
        other_pcids=_pcids_with_the_same_serial(chains, pcrt_pcids),
        plans=lookup(chains["computer_id"], _joined(in_plans["computer_id"], in_plans["plan"], ", ")),
        group_subscription_ids=_of_group(chains, bizcare, bizcare["subscription_id"], " "),
        group_plans=_of_group(chains, valid, valid["plan"], ", "),
    )
    of_lists = _facts_of_lists(listings, lists)
    for name in of_lists.columns:
        chains[name] = lookup(chains["pcid"], of_lists[name]).where(chains["subscriptions"].notna())
    return chains[list(COLUMNS)].astype(COLUMNS).sort_values("computer_id", ignore_index=True)


def _facts_of_lists(listings: pd.DataFrame, lists: pd.DataFrame) -> pd.DataFrame:
    """Of each PCID that belongs into a list: subscription_ids, and unlisted_ids and list_reason of the worst of its lists."""
    members = listings.sort_values(["pcid", "listing", "subscription_id"])
    worst = members.drop_duplicates("pcid").set_index("pcid")
    of_the_worst = members["listing"].eq(lookup(members["pcid"], worst["listing"]))
    unlisted = members[of_the_worst & (members["listing"] != "listed")]
    return pd.DataFrame(
        {
            "list_reason": lookup(worst["subscription_id"], lists.set_index("subscription_id")["reason"]),
            "subscription_ids": _joined(members["pcid"], members["subscription_id"], " "),
            "unlisted_ids": _joined(unlisted["pcid"], unlisted["subscription_id"], " "),
        }
    )


def _pcids_with_the_same_serial(chains: pd.DataFrame, pcrt_pcids: pd.DataFrame) -> pd.Series:
    """For each computer that was not matched because several PCIDs have its serial number: those PCIDs."""
    serial = chains["serial_number_normalised"].where(chains["reason"] == "duplicate_serial")
    bearing = pcrt_pcids[pcrt_pcids["serial_number_normalised"].isin(serial.dropna().unique().tolist())]
    return lookup(serial, _joined(bearing["serial_number_normalised"], bearing["pcid"], " "))


def _of_group(chains: pd.DataFrame, subscriptions: pd.DataFrame, values: pd.Series, separator: str) -> pd.Series:
    """For each computer, the values of the subscriptions of its expected group."""
    return lookup(chains["expected_group_id"], _joined(subscriptions["effective_group_id"], values, separator))


def _joined(keys: pd.Series, values: pd.Series, separator: str) -> pd.Series:
    """The values of each key in one text, ascending; of more than MOST_IDS the first ones and how many more there are."""
    pairs = pd.DataFrame({"key": keys, "value": values}).dropna().sort_values("value", ignore_index=True)
    numbers = pairs.groupby("key").cumcount()
    first = pairs[numbers < MOST_IDS]
    texts = join_texts(first["key"], first["value"].astype("str"), separator)
    if len(first) < len(pairs):
        more = pairs["key"].value_counts() - MOST_IDS
        more = more[more > 0]
        texts[more.index] += " and " + more.astype("str") + " more"
    return texts
