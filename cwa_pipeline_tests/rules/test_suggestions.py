"""Suggested matches: what is evidence, in which words, what is never suggested, and how often the right PCID is first."""

import random
import time
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.mistyped_world import mistyped_world
from benchmarks.suggestions import (
    LEAST_RIGHT_FIRST,
    MOST_LIKELY_BUT_NEW,
    likely_but_new,
    outcomes,
    right_first,
    suggestions_of,
)
from cwa_pipeline.rules.suggestions import serials as serial_likeness
from cwa_pipeline.rules.suggestions.candidates import pairs_sharing, with_near_serials
from cwa_pipeline.rules.suggestions.suggestions import (
    CLAIMED_POINTS,
    CLEAR_LEAD,
    GROUP_FIRST_POINTS,
    LEAST_SCORE,
    LIKELY,
    MOST_SUGGESTIONS,
    _best,
    match_suggestions,
)
from cwa_pipeline.tables import MatchSuggestions
from cwa_pipeline_tests.worlds import (
    Client,
    Computer,
    Pcid,
    PcrtGroup,
    World,
    assert_is_table,
    messy_world,
    records_of,
    worlds,
)

HERE, ELSEWHERE = 101, 102
ANY = Computer(1, 1, "8KTQ2V3", name=None)


def world_of(computers: list[Computer], pcids: list[Pcid]) -> World:
    """The client of the computers is tied to group 101; group 102 is another customer's. Nothing is known of five PCIDs."""
    pcids = [*pcids, *(Pcid(2001 + number, HERE, name=None) for number in range(5))]
    clients, groups = [Client(1, "101"), Client(2, "102"), Client(3)], [PcrtGroup(HERE), PcrtGroup(ELSEWHERE)]
    return World(clients=clients, pcrt_groups=groups, computers=computers, pcids=pcids)


def suggested(computers: list[Computer], pcids: list[Pcid]) -> list[tuple[object, ...]]:
    """computer_id, pcid and confidence of each suggestion, in order."""
    suggestions = suggestions_of(world_of(computers, pcids))
    assert_is_table(suggestions, MatchSuggestions)
    return records_of(suggestions, "computer_id", "pcid", "confidence")


def evidence(computer: Computer, *pcids: Pcid) -> tuple[object, ...]:
    """confidence and evidence of the only suggestion, which is the first of the PCIDs."""
    suggestions = suggestions_of(world_of([computer], list(pcids)))
    assert_is_table(suggestions, MatchSuggestions)
    (only,) = records_of(suggestions, "pcid", "same_group", "confidence", "evidence")
    assert only[:2] == (pcids[0].pcid, pcids[0].group_id == HERE)
    return only[2:]


# --- the evidence of serials ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("8KTQ-2V3", "serial differs by blanks or dashes only"),
        (" 8k tq2v3", "serial differs by blanks or dashes only"),
        ("8KTQZV3", "serial differs by 2/Z"),
        ("BKTQZV3", "serial differs by 8/B and 2/Z"),
        ("8KT2QV3", "serial has two characters swapped"),
        ("8KTQV3", "serial in PCRT lacks one character"),
        ("8KTQQ2V3", "serial in PCRT has one character too many"),
        ("X8KTQ2V3", "serial in PCRT has one character too many"),
        ("8KTX2V3", "serial has one character wrong"),
        ("S/N: 8KTQ2V3", "serial is the same but for a prefix"),
        ("1S8KTQ2V3", "serial is the same but for a prefix"),
        ("20XW-0000US 8KTQZV3", "serial is the same but for a prefix"),
    ],
)
def test_a_near_serial_in_the_group_is_likely(typed: str, words: str) -> None:
    assert evidence(ANY, Pcid(1001, HERE, typed, name=None)) == ("likely", f"{words}, same group")


