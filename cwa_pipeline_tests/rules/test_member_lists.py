"""Lists of PCIDs in the four formats: what is written reads back, and what is not exactly a list is not guessed at."""

import json

import phpserialize
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cwa_pipeline.rules.members.lists import ListFormat, encode, parse

FORMATS: tuple[ListFormat, ...] = ("underscore", "comma", "php", "json")
PCIDS = st.lists(st.integers(1, 10**18 - 1))


@pytest.mark.parametrize("list_format", FORMATS)
@given(pcids=PCIDS)
def test_what_is_written_reads_back(list_format: ListFormat, pcids: list[int]) -> None:
    assert parse(encode(pcids, list_format), list_format) == tuple(pcids)


@pytest.mark.parametrize("list_format", FORMATS)
@given(text=st.text() | st.text('_,0123456789 a:{}i;s"[].-+"') | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_a_list_or_unreadable_but_never_an_error(list_format: ListFormat, text: str) -> None:
    pcids = parse(text, list_format)
    assert pcids is None or all(type(pcid) is int and 0 < pcid < 10**18 for pcid in pcids)


@pytest.mark.parametrize("list_format", FORMATS)
@pytest.mark.parametrize("text", [None, "", "_"])
def test_null_blank_and_a_lone_underscore_are_the_empty_list(list_format: ListFormat, text: str | None) -> None:
    assert parse(text, list_format) == ()


@pytest.mark.parametrize(
    ("list_format", "empty", "two"),
    [
        ("underscore", "_", "_1001_1002_"),
        ("comma", "", "1001,1002"),
        ("php", "a:0:{}", "a:2:{i:0;i:1001;i:1;i:1002;}"),
        ("json", "[]", "[1001,1002]"),
    ],
)
def test_each_format_is_written_in_one_way(list_format: ListFormat, empty: str, two: str) -> None:
    assert encode([], list_format) == empty
    assert encode([1001, 1002], list_format) == two
    assert parse(empty, list_format) == ()
    assert parse(two, list_format) == (1001, 1002)


@pytest.mark.parametrize(
    ("list_format", "text", "pcids"),
    [
        ("underscore", "1001", (1001,)),
        ("underscore", "1001_1002_", (1001, 1002)),
        ("underscore", "_1001_1002", (1001, 1002)),
        ("underscore", "_1002_1001_1002_", (1002, 1001, 1002)),
        ("comma", " 1002 , 1001,1001 ", (1002, 1001, 1001)),
        ("php", 'a:2:{i:0;s:4:"1002";i:7;i:1001;}', (1002, 1001)),
        ("json", ' [ "1002", 1001, 1001 ] ', (1002, 1001, 1001)),
    ],
)
def test_order_and_repetitions_are_kept(list_format: ListFormat, text: str, pcids: tuple[int, ...]) -> None:
    assert parse(text, list_format) == pcids


@pytest.mark.parametrize(
    ("list_format", "text"),
    [
        *(
            ("underscore", text)
            for text in ("__", "_1001__1002_", "_1001_\n", " _1001_", "_1001,1002_", "_-1_", "_x_", "_1e3_")
        ),
        *(("underscore", text) for text in ("_0_", "_01001_", "_1001.0_", "_١٠٠١_", "_1234567890123456789_", "[1001]")),
        *(
            ("comma", text)
            for text in ("1001,", ",1001", "1001,,1002", "1001;1002", "1001 1002", " ", "1001,\n1002", "_1001_")
        ),
        *(("comma", text) for text in ("0", "007", "-1", "1.0", "1234567890123456789")),
        *(
            ("json", text)
            for text in ("{}", "null", "1001", "[1001", "[1001.0]", "[true]", "[null]", "[[1001]]", "[-1]", "[1e3]")
        ),
        *(
            ("json", text)
            for text in ('["x"]', '[" 1001"]', '[""]', "[0]", "[1234567890123456789]", '{"0":1001}', "[1001] x")
        ),
        ("json", "[" * 100_000),
        ("json", "[" + "9" * 5000 + "]"),
        *(
            ("php", text)
            for text in ("a:1:{i:0;i:1001;", "a:1:{i:0;i:1001;}x", "a:2:{i:0;i:1001;}", "i:1001;", "N;", "b:0;")
        ),
        *(
            ("php", text)
            for text in ("a:1:{i:0;d:1001;}", "a:1:{i:0;b:1;}", "a:1:{i:0;N;}", "a:1:{i:0;a:1:{i:0;i:1001;}}")
        ),
        *(
            ("php", text)
            for text in ('a:1:{i:0;s:5:"1001";}', 'a:1:{s:1:"a";i:1001;}', "a:1:{i:0;i:-1;}", "a:1:{i:0;i:+5;}")
        ),
        *(
            ("php", text)
            for text in ("a:2:{i:0;i:1001;i:0;i:1002;}", 'a:1:{i:0;s:2:"1_";}', "A:1:{i:0;i:1001;}", "a:1:{i:0;i:0;}")
        ),
        ("php", "a:1:{i:0;" * 100_000),
        ("php", 'a:1:{i:0;s:99999999999999999999:"1";}'),
    ],
)
def test_anything_else_is_unreadable(list_format: ListFormat, text: str) -> None:
    assert parse(text, list_format) is None


@given(pcids=PCIDS)
def test_php_and_json_are_what_their_own_libraries_read(pcids: list[int]) -> None:
    assert list(phpserialize.loads(encode(pcids, "php").encode()).values()) == pcids
    assert json.loads(encode(pcids, "json")) == pcids
