"""The kinds of value that a CWA record has: for each, how one is read, and how all the usual ones of a page are read at once.

What belongs here: columns of values to Arrow arrays, and the pairing with the plain readers of `automate_records`, which are the truth.
Reading many raises ValueError, TypeError or OverflowError for any value that is not usual: then the plain reader reads every one, and
says what is wrong. What must not: what a single value means (`automate_records`), fields, records and pages (`automate_listing`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cwa_pipeline.cwa.records import (
    FIRST_CREDIBLE_YEAR,
    maybe_whole_number,
    moment,
    text,
    whole_number,
)

UNSET = pa.array(["", "0"], pa.large_string())
NAIVE = pa.timestamp("us")
WITHOUT_ZONE = len("2026-01-07T20:16:34")
FIRST_CREDIBLE = pa.scalar(datetime(FIRST_CREDIBLE_YEAR, 1, 1), NAIVE)


@dataclass(frozen=True)
class Kind:
    """A kind of value: its column in a frame and in Arrow, what of JSON is usual, and its two readers."""

    dtype: str
    arrow: pa.DataType
    usual: Any  # the type for msgspec; what is of another one is left to the plain reader
    read: Callable[[Mapping[str, Any], str], Any]
    read_many: Callable[[Sequence[Any]], pa.Array]


def _texts(values: Sequence[str | int | None]) -> pa.Array:
    """Texts as sent; numbers become their digits."""
    try:
        return pa.array(values, pa.large_string())
    except pa.ArrowTypeError:
        return pa.array([str(value) if isinstance(value, int) else value for value in values], pa.large_string())


def _ids(values: Sequence[str | int | None]) -> pa.Array:
    """Ids, none unset."""
    ids = _numbers(_texts(values))
    if ids.null_count:
        raise ValueError("an id that is unset")
    return ids


def _maybe_ids(values: Sequence[str | int | None]) -> pa.Array:
    """Ids; null, blank and 0 are null."""
    sent = _texts(values)
    return _numbers(pc.if_else(pc.is_in(sent, UNSET), None, sent))


def _numbers(sent: pa.Array) -> pa.Array:
    """Numbers above 0, just as a system writes them; by few steps of Arrow's, since threads have to wait for each other at each."""
    numbers = pc.cast(sent, pa.int64())
    least = pc.min(numbers).as_py()
    if (least is not None and least <= 0) or not pc.cast(numbers, sent.type).equals(sent):
        raise ValueError("an id that is not written as others are")
    return numbers


def _moments(values: Sequence[str | None]) -> pa.Array:
    """Times without a zone or a fraction at once; when there are others they are read one by one."""
    sent = pa.array(values, pa.large_string())
    if pc.any(pc.not_equal(pc.binary_length(sent), WITHOUT_ZONE), min_count=0).as_py():
        return pa.array([moment({"time": value}, "time") for value in values], MOMENT.arrow)
    times = pc.cast(sent, NAIVE)
    credible = pc.if_else(pc.greater_equal(times, FIRST_CREDIBLE), times, None)
    return credible.cast(MOMENT.arrow)


ID = Kind("int64", pa.int64(), str | int, whole_number, _ids)
MAYBE_ID = Kind("Int64", pa.int64(), str | int | None, maybe_whole_number, _maybe_ids)
TEXT = Kind("str", pa.large_string(), str | int | None, text, _texts)
MOMENT = Kind("datetime64[us, UTC]", pa.timestamp("us", str(UTC)), str | None, moment, _moments)