@pytest.mark.parametrize(("ours", "theirs"), [("5CD3482KLM", "3482KLM"), ("3482KLM", "5CD3482KLM")])
def test_a_prefix_missing_on_either_side_is_the_same_evidence_in_any_group(ours: str, theirs: str) -> None:
    computer, words = Computer(1, 1, ours, name=None), "serial is the same but for a prefix"
    assert evidence(computer, Pcid(1001, HERE, theirs, name=None)) == ("likely", f"{words}, same group")
    assert evidence(computer, Pcid(1001, ELSEWHERE, theirs, name=None)) == (
        "possible",
        f"{words}, but in another group",
    )


def test_two_wrong_characters_are_possible_and_only_in_the_group() -> None:
    assert evidence(ANY, Pcid(1001, HERE, "8KXQ2X3", name=None), Pcid(1002, ELSEWHERE, "8KXQ2Y3", name=None)) == (
        "possible",
        "serial has two characters wrong, same group",
    )


@pytest.mark.parametrize("typed", ["8KXX2X3", "9999999", "TQ2V3", "3V2QTK8"])
def test_another_serial_is_no_evidence(typed: str) -> None:
    assert suggested([ANY], [Pcid(1001, HERE, typed, name=None)]) == []


@pytest.mark.parametrize(("group_id", "words"), [(ELSEWHERE, "but in another group"), (None, "but in no group")])
def test_a_near_serial_outside_the_group_says_so(group_id: int | None, words: str) -> None:
    assert evidence(ANY, Pcid(1001, group_id, "8KTQV3", name=None)) == (
        "possible",
        f"serial in PCRT lacks one character, {words}",
    )


def test_of_equal_serials_the_one_in_the_group_is_first() -> None:
    pcids = [Pcid(1001, ELSEWHERE, "8KTQZV3"), Pcid(1002, HERE, "8KTQZV3"), Pcid(1003, None, "8KTQZV3")]
    assert [pcid for _, pcid, _ in suggested([ANY], pcids)] == [1002, 1001, 1003]


def test_a_client_tied_to_no_group_still_gets_near_serials() -> None:
    computer = Computer(1, 3, "8KTQ2V3", name=None)
    assert evidence(computer, Pcid(1001, ELSEWHERE, "8KTQZV3", name=None)) == ("likely", "serial differs by 2/Z")


def test_a_wrong_character_where_a_fleet_differs_is_only_possible() -> None:
    fleet = [Computer(2, 1, "8KTQ2V5"), Computer(3, 1, "8KTQ2V7")]
    pcids = [Pcid(1001, HERE, "8KTQ2V9", name=None), Pcid(1002, HERE, "8KTQ2V5"), Pcid(1003, HERE, "8KTQ2V7")]
    suggestions = suggestions_of(world_of([ANY, *fleet], pcids))
    assert records_of(suggestions, "computer_id", "pcid", "confidence", "evidence") == [
        (
            1,
            1001,
            "possible",
            "serial has one character wrong, same group, but the customer has more serials as near as that",
        )
    ]


def test_a_wrong_character_says_least_at_the_very_place_where_the_fleet_differs() -> None:
    def score(*fleet: str) -> object:
        machines = [Pcid(3000 + number, HERE, serial) for number, serial in enumerate(fleet)]
        agents = [Computer(2 + number, 1, serial) for number, serial in enumerate(fleet)]
        suggestions = suggestions_of(world_of([ANY, *agents], [Pcid(1001, HERE, "8KTQ2V9", name=None), *machines]))
        return records_of(suggestions, "pcid", "score")[0]

    assert [score(), score("8KTX2V3"), score("8KTQ2V5"), score("8KTX2V5")] == [
        (1001, points) for points in (73, 58, 43, 43)
    ]


# --- the evidence of names, users and makes ---------------------------------------------------------------------------

BLANK = Computer(1, 1, None, name=None)  # a generic serial: nothing but names can tell


