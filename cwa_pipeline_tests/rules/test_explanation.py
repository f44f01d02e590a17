"""Why a computer is covered, or why not; and that the explanation never differs from the rules it explains."""

import string
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cwa_pipeline.rules.issues.chain_links import HOLDING, LINKS, computer_links, member_listings
from cwa_pipeline.rules.issues.explanation import COLUMNS, FIXES, MOST_IDS, TEXTS, computer_chains, told
from cwa_pipeline.rules.members.lists import parse
from cwa_pipeline.tables import AdditionalMembers
from cwa_pipeline_tests.worlds import (
    Client,
    Computer,
    CwaGroup,
    Pcid,
    PcrtGroup,
    Subscription,
    World,
    messy_world,
    records_of,
    worlds,
)

# Computer 11 of client 1 is PCID 1001 of group 101, in a plan, and in two lists: it is covered until a test makes it not so.
RIGHT: dict[str, Any] = {
    "clients": [Client(1, "101", "Acme"), Client(2, "102", "Bolt")],
    "pcrt_groups": [PcrtGroup(101, "Acme Ltd"), PcrtGroup(102, "Bolt Ltd")],
    "groups": [CwaGroup(851, "BizCare Basic"), CwaGroup(852, "BizCare Plus")],
    "computers": [Computer(11, 1, "AB12", name="FRONTDESK")],
    "members": [(11, 851)],
    "pcids": [Pcid(1001, 101, "AB12", "Front desk"), Pcid(1002, 102, "CD34"), Pcid(1003, None, "EF56")],
    "subscriptions": [Subscription(501, 101, "BizCare Basic"), Subscription(502, 101, "BizCare Plus")],
}


def chains_of(world: World, additional_members: pd.DataFrame | None = None) -> pd.DataFrame:
    """The chains of a world after a sync that wrote all it planned, or after what `additional_members` says."""
    return computer_chains(
        world.cwa_computers,
        world.cwa_clients,
        world.client_groups,
        world.computer_matches,
        world.pcrt_pcids,
        world.groups_of_pcrt,
        world.pcrt_subscriptions,
        world.cwa_group_members,
        world.cwa_groups,
        world.subscription_members,
        world.planned_members.assign(status="written", guard=None)
        if additional_members is None
        else additional_members,
    )


def chain_of(additional_members: pd.DataFrame | None = None, **changes: Any) -> dict[str, Any]:
    [chain] = chains_of(World(**{**RIGHT, **changes}), additional_members).to_dict("records")
    return {str(name): value for name, value in chain.items()}


def codes_of(chain: dict[str, Any]) -> list[str]:
    """The codes of the links that were reached."""
    return [chain[link] for link in LINKS if not pd.isna(chain[link])]


def last_run(status: str = "planned", guard: str | None = None, reason: str | None = None) -> pd.DataFrame:
    """What the last run made of the two lists of RIGHT: 502 is written, 501 was to get PCID 1001 and is as told."""
    return World(**RIGHT).planned_members.assign(status=[status, "written"], guard=[guard, None], reason=[reason, None])


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


# --- codes, sentences, facts ------------------------------------------------------------------------------------------


def test_every_placeholder_is_a_fact_of_the_chain() -> None:
    assert {
        name for sentence in (*TEXTS.values(), *FIXES.values()) for name in placeholders(sentence)
    } <= COLUMNS.keys()


def test_every_code_of_a_broken_link_has_a_fix_and_no_other() -> None:
    assert TEXTS.keys() - FIXES.keys() == HOLDING
    assert FIXES.keys() <= TEXTS.keys()


def test_the_chain_has_exactly_its_columns_whatever_there_is() -> None:
    for world in (World(), World(**RIGHT), messy_world(1)):
        for lists in (AdditionalMembers.empty(), world.planned_members):
            chains = chains_of(world, lists)
            assert {name: str(dtype) for name, dtype in chains.dtypes.items()} == COLUMNS
            assert chains["computer_id"].tolist() == sorted(computer.computer_id for computer in world.computers)


