"""What the values in a CWA record mean: ids, texts and times, each read strictly from one field.

What belongs here: one function a kind of value; it raises ValueError saying what is wrong with the field, without
quoting the value (it may be personal). What must not: which list a record is from; the pager adds the place.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

LARGEST_ID = 2**63 - 1  # what an int64 column holds
MOST_DIGITS = 19  # of an id sent as text
ID_TEXT = re.compile(rf"\s*[0-9]{{1,{MOST_DIGITS}}}\s*")
FIRST_CREDIBLE_YEAR = 2000  # CWA writes "never" as null or as a very old date; no agent was in touch before this year


def whole_number(record: Mapping[str, Any], field: str) -> int:
    """An id: a whole number above 0, sent as text or as a number."""
    value = record.get(field)
    if isinstance(value, str) and ID_TEXT.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= LARGEST_ID:
        raise ValueError(f"{field} is {'missing' if value is None else 'not a whole number above 0'}")
    return value


def maybe_whole_number(record: Mapping[str, Any], field: str) -> int | None:
    """An id that may be unset: missing, null, blank or 0."""
    value = record.get(field)
    unset = (
        value is None or (isinstance(value, str) and value.strip() in {"", "0"}) or (value == 0 and value is not False)
    )
    return None if unset else whole_number(record, field)


def text(record: Mapping[str, Any], field: str) -> str | None:
    """A text as read; a number becomes its digits, null and a missing field stay null."""
    value = record.get(field)
    if value is None or (isinstance(value, str) and value.isascii()):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise ValueError(f"{field} is a {type(value).__name__}, not text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{field} holds half a Unicode character") from None
    return value


ZERO_YEAR = "0000-"  # MySQL's zero date, which is no date in any calendar


def moment(record: Mapping[str, Any], field: str) -> datetime | None:
    """A time, in UTC when it names no zone; null, blank, zero or a year before 2000 means never."""
    value = record.get(field)
    if not value or (isinstance(value, str) and (not value.strip("0 ") or value.startswith(ZERO_YEAR))):
        return None
    try:
        time = datetime.fromisoformat(value)
        if time.year < FIRST_CREDIBLE_YEAR:
            return None
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{field} is not a date such as 2026-01-07T20:16:34") from None


def part(record: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    """A record within the record; empty when there is none."""
    value = record.get(field)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"{field} is a {type(value).__name__}, not a record")
    return value