@pytest.mark.parametrize(
    ("computer", "pcid", "confidence", "words"),
    [
        ({"name": "DESKTOP-4F2K9QA"}, {"name": "desktop-4f2k9qa (till)"}, "possible", "computer name is in the PCID's name"),
        ({"name": "FRONTDESK-PC"}, {"name": "Front Desk PC"}, "possible", "computer name is in the PCID's name"),
        ({"name": "RECEPTION-PC2"}, {"name": "Reception"}, "possible", '"reception" is in both names'),
        ({"last_user": "ACME\\anna"}, {"name": "Anna's laptop"}, "possible", 'last user "anna" is in the PCID\'s name'),
        ({"last_user": "AzureAD\\AnnaSmith"}, {"name": "Annas laptop"}, "possible", 'last user "anna" is in the PCID\'s name'),
        ({"last_user": "asmith@acme.example"}, {"name": "Anna Smith"}, "possible", 'last user "asmith" is in the PCID\'s name'),
        (
            {"name": "ANNA-PC", "last_user": "ACME\\anna"},
            {"name": "ANNA-PC"},
            "likely",
            "computer name is in the PCID's name, last user \"anna\" is in the PCID's name",
        ),
    ],
)  # fmt: skip
def test_a_name_in_the_name_of_a_pcid_of_the_group_is_evidence(
    computer: dict[str, str], pcid: dict[str, str], confidence: str, words: str
) -> None:
    one = Computer(1, 1, "None", **{"name": None, **computer})
    assert evidence(one, Pcid(1001, HERE, **pcid)) == (confidence, f"{words}, same group")


@pytest.mark.parametrize(
    ("name", "last_user", "typed"),
    [
        ("LAPTOP", None, "Laptop"),
        ("OFFICE-PC", "ACME\\admin", "Office PC (admin)"),
        ("PC-1", "user", "User PC 1"),
        ("DELL", None, "Dell"),
        ("AB", "jo", "AB Jo"),
        ("", "  ", ""),
        (None, None, None),
    ],
)
def test_common_and_short_words_are_no_evidence(name: str | None, last_user: str | None, typed: str | None) -> None:
    assert suggested([Computer(1, 1, None, name=name, last_user=last_user)], [Pcid(1001, HERE, name=typed)]) == []


def test_a_word_says_the_less_the_more_computers_and_pcids_of_the_group_have_it() -> None:
    def score(computers: int, pcids: int) -> object:
        same = [Computer(number, 1, None, name="ANNA-PC") for number in range(1, computers + 1)]
        world = world_of(same, [Pcid(1000 + number, HERE, name="ANNA-PC") for number in range(pcids)])
        return max((score for (score,) in records_of(suggestions_of(world), "score")), default=0)

    scores = [score(1, 1), score(1, 2), score(1, 3), score(20, 20)]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == 4
    assert (score(2, 1), score(3, 1)) == (score(1, 2), score(1, 3))


def test_a_matched_computer_of_the_same_name_makes_it_say_less() -> None:
    alone = suggestions_of(world_of([Computer(1, 1, None, name="ANNA-PC")], [Pcid(1001, HERE, name="ANNA-PC")]))
    twice = suggestions_of(
        world_of(
            [Computer(1, 1, None, name="ANNA-PC"), Computer(2, 1, "8KTQ2V3", name="ANNA-PC")],
            [Pcid(1001, HERE, name="ANNA-PC"), Pcid(1002, HERE, "8KTQ2V3")],
        )
    )
    assert (records_of(alone, "pcid", "score"), records_of(twice, "pcid", "score")) == ([(1001, 65)], [(1001, 40)])


def test_only_a_distinctive_name_that_is_there_once_is_looked_for_in_other_groups() -> None:
    computer = Computer(1, 1, None, name="DESKTOP-4F2K9QA")
    assert evidence(computer, Pcid(1001, ELSEWHERE, name="DESKTOP-4F2K9QA")) == (
        "possible",
        "computer name is in the PCID's name, but in another group",
    )
    assert suggested([computer], [Pcid(1000 + n, ELSEWHERE, name="DESKTOP-4F2K9QA") for n in range(2)]) == []
    assert suggested([Computer(1, 1, None, name="ANNA-PC")], [Pcid(1001, ELSEWHERE, name="ANNA-PC")]) == []


