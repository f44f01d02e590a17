"""Serial numbers in pcextra, compared with a plain PHP unserializer that shares no code and no library with ours."""

import re
import time

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cwa_pipeline.pcrt import pcextra
from cwa_pipeline.pcrt.pcextra import NOT_TEXT, NOT_UTF8, UNREADABLE, serial_numbers

SERIAL_FIELD = 104


def read(text: str | None) -> tuple[str | None, str | None]:
    """The serial number and the problem of one text."""
    frame = serial_numbers(pd.Series([text], dtype="str"), SERIAL_FIELD)
    return tuple(None if pd.isna(value) else value for value in frame.iloc[0])  # type: ignore[return-value]


# --- PHP's own serialize() and unserialize(), on bytes ------------------------------------------------


class Float(str):
    """A float as PHP writes it."""

    __slots__ = ()


def php_serialize(value: object) -> bytes:
    """A `list` here is an array given as its (key, value) pairs, so that a key can come twice."""
    match value:
        case None:
            return b"N;"
        case bool():
            return b"b:%d;" % value
        case int():
            return b"i:%d;" % value
        case Float():
            return b"d:%b;" % value.encode()
        case bytes():
            return b's:%d:"%b";' % (len(value), value)
        case list():
            return b"a:%d:{%b}" % (len(value), b"".join(php_serialize(k) + php_serialize(v) for k, v in value))
    raise TypeError(value)


def php_unserialize(raw: bytes) -> object:
    """Byte by byte, with PHP's own grammar; ValueError where unserialize() gives false, and for anything left over."""
    value, at = _php_value(raw, 0)
    if at != len(raw):
        raise ValueError("something is left")
    return value


def _php_value(raw: bytes, at: int) -> tuple[object, int]:
    def scan(pattern: bytes, start: int) -> re.Match[bytes]:
        found = re.compile(pattern, re.DOTALL).match(raw, start)
        if found is None:
            raise ValueError(f"no {pattern!r} at {start}")
        return found

    if raw.startswith(b"N;", at):
        return None, at + 2
    if raw.startswith(b"b:", at):
        found = scan(rb"b:([01]);", at)
        return found[1] == b"1", found.end()
    if raw.startswith(b"i:", at):
        found = scan(rb"i:([+-]?[0-9]+);", at)
        return int(found[1]), found.end()
    if raw.startswith(b"d:", at):
        found = scan(rb"d:(NAN|-?INF|[+-]?(?:[0-9]*\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+)(?:[eE][+-]?[0-9]+)?);", at)
        return Float(found[1].decode()), found.end()
    if raw.startswith(b"s:", at):
        found = scan(rb's:([0-9]+):"', at)
        end = found.end() + int(found[1])
        scan(rb'";', end)
        return raw[found.end() : end], end + 2
    found = scan(rb"a:([0-9]+):\{", at)
    at, array = found.end(), {}
    for _ in range(int(found[1])):
        key, at = _php_value(raw, at)
        if type(key) not in (int, bytes):
            raise ValueError("no key")
        if isinstance(key, bytes) and re.fullmatch(rb"0|-?[1-9][0-9]*", key):
            key = int(key)
        array[key], at = _php_value(raw, at)
    return array, scan(rb"\}", at).end()


# --- values made of PHP's own syntax ----------------------------------------------------------------------------------

PIECES = [
    *(
        '";',
        '"',
        ";",
        "}",
        "{",
        "i:104;",
        's:5:"',
        'i:104;s:5:"WRONG";',
        "a:1:{",
        "s:",
        ":",
        "104",
        "5",
        "N;",
        "_",
        "\n",
    ),
    *("ABC-1", "ü", "€", "日本", "💾", "Ã¼", "\x81", "\x00", " "),
]
nasty = st.lists(st.sampled_from(PIECES), max_size=6).map("".join) | st.text(max_size=5)
nasty_bytes = nasty.map(lambda text: text.encode("utf-8", "replace"))
keys = (
    st.sampled_from([104, 104, 100, 0, -104, 1040, b"104", b"0104", b"+104", b" 104", b"x"])
    | st.integers(-5, 200)
    | nasty_bytes
)
floats = st.sampled_from(["0.1", "-1.5E-7", "1.0E+25", "INF", "-INF", "NAN", "104", ".5", "5."]).map(Float)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | floats | nasty_bytes
values = st.recursive(scalars, lambda inner: st.lists(st.tuples(keys, inner), max_size=3), max_leaves=4)
arrays = st.lists(st.tuples(keys, values), max_size=5)
flat_arrays = st.lists(st.tuples(keys.filter(lambda key: type(key) is int), nasty_bytes), max_size=5)


# What MySQL's latin1 makes of each byte: cp1252, and a control character where that has none.
MYSQL_LATIN1 = [bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(256)]


