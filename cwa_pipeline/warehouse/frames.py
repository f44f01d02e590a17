"""Frames on their way into and out of the warehouse: validation, Arrow and back, and a hash of the rows."""

import hashlib

import pandas as pd
import pyarrow as pa
from pandera.errors import SchemaErrors

from cwa_pipeline.errors import WarehouseError
from cwa_pipeline.warehouse.schema import column_type, dtypes, key, model

SHOWN_VALUES = 3  # of a failing column: enough to recognize the fault, few enough for one line
SHOWN_CHARACTERS = 60  # of each such value
HASHED_ROWS = 100_000  # at a time: the Arrow message of a whole large table would take as much memory as the table

# PostgreSQL cannot store NUL in a text, so both databases get Unicode's replacement character instead. A NUL in a
# serial number or a name is a reading error of the agent and identifies nothing.
NUL, NUL_REPLACEMENT = "\x00", "\ufffd"

_NAIVE_TIME = pa.timestamp("us")
_IN_WORDS = {
    "not_nullable": "must not be null",
    "field_uniqueness": "must be unique",
    "multiple_fields_uniqueness": "must be unique",
    "column_in_dataframe": "is missing",
    "column_in_schema": "is not a column of this table",
}


def validated(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with exactly the columns and types of its table's model.

    A cast that would change a value (1.5 to 1, "no" to True, 7 to "7") is refused. Raises WarehouseError: one line with the
    table, the column and up to three bad values (none of a personal column).
    """
    frame = frame.reset_index(drop=True)  # pandera cannot tell rows with the same label apart
    for name, wanted in dtypes(table).items():
        if name in frame.columns and frame[name].dtype != wanted:
            _refuse_lossy_cast(table, str(name), frame[name])
    try:
        checked = model(table).validate(frame, lazy=True)
    except SchemaErrors as error:
        raise _failure(table, frame, error.failure_cases) from None
    return _replace_nul(checked[list(model(table).columns)].astype(dtypes(table)))


def to_arrow(table: str, frame: pd.DataFrame, *, times_as_text: bool) -> pa.Table:
    """A validated frame as Arrow; with `times_as_text`, times are `YYYY-MM-DD HH:MM:SS.ffffff` (UTC), as SQLite needs them."""
    columns = {
        str(name): pa.chunked_array(pa.array(values, type=column_type(table, str(name)).arrow, from_pandas=True))
        for name, values in frame.items()
    }
    return with_times_as_text(pa.table(columns)) if times_as_text else pa.table(columns)


def with_times_as_text(rows: pa.Table) -> pa.Table:
    """The rows with their times as text."""
    columns = {
        name: column.cast(_NAIVE_TIME).cast(pa.large_string()) if pa.types.is_timestamp(column.type) else column
        for name, column in zip(rows.column_names, rows.columns, strict=True)
    }
    return pa.table(columns)


def content_hash(rows: pa.Table) -> str:
    """A hash of columns, types, values and order. Different rows never share one; equal rows may rarely get two."""
    digest = hashlib.sha256(rows.schema.serialize())
    for batch in rows.combine_chunks().to_batches(max_chunksize=HASHED_ROWS):
        digest.update(batch.serialize())
    return digest.hexdigest()


def from_arrow(table: str, data: pa.Table) -> pd.DataFrame:
    """What a database returned, with the types of the table's model."""
    columns = {}
    for name in model(table).columns:
        arrow, wanted = data[name], column_type(table, name).arrow
        if pa.types.is_timestamp(wanted) and not pa.types.is_timestamp(arrow.type):
            arrow = arrow.cast(_NAIVE_TIME)  # SQLite's text
        columns[name] = arrow.cast(wanted)
    # Int64 in between: without it, ids in a column with a null would become floats
    frame = pa.table(columns).to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    return frame.astype(dtypes(table))


def _replace_nul(frame: pd.DataFrame) -> pd.DataFrame:
    texts: pd.DataFrame = frame.select_dtypes("str")
    with_nul = {str(name): text for name, text in texts.items() if text.str.contains(NUL, regex=False).any()}
    return frame.assign(
        **{name: text.str.replace(NUL, NUL_REPLACEMENT, regex=False) for name, text in with_nul.items()}
    )


def _refuse_lossy_cast(table: str, name: str, values: pd.Series) -> None:
    missing = values.isna()
    if missing.any() and not model(table).columns[name].nullable:  # pandas would turn a missing truth value into False
        raise _error(table, name, "must not be null", values[missing])
    if missing.all():  # an empty column has no wrong type
        return
    wanted, inferred = dtypes(table)[name], pd.api.types.infer_dtype(values, skipna=True)
    fits = inferred in column_type(table, name).inferred
    if inferred == "floating":
        fits = fits and bool((values.dropna() % 1 == 0).all())
    if isinstance(wanted, pd.DatetimeTZDtype):
        fits = fits and isinstance(values.dtype, pd.DatetimeTZDtype)
    if not fits:
        raise _error(table, name, f"must be {wanted}, not {inferred} ({values.dtype})", values.dropna())


def _failure(table: str, frame: pd.DataFrame, cases: pd.DataFrame) -> WarehouseError:
    """The first of pandera's findings, in words. A missing or unknown column comes first, because others may follow from it."""
    of_columns = cases["check"].astype("str").str.startswith("column_in_")
    cases = cases[of_columns] if of_columns.any() else cases
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
    is_personal = declared is not None and (declared.metadata or {}).get("personal")
    shown = (
        [] if is_personal else [repr(value)[:SHOWN_CHARACTERS] for value in found.drop_duplicates().head(SHOWN_VALUES)]
    )
    values = f": {', '.join(shown)}" if shown else ""
    return WarehouseError(
        f"{table}.{column} {fault}{values}; nothing was stored and the previous rows are kept: fix the asset {table}"
    )