def test_a_name_taken_over_from_a_machine_with_another_serial_is_hardly_evidence() -> None:
    computer = Computer(1, 1, "8KTQ2V3", name="ANNA-PC")
    assert evidence(computer, Pcid(1001, HERE, "PF3XW1LM", name="ANNA-PC")) == (
        "possible",
        "computer name is in the PCID's name, same group, but the serial is another one",
    )


def test_a_make_counts_for_what_it_tells_apart() -> None:
    computer = Computer(1, 1, "8KTQ2V3", name=None, make="Dell Inc.")
    others = [Pcid(3000 + number, HERE, make="HP ProBook 450") for number in range(3)]
    dell, hp, unknown = (
        Pcid(1001, HERE, "8KTQZV3", name=None, make=make) for make in ("latitude 5420", "HP 250", "A laptop")
    )
    assert evidence(computer, dell, *others) == ("likely", "serial differs by 2/Z, same make (Dell), same group")
    assert evidence(computer, dell) == ("likely", "serial differs by 2/Z, same group")
    assert evidence(computer, hp) == ("possible", "serial differs by 2/Z, same group, but the make is HP, not Dell")
    assert evidence(computer, unknown) == ("likely", "serial differs by 2/Z, same group")


def test_several_pieces_of_evidence_are_told_together() -> None:
    computer = Computer(1, 1, "8KTQ2V3", name="ANNA-PC", last_user="ACME\\anna")
    assert evidence(computer, Pcid(1001, HERE, "8KT2QV3", name="Anna-PC")) == (
        "likely",
        "serial has two characters swapped, computer name is in the PCID's name, "
        'last user "anna" is in the PCID\'s name, same group',
    )


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (1, "only PCID left in the group that it can be"),
        (2, "one of 2 PCIDs left in the group that it can be"),
        (3, "one of 3 PCIDs left in the group that it can be"),
        (4, None),
    ],
)
def test_where_hardly_a_pcid_is_left_in_the_group_it_is_suggested(left: int, words: str | None) -> None:
    unknown = [Pcid(1001 + number, HERE, name=None) for number in range(left)]
    others = [Pcid(2001, HERE, "PF3XW1LM"), Pcid(2002, HERE, make="HP 250"), Pcid(2003, ELSEWHERE)]
    world = World(
        [Client(1, "101")], [replace(ANY, make="Dell Inc.")], pcrt_groups=[PcrtGroup(HERE)], pcids=[*unknown, *others]
    )
    expected = [(1001 + number, "possible", f"{words}, same group") for number in range(left) if words]
    assert records_of(suggestions_of(world), "pcid", "confidence", "evidence") == expected


# --- by reason --------------------------------------------------------------------------------------------------------


def test_of_a_duplicate_serial_group_and_name_tell_which() -> None:
    computer = Computer(1, 1, "8KTQ2V3", name="TILL-7XB", last_user=None)
    pcids = [
        Pcid(1001, ELSEWHERE, "8KTQ2V3", name=None),
        Pcid(1002, HERE, "8KTQ2V3", name=None),
        Pcid(1003, HERE, "8ktq2v3 ", name="Till 7XB"),
    ]
    suggestions = suggestions_of(world_of([computer], pcids))
    same = "same serial number (2 other PCIDs have it too)"
    assert records_of(suggestions, "rank", "pcid", "confidence", "evidence") == [
        (1, 1003, "likely", f"{same}, computer name is in the PCID's name, same group"),
        (2, 1002, "possible", f"{same}, same group"),
        (3, 1001, "possible", f"{same}, but in another group"),
    ]


