"""What a list of CWA is: where it is, what to ask for, which columns its records become, and what a whole read of it hands on.

What belongs here: the shape of lists, and the columns of a read as a frame. What must not: which lists there are (`automate`,
`automate_members`), how a page is read (`automate_page`, `automate_rows`), paging (`automate_paging`).
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
from pandas.api.extensions import ExtensionDtype

from cwa_pipeline.cwa.kinds import Kind
from cwa_pipeline.cwa.records import part

Record = Mapping[str, Any]
Row = tuple[Any, ...]
Taken = tuple[Hashable, Iterable[Row]]  # a record's own id, and its rows
Arrays = dict[str, pa.Array]


class Value(NamedTuple):
    """Where in a record a value is, and of what kind it is."""

    kind: Kind
    field: str
    within: str = ""  # the record within the record that has the field

    @property
    def outer(self) -> str:
        """The field of the record itself."""
        return self.within or self.field

    def of(self, record: Record) -> Any:
        """The value, read the plain way; raises ValueError saying what is wrong with it."""
        return self.kind.read(part(record, self.within) if self.within else record, self.field)


@dataclass(frozen=True)
class Listing:
    """One list of CWA. A record is told from others by `key`, or without one by the first column."""

    path: str
    what: str
    columns: Mapping[str, Value]
    key: Value | None = None  # the id of the record where that is no column; where it is unset, the row stands for it
    asks_for_fields: bool = True  # whether a server that can is asked to leave out the rest
    condition: str = ""
    expand: str = ""
    taken_apart: Callable[[Record], Taken] | None = None  # for records that are several rows; needs `expand`

    @property
    def values(self) -> tuple[Value, ...]:
        """The values of a record, in the order in which they are looked at."""
        return (*self.columns.values(), *([self.key] if self.key else []))

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of a record that are looked at."""
        return tuple(dict.fromkeys([*(value.outer for value in self.values), *([self.expand] if self.expand else [])]))

    def take(self, record: Record) -> Taken:
        """What a record becomes, value by value; raises ValueError saying what is wrong with it."""
        if self.taken_apart:
            return self.taken_apart(record)
        row = tuple([value.of(record) for value in self.columns.values()])
        return (self.key.of(record) or row) if self.key else row[0], [row]


class Listed(NamedTuple):
    """A list read whole: its rows, how many records it had (each counted once), and the Total-Count of its pages if they had one."""

    frame: pd.DataFrame
    records: int
    total: int | None


def frame_of(columns: Mapping[str, Value], pages: list[Arrays]) -> pd.DataFrame:
    """The columns of pages as one frame, typed as the columns say. The pages are emptied meanwhile, so that no value is kept twice."""
    return pd.DataFrame(
        {name: _column_of([page.pop(name) for page in pages], value.kind).array for name, value in columns.items()},
        copy=False,
    )


def _column_of(chunks: list[pa.Array], kind: Kind) -> pd.Series:
    dtype = pd.api.types.pandas_dtype(kind.dtype)
    whole = pa.chunked_array(chunks, kind.arrow).combine_chunks()
    return whole.to_pandas(types_mapper=lambda _: dtype if isinstance(dtype, ExtensionDtype) else None)
