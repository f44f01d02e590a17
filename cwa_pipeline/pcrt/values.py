"""What a driver gives for PCRT's values, as the columns that `Pcrt.read` promises.

What belongs here: ids, texts and flags, however a shop's columns hold them. What must not: a connection, or what a value means.
"""

import re
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cwa_pipeline.errors import SourceError
from cwa_pipeline.pcrt.packets import Column
from cwa_pipeline.pcrt.pcextra import NOT_UTF8, REPLACEMENT

_WHOLE_NUMBER = re.compile("[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r" *[+-]?[0-9]+(?:\.[0-9]+)? *")
_INT64 = range(-(2**63), 2**63)


def keys(query: str, column: str, columns: dict[str, Column]) -> pd.Series:
    """The ids that name a query's rows: whole numbers above 0, each once."""
    ids = references(query, column, columns)
    unset = int((~(ids > 0).fillna(False)).sum())
    if unset:
        raise SourceError(
            f"[pcrt] {query}: {unset} rows have no {column} above 0; leave them out with a WHERE, or set them right"
        )
    repeated = ids[ids.duplicated()].unique()
    if len(repeated):
        raise SourceError(
            f"[pcrt] {query}: {column} {repeated[0]} comes more than once ({len(repeated)} ids do); "
            "make the SELECT give one row each"
        )
    return ids.astype("int64")


def references(query: str, column: str, columns: dict[str, Column]) -> pd.Series:
    """Ids that may be missing; PCRT's 0 and '' for "none" are null."""
    values = columns[column]
    if isinstance(values, pa.ChunkedArray) and values.type == pa.int64():
        ids = values.fill_null(0).to_numpy()
        return pd.Series(pd.arrays.IntegerArray(ids, ids == 0), dtype="Int64")
    numbers = [_whole_number(value) for value in _one_by_one(values)]
    wrong = [value for value, number in zip(_one_by_one(values), numbers, strict=True) if number is None]
    if wrong:
        shown = _text(wrong[0])
        raise SourceError(
            f"[pcrt] {query}: {column} {shown!r} is not a whole number ({len(wrong)} rows are not); "
            "set the SELECT or the rows right"
        )
    return pd.Series([number or None for number in numbers], dtype="Int64")


def _whole_number(value: Any) -> int | None:
    """What a driver gives for an id as an int: 0 for none, None for what is no whole number of 64 bits."""
    number: int | None
    if type(value) is int:
        number = value
    elif value is None or value in ("", b""):
        number = 0
    elif isinstance(value, float | Decimal):
        number = int(value) if value % 1 == 0 else None
    else:
        text = str(_text(value)).strip()
        number = int(text) if _WHOLE_NUMBER.fullmatch(text) else None
    return None if number is None or number not in _INT64 else number


def flags(values: Column) -> pd.Series:
    """Whether each is active."""
    if isinstance(values, pa.ChunkedArray) and values.type == pa.int64():
        return pd.Series(values.fill_null(0).to_numpy() != 0, dtype="bool")
    return pd.Series(map(_is_active, _one_by_one(values)), dtype="bool")


def _is_active(value: Any) -> bool:
    """NULL and 0 are not active, every other number is; a BIT column gives the byte itself."""
    if value in (b"\0", b"\1"):
        return bool(value == b"\1")
    if value is None or isinstance(value, int | float | Decimal):
        return bool(value)
    text = str(_text(value))
    if not _NUMBER.fullmatch(text):
        remedy = "make the SELECT give 1 or 0, as in \"status = 'open' AS active\""
        raise SourceError(f"[pcrt] subscriptions: active {text!r} is not a number; {remedy}")
    return float(text) != 0


def texts(values: Column) -> pd.Series:
    """Values as texts, whatever they are; None is null."""
    if isinstance(values, pa.ChunkedArray):  # whole numbers as their digits
        return pd.Series(pc.cast(values, pa.large_string()).combine_chunks().to_pandas(), dtype="str")
    return pd.Series([_text(value) for value in values], dtype="str")


def _one_by_one(values: Column) -> list[Any]:
    return values.to_pylist() if isinstance(values, pa.ChunkedArray) else values


def _text(value: Any) -> str | None:
    """A value as text: bytes as UTF-8 as far as they are, a number without a fraction as its digits."""
    if value is None:
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float | Decimal) and value % 1 == 0:
        return str(int(value))
    return str(value)


def plain_serials(texts: pd.Series) -> pd.DataFrame:
    """The same columns as `serial_numbers`, for a shop with a serial column of its own."""
    broken = texts.str.contains(REPLACEMENT, regex=False).fillna(False).astype("bool")
    return pd.DataFrame(
        {
            "serial_number": texts.mask(broken | (texts == "")),
            "serial_problem": pd.Series(NOT_UTF8, index=texts.index, dtype="str").where(broken),
        }
    )