def test_a_short_duplicate_serial_is_suggested_like_any_other() -> None:
    assert suggested([Computer(1, 1, "77")], [Pcid(1001, HERE, "77"), Pcid(1002, ELSEWHERE, "77")]) == [
        (1, 1001, "likely"),
        (1, 1002, "possible"),
    ]


def test_pcids_of_one_serial_that_nothing_tells_apart_are_never_likely() -> None:
    pcids = [Pcid(1001, HERE, "8KTQ2V3", name=None), Pcid(1002, HERE, "8KTQ2V3", name=None)]
    assert suggested([ANY], pcids) == [(1, 1001, "possible"), (1, 1002, "possible")]


def test_a_wrong_asset_tag_suggests_the_pcid_that_bears_the_serial() -> None:
    computer = Computer(1, 1, "8KTQ2V3", asset_tag="9999", name=None)
    assert evidence(computer, Pcid(1001, HERE, "8KTQ2V3", name=None)) == (
        "likely",
        "serial number is the same; the Asset Tag is wrong, same group",
    )


@pytest.mark.parametrize("asset_tag", ["4713", "4172", "47127", " 4713 "])
def test_an_asset_tag_one_digit_off_is_evidence(asset_tag: str) -> None:
    computer = Computer(1, 1, None, asset_tag=asset_tag, name=None)
    words = "Asset Tag is that PCID but for one digit or two swapped, same group"
    pcid = Pcid(4712, HERE, name=None)
    assert evidence(computer, pcid) == ("possible", words)


def test_a_short_asset_tag_is_one_digit_off_too_many_pcids() -> None:
    assert suggested([Computer(1, 1, None, asset_tag="471", name=None)], [Pcid(4712, HERE, name=None)]) == []


def test_an_asset_tag_one_digit_off_says_nothing_about_another_group() -> None:
    computer = Computer(1, 1, "8KTQ2V3", asset_tag="4713", name=None)
    words = "serial differs by 2/Z, but in another group"
    assert evidence(computer, Pcid(4712, ELSEWHERE, "8KTQZV3", name=None)) == ("likely", words)


# --- what is never suggested ------------------------------------------------------------------------------------------


def test_a_taken_pcid_is_not_suggested() -> None:
    taken = [Computer(2, 1, "8KTQZV3"), Computer(3, 1, asset_tag="1002")]
    assert suggested([ANY, *taken], [Pcid(1001, HERE, "8KTQZV3"), Pcid(1002, HERE, "8KTQ2V")]) == []


@pytest.mark.parametrize("ours", ["Default string", "Default  String", "None", "", None])
@pytest.mark.parametrize(
    "theirs", ["Default string", "default-string", "DEFAULT STR1NG", "S/N", "N0NE", "None", "--", None]
)
def test_a_generic_serial_is_never_evidence_on_either_side(ours: str | None, theirs: str | None) -> None:
    computers = [Computer(1, 1, ours, name=None), Computer(2, 1, "Default-String", name=None)]
    assert suggested(computers, [Pcid(1001, HERE, theirs, name=None)]) == []


def test_a_matched_computer_gets_no_suggestion() -> None:
    assert suggested([Computer(1, 1, "8KTQ2V3")], [Pcid(1001, HERE, "8KTQ2V3"), Pcid(1002, HERE, "8KTQZV3")]) == []


def test_a_pcid_is_likely_for_one_computer_at_most() -> None:
    pcids = [Pcid(1001, HERE, "8KTQZV3", name=None)]
    equal = [Computer(1, 1, "8KTQ2V3", name=None), Computer(2, 1, "8KTQ2V3", name=None)]
    assert suggested(equal, pcids) == [(1, 1001, "possible"), (2, 1001, "possible")]
    one_better = [Computer(1, 1, "8KTQ2V3", name=None), Computer(2, 1, "8KTXZV3", name=None)]
    suggestions = suggestions_of(world_of(one_better, pcids))
    assert records_of(suggestions, "computer_id", "confidence") == [(1, "likely"), (2, "possible")]
    assert records_of(suggestions, "evidence")[1][0].endswith("but another computer fits it better")


