"""Frames on their way into and out of the warehouse.

What belongs here: holding a frame against its model, and turning it into Arrow and back. What must not: a database.
"""

import hashlib
import io
from typing import Any

import pandas as pd
import pyarrow as pa
from pandera.errors import SchemaErrors

from cwa_pipeline.errors import WarehouseError
from cwa_pipeline.warehouse.quick_look import NUL, is_valid
from cwa_pipeline.warehouse.schema import column_type, dtypes, key, model

SHOWN_VALUES = 3  # of a failing column: enough to recognise the fault, few enough for one line
SHOWN_CHARACTERS = 60  # of each such value

# PostgreSQL's text cannot hold NUL, so both databases get Unicode's replacement character in its place. A NUL in a
# serial or a name is an agent's reading fault, and identifies nothing.
NUL_REPLACEMENT = "\ufffd"

_NAIVE_TIME = pa.timestamp("us")

_IN_WORDS = {
    "not_nullable": "must not be null",
    "field_uniqueness": "must be unique",
    "multiple_fields_uniqueness": "must be unique",
    "column_in_dataframe": "is missing",
    "column_in_schema": "is no column of this table",
}


def validated(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame as its model wants it: columns in order, types exact.

    Raises WarehouseError, one line naming the table, the column and up to three offending values (of a personal column
    none).
    Nothing is cast silently: what pandas would bend (1.5 to 1, "no" to True, 7 to "7") is refused. A frame that is as
    it should be already, as nearly all are, is handed back as it is.
    """
    return frame if is_valid(table, frame) else held_against_the_model(table, frame)


def held_against_the_model(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """`validated` for a frame that is not as it should be, or may not be: mends what can be mended, and says what cannot."""
    frame = frame.reset_index(drop=True)  # pandera cannot tell rows apart that have the same name
    for name in model(table).columns:
        if name in frame.columns:
            _refuse_a_silent_cast(table, name, frame[name])
    try:
        checked = model(table).validate(_without_nul(frame), lazy=True)
    except SchemaErrors as error:
        raise _failure(table, frame, error.failure_cases) from None
    return checked[list(model(table).columns)].astype(dtypes(table))


def to_arrow(table: str, frame: pd.DataFrame, *, times_as_text: bool) -> pa.Table:
    """A validated frame as Arrow. SQLite has no time type: `times_as_text` makes `YYYY-MM-DD HH:MM:SS.ffffff` (UTC)."""
    columns = {}
    for name, values in frame.items():
        arrow = pa.chunked_array(pa.array(values, type=column_type(table, str(name)).arrow, from_pandas=True))
        columns[str(name)] = arrow
    rows = pa.table(columns)
    return with_times_as_text(rows) if times_as_text else rows


def with_times_as_text(rows: pa.Table) -> pa.Table:
    """The rows as SQLite keeps them."""
    columns = {
        name: column.cast(_NAIVE_TIME).cast(pa.large_string()) if pa.types.is_timestamp(column.type) else column
        for name, column in zip(rows.column_names, rows.columns, strict=True)
    }
    return pa.table(columns)


def content_hash(rows: pa.Table) -> str:
    """What names these rows: columns, types, values and order. Equal for no others; now and then not for the same."""
    digest = hashlib.sha256()  # most processors have an instruction for it: half the time of others

    class _Sink(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            digest.update(data)
            return len(data)

    with pa.PythonFile(_Sink(), mode="w") as sink, pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_table(rows.combine_chunks())
    return digest.hexdigest()


def from_arrow(table: str, data: pa.Table) -> pd.DataFrame:
    """What a database gave back, typed as the model says."""
    columns = {}
    for name in model(table).columns:
        arrow, wanted = data[name], column_type(table, name).arrow
        if pa.types.is_timestamp(wanted) and not pa.types.is_timestamp(arrow.type):
            arrow = arrow.cast(_NAIVE_TIME)  # SQLite's text
        columns[name] = arrow.cast(wanted)
    # Int64 on the way: without it, a column of ids with a null would pass through floats
    frame = pa.table(columns).to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    return frame.astype(dtypes(table))


def _without_nul(frame: pd.DataFrame) -> pd.DataFrame:
    texts: pd.DataFrame = frame.select_dtypes("str")
    return frame.assign(
        **{str(name): values.str.replace(NUL, NUL_REPLACEMENT, regex=False) for name, values in texts.items()}
    )


def _refuse_a_silent_cast(table: str, name: str, values: pd.Series) -> None:
    missing = values.isna()
    if missing.any() and not model(table).columns[name].nullable:  # before pandas makes False of a missing truth
        raise _error(table, name, "must not be null", values[missing])
    if missing.all():  # no type to be wrong
        return
    wanted, inferred = dtypes(table)[name], pd.api.types.infer_dtype(values, skipna=True)
    fits = inferred in column_type(table, name).inferred
    if inferred == "floating":
        fits = fits and bool((values.dropna() % 1 == 0).all())
    if isinstance(wanted, pd.DatetimeTZDtype):
        fits = fits and isinstance(values.dtype, pd.DatetimeTZDtype)
    if not fits:
        found = values.dropna()
        raise _error(table, name, f"must be {wanted}, not {inferred} ({values.dtype})", found)


def _failure(table: str, frame: pd.DataFrame, cases: pd.DataFrame) -> WarehouseError:
    """The first of pandera's findings, in words; a column that is missing, or one too many, goes before what follows from it."""
    amiss = cases["check"].astype("str").str.startswith("column_in_")
    cases = cases[amiss] if amiss.any() else cases
    check = str(cases["check"].iloc[0])
    first = cases[(cases["check"] == check) & (cases["column"] == cases["column"].iloc[0])]
    column, found = str(first["column"].iloc[0]), first["failure_case"]
    if check.startswith("column_in_"):
        column, found = str(found.iloc[0]), found.iloc[:0]
    elif check == "multiple_fields_uniqueness":
        column = "+".join(key(table))
        found = pd.Series(list(frame.loc[frame.duplicated(key(table)), key(table)].itertuples(index=False, name=None)))
    return _error(table, column, _IN_WORDS.get(check, f"fails {check}"), found)


def _error(table: str, column: str, fault: str, found: pd.Series) -> WarehouseError:
    declared = model(table).columns.get(column)
    if found.empty or (declared is not None and (declared.metadata or {}).get("personal")):
        values = ""
    else:
        shown = [repr(value)[:SHOWN_CHARACTERS] for value in found.drop_duplicates().head(SHOWN_VALUES)]
        values = f": {', '.join(shown)}"
    return WarehouseError(
        f"{table}.{column} {fault}{values}; nothing was stored, the rows of before are kept: mend the asset {table}"
    )