def expected(raw: bytes) -> tuple[str | None, str | None]:
    """What plain PHP makes of these bytes; ValueError when it cannot read them."""
    array = php_unserialize(raw)
    if not isinstance(array, dict):
        raise ValueError("no array")
    match array.get(SERIAL_FIELD):
        case None | b"":
            return None, None
        case bytes(serial):
            readable = b"\xef\xbf\xbd" not in serial and serial.decode("utf-8", "ignore").encode() == serial
            return (serial.decode(), None) if readable else (None, NOT_UTF8)
        case bool() | Float() | dict():
            return None, NOT_TEXT
        case number:
            return str(number), None


@settings(max_examples=200)
@given(array=arrays | flat_arrays)
@example([(100, b'x";i:104;s:5:"WRONG'), (104, b"RIGHT")])
@example([(104, b"FIRST"), (104, b"LAST")])
@example([(104, b"FIRST"), (b"104", b"LAST")])
@example([(100, [(104, b"WRONG")]), (104, b"RIGHT")])
@example([(104, [(104, b"WRONG")])])
def test_text_from_php_is_read_as_php_reads_it(array: list[tuple[object, object]]) -> None:
    raw = php_serialize(array)
    assert read(raw.decode()) == expected(raw)


@settings(max_examples=200)
@given(array=arrays | flat_arrays, data=st.data())
def test_a_damaged_text_is_read_as_php_reads_it_or_is_a_problem(
    array: list[tuple[object, object]], data: st.DataObject
) -> None:
    """A few characters cut out, put in or changed: never a serial number that PHP would not see."""
    text = php_serialize(array).decode()
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 3))
        text = text[:start] + data.draw(st.sampled_from([*PIECES, "", "9", "-", "+", "0"])) + text[start + cut :]
    found = read(text)
    if found[1] not in (UNREADABLE, NOT_UTF8) and text.strip():
        try:
            assert found == expected(text.encode())
        except ValueError:
            # Latin-1's control characters stand for their bytes too.
            raw = bytes(MYSQL_LATIN1.index(each) if each in MYSQL_LATIN1 else ord(each) for each in text)
            assert found == expected(raw)


def read_by_the_unserializer_alone(monkeypatch: pytest.MonkeyPatch, column: list[str]) -> pd.DataFrame:
    with monkeypatch.context() as patched:
        patched.setattr(pcextra, "_flat_fields", lambda _: None)
        return serial_numbers(pd.Series(column, dtype="str"), SERIAL_FIELD)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    column=st.lists(
        (arrays | flat_arrays).map(lambda array: php_serialize(array).decode())
        | st.lists(st.sampled_from(PIECES), max_size=6).map("".join)
        | st.sampled_from(['a:1:{i:104;s:3:"A"', '";}', 'a:1:{i:104;s:1:"A";};}', 'a:1:{i:0104;s:1:"A";}', "a:01:{}"]),
        max_size=8,
    )
)
@example(column=[php_serialize([(key, b"x" * 300) for key in range(120)]).decode()])
def test_the_fast_path_agrees_with_the_unserializer(monkeypatch: pytest.MonkeyPatch, column: list[str]) -> None:
    fast = serial_numbers(pd.Series(column, dtype="str"), SERIAL_FIELD)
    pd.testing.assert_frame_equal(fast, read_by_the_unserializer_alone(monkeypatch, column))