@given(world=worlds())
@settings(max_examples=8)
def test_in_a_messy_world_suggestions_are_few_free_and_for_the_unmatched(world: World) -> None:
    suggestions = suggestions_of(world)
    assert_is_table(suggestions, MatchSuggestions)
    matches = world.computer_matches
    assert set(suggestions["computer_id"]) <= set(matches.loc[matches["pcid"].isna(), "computer_id"])
    assert not set(suggestions["pcid"]) & set(matches["pcid"].dropna())
    assert set(suggestions["pcid"]) <= set(world.pcrt_pcids["pcid"])
    assert suggestions["evidence"].str.len().gt(0).all()
    for _, of_one in suggestions.groupby("computer_id"):
        assert of_one["rank"].tolist() == list(range(1, len(of_one) + 1))
        assert len(of_one) <= MOST_SUGGESTIONS
        place = of_one["score"].clip(upper=99) + of_one["same_group"] * GROUP_FIRST_POINTS
        assert place[of_one["confidence"] == "possible"].is_monotonic_decreasing
        assert of_one["pcid"].is_unique
        assert "likely" not in of_one["confidence"].tolist()[1:]
    likely = suggestions[suggestions["confidence"] == "likely"]
    assert likely["pcid"].is_unique


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_rows_decides_nothing(seed: int) -> None:
    world = mistyped_world(seed, 200).world if seed % 2 else messy_world(seed)
    tables = [world.cwa_computers, world.computer_matches, world.pcrt_pcids, world.serial_blacklist]
    shuffled = [table.sample(frac=1, random_state=seed) for table in tables]
    expected = match_suggestions(*tables)
    assert len(expected) > 5
    pd.testing.assert_frame_equal(match_suggestions(*shuffled), expected)


def test_nothing_in_gives_nothing_out() -> None:
    computer, pcid = Computer(1, None, None, None, None, None), Pcid(1001, None, None, None, None)
    for computers, pcids in ([], []), ([computer], []), ([], [pcid]), ([computer], [pcid]):
        suggestions = suggestions_of(World(computers=computers, pcids=pcids))
        assert_is_table(suggestions, MatchSuggestions)
        assert suggestions.empty


# --- the index of serials ---------------------------------------------------------------------------------------------

SERIALS = st.text(alphabet="0123ABÄ", min_size=5, max_size=9)


@st.composite
def slips(draw: st.DrawFn) -> tuple[str, str]:
    """A serial, and the same with one slip or something in front."""
    serial = draw(SERIALS)
    place, letter = draw(st.integers(0, len(serial) - 1)), draw(st.sampled_from("0123ABÄ"))
    before, behind = serial[:place], serial[place:]
    wrong = [
        before + letter + behind[1:],
        before + behind[1:],
        before + letter + behind,
        before + behind[1:2] + behind[:1] + behind[2:],
    ]
    in_front = [letter * 3 + serial] if len(serial) >= 6 else []
    typed = draw(st.sampled_from([serial, *wrong, *in_front]))
    return draw(st.sampled_from([(serial, typed), (typed, serial)]))


