"""A page of a CWA list: its records straight into columns where they all are usual, else as records for the plain way.

What belongs here: decoding a page's bytes for one list, keeping only what the list looks at. What must not: what a value means
(`automate_kinds`, `automate_records`), reading records one by one (`automate_rows`), paging (`automate_paging`).
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, TypedDict

import msgspec
import numpy as np
import numpy.typing as npt

from cwa_pipeline.cwa.listing import Arrays, Listing, Value

NOT_USUAL = (msgspec.MsgspecError, TypeError, ValueError, OverflowError)

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PageOfColumns:
    """The usual page: every record's own id and, one row a record, the columns."""

    ids: Ids
    columns: Arrays

    def __len__(self) -> int:
        """How many records the page has."""
        return len(self.ids)


Page = list[Any] | PageOfColumns


class PageDecoder:
    """Decodes the pages of one list. Threads may use it at the same time; usual pages they decode in turn.

    Decoding needs the interpreter. Several at once would only push each other's page out of the processor's cache, at each switch from
    one thread to the next: a third more time.
    """

    def __init__(self, listing: Listing, *, shows_fields: bool = False) -> None:
        """With `shows_fields` a page comes as columns only if none of them is all null: there, null may be a missing field."""
        self._listing = listing
        self._shows_fields = shows_fields
        self._turn = threading.Lock()
        self._plain = plain_decoder(listing.fields)
        self._usual = None if listing.taken_apart else msgspec.json.Decoder(list[_usual_record(listing.values)])  # type: ignore[misc]

    def decode(self, body: bytes) -> Page:
        """The page as columns, or its records with only the wanted fields; raises MsgspecError when it is no list of records."""
        if self._usual is not None:
            try:
                with self._turn:
                    return self._columns(self._usual.decode(body))
            except NOT_USUAL:
                pass  # the plain way reads what is not usual, and says what is wrong with it
        return self._plain.decode(body)

    def _columns(self, records: list[msgspec.Struct]) -> PageOfColumns:
        columns = {name: value.kind.read_many(_pick(records, value)) for name, value in self._listing.columns.items()}
        if self._shows_fields and any(column.null_count == len(records) for column in columns.values()):
            raise ValueError("a field that may be missing")
        key = self._listing.key
        ids = next(iter(columns.values())) if key is None else key.kind.read_many(_pick(records, key))
        return PageOfColumns(ids.to_numpy(), columns)  # refuses nulls: a record without an id of its own is not usual


def plain_decoder(fields: Iterable[str]) -> msgspec.json.Decoder[list[dict[str, Any]]]:
    """A decoder of lists of records that keeps only these fields of each, as `json` would give them with `parse_float=str`."""
    record = TypedDict("record", dict.fromkeys(fields, Any), total=False)  # type: ignore[misc]
    return msgspec.json.Decoder(list[record], float_hook=str)


def _usual_record(values: Iterable[Value]) -> type[msgspec.Struct]:
    """A record of these values; a field that is missing is None."""
    values = list(values)
    types: dict[str, Any] = {value.field: value.kind.usual for value in values if not value.within}
    for outer in {value.within for value in values if value.within}:
        types[outer] = _usual_record(value._replace(within="") for value in values if value.within == outer) | None
    # Without references in circles there is nothing for the garbage collector to look at.
    return msgspec.defstruct("UsualRecord", [(field, usual, None) for field, usual in types.items()], gc=False)


def _pick(records: list[msgspec.Struct], value: Value) -> list[Any]:
    """One value of each record."""
    of_field = attrgetter(value.field)
    if not value.within:
        return list(map(of_field, records))
    return [None if inner is None else of_field(inner) for inner in map(attrgetter(value.within), records)]
