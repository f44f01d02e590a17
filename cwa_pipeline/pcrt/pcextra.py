"""The serial number out of `pc_owner.pcextra`, PHP's serialize()d array of a machine's fields.

What belongs here: reading that text exactly as PHP reads it. What must not: what a serial number means
(`rules.serials`). A wrong serial is a wrong match written to a customer's subscription, so a text that is not
precisely what PHP writes yields a problem, never a guess.
"""

import re
from io import BytesIO
from typing import Any

import pandas as pd
import phpserialize
import pyarrow as pa
import pyarrow.compute as pc

from cwa_pipeline.pcrt.pcextra_flat import flat_serials

UNREADABLE = "pcextra cannot be read"
NOT_TEXT = "the serial number in pcextra is no text"
NOT_UTF8 = "not UTF-8"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"  # what a decoder leaves where bytes were not UTF-8

_START = re.compile(rb"a:(0|[1-9][0-9]{0,9}):\{")
_HEAD = re.compile(rb'i:(0|-?[1-9][0-9]{0,17});s:(0|[1-9][0-9]{0,9}):"')
_PHP_FLOAT = re.compile(rb"d:(?:NAN|-?INF|[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?);")
_PHP_INTS = range(-(2**63), 2**63)

# What MySQL calls latin1 is cp1252 with its five undefined bytes kept as control characters; Python's cp1252 has none.
_MYSQL_LATIN1 = {
    ord(character): byte for byte in range(0x80, 0xA0) for character in bytes([byte]).decode("cp1252", errors="ignore")
}


def serial_numbers(extra: pd.Series, field: int) -> pd.DataFrame:
    """The entry `field` of each pcextra text, in two columns.

    serial_number is null when the entry is absent, empty or unreadable; serial_problem says why it is unreadable,
    else null.
    """
    texts = pa.chunked_array(pa.array(extra.astype("str").fillna(""), type=pa.large_string()))
    serials, is_flat = flat_serials(texts, field)
    others = ~is_flat | pc.match_substring(serials, REPLACEMENT).fill_null(False).to_numpy()
    problems = pa.nulls(len(texts), pa.large_string())
    if others.any():
        read = _one_by_one(texts.filter(pa.array(others)).to_pylist(), str(field))
        serials, problems = (
            pc.replace_with_mask(column, others, pa.array(values, pa.large_string()))
            for column, values in zip((serials, problems), read, strict=True)
        )
    columns = {"serial_number": serials, "serial_problem": problems}
    return pd.DataFrame({name: column.to_pandas().astype("str") for name, column in columns.items()}).set_axis(
        extra.index
    )


def _one_by_one(texts: list[str], key: str) -> tuple[list[str | None], list[str | None]]:
    """The serial numbers and the problems; `key` is the field's id in decimal."""
    serials: list[str | None] = []
    # Two lists, for a million pairs would keep the garbage collector busy.
    problems: list[str | None] = [None] * len(texts)
    for row, text in enumerate(texts):
        try:
            serials.append(_serial(text, key))
        except ValueError as problem:
            serials.append(None)
            problems[row] = str(problem)
    return serials, problems


def _serial(text: str, key: str) -> str | None:
    """One text's serial number; `key` is the field's id in decimal. Raises ValueError with the problem."""
    if not text.strip():
        return None
    fields = _flat_fields(text.encode())
    serial = _unserialized_serial(text, key) if fields is None else _decoded(fields.get(key.encode(), b""))
    if serial and REPLACEMENT in serial:
        raise ValueError(NOT_UTF8)
    return serial or None


def _flat_fields(raw: bytes) -> dict[bytes, bytes] | None:
    """A flat array of texts, followed along its lengths, four times as fast as by the unserializer; None for every other text."""
    start = _START.match(raw)
    fields, count, at = {}, 0, start.end() if start else 0
    while head := _HEAD.match(raw, at):
        end = head.end() + int(head[2])
        if not raw.startswith(b'";', end):
            return None
        fields[head[1]] = raw[head.end() : end]  # of a key that comes twice the last one counts, as in PHP
        count, at = count + 1, end + 2
    return fields if start and count == int(start[1]) and raw[at:] == b"}" else None


def _decoded(raw: bytes) -> str:
    """The text that these bytes are; what is not UTF-8 leaves a mark that `_serial` looks for."""
    return raw.decode("utf-8", "replace")


def _unserialized_serial(text: str, key: str) -> str | None:
    """The same by a real unserializer, for what is no flat array of texts."""
    try:
        fields = _unserialize(text.encode())
    except ValueError:
        try:
            # UTF-8 that PHP sent over a latin1 connection: each of its bytes has become a character of its own.
            fields = _unserialize(text.translate(_MYSQL_LATIN1).encode("latin-1"))
        except ValueError:
            raise ValueError(NOT_UTF8 if REPLACEMENT in text else UNREADABLE) from None
    match fields.get(key):
        case None:
            return None
        case bytes(raw):
            return _decoded(raw)
        case int(number) if not isinstance(number, bool):
            return str(number)
        case _:
            raise ValueError(NOT_TEXT)


def _unserialize(raw: bytes) -> dict[str, Any]:
    """PHP's array as {key: value}, keys in decimal or as text; ValueError unless `raw` is just what PHP writes.

    phpserialize alone reads more than PHP does (negative and short lengths, `i:1_0;`, capital type letters, anything
    as a key), so its answer is followed through the bytes once more. Objects, references and PHP's escaped `S:`
    strings are not read.
    """
    stream = BytesIO(raw)
    try:
        pairs = phpserialize.load(stream, array_hook=list)
        if not isinstance(pairs, list) or _end(raw, 0, pairs) != len(raw):
            raise ValueError("not one whole array")
    except (TypeError, OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from None
    # PHP makes a text key that is a number the number: both spellings are one key, and the last one counts.
    return {key.decode("latin-1") if isinstance(key, bytes) else str(key): value for key, value in pairs}


def _end(raw: bytes, at: int, value: Any) -> int:
    """Where `value` ends in `raw` when it starts at `at`; ValueError when PHP would have written it otherwise."""
    match value:
        case list():
            at = _after(raw, at, b"a:%d:{" % len(value))
            for key, item in value:
                if type(key) not in (int, bytes):
                    raise ValueError("PHP's keys are numbers and texts")
                at = _end(raw, _end(raw, at, key), item)
            return _after(raw, at, b"}")
        case float():
            found = _PHP_FLOAT.match(raw, at)
            if found is None:
                raise ValueError("not a number of PHP's")
            return found.end()
        case bytes():
            return _after(raw, at, b's:%d:"%b";' % (len(value), value))
        case bool():
            return _after(raw, at, b"b:%d;" % value)
        case None:
            return _after(raw, at, b"N;")
        case int() if value in _PHP_INTS:
            return _after(raw, at, b"i:%d;" % value)
    raise ValueError("not a value of PHP's")


def _after(raw: bytes, at: int, written: bytes) -> int:
    if not raw.startswith(written, at):
        raise ValueError("not what PHP writes")
    return at + len(written)
