"""The warehouse's tables as databases see them: everything here is derived from the pandera models of `tables.py`.

What belongs here: what a model's column is in SQL and in Arrow, what identifies a row, and the statements made from
that. What must not: a column's name or type (that is `tables.py`), or a connection.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa
from pandera.pandas import DataFrameSchema
from sqlalchemy.schema import CreateTable, SetColumnComment, SetTableComment

from cwa_pipeline.tables import TABLES


@dataclass(frozen=True)
class ColumnType:
    """A type of the models in SQL and Arrow, and what pandas may infer of a column that is cast to it without loss."""

    sql: sa.types.TypeEngine[Any]
    arrow: pa.DataType
    inferred: frozenset[str]


_WHOLE = frozenset({"integer", "floating"})  # pandas turns ids into floats where a merge left some out
# SQLite knows one integer type, and makes only a column called INTEGER the row id, which saves an index
_BIGINT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
COLUMN_TYPES: dict[str, ColumnType] = {
    "int64": ColumnType(_BIGINT, pa.int64(), _WHOLE),
    "Int64": ColumnType(_BIGINT, pa.int64(), _WHOLE),
    "str": ColumnType(sa.Text(), pa.large_string(), frozenset({"string"})),
    "bool": ColumnType(sa.Boolean(), pa.bool_(), frozenset({"boolean"})),
    "datetime64[us, UTC]": ColumnType(
        sa.TIMESTAMP(timezone=True), pa.timestamp("us", tz="UTC"), frozenset({"datetime64"})
    ),
}


@cache
def model(table: str) -> DataFrameSchema:
    """The table's pandera schema."""
    return TABLES[table].to_schema()


@cache
def dtypes(table: str) -> pd.Series:
    """The pandas type of each of the table's columns."""
    types = {name: pd.api.types.pandas_dtype(column.dtype.type) for name, column in model(table).columns.items()}
    return pd.Series(types, dtype="object")


def column_type(table: str, column: str) -> ColumnType:
    """What the column is in SQL and Arrow."""
    return _column_types(table)[column]


@cache
def _column_types(table: str) -> dict[str, ColumnType]:
    return {str(name): COLUMN_TYPES[str(dtype)] for name, dtype in dtypes(table).items()}


def impersonal_columns(table: str) -> list[str]:
    """The columns that name no person or customer, and so may get into Dagster's permanent event log."""
    return [name for name, column in model(table).columns.items() if not (column.metadata or {}).get("personal")]


def key(table: str) -> list[str]:
    """The columns that identify a row, as the model says; empty for a table where nothing does (the ledger)."""
    unique = model(table).unique
    if unique:
        return [unique] if isinstance(unique, str) else list(unique)
    return [name for name, column in model(table).columns.items() if column.unique]


@cache
def sql_table(table: str) -> sa.Table:
    """The table as SQLAlchemy describes it, with the models' descriptions as comments."""
    return sa.Table(
        table,
        sa.MetaData(),
        *(
            sa.Column(
                name,
                column_type(table, name).sql,
                primary_key=name in key(table),
                autoincrement=False,
                nullable=column.nullable,
                comment=column.description,
            )
            for name, column in model(table).columns.items()
        ),
        comment=TABLES[table].__doc__,
        # A key of several columns is an index of its own in SQLite, unless the rows themselves are kept by it.
        sqlite_with_rowid=len(key(table)) <= 1,
    )


def create_statements(table: str, dialect: sa.Dialect) -> list[str]:
    """The DDL that makes the table when it is missing, with its comments where the database keeps them."""
    described = sql_table(table)
    statements: list[sa.ExecutableDDLElement] = [CreateTable(described, if_not_exists=True)]
    if dialect.supports_comments:
        statements += [SetTableComment(described), *(SetColumnComment(column) for column in described.columns)]
    return [str(statement.compile(dialect=dialect)) for statement in statements]


@cache
def select_statement(table: str, dialect: sa.Dialect) -> str:
    """Read the table in the order of its key, the same on every database.

    The ledger, which has no key, comes in the order of time: its times first, then whatever else is never null.
    """
    described = sql_table(table)
    order = [described.columns[name] for name in key(table)]
    if not order:
        filled = [column for column in described.columns if not column.nullable]
        order = sorted(filled, key=lambda column: not isinstance(column.type, sa.TIMESTAMP))
    if dialect.name == "postgresql":  # whose text order depends on the database's locale otherwise
        by = [sa.collate(column, "C") if isinstance(column.type, sa.Text) else column for column in order]
    else:
        by = list(order)
    return str(sa.select(described).order_by(*by).compile(dialect=dialect))