# --- each link --------------------------------------------------------------------------------------------------------


def test_a_computer_is_covered_when_all_four_links_hold() -> None:
    chain = chain_of()
    assert codes_of(chain) == ["by_serial", "in_its_group", "in_plans", "listed"]
    assert pd.isna(chain["broken"])
    assert chain["subscription_ids"] == "501 502"
    assert all(pd.isna(chain[fact]) for fact in ("other_pcids", "unlisted_ids", "list_reason"))


def test_an_asset_tag_holds_as_a_serial_number_does() -> None:
    assert codes_of(chain_of(computers=[Computer(11, 1, "None", "1001")]))[0] == "by_asset_tag"


BROKEN: dict[str, tuple[str, dict[str, Any]]] = {
    "asset_tag_unknown": ("match", {"computers": [Computer(11, 1, "AB12", "9999")]}),
    "generic_serial": ("match", {"computers": [Computer(11, 1, " ")]}),
    "no_pcid_with_serial": ("match", {"computers": [Computer(11, 1, "AB13")]}),
    "duplicate_serial": ("match", {"pcids": [Pcid(1001, 101, "AB12"), Pcid(1002, 101, "ab12 ")]}),
    "no_client": ("group", {"computers": [Computer(11, None, "AB12")]}),
    "client_unknown": ("group", {"computers": [Computer(11, 77, "AB12")]}),
    "external_id_missing": ("group", {"clients": [Client(1, "0")]}),
    "external_id_invalid": ("group", {"clients": [Client(1, "Acme")]}),
    "group_does_not_exist": ("group", {"clients": [Client(1, "999")]}),
    "pcid_in_no_group": ("group", {"computers": [Computer(11, 1, "EF56")]}),
    "pcid_in_unknown_group": ("group", {"pcids": [Pcid(1001, 999, "AB12")]}),
    "pcid_in_other_group": ("group", {"computers": [Computer(11, 1, "CD34")]}),
    "in_no_plan": ("plan", {"members": []}),
    "no_subscription": ("subscriptions", {"subscriptions": [Subscription(501, 101, "BizCare Plus", active=False)]}),
    "no_valid_subscription": ("subscriptions", {"subscriptions": [Subscription(501, 101, "Bizcare Pluss")]}),
    "no_subscription_of_plan": ("subscriptions", {"mode": "by_plan", "subscriptions": RIGHT["subscriptions"][1:]}),
    "not_yet_synced": ("subscriptions", {"additional_members": AdditionalMembers.empty()}),
    "only_planned": ("subscriptions", {"additional_members": last_run(reason="dry run")}),
    "conflict": ("subscriptions", {"additional_members": last_run(status="conflict", reason="changed meanwhile")}),
    "held": ("subscriptions", {"additional_members": last_run(status="held", guard="undone", reason="was undone")}),
    "all_held": ("subscriptions", {"additional_members": last_run(status="held", guard="source_drop", reason="fewer")}),
    "unreadable": ("subscriptions", {"additional_members": last_run(status="held", guard="unreadable", reason="php")}),
}


def test_each_broken_code_has_a_case_here() -> None:
    assert BROKEN.keys() == FIXES.keys()


@pytest.mark.parametrize("code", BROKEN)
def test_the_chain_ends_at_the_first_broken_link(code: str) -> None:
    link, changes = BROKEN[code]
    chain = chain_of(**changes)
    assert (chain["broken"], codes_of(chain)[-1]) == (link, code)
    assert codes_of(chain) == [chain[name] for name in LINKS[: LINKS.index(link) + 1]]
    assert HOLDING.issuperset(codes_of(chain)[:-1])


def test_a_serial_number_of_a_thousand_pcids_names_the_first_and_how_many_more() -> None:
    chain = chain_of(pcids=[Pcid(number, 101, "AB12") for number in range(2000, 1000, -1)])
    assert chain["other_pcids"] == f"1001 1002 1003 1004 1005 1006 and {1000 - MOST_IDS} more"


