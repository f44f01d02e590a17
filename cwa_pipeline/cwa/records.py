"""The records of CWA: which fields are read, what each means, and the clients, computers and groups as typed tables.

A value that cannot be understood fails the read. The message names its field as CWA does, and never quotes the value,
which may be personal.
"""

import json
import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
import pandas as pd
import pyarrow as pa

from cwa_pipeline.cwa.client import CwaClient
from cwa_pipeline.cwa.pages import Page, PagedList, read_and_count, read_list
from cwa_pipeline.rules.receipts import Reading

LARGEST_ID = 2**63 - 1  # the largest in an int64 column
ID_TEXT = re.compile(r"\s*[0-9]{1,19}\s*")
HALF_CHARACTER = re.compile("[\ud800-\udfff]")  # JSON can hold one, UTF-8 and our tables cannot
FIRST_CREDIBLE_YEAR = 2000  # CWA writes "never" as null or as a very old date; no agent was in touch before this year
ZERO_YEAR = "0000-"  # MySQL's zero date, which no calendar has
UNSET = msgspec.UNSET  # the value of a field that a record does not have


def read_clients(client: CwaClient) -> Reading:
    """All clients: client_id, name, external_id (as text, as read). Raises what `read_list` raises, as all these do."""
    return _read(client, "v1/Clients", "clients", CLIENTS)


def read_computers(client: CwaClient) -> Reading:
    """All computers: computer_id, name, client_id, serial_number, asset_tag, last_contact (UTC), last_user, make."""
    return _read(client, "v1/Computers", "computers", COMPUTERS)


def read_groups(client: CwaClient) -> Reading:
    """All groups: cwa_group_id, name."""
    return _read(client, "v1/Groups", "groups", GROUPS)


def _read(client: CwaClient, path: str, what: str, columns: "Columns") -> Reading:
    id_alone = dict(islice(columns.items(), 1))
    whole, ids = paged_list(path, what, columns), paged_list(path, f"ids of {what}", id_alone)
    reading = read_and_count(what, lambda: read_list(client, whole), lambda: read_list(client, ids).frame)
    return reading._replace(frame=reading.frame.sort_values(list(id_alone), ignore_index=True))


# --- values ------------------------------------------------------------------------------------------------------------


def read_id(value: Any) -> int:
    """An id: a whole number above 0, sent as text or as a number."""
    if isinstance(value, str) and ID_TEXT.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= LARGEST_ID:
        raise ValueError(f"is {'missing' if value in (None, UNSET) else 'not a whole number above 0'}")
    return value


def read_optional_id(value: Any) -> int | None:
    """An id that may be unset: missing, null, blank or 0."""
    if value is None or value is UNSET or (isinstance(value, str) and value.strip() in {"", "0"}):
        return None
    return None if value == 0 and value is not False else read_id(value)


def read_text(value: Any) -> str | None:
    """A text as sent; a number becomes its digits, null and a missing field stay null."""
    if isinstance(value, str):
        if not value.isascii() and HALF_CHARACTER.search(value):
            raise ValueError("holds half a Unicode character")
        return value
    if value is None or value is UNSET:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"is a {type(value).__name__}, not text")
    return str(value)


def read_time(value: Any) -> datetime | None:
    """A time, in UTC if it names no zone; null, blank, zero or a year before 2000 means never."""
    try:
        time = datetime.fromisoformat(value)
        if time.year < FIRST_CREDIBLE_YEAR:
            return None
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        if not value or (isinstance(value, str) and (not value.strip("0 ") or value.startswith(ZERO_YEAR))):
            return None
        raise ValueError("is not a date such as 2026-01-07T20:16:34") from None


# --- records -----------------------------------------------------------------------------------------------------------


class Kind(NamedTuple):
    """A kind of value: the function that reads one (ValueError for a wrong one), and its type in Arrow and in pandas."""

    read: Callable[[Any], Any]
    arrow: pa.DataType
    dtype: str


ID = Kind(read_id, pa.int64(), "int64")
OPTIONAL_ID = Kind(read_optional_id, pa.int64(), "Int64")
TEXT = Kind(read_text, pa.large_string(), "str")
TIME = Kind(read_time, pa.timestamp("us", "UTC"), "datetime64[us, UTC]")


class Column(NamedTuple):
    """Where the values of a column come from: the field as CWA calls it; "Client.Id" is the Id in the record's Client."""

    field: str
    kind: Kind