@given(pairs=st.lists(slips(), min_size=1, max_size=8))
@settings(max_examples=25)
def test_the_index_finds_every_serial_one_slip_or_a_prefix_away(pairs: list[tuple[str, str]]) -> None:
    ours, theirs = (pd.Series(side, dtype="str").str.casefold() for side in zip(*pairs, strict=True))
    our_forms, their_forms = serial_likeness.folded(ours), serial_likeness.folded(theirs)
    found = set(with_near_serials(our_forms, their_forms).itertuples(index=False, name=None))
    every = pd.MultiIndex.from_product([range(len(pairs)), range(len(pairs))])
    left, right = every.get_level_values(0), every.get_level_values(1)
    nothing_generic = pd.DataFrame({"normalised": pd.Series(dtype="str")})
    of_ours, of_theirs = (
        serial_likeness.serials_of(
            serial_likeness.with_forms(pd.DataFrame({"serial_number_normalised": serials}), nothing_generic)
        )
        for serials in (ours, theirs)
    )
    errors = serial_likeness.errors(of_ours.take(left.to_numpy()), of_theirs.take(right.to_numpy()))
    least = serial_likeness.LEAST_LETTERS
    near = {
        (one, other)
        for one, other, error in zip(left, right, errors, strict=True)
        if error <= serial_likeness.WRONG and min(len(our_forms[one]), len(their_forms[other])) >= least
    }
    assert near <= found
    long_enough = {(row, row) for row in range(len(pairs)) if min(len(our_forms[row]), len(their_forms[row])) >= least}
    assert long_enough <= near  # `errors` calls each of these slips near


@given(
    serial=st.text(alphabet="0123456789BCDFGHJKLMNPQRSTVWXYZ", min_size=7, max_size=12).filter(
        lambda text: any(letter in "O0I1LS5B8Z2G6" for letter in text) and text != "0123456789"  # which is generic
    ),
    choice=st.randoms(use_true_random=False),
)
@settings(max_examples=10)
def test_a_pcid_of_the_group_with_one_look_alike_is_first(serial: str, choice: random.Random) -> None:
    alike = dict(zip("0O1IL5S8B2Z6G", "O0ILIS5B8Z2G6", strict=True))
    place = choice.choice([place for place, letter in enumerate(serial) if letter in alike])
    typed = serial[:place] + alike[serial[place]] + serial[place + 1 :]
    others = [Pcid(900 + number, HERE, f"WWWWWWWWWW{number}") for number in range(5)]
    computer = Computer(1, 1, serial, name=None)
    assert suggested([computer], [Pcid(1001, HERE, typed, name=None), *others])[0] == (1, 1001, "likely")


# --- the bounds -------------------------------------------------------------------------------------------------------


def test_pairs_are_taken_from_the_rarest_key_up_until_so_many_are_found() -> None:
    ours = pd.DataFrame({"key": ["a", "b", "b", "c"] * 10, "computer": range(40)})
    theirs = pd.DataFrame({"key": ["c", "b", "a", "a"] * 10, "machine": range(40)})
    assert pairs_sharing(ours, theirs, ["key"], most=1_000)["key"].value_counts().to_dict() == {
        "a": 200,
        "b": 200,
        "c": 100,
    }
    assert set(pairs_sharing(ours, theirs, ["key"], most=300)["key"]) == {"a", "c"}
    assert pairs_sharing(ours, theirs, ["key"], most=99).empty


def _serials(count: int) -> list[str]:
    return ["".join(random.Random(number).choices("23456789BCDFGHJKM", k=7)) for number in range(count)]


@pytest.mark.parametrize(
    ("of_computers", "of_pcids"),
    [
        pytest.param(_serials(4_000), [serial + "X" for serial in _serials(4_000)], id="one group"),
        pytest.param(["8KTQ2V3"] * 4_000, ["8KTQ2V3"] * 4_000, id="one serial"),
        pytest.param(["8KTQ2V3"] * 4_000, ["8KTQZV3"] * 4_000, id="one near serial"),
        pytest.param([f"8KTQ{n:04}" for n in range(4_000)], [f"8KTQ{n:04}" for n in range(4_000, 8_000)], id="one fleet"),
    ],
)  # fmt: skip
def test_thousands_in_one_group_do_not_blow_up(of_computers: list[str], of_pcids: list[str]) -> None:
    world = world_of(
        [Computer(number, 1, serial, name="ANNA-PC") for number, serial in enumerate(of_computers, 1)],
        [Pcid(number, HERE, serial, name="ANNA-PC") for number, serial in enumerate(of_pcids, 100_000)],
    )
    tables = (world.cwa_computers, world.computer_matches, world.pcrt_pcids, world.serial_blacklist)
    start = time.process_time()
    suggestions = match_suggestions(*tables)
    # 16 million pairs take half a minute and gigabytes; a million of each kind takes seconds.
    assert time.process_time() - start < 15
    assert suggestions.groupby("computer_id").size().max() <= MOST_SUGGESTIONS if len(suggestions) else True