def test_a_plan_that_several_subscriptions_of_the_group_name_is_named_once() -> None:
    plans = ["BizCare Plus", "BizCare Basic", "bizcare  plus"]
    subscriptions = [Subscription(501 + number, 101, plan) for number, plan in enumerate(plans)]
    chain = chain_of(subscriptions=subscriptions)
    assert (chain["group_plans"], chain["group_subscription_ids"]) == ("BizCare Basic, BizCare Plus", "501 502 503")


def test_only_the_subscriptions_that_do_not_list_it_yet_are_named_with_the_reason_why() -> None:
    chain = chain_of(last_run(status="held", guard="members_removed", reason="would lose 6"))
    assert (chain["subscription_ids"], chain["unlisted_ids"], chain["list_reason"]) == (
        "501 502",
        "501",
        "would lose 6",
    )


@pytest.mark.parametrize(("status", "guard"), [("planned", None), ("held", "undone"), ("held", "total_removals")])
def test_a_list_that_is_not_written_lists_what_it_listed_before(status: str, guard: str | None) -> None:
    subscriptions = [Subscription(501, 101, "BizCare Basic", additional_members="_1001_1009_")]
    lists = World(**{**RIGHT, "subscriptions": subscriptions}).planned_members
    assert lists["removed_pcids"].tolist() == ["1009"]
    chain = chain_of(lists.assign(status=status, guard=guard), subscriptions=subscriptions)
    assert chain["subscriptions"] == "listed"


def test_facts_of_subscriptions_wait_for_the_links_before() -> None:
    sharing = [Computer(11, 1, "AB12"), Computer(12, 1, asset_tag="1001")]
    chains = chains_of(World(**{**RIGHT, "computers": sharing}))
    assert records_of(chains, "computer_id", "broken", "subscription_ids") == [
        (11, None, "501 502"),
        (12, "plan", None),
    ]


# --- in words ---------------------------------------------------------------------------------------------------------


def test_a_chain_is_told_link_by_link_and_then_the_fix() -> None:
    lines = told(chain_of(members=[]))
    assert [(line.what, line.holds) for line in lines] == [
        ("match", True),
        ("group", True),
        ("plan", False),
        ("fix", False),
    ]
    assert [line.text for line in lines] == [
        "Serial number AB12 is that of PCID 1001 (Front desk) only",
        "PCID 1001 is in group 101 (Acme Ltd), that of client Acme",
        "In CWA it is in no group that stands for a plan",
        "In CWA, add computer 11 (FRONTDESK) to the group of its plan; "
        "the subscriptions of its PCRT group are for: BizCare Basic, BizCare Plus",
    ]


def test_a_covered_computer_has_nothing_to_fix() -> None:
    assert [line.what for line in told(chain_of())] == list(LINKS)


@pytest.mark.parametrize("missing", [None, "", "  "])
def test_what_is_missing_reads_none(missing: str | None) -> None:
    [line, _] = told(chain_of(computers=[Computer(11, 1, missing)]))
    assert line.text == "Serial number (none) is blank or on the list of generic ones, so it identifies no machine"


def test_braces_in_a_name_of_either_system_are_just_text() -> None:
    [line, fix] = told(chain_of(computers=[Computer(11, 1, "{pcid} {0}", name="{serial_number}")]))
    assert line.text == "No PCID has serial number {pcid} {0}"
    assert "{pcid} {0}" in fix.text


@given(worlds())
@settings(max_examples=8)
def test_every_chain_can_be_told_without_a_null_in_its_words(world: World) -> None:
    for lists in (AdditionalMembers.empty(), world.planned_members):
        for chain in chains_of(world, lists).to_dict("records"):
            lines = told(chain)
            assert [line.what for line in lines if not line.holds] == (
                [] if pd.isna(chain["broken"]) else [chain["broken"], "fix"]
            )
            words = {word.strip("().,:;") for line in lines for word in line.text.split()}
            assert not words & {"nan", "NaN", "<NA>", "None"} - {str(chain["serial_number"]).strip()}


# --- held against the rules -------------------------------------------------------------------------------------------

