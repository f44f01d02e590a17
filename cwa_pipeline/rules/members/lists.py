"""The text of a list of PCIDs, in the four formats that a shop may use."""

import json
import re
from collections.abc import Iterable
from typing import Any, Literal

import phpserialize

ListFormat = Literal["underscore", "comma", "php", "json"]

# 18 digits always fit a 64-bit column. Nothing writes a leading zero, and 0 is PCRT's "none": neither is a PCID.
_PCID = "[1-9][0-9]{0,17}"
_ONE_PCID = re.compile(_PCID)
_UNDERSCORE = re.compile(f"_?{_PCID}(?:_{_PCID})*_?")
_COMMA = re.compile(f" *{_PCID} *(?:, *{_PCID} *)*")

EMPTY = (None, "", "_")


def parse(text: str | None, list_format: ListFormat) -> tuple[int, ...] | None:
    """The PCIDs of a list, in its order and with its repetitions; None if the text is not exactly a list of that format.

    NULL, '' and '_' are the empty list in every format: PCRT itself writes "none" that way.
    """
    if text is None or text in EMPTY:
        return ()
    match list_format:
        case "underscore":
            return _written_out(text) if _UNDERSCORE.fullmatch(text) else None
        case "comma":
            return _written_out(text) if _COMMA.fullmatch(text) else None
        case "php":
            return _pcids(_php_array(text))
        case "json":
            return _pcids(_json_array(text))


def encode(pcids: Iterable[int], list_format: ListFormat) -> str:
    """The text of a list, in the given order."""
    numbers = [int(pcid) for pcid in pcids]
    match list_format:
        case "underscore":
            return "_" + "".join(f"{number}_" for number in numbers)
        case "comma":
            return ",".join(map(str, numbers))
        case "php":
            return phpserialize.dumps(numbers).decode("ascii")
        case "json":
            return json.dumps(numbers, separators=(",", ":"))


def _written_out(text: str) -> tuple[int, ...]:
    return tuple(int(pcid) for pcid in _ONE_PCID.findall(text))


def _pcids(items: list[Any] | None) -> tuple[int, ...] | None:
    """The items as PCIDs; None unless each is one: an int, or a text of nothing but its digits."""
    if items is None or any(type(item) not in (int, str) or not _ONE_PCID.fullmatch(str(item)) for item in items):
        return None
    return tuple(int(item) for item in items)


def _php_array(text: str) -> list[Any] | None:
    """The values of a serialize()d array with integer keys.

    phpserialize reads more than PHP does (wrong lengths, repeated keys, text after the end), so only a text that it would
    write in the same way counts.
    """
    try:
        raw = text.encode()
        array = phpserialize.loads(raw)
        as_php_writes_it = phpserialize.dumps(array) == raw
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None
    if not as_php_writes_it or not isinstance(array, dict) or any(type(key) is not int for key in array):
        return None
    return [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in array.values()]


def _json_array(text: str) -> list[Any] | None:
    try:
        array = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return array if isinstance(array, list) else None