Columns = Mapping[str, Column]  # the first one tells each record from all others

CLIENTS = {"client_id": Column("Id", ID), "name": Column("Name", TEXT), "external_id": Column("ExternalId", TEXT)}
COMPUTERS = {
    "computer_id": Column("Id", ID),
    "name": Column("ComputerName", TEXT),
    "client_id": Column("Client.Id", OPTIONAL_ID),
    "serial_number": Column("SerialNumber", TEXT),
    "asset_tag": Column("AssetTag", TEXT),
    "last_contact": Column("RemoteAgentLastContact", TIME),
    "last_user": Column("LastUserName", TEXT),
    "make": Column("BiosManufacturer", TEXT),
}
GROUPS = {"cwa_group_id": Column("Id", ID), "name": Column("Name", TEXT)}


def paged_list(path: str, what: str, columns: Columns, *, key: Column | None = None, **options: Any) -> PagedList:
    """A list whose records become these columns. `key` tells a record from others if no column does; the row if it is null."""
    fields = tuple(
        dict.fromkeys(column.field.partition(".")[0] for column in [*columns.values(), *([key] if key else [])])
    )
    # A struct of the wanted fields: msgspec skips all others. They may be of any type, as CWA sends ids and texts mixed.
    record = msgspec.defstruct(what.title().replace(" ", ""), [(field, Any, UNSET) for field in fields], gc=False)
    decoder = msgspec.json.Decoder(list[record], float_hook=str)  # type: ignore[valid-type]

    def decode(body: bytes) -> Page:
        records = _decode(body, decoder)
        values = {name: _values(records, column) for name, column in columns.items()}
        keys: list[Hashable] = next(iter(values.values()))
        if key:
            rows = zip(*values.values(), strict=True)
            keys = [own_id or row for own_id, row in zip(_values(records, key), rows, strict=True)]
        table = pa.table({name: pa.array(values[name], columns[name].kind.arrow) for name in columns})
        lost = any(all(getattr(each, field) is UNSET for each in records) for field in fields)
        return Page(keys, table, bool(records) and lost)

    def frame_of(table: pa.Table) -> pd.DataFrame:
        exact = {pa.int64(): pd.Int64Dtype()}  # not as floats where some are null
        return table.to_pandas(types_mapper=exact.get).astype({name: columns[name].kind.dtype for name in columns})

    return PagedList(path, what, fields, decode, frame_of, **options)


def _decode(body: bytes, decoder: msgspec.json.Decoder[list[Any]]) -> list[Any]:
    """A page's bytes as records; raises what a `decode` of `CwaClient.get` may raise."""
    try:
        try:
            return decoder.decode(body)
        except msgspec.ValidationError:
            raise
        except (msgspec.DecodeError, UnicodeDecodeError):
            # Python's own decoder takes a byte order mark, NaN and half a Unicode character too.
            return msgspec.convert(json.loads(body, parse_float=str), decoder.type)
    except msgspec.ValidationError as error:
        if at := re.fullmatch(r"(.*) - at `\$\[([0-9]+)\].*", str(error)):
            raise ValueError(f"record {int(at[2]) + 1}: {at[1]}") from None
        raise
    except ValueError:
        raise msgspec.DecodeError("damaged") from None


def _values(records: Sequence[msgspec.Struct], column: Column) -> list[Any]:
    """The column's value in each record; raises ValueError with the record and field, and what is wrong."""
    outer, _, inner = column.field.partition(".")
    found: Iterable[Any] = map(attrgetter(outer), records)
    if inner:
        found = (_inner(value, outer, inner) for value in found)
    values: list[Any] = []
    try:
        for value in found:
            values.append(column.kind.read(value))  # their number tells which one is wrong
    except ValueError as error:
        number = len(values)
        own_id = str(getattr(records[number], "Id", ""))
        name = f" (Id {own_id.strip()})" if ID_TEXT.fullmatch(own_id) else ""
        raise ValueError(f"record {number + 1}{name}: {column.field} {error}") from None
    return values


def _inner(value: Any, outer: str, inner: str) -> Any:
    if value is None or value is UNSET:
        return None
    if not isinstance(value, dict):
        raise ValueError(f"is not there: {outer} is a {type(value).__name__}, not a record")
    return value.get(inner)