MODES = st.sampled_from(["every_plan", "by_plan"])


def computers_with(issues: pd.DataFrame, issue: str) -> set[int]:
    return set(issues.loc[issues["issue"] == issue, "computer_id"])


@given(worlds(), MODES)
@settings(max_examples=15)
def test_the_chain_agrees_with_matches_issues_and_lists(world: World, mode: Any) -> None:
    world = replace(world, mode=mode)
    chains = chains_of(world)
    matches, issues = world.computer_matches, world.computer_issues
    clients = world.client_issues
    untied = clients[clients["issue"] == "no_pcrt_group"].set_index("client_id")["reason"].to_dict()
    groups = world.group_issues
    lacking = groups[groups["issue"] == "no_cwa_subscriptions"].set_index("group_id")["reason"].to_dict()

    def computers(*codes: str) -> set[int]:
        return set(chains.loc[chains[list(LINKS)].isin(codes).any(axis=1), "computer_id"])

    broken_at = {link: set(chains.loc[chains["broken"] == link, "computer_id"]) for link in LINKS}

    # match: the reason of computer_matches, to the letter
    unmatched = {key: reason for key, reason in records_of(matches, "computer_id", "reason") if reason}
    assert dict(records_of(chains[chains["broken"] == "match"], "computer_id", "match")) == unmatched
    # group: the issues of computers and of their clients
    assert computers("pcid_in_no_group") == computers_with(issues, "not_in_group")
    assert computers("pcid_in_other_group", "pcid_in_unknown_group") == computers_with(issues, "in_wrong_group")
    for computer_id, client_id, code in records_of(chains, "computer_id", "client_id", "group"):
        if computer_id not in unmatched:
            assert (code if code in set(untied.values()) else None) == untied.get(client_id), computer_id
    # plan
    assert computers("in_no_plan") == computers_with(issues, "no_cwa_group") - broken_at["match"] - broken_at["group"]
    # subscriptions: covered is who is in the lists of its group, and nobody else
    covered = chains[chains["broken"].isna()]
    should_be = set(records_of(world.subscription_members, "group_id", "pcid"))
    assert set(records_of(covered, "expected_group_id", "pcid")) == should_be
    for group_id, pcid, plan, code in records_of(chains, "expected_group_id", "pcid", "plan", "subscriptions"):
        if plan == "in_plans":
            reason = lacking.get(group_id)
            expected = {
                "missing": "no_subscription",
                "unlinked": "no_valid_subscription",
                None: "no_subscription_of_plan",
            }
            assert code == ("listed" if (group_id, pcid) in should_be else expected[reason])
            assert mode == "by_plan" or code != "no_subscription_of_plan"


@given(worlds(), MODES)
@settings(max_examples=10)
def test_when_nothing_was_written_a_computer_is_listed_only_where_all_its_lists_as_read_have_it(
    world: World, mode: Any
) -> None:
    world = replace(world, mode=mode)
    as_read = {
        subscription.subscription_id: parse(subscription.additional_members, world.list_format) or ()
        for subscription in world.subscriptions
    }
    unreadable = {key for key, guard in records_of(world.planned_members, "subscription_id", "guard") if guard}
    wanted: dict[Any, set[Any]] = {}
    for subscription_id, pcid in records_of(world.subscription_members, "subscription_id", "pcid"):
        wanted.setdefault(pcid, set()).add(subscription_id)
    chains = chains_of(world, world.planned_members)
    reached = chains[chains["subscription_ids"].notna()]
    assert set(reached["pcid"]) == wanted.keys()
    for chain in reached.to_dict("records"):
        pcid, lists = chain["pcid"], wanted[chain["pcid"]]
        assert set(map(int, chain["subscription_ids"].split())) == lists
        not_listing = {key for key in lists if pcid not in as_read[key]}
        code = "unreadable" if not_listing & unreadable else "only_planned" if not_listing else "listed"
        assert chain["subscriptions"] == code
        named = set() if code == "listed" else set(map(int, chain["unlisted_ids"].split()))
        assert named == (not_listing & unreadable or not_listing)