def test_the_fast_path_agrees_with_the_unserializer_after_any_change_of_one_character(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = php_serialize([(101, b""), (104, b"AB"), (12, "ü€".encode()), (0, b"x" * 10)]).decode()
    column = [
        text[:at] + put + text[at + cut :]
        for at in range(len(text) + 1)
        for put in ("", *'0129ais;:"{}A-<ü')
        for cut in (0, 1)
    ]
    fast = serial_numbers(pd.Series(column, dtype="str"), SERIAL_FIELD)
    pd.testing.assert_frame_equal(fast, read_by_the_unserializer_alone(monkeypatch, column))


def test_the_fast_path_takes_ordinary_texts_and_only_those() -> None:
    for text in ("a:0:{}", 'a:2:{i:1;s:6:"16 Gü";i:104;s:2:"é";}'):
        assert pcextra._flat_fields(text.encode()) is not None
    for text in ("", 'a:1:{i:104;s:3:"A"B";}', "a:1:{i:104;N;}", 'a:2:{i:104;s:1:"A";}', 'a:1:{i:104;s:2:"A";}'):
        assert pcextra._flat_fields(text.encode()) is None


@given(text=st.text() | st.lists(st.sampled_from([*PIECES, "a:2:{", "d:1;", "O:1:", "b:1;", "R:1;"])).map("".join))
def test_no_text_raises_an_error(text: str) -> None:
    serial, problem = read(text)
    assert serial is None or problem is None


@settings(max_examples=200)
@given(serial=st.text(st.characters(exclude_characters="\ufffd", exclude_categories=["Cs"])), other=nasty)
def test_utf8_sent_over_a_latin1_connection_gives_its_serial_number(serial: str, other: str) -> None:
    raw = php_serialize([(100, f"{other}ü".encode()), (104, serial.encode())])
    as_mysql_gives_it = "".join(MYSQL_LATIN1[byte] for byte in raw)
    assert read(as_mysql_gives_it) == (serial or None, None)


def test_a_missing_entry_is_no_serial_number_and_no_problem() -> None:
    for text in (None, "", "  ", "a:0:{}", 'a:1:{i:100;s:1:"x";}', 'a:1:{i:104;s:0:"";}', "a:1:{i:104;N;}"):
        assert read(text) == (None, None)


def test_the_entry_is_the_serial_number_unchanged() -> None:
    for text, serial in (
        ('a:2:{i:100;s:5:"16 GB";i:104;s:7:"325JVNA";}', "325JVNA"),
        ('a:1:{i:104;s:2:"  ";}', "  "),
        ('a:1:{s:3:"104";s:2:"AB";}', "AB"),
        ("a:1:{i:104;i:12345;}", "12345"),
        ('a:2:{i:1;d:0.5;i:104;s:2:"AB";}', "AB"),
        ('a:2:{i:1;s:5:"büro";i:104;s:3:"Aü";}', "Aü"),
    ):
        assert read(text) == (serial, None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('a:1:{i:104;s:3:"ABCD";}', UNREADABLE),
        ('a:1:{i:104;s:5:"ABCD";}', UNREADABLE),
        ('a:1:{i:104;s:-1:"ABCD";}', UNREADABLE),
        ('a:2:{i:104;s:4:"ABCD";}', UNREADABLE),
        ('a:1:{i:104;s:4:"ABCD";}\n', UNREADABLE),
        ('a:1:{i:104;s:4:"ABCD";', UNREADABLE),
        ('a:2:{i:1;s:2:"xx";i:104;s:2:";}', UNREADABLE),
        ('a:1:{i:104;S:4:"\\41BC";}', UNREADABLE),
        ('A:1:{i:104;s:4:"ABCD";}', UNREADABLE),
        ('a:1:{b:1;s:4:"ABCD";}', UNREADABLE),
        ('a:1:{i:1_04;s:4:"ABCD";}', UNREADABLE),
        ('a:1:{i:0104;s:4:"ABCD";}', UNREADABLE),
        ('a:1:{i:104;s:04:"ABCD";}', UNREADABLE),
        ('a:1:{i:104;O:8:"stdClass":0:{}}', UNREADABLE),
        ("a:1:{i:104;i:99999999999999999999;}", UNREADABLE),
        ("a:1:{i:0;" * 50_000, UNREADABLE),
        ('s:7:"325JVNA";', UNREADABLE),
        ("325JVNA", UNREADABLE),
        ("a:1:{i:104;b:1;}", NOT_TEXT),
        ("a:1:{i:104;d:1.5;}", NOT_TEXT),
        ('a:1:{i:104;a:1:{i:0;s:1:"x";}}', NOT_TEXT),
        ('a:1:{i:104;s:5:"AB\ufffd";}', NOT_UTF8),
        ('a:1:{i:104;s:3:"AB\ufffd";}', NOT_UTF8),
        ('a:1:{i:104;s:3:"Bür";}', NOT_UTF8),
    ],
)
def test_a_text_that_php_did_not_write_is_a_problem(text: str, problem: str) -> None:
    assert read(text) == (None, problem)


def test_both_columns_are_text_and_keep_the_index() -> None:
    extra = pd.Series(['a:1:{i:104;s:1:"A";}', None, "x"], index=[7, 3, 9], dtype="str")
    for rows in (extra, extra[:0], pd.Series([None, None], dtype="object")):
        frame = serial_numbers(rows, SERIAL_FIELD)
        assert frame.index.equals(rows.index)
        assert [str(dtype) for dtype in frame.dtypes] == ["str", "str"]


def test_a_hundred_thousand_ordinary_texts_take_less_than_a_second() -> None:
    texts = pd.Series([f'a:2:{{i:100;s:5:"16 GB";i:104;s:7:"S{i:06}";}}' for i in range(100_000)], dtype="str")
    start = time.process_time()
    frame = serial_numbers(texts, SERIAL_FIELD)
    assert time.process_time() - start < 1  # about 0.4 s; the unserializer alone needs 1.5
    assert frame["serial_number"].nunique() == 100_000
