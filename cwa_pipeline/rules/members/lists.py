"""The four ways in which a shop may write a list of PCIDs into a text column.

What belongs here: a list's text to its PCIDs and back. What must not: which PCIDs ought to be in it
(`rules.membership`).
"""

import json
import re
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import phpserialize
import pyarrow as pa
import pyarrow.compute as pc

ListFormat = Literal["underscore", "comma", "php", "json"]

# 18 digits are sure to fit a 64-bit column. Nothing writes a leading zero, and 0 is PCRT's "none": neither is a PCID.
_PCID = "[1-9][0-9]{0,17}"
LARGEST_PCID = 10**18 - 1
_ONE_PCID = re.compile(_PCID)
_UNDERSCORE = re.compile(f"_?{_PCID}(?:_{_PCID})*_?")
_COMMA = re.compile(f" *{_PCID} *(?:, *{_PCID} *)*")

# What `encode` writes of PCIDs, in the formats that are nothing but the PCIDs between marks: the first, between two, the last.
_MARKS: dict[ListFormat, tuple[str, str, str]] = {
    "underscore": ("_", "_", "_"),
    "comma": ("", ",", ""),
    "json": ("[", ",", "]"),
}

EMPTY = (None, "", "_")


def parse(text: str | None, list_format: ListFormat) -> tuple[int, ...] | None:
    """The PCIDs in the order and as often as the text has them; None when it is not exactly a list of that format.

    NULL, '' and '_' are the empty list in every format, for they are how PCRT itself says "none".
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


class ParsedLists(NamedTuple):
    """The PCIDs of a column of lists, each with the position of its row, in the rows' order; and which rows are lists at all."""

    rows: np.ndarray
    pcids: np.ndarray
    readable: np.ndarray


def parse_all(texts: pd.Series, list_format: ListFormat) -> ParsedLists:
    """What `parse` reads of each text of a column; those that are as `encode` writes them all at once."""
    arrow = pa.chunked_array(pa.array(texts.astype("str"), type=pa.large_string(), from_pandas=True)).combine_chunks()
    first, between, last = _MARKS.get(list_format, ("", "", ""))
    usual = f"^{re.escape(first)}{_PCID}(?:{between}{_PCID})*{re.escape(last)}$"
    is_usual = pc.match_substring_regex(arrow, usual).fill_null(False).to_numpy(zero_copy_only=False)
    if list_format not in _MARKS:
        is_usual = np.zeros(len(arrow), bool)
    inner = pc.utf8_slice_codeunits(arrow.filter(pa.array(is_usual)), len(first), -len(last) or None)
    split = pc.split_pattern(inner, between or ",")
    rows = [np.flatnonzero(is_usual)[pc.list_parent_indices(split).to_numpy()]]
    pcids = [pc.list_flatten(split).cast(pa.int64()).to_numpy()]

    others = np.flatnonzero(~is_usual)
    parsed = [parse(text, list_format) for text in arrow.take(pa.array(others)).to_pylist()]
    readable = np.ones(len(arrow), bool)
    readable[others[[listed is None for listed in parsed]]] = False
    rows.append(np.repeat(others, [len(listed or ()) for listed in parsed]))
    pcids.append(np.array([pcid for listed in parsed for pcid in listed or ()], np.int64))
    all_rows = np.concatenate(rows)
    order = np.argsort(all_rows, kind="stable")
    return ParsedLists(all_rows[order], np.concatenate(pcids)[order], readable)


def encode_all(pcids: np.ndarray, starts: np.ndarray, list_format: ListFormat) -> pd.Series:
    """The texts of lists, which are the PCIDs from each start up to the next one; `starts` ends with the number of PCIDs."""
    lists = pa.ListArray.from_arrays(pa.array(starts, pa.int32()), pa.array(pcids).cast(pa.string()))
    if list_format not in _MARKS:
        return pd.Series([encode(map(int, listed), list_format) for listed in lists.to_pylist()], dtype="str")
    first, between, last = _MARKS[list_format]
    texts = pc.binary_join(lists, between)
    whole = pc.binary_join_element_wise(first, texts, last, "")
    is_empty = pc.equal(pc.list_value_length(lists), 0)
    return pc.if_else(is_empty, encode([], list_format), whole).to_pandas().astype("str")


def _written_out(text: str) -> tuple[int, ...]:
    return tuple(int(pcid) for pcid in _ONE_PCID.findall(text))


def _pcids(items: list[Any] | None) -> tuple[int, ...] | None:
    """The items as PCIDs, when each is one: an int, or a text that holds nothing but its digits."""
    if items is None or any(type(item) not in (int, str) or not _ONE_PCID.fullmatch(str(item)) for item in items):
        return None
    return tuple(int(item) for item in items)


def _php_array(text: str) -> list[Any] | None:
    """The values of a serialize()d array with integer keys.

    phpserialize reads more than PHP does (wrong lengths, repeated keys, whatever follows), so only a text that it would
    write in just that way counts.
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