@given(st.integers(0, 2**32), st.randoms(use_true_random=False))
@settings(max_examples=6)
def test_the_order_of_rows_does_not_matter(seed: int, rng: Any) -> None:
    world, shuffled = messy_world(seed, 6), messy_world(seed, 6)
    for name in (
        "cwa_computers",
        "computer_matches",
        "pcrt_pcids",
        "pcrt_subscriptions",
        "subscription_members",
        "cwa_group_members",
    ):
        mixed = getattr(world, name).sample(frac=1, random_state=rng.randrange(1000))
        shuffled.__dict__[name] = mixed.reset_index(drop=True)
    expected = chains_of(world, world.planned_members)
    pd.testing.assert_frame_equal(chains_of(shuffled, world.planned_members), expected)


@given(world=worlds(), status=st.sampled_from(["written", "held", "planned", "conflict"]), one_in=st.integers(1, 4))
@settings(max_examples=8)
def test_the_chains_of_some_computers_are_theirs_among_those_of_all(world: World, status: str, one_in: int) -> None:
    lists = world.planned_members.assign(status=status).iloc[::2]
    of_all = chains_of(world, lists)
    world.__dict__["cwa_computers"] = some = world.cwa_computers.iloc[::one_in]
    expected = of_all[of_all["computer_id"].isin(some["computer_id"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(chains_of(world, lists), expected)


@given(world=worlds(), one_in=st.integers(1, 4))
@settings(max_examples=8)
def test_chains_are_the_same_where_the_links_of_all_computers_are_known_already(world: World, one_in: int) -> None:
    lists = world.planned_members
    tables = {
        "client_groups": world.client_groups,
        "computer_matches": world.computer_matches,
        "pcrt_groups": world.groups_of_pcrt,
        "pcrt_subscriptions": world.pcrt_subscriptions,
        "cwa_group_members": world.cwa_group_members,
        "cwa_groups": world.cwa_groups,
    }
    listings = member_listings(world.subscription_members, lists)
    links = computer_links(cwa_computers=world.cwa_computers, listings=listings, **tables).iloc[::-1]
    world.__dict__["cwa_computers"] = world.cwa_computers.iloc[::one_in]
    found = computer_chains(
        cwa_computers=world.cwa_computers,
        cwa_clients=world.cwa_clients,
        pcrt_pcids=world.pcrt_pcids,
        subscription_members=world.subscription_members,
        additional_members=lists,
        links=links,
        **tables,
    )
    pd.testing.assert_frame_equal(found, chains_of(world, lists))


@given(worlds())
@settings(max_examples=8)
def test_the_plans_and_pcids_of_a_chain_are_all_there_are_ascending(world: World) -> None:
    plans: dict[Any, list[Any]] = {}
    plan_of = dict(records_of(world.cwa_groups, "cwa_group_id", "plan"))
    for computer_id, group_id in records_of(world.cwa_group_members, "computer_id", "cwa_group_id"):
        plans.setdefault(computer_id, []).extend([plan_of[group_id]] if plan_of.get(group_id) else [])
    bearing: dict[Any, list[Any]] = {}
    for serial, pcid in records_of(world.pcrt_pcids, "serial_number_normalised", "pcid"):
        bearing.setdefault(serial, []).append(pcid)
    serial_of = dict(records_of(world.cwa_computers, "computer_id", "serial_number_normalised"))
    for chain in chains_of(world).to_dict("records"):
        of_computer = sorted(set(plans.get(chain["computer_id"], [])))
        assert (None if pd.isna(chain["plans"]) else chain["plans"]) == (", ".join(of_computer) or None)
        if chain["match"] == "duplicate_serial":
            pcids = sorted(bearing[serial_of[chain["computer_id"]]])
            more = f" and {len(pcids) - MOST_IDS} more" if len(pcids) > MOST_IDS else ""
            assert chain["other_pcids"] == " ".join(map(str, pcids[:MOST_IDS])) + more
        else:
            assert pd.isna(chain["other_pcids"])
