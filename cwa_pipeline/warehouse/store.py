"""The warehouse: our own database, SQLite or PostgreSQL, that the assets fill and analysts read.

A table is emptied and filled in one transaction and never dropped: readers see either the old rows or the new ones, and
analysts' grants, views and indexes on it last.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Self

import adbc_driver_manager
import pandas as pd
import pyarrow as pa
import sqlalchemy as sa
from adbc_driver_manager.dbapi import Connection, Cursor
from sqlalchemy.engine import URL

from cwa_pipeline.errors import WarehouseError
from cwa_pipeline.warehouse import schema
from cwa_pipeline.warehouse.frames import content_hash, from_arrow, to_arrow, validated, with_times_as_text
from cwa_pipeline.warehouse.sqlite import SqliteDatabase
from cwa_pipeline.warehouse.versions import check_is_current, columns_found, make_as_of, make_current

if TYPE_CHECKING:
    from cwa_pipeline.warehouse.postgresql import PostgresqlDatabase

log = logging.getLogger(__name__)

LOADS = "table_loads"
# Tables that grow from night to night, so they are empty before the first. Any other table that was never filled cannot
# be read: an empty frame would mean "there are none".
GROWING = {
    "issue_history",
    "issue_snoozes",
    "additional_members_ledger",
    "coverage_history",
    "group_holds",
    "site_owner",
    "read_receipts",
    "sync_runs",
    "sync_failures",
}

# A first sync that failed when it wrote has filled everything but these; what only shows tables can do without them
MAY_BE_UNFILLED = {"additional_members", "match_suggestions"}


class Warehouse:
    """The tables of `tables.py` in one database. Each call opens and closes its own connection."""

    def __init__(self, url: URL) -> None:
        """Connects to nothing yet. Raises SettingsError for a URL that cannot be a warehouse."""
        self._database = _database(url)

    @property
    def name(self) -> str:
        """Where the warehouse is, for people."""
        return self._database.name

    def __enter__(self) -> Self:
        """For `with`; there is nothing to open."""
        return self

    def __exit__(self, *_: object) -> None:
        """There is nothing to close."""

    def create(self) -> None:
        """Create the tables, or upgrade older ones. Doing it twice, or from two processes at once, is harmless.

        Call it under `exclusive`, unless no sync can be running. Raises WarehouseError like `versions.make_current`.
        """
        with self._connection(create=True) as connection, connection.cursor() as cursor:
            make_current(self._database, cursor)

    def tables(self, *, create: bool = False) -> set[str]:
        """All tables in the file or schema, ours or not; with `create`, a missing file or schema is created."""
        with self._connection(create=create) as connection, connection.cursor() as cursor:
            return set(columns_found(self._database, cursor))

    def replace(self, frames: Mapping[str, pd.DataFrame], run_id: str) -> dict[str, pd.DataFrame]:
        """Replace all rows of some tables, in one transaction with the rows of `table_loads` that say so.

        Returns the frames as stored. Raises WarehouseError for a frame that does not fit its model, before anything is written.
        """
        checked = {table: validated(table, frame) for table, frame in frames.items()}
        self.fill(checked, run_id)
        return checked

    def fill(
        self, checked: Mapping[str, pd.DataFrame], run_id: str, appended: Mapping[str, pd.DataFrame] | None = None
    ) -> None:
        """`replace` for frames that `validated` returned, with rows for other tables in the same transaction.

        A table that already has these rows (same hash, same number) is not written again; `table_loads` is.
        """
        rows = {table: self._arrow(table, frame) for table, frame in checked.items()}
        more = {table: self._arrow(table, validated(table, frame)) for table, frame in (appended or {}).items()}
        hashes = {table: content_hash(arrow) for table, arrow in rows.items()}
        loads = schema.sql_table(LOADS)
        new_loads = pd.DataFrame(
            {
                "table_name": list(rows),
                "run_id": run_id,
                "loaded_at": pd.Timestamp.now("UTC"),
                "row_count": [arrow.num_rows for arrow in rows.values()],
                "content_hash": list(hashes.values()),
            }
        ).astype(schema.dtypes(LOADS))
        with self._writing() as (connection, cursor):
            cursor.execute(self._sql(sa.select(loads.c.table_name, loads.c.content_hash)))
            stored = dict(cursor.fetchall())
            for table, arrow in rows.items():
                if stored.get(table) != hashes[table] or self._count(connection, table) != arrow.num_rows:
                    self._refill(cursor, table, arrow)
            cursor.execute(self._sql(sa.delete(loads).where(loads.c.table_name.in_(list(rows)))))
            for table, arrow in {LOADS: self._arrow(LOADS, new_loads), **more}.items():
                self._ingest(cursor, table, arrow)

    def append(self, table: str, frame: pd.DataFrame) -> None:
        """Add rows to a table; they are on the disk when this returns. Raises WarehouseError like `replace`."""
        rows = self._arrow(table, validated(table, frame))
        with self._writing() as (_, cursor):
            self._ingest(cursor, table, rows)

    def delete(self, rows: Mapping[str, sa.ColumnElement[bool]], *, dry_run: bool = False) -> dict[str, int]:
        """Remove rows of some tables in one transaction. Returns how many of each were, or with `dry_run` would be, removed."""
        loads, removed = schema.sql_table(LOADS), {}
        with self._writing() as (connection, cursor):
            for table, which in rows.items():
                removed[table] = self._count(connection, table, which)
                if removed[table] and not dry_run:
                    cursor.execute(self._sql(sa.delete(schema.sql_table(table)).where(which)))
                    left = {"row_count": self._count(connection, table), "content_hash": None}
                    cursor.execute(self._sql(sa.update(loads).values(left).where(loads.c.table_name == table)))
        return removed

    def read(self, table: str, *, or_empty: bool = False) -> pd.DataFrame:
        """The table with its model's types, in the order of its key.

        Raises WarehouseError for a table that was never filled, unless it is one of `GROWING` or the caller accepts an
        empty one.
        """
        with self._connection() as connection:
            # Selects all columns of `table_loads`, so that an older warehouse fails here
            if (
                not or_empty
                and table not in GROWING
                and table not in set(self._select(connection, LOADS)["table_name"])
            ):
                raise WarehouseError(f"{table} was never filled; materialize the asset {table} first")
            return self._select(connection, table)

    def counts(self, table: str, column: str) -> dict[str, int]:
        """How many rows have each value of a text column, the most frequent value first."""
        values, number = schema.sql_table(table).c[column], sa.func.count()
        with self._connection() as connection, connection.cursor() as cursor:
            cursor.execute(self._sql(sa.select(values, number).group_by(values).order_by(number.desc(), values)))
            return {str(value): int(count) for value, count in cursor.fetchall()}

    def loads(self) -> pd.DataFrame:
        """`table_loads`: which run filled each table, and when."""
        return self.read(LOADS, or_empty=True)

    @contextmanager
    def snapshot(self) -> Iterator[Callable[[str], pd.DataFrame]]:
        """A function that reads tables, filled or not, as they were at one moment, even if a sync writes meanwhile.

        Raises WarehouseError for a warehouse of another version.
        """
        with self._connection() as connection:
            with connection.cursor() as cursor:
                for statement in self._database.begin_snapshot:
                    cursor.execute(statement)
                check_is_current(self._database, cursor)
            yield partial(self._select, connection)

    def restore(self, read: Callable[[str], pd.DataFrame], tables: Iterable[str], *, replace: bool) -> None:
        """Replace the rows of the tables with what `read` returns for each, all in one transaction.

        Raises WarehouseError for a warehouse that has rows, unless `replace` is set.
        """
        tables = [*tables]
        with self._writing() as (connection, cursor):
            if not replace and (full := next((table for table in tables if self._count(connection, table)), None)):
                raise WarehouseError(
                    f"{self.name}: is not empty ({full} has rows); restore into an empty one, or use --replace to delete all its rows"
                )
            for table in tables:
                rows = self._arrow(table, validated(table, read(table)))
                self._refill(cursor, table, rows)
                log.info("%s: %s rows", table, f"{rows.num_rows:,}")

    def create_as_of(self, version: str, rows: Mapping[str, pa.Table]) -> None:
        """Create the tables of one version in a database that has none, and fill them."""
        with self._connection(create=True) as connection, connection.cursor() as cursor:
            make_as_of(self._database, cursor, version)
        with self._writing() as (_, cursor):
            for table, data in rows.items():
                self._ingest(cursor, table, with_times_as_text(data) if self._database.times_as_text else data)

    def exclusive(self) -> AbstractContextManager[None]:
        """Keep every other sync out of this warehouse; a crash leaves no lock behind.

        Raises BusyError at once if another sync holds it.
        """
        return self._database.exclusive()

    def reuse_connections(self) -> AbstractContextManager[None]:
        """Make the calls of a whole run faster, if the database has a way; the tables must exist."""
        return self._database.reuse_connections()

    @contextmanager
    def _connection(self, *, create: bool = False) -> Iterator[Connection]:
        """A connection for one call. Its errors become ours, and without `commit` it changes nothing."""
        try:
            if create:
                self._database.prepare()
            with closing(self._database.connect(autocommit=create)) as connection:
                yield connection
        except (adbc_driver_manager.Error, pa.ArrowException, OSError) as error:
            raise self._database.failure(error) from None

    @contextmanager
    def _writing(self) -> Iterator[tuple[Connection, Cursor]]:
        """A transaction for one call, which waits for other writers; committed at the end of the `with`."""
        with self._connection() as connection, connection.cursor() as cursor:
            for statement in self._database.begin_write:
                cursor.execute(statement)
            yield connection, cursor
            connection.commit()

    def _sql(self, statement: sa.ClauseElement) -> str:
        return str(statement.compile(dialect=self._database.dialect, compile_kwargs={"literal_binds": True}))

    def _arrow(self, table: str, frame: pd.DataFrame) -> pa.Table:
        return to_arrow(table, frame, times_as_text=self._database.times_as_text)

    def _refill(self, cursor: Cursor, table: str, rows: pa.Table) -> None:
        cursor.execute(self._sql(sa.delete(schema.sql_table(table))))
        self._ingest(cursor, table, rows)

    def _ingest(self, cursor: Cursor, table: str, rows: pa.Table) -> None:
        if rows.num_rows:
            cursor.adbc_ingest(table, rows, mode="append")

    def _count(self, connection: Connection, table: str, which: sa.ColumnElement[bool] | None = None) -> int:
        counted = sa.select(sa.func.count()).select_from(schema.sql_table(table))
        with connection.cursor() as cursor:
            cursor.execute(self._sql(counted if which is None else counted.where(which)))
            [(count,)] = cursor.fetchall()
            return int(count)

    def _select(self, connection: Connection, table: str) -> pd.DataFrame:
        row_count = self._count(connection, table)
        with connection.cursor(adbc_stmt_kwargs=self._database.read_options(row_count)) as cursor:
            cursor.execute(schema.select_statement(table, self._database.dialect))
            return from_arrow(table, cursor.fetch_arrow_table())


def _database(url: URL) -> "SqliteDatabase | PostgresqlDatabase":
    if url.get_backend_name() == "sqlite":
        return SqliteDatabase(url)
    from cwa_pipeline.warehouse.postgresql import PostgresqlDatabase  # noqa: PLC0415 - its drivers are slow to import

    return PostgresqlDatabase(url)
