"""The tables as databases see them: SQL and Arrow types, keys, DDL and queries, all derived from the models of `tables.py`."""

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
    """A type of the models in SQL and Arrow, and what pandas may infer of a column that can be cast to it without loss."""

    sql: sa.types.TypeEngine[Any]
    arrow: pa.DataType
    inferred: frozenset[str]


_WHOLE = frozenset({"integer", "floating"})  # pandas turns ids into floats when a merge leaves some out
# SQLite has one integer type, and only a column called INTEGER becomes the row id, which saves an index
_BIGINT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_UTC = pa.timestamp("us", tz="UTC")
COLUMN_TYPES: dict[str, ColumnType] = {
    "int64": ColumnType(_BIGINT, pa.int64(), _WHOLE),
    "Int64": ColumnType(_BIGINT, pa.int64(), _WHOLE),
    "str": ColumnType(sa.Text(), pa.large_string(), frozenset({"string"})),
    "bool": ColumnType(sa.Boolean(), pa.bool_(), frozenset({"boolean"})),
    "datetime64[us, UTC]": ColumnType(sa.TIMESTAMP(timezone=True), _UTC, frozenset({"datetime64"})),
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
    """The column's type in SQL and Arrow."""
    return COLUMN_TYPES[str(dtypes(table)[column])]


def non_personal_columns(table: str) -> list[str]:
    """The columns that name no person or customer, and so may go into Dagster's permanent event log."""
    return [name for name, column in model(table).columns.items() if not (column.metadata or {}).get("personal")]


def key(table: str) -> list[str]:
    """The columns that identify a row; empty for the ledger, which has no key."""
    unique = model(table).unique
    if unique:
        return [unique] if isinstance(unique, str) else list(unique)
    return [name for name, column in model(table).columns.items() if column.unique]


@cache
def sql_table(table: str) -> sa.Table:
    """The table in SQLAlchemy's terms, with the descriptions as comments."""
    columns = [
        sa.Column(
            name,
            column_type(table, name).sql,
            primary_key=name in key(table),
            autoincrement=False,
            nullable=column.nullable,
            comment=column.description,
        )
        for name, column in model(table).columns.items()
    ]
    # In SQLite a key of several columns is an extra index, unless the table is stored in the key's order
    without_rowid = len(key(table)) > 1
    return sa.Table(table, sa.MetaData(), *columns, comment=TABLES[table].__doc__, sqlite_with_rowid=not without_rowid)


def create_statements(table: str, dialect: sa.Dialect) -> list[str]:
    """The DDL that creates the table if it is missing, then its comments if the database keeps any."""
    described = sql_table(table)
    statements: list[sa.ExecutableDDLElement] = [CreateTable(described, if_not_exists=True)]
    if dialect.supports_comments:
        statements += [SetTableComment(described), *(SetColumnComment(column) for column in described.columns)]
    return [str(statement.compile(dialect=dialect)) for statement in statements]


@cache
def select_statement(table: str, dialect: sa.Dialect) -> str:
    """The query that reads the table in the order of its key, the same on both databases.

    The ledger has no key: it is sorted by its times, then by its other columns that are never null.
    """
    columns = sql_table(table).columns
    order = [columns[name] for name in key(table)] or sorted(
        (column for column in columns if not column.nullable),
        key=lambda column: not isinstance(column.type, sa.TIMESTAMP),
    )
    by: list[sa.ColumnElement[Any]] = list(order)
    if dialect.name == "postgresql":  # otherwise the database's locale decides the order of text
        by = [sa.collate(column, "C") if isinstance(column.type, sa.Text) else column for column in order]
    return str(sa.select(sql_table(table)).order_by(*by).compile(dialect=dialect))
