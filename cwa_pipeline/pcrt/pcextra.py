"""The serial number in `pc_owner.pcextra`, an array of a machine's fields written by PHP's `serialize()`.

A wrong serial number writes a computer to the wrong customer's subscription. So a text is read exactly as PHP reads it,
or reported as a problem; it is never guessed.
"""

import re
from io import BytesIO
from typing import Any

import pandas as pd
import phpserialize

UNREADABLE = "pcextra cannot be read"
NOT_TEXT = "the serial number in pcextra is not text"
NOT_UTF8 = "not UTF-8"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"  # what a decoder puts in place of bytes that are not UTF-8

# A flat array of texts without a quote in them. Its quotes alone then say where each value starts and ends.
_FLAT_ARRAY = re.compile(rb'a:(0|[1-9][0-9]{0,9}):\{(?:i:(?:0|-?[1-9][0-9]{0,17});s:(?:0|[1-9][0-9]{0,9}):"[^"]*";)*\}')
_ENTRY = re.compile(rb'i:([^;]+);s:([^:]+):"([^"]*)";')
_PHP_FLOAT = re.compile(rb"d:(?:NAN|-?INF|[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?);")
_PHP_INTS = range(-(2**63), 2**63)

# MySQL's latin1 is cp1252 with its five undefined bytes kept as control characters; Python's cp1252 lacks those five.
_MYSQL_LATIN1 = {
    ord(character): byte for byte in range(0x80, 0xA0) for character in bytes([byte]).decode("cp1252", errors="ignore")
}


def serial_numbers(extra: pd.Series, field: int) -> pd.DataFrame:
    """Read the entry `field` of each pcextra text: serial_number and serial_problem, both str, on the same index.

    serial_number is null when the entry is absent, empty or unreadable. serial_problem says why it is unreadable.
    """
    serials: list[str | None] = []
    problems: list[str | None] = []
    for text in extra.astype("str").fillna("").tolist():
        serial, problem = "", None
        try:
            serial = _serial(text, str(field)) if text.strip() else ""
            if REPLACEMENT in serial:
                serial, problem = "", NOT_UTF8
        except ValueError as error:
            problem = str(error)
        serials.append(serial or None)
        problems.append(problem)
    columns = {"serial_number": serials, "serial_problem": problems}
    return pd.DataFrame({name: pd.Series(values, extra.index, "str") for name, values in columns.items()})


def _serial(text: str, key: str) -> str:
    """The serial number in one text, '' for none; ValueError with the problem."""
    fields = _flat_fields(text.encode())
    return _unserialized_serial(text, key) if fields is None else _decode(fields.get(key.encode(), b""))


def _flat_fields(raw: bytes) -> dict[bytes, bytes] | None:
    """The entries of an ordinary array, several times as fast as the unserializer; None for any other text."""
    array = _FLAT_ARRAY.fullmatch(raw)
    if array is None:
        return None
    entries = _ENTRY.findall(raw)
    if len(entries) != int(array[1]):
        return None
    for _, length, value in entries:
        if len(value) != int(length):
            return None
    return {key: value for key, _, value in entries}  # the last entry of a repeated key counts, as in PHP


def _decode(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _unserialized_serial(text: str, key: str) -> str:
    """The serial number read by the real unserializer, '' for none; ValueError with the problem."""
    try:
        fields = _unserialize(text.encode())
    except ValueError:
        try:
            # UTF-8 that PHP sent over a latin1 connection: each byte became a character of its own.
            fields = _unserialize(text.translate(_MYSQL_LATIN1).encode("latin-1"))
        except ValueError:
            raise ValueError(NOT_UTF8 if REPLACEMENT in text else UNREADABLE) from None
    match fields.get(key):
        case None:
            return ""
        case bytes(raw):
            return _decode(raw)
        case int(number) if not isinstance(number, bool):
            return str(number)
        case _:
            raise ValueError(NOT_TEXT)


def _unserialize(raw: bytes) -> dict[str, Any]:
    """PHP's array as {key: value}, all keys as text; ValueError unless `raw` is exactly what PHP writes.

    phpserialize accepts more than PHP does (negative and short lengths, `i:1_0;`, capital type letters, any type as a
    key), so its result is compared with the bytes. Objects, references and PHP's escaped `S:` strings are refused.
    """
    stream = BytesIO(raw)
    try:
        pairs = phpserialize.load(stream, array_hook=list)
        if not isinstance(pairs, list) or _end(raw, 0, pairs) != len(raw):
            raise ValueError("not one whole array")
    except (TypeError, OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from None
    # PHP treats a numeric text key as the number, and the last entry of a repeated key counts.
    return {key.decode("latin-1") if isinstance(key, bytes) else str(key): value for key, value in pairs}


def _end(raw: bytes, at: int, value: Any) -> int:
    """Where `value`, which starts at `at`, ends in `raw`; ValueError if PHP would have written it differently."""
    match value:
        case list():
            at = _after(raw, at, b"a:%d:{" % len(value))
            for key, item in value:
                if type(key) not in (int, bytes):
                    raise ValueError("a key that is neither a number nor a text")
                at = _end(raw, _end(raw, at, key), item)
            return _after(raw, at, b"}")
        case float():
            found = _PHP_FLOAT.match(raw, at)
            if found is None:
                raise ValueError("not a PHP float")
            return found.end()
        case bytes():
            return _after(raw, at, b's:%d:"%b";' % (len(value), value))
        case bool():
            return _after(raw, at, b"b:%d;" % value)
        case None:
            return _after(raw, at, b"N;")
        case int() if value in _PHP_INTS:
            return _after(raw, at, b"i:%d;" % value)
    raise ValueError("not a PHP value")


def _after(raw: bytes, at: int, written: bytes) -> int:
    if not raw.startswith(written, at):
        raise ValueError("not what PHP writes")
    return at + len(written)