def test_in_a_group_too_large_for_all_pairs_near_serials_are_still_found() -> None:
    serials = _serials(1_500)
    world = world_of(
        [Computer(number, 1, serial, name=None) for number, serial in enumerate(serials, 1)],
        [Pcid(number, HERE, "S/N " + serial, name=None) for number, serial in enumerate(serials, 100_001)],
    )
    first = suggestions_of(world).query("rank == 1")
    assert (first["pcid"] == first["computer_id"] + 100_000).sum() == 1_500


def test_the_right_pcid_is_first_and_a_new_machine_gets_no_likely_one() -> None:
    cases = pd.concat([outcomes(mistyped_world(seed)) for seed in (1, 2)])
    assert cases["has_pcid"].sum() > 300
    assert (~cases["has_pcid"]).sum() > 200
    assert right_first(cases) >= LEAST_RIGHT_FIRST
    assert likely_but_new(cases) <= MOST_LIKELY_BUT_NEW


PAIRS = st.dictionaries(
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
    st.tuples(st.integers(-10, 10).map(lambda tens: 5 * tens) | st.integers(60, 110), st.booleans()),
)


@settings(max_examples=40)
@given(PAIRS)
def test_the_best_of_all_pairs_are_those_that_are_best_pair_by_pair(
    pairs: dict[tuple[int, int], tuple[int, bool]],
) -> None:
    rows = [(*pair, *found) for pair, found in sorted(pairs.items())]
    frame = pd.DataFrame(rows, columns=["computer", "machine", "points", "same_group"])
    frame = frame.astype({"computer": "int64", "machine": "int64", "points": "float64", "same_group": "bool"})
    found = records_of(_best(frame), "computer", "rank", "machine", "score", "confidence")
    assert found == best_one_by_one(pairs)


def best_one_by_one(pairs: dict[tuple[int, int], tuple[int, bool]]) -> list[tuple[object, ...]]:
    """What is suggested of these pairs (computer, machine: points, same group), told as plainly as it can be."""
    first = {pair: points for pair, (points, _) in pairs.items()}
    lead = {pair: points - best_other(pair, first, 1) for pair, points in first.items()}
    points = {pair: first[pair] + CLAIMED_POINTS * (lead[pair] <= -CLEAR_LEAD) for pair in pairs}
    points = {pair: found for pair, found in points.items() if found >= LEAST_SCORE}
    order = []
    for (computer, machine), score in points.items():
        ahead = score - best_other((computer, machine), points, 0)
        likely = score >= LIKELY and min(ahead, lead[computer, machine]) >= CLEAR_LEAD
        place = score + GROUP_FIRST_POINTS * pairs[computer, machine][1]
        order.append((computer, not likely, -place, -score, machine))
    of_computer: dict[int, list[tuple[object, ...]]] = {}
    for computer, unlikely, _, minus_score, machine in sorted(order):
        ranked = of_computer.setdefault(computer, [])
        ranked.append(
            (computer, len(ranked) + 1, machine, min(-minus_score, 100), "possible" if unlikely else "likely")
        )
    return [row for ranked in of_computer.values() for row in ranked[:MOST_SUGGESTIONS]]


def best_other(pair: tuple[int, int], points: dict[tuple[int, int], int], side: int) -> int:
    """The most points of another pair of the same computer (side 0) or machine (side 1); 0 for none."""
    return max([found for other, found in points.items() if other != pair and other[side] == pair[side]] + [0])
