"""What is found for a whole column and for all pairs at once is what the plain rule says of each one."""

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import OSA, Postfix

from cwa_pipeline.rules.suggestions import names, serials
from cwa_pipeline.rules.suggestions.candidates import pairs_sharing

many = settings(max_examples=40, deadline=None)


def test_each_word_of_a_name_is_a_row_at_the_position_of_its_text() -> None:
    column = pd.Series(["Annas FrontDesk", None, "PC", "BOB-PC2", "BOB-PC2"], dtype="str", index=range(3, 8))
    rows = names.word_rows(column, names.name_words)
    assert list(rows.itertuples(index=False, name=None)) == [
        (0, "annas"),
        (0, "front"),
        (0, "desk"),
        (3, "bob"),
        (4, "bob"),
    ]


SERIALS = st.text("0o1il2zab-/ .Ä", min_size=0, max_size=9)


def plain_error(our: str, their: str) -> int:
    """The error between two normalised serials, by the sentences in `serials`."""
    our_bare, their_bare = ("".join(filter(str.isalnum, each)) for each in (our, their))
    ours, theirs = (each.translate(serials.LOOK_ALIKES) for each in (our_bare, their_bare))
    shortest, longer = min(len(ours), len(theirs)), len(theirs) - len(ours)
    slips = OSA.distance(ours, theirs)
    one_slip = slips == 1 and OSA.distance(our_bare, their_bare) == 1 and shortest >= serials.LEAST_LETTERS
    different = sum(one != other for one, other in zip(ours, theirs, strict=False))
    ends_alike = Postfix.similarity(ours, theirs) == shortest and longer != 0
    cases = {
        serials.SAME: our == their,
        serials.BLANKS: our_bare == their_bare,
        serials.LOOK_ALIKE: slips == 0 and shortest >= serials.LEAST_LETTERS,
        serials.MISSING: one_slip and longer == -1,
        serials.EXTRA: one_slip and longer == 1,
        serials.PREFIX: ends_alike and shortest >= serials.LEAST_BEHIND_PREFIX,
        serials.SWAPPED: one_slip and different == 2,
        serials.WRONG: one_slip,
        serials.TWO_SLIPS: slips <= 2 and shortest >= serials.LEAST_FOR_TWO_SLIPS,
    }
    return next((error for error, holds in cases.items() if holds), serials.FAR)


@st.composite
def near_serials(draw: st.DrawFn) -> tuple[str, str]:
    """Two serials, mostly with something in common."""
    serial, start, end = draw(SERIALS), draw(st.integers(0, 9)), draw(st.integers(0, 9))
    return serial, serial[:start] + draw(st.text("0o1l2-Ä", max_size=3)) + serial[end:]


@many
@given(pairs=st.lists(near_serials(), min_size=1, max_size=6))
def test_the_errors_of_many_pairs_are_those_of_each_pair(pairs: list[tuple[str, str]]) -> None:
    nothing_generic = pd.DataFrame({"normalised": pd.Series(dtype="str")})
    ours, theirs = (
        serials.serials_of(
            serials.with_forms(
                pd.DataFrame({"serial_number_normalised": pd.Series(side, dtype="str").str.casefold()}), nothing_generic
            )
        )
        for side in zip(*pairs, strict=True)
    )
    expected = [plain_error(our.casefold(), their.casefold()) for our, their in pairs]
    assert serials.errors(ours, theirs).tolist() == expected


KEYED = st.lists(st.tuples(st.none() | st.integers(1, 3), st.none() | st.sampled_from("abc")), max_size=7)


@many
@given(ours=KEYED, theirs=KEYED, most=st.integers(0, 12))
def test_pairs_share_a_whole_key_and_the_rarest_come_first(ours: list[tuple], theirs: list[tuple], most: int) -> None:
    left, right = (
        pd.DataFrame(side, columns=["number", "letter"]).astype({"number": "Int64", "letter": "str"})
        for side in (ours, theirs)
    )
    pairs = [
        (key, one, other)
        for one, key in enumerate(ours)
        for other, same in enumerate(theirs)
        if key == same and None not in key
    ]
    expected: list[tuple] = []
    keys = [key for key, _, _ in pairs]
    for key in sorted(set(keys), key=lambda key: (keys.count(key), *key)):
        of_key = [pair for pair in pairs if pair[0] == key]
        if len(expected) + len(of_key) > most:
            break
        expected += of_key
    found = pairs_sharing(left.assign(row=left.index), right.assign(row=right.index), ["number", "letter"], most)
    assert list(found.columns) == ["number", "letter", "row_ours", "row_theirs"]
    assert sorted((key, one, other) for *key, one, other in found.itertuples(index=False)) == sorted(
        (list(key), one, other) for key, one, other in expected
    )
