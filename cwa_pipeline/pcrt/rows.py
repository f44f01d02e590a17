"""A query's rows as columns, from whichever driver.

What belongs here: how rows are fetched and gathered, so that a million of them never exist as tuples at once. What must not: what a value
means (`values`), which query it is (`reader`), MySQL's packets (`packets`).
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import pyarrow as pa
from sqlalchemy.engine import Connection

from cwa_pipeline.pcrt.connection import failure
from cwa_pipeline.pcrt.packets import Column, ColumnCursor, joined

ROWS_AT_ONCE = 50_000


def fetch(connection: Connection, sql: str, part: str) -> tuple[list[str], list[Column]]:
    """Run one of the shop's queries as it stands: the names of its columns, and the values of each.

    `part` is what to call it in a message. Raises SourceError, SettingsError and UnreachableError.
    """
    if connection.dialect.name == "mysql" and ColumnCursor.reads_as_known():
        return _fetch_packets(connection, sql, part)
    if connection.dialect.name == "sqlite":
        with suppress(connection.dialect.loaded_dbapi.Error):  # a text that is not UTF-8, or what will be said again
            return _fetch_strictly(connection, sql)
    return fetch_rows(connection, sql, part)


def fetch_rows(connection: Connection, sql: str, part: str) -> tuple[list[str], list[Column]]:
    """The same by the driver's own tuples, a good many at a time: what works with every driver."""
    # Without parameters the driver takes `%` in the shop's SQL as it is.
    options = {"no_parameters": True, "stream_results": True}
    result = connection.execution_options(pcrt_part=part).exec_driver_sql(sql, execution_options=options)
    names = list(result.keys())
    return names, _gathered(result.partitions(ROWS_AT_ONCE), len(names))


def _fetch_strictly(connection: Connection, sql: str) -> tuple[list[str], list[Column]]:
    """From SQLite without rows of SQLAlchemy's, and with its own way to make texts: a text that is not UTF-8 is an error."""
    driver: Any = connection.connection.driver_connection
    lenient, driver.text_factory = driver.text_factory, str
    try:
        cursor = driver.execute(sql)
        names = [column[0] for column in cursor.description or ()]
        return names, _gathered(iter(partial(cursor.fetchmany, ROWS_AT_ONCE), []), len(names))
    finally:
        driver.text_factory = lenient


def _fetch_packets(connection: Connection, sql: str, part: str) -> tuple[list[str], list[Column]]:
    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor(ColumnCursor) as cursor:
            cursor.execute(sql)
            return [column[0] for column in cursor.description or ()], cursor.fetch_columns()
    except connection.dialect.loaded_dbapi.Error as error:
        raise failure(error, part, connection.engine.url.password) from None


def _gathered(batches: Iterable[Sequence[Sequence[Any]]], count: int) -> list[Column]:
    """Batches of rows as so many columns."""
    parts: list[list[pa.Array | list[Any]]] = [[] for _ in range(count)]
    for rows in batches:
        for values, part in zip(zip(*rows, strict=True), parts, strict=True):
            part.append(_as_arrow(values))
    return [joined(part) for part in parts]


def _as_arrow(values: Sequence[Any]) -> pa.Array | list[Any]:
    """Values as Arrow when they are all whole numbers or all texts, else as they are."""
    try:
        array = pa.array(values)
    except (ValueError, TypeError, OverflowError):  # mixed types, numbers of more than 64 bits
        return list(values)
    if pa.types.is_string(array.type):
        return array.cast(pa.large_string())
    return array if pa.types.is_int64(array.type) else list(values)
