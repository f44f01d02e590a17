"""The warehouse: our own database, SQLite or PostgreSQL, that the assets fill and analysts read.

What belongs here: making, filling and reading its tables, whichever the database. What must not: what a table looks
like (`tables.py`), what only one database does (`warehouse_sqlite`, `warehouse_postgresql`), or a rule.

A table is emptied and filled in one transaction and never dropped: readers see the rows of before or all of the new
ones, and analysts' grants, views and indexes on it last.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime
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
# They grow from night to night, so before the first night they are rightly empty; any other table that was never
# filled has nothing to say, and an empty frame would say "there are none"
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

# A first sync that failed at its write has filled everything but these; who only shows the tables can do without them
MAY_BE_UNFILLED = {"additional_members", "match_suggestions"}


class Warehouse:
    """The tables of `tables.py` in one database. No call uses the connection of another one."""

    def __init__(self, url: URL) -> None:
        """Raises SettingsError for a URL that cannot be a warehouse; connects to nothing yet."""
        self._database = _database(url)

    @property
    def name(self) -> str:
        """Where it is, in words for a person."""
        return self._database.name

    def __enter__(self) -> Self:
        """For the callers' `with`; there is nothing to open."""
        return self

    def __exit__(self, *_: object) -> None:
        """There is nothing to close."""

    def create(self) -> None:
        """Make the tables, or bring older ones forward; whoever calls it holds `exclusive`, unless nobody else can be there yet.

        A second time, or two processes at once, is harmless. Raises WarehouseError as `warehouse_versions.make_current` does.
        """
        with self._connection(create=True) as connection, connection.cursor() as cursor:
            make_current(self._database, cursor)

    def tables(self, *, create: bool = False) -> set[str]:
        """The tables that are there, whosever they are; with `create`, their file or schema is made when it is missing."""
        with self._connection(create=create) as connection, connection.cursor() as cursor:
            return set(columns_found(self._database, cursor))

    def replace(self, frames: Mapping[str, pd.DataFrame], run_id: str) -> dict[str, pd.DataFrame]:
        """Empty each table and fill it from its frame, in one transaction with the row of `table_loads` that says so.

        Returns the frames as they were stored. Raises WarehouseError for a frame that is not as its model says, before
        anything is touched.
        """
        checked = {table: validated(table, frame) for table, frame in frames.items()}
        self.fill(checked, run_id)
        return checked

    def fill(
        self, checked: Mapping[str, pd.DataFrame], run_id: str, appended: Mapping[str, pd.DataFrame] | None = None
    ) -> None:
        """`replace` for frames that `validated` has handed back, with rows for other tables in the same transaction.

        Rows that are there already, by their hash and their number, are not written again; `table_loads` is all the same.
        """
        arrows = {table: self._arrow(table, frame) for table, frame in checked.items()}
        more = {table: self._arrow(table, validated(table, frame)) for table, frame in (appended or {}).items()}
        now = datetime.now(UTC)
        loads_table = schema.sql_table(LOADS)
        with ThreadPoolExecutor(1, "hash") as thread, self._writing() as (connection, cursor):
            hashes = {table: thread.submit(content_hash, rows) for table, rows in arrows.items()}
            cursor.execute(self._sql(sa.select(loads_table.c.table_name, loads_table.c.content_hash)))
            there = dict(cursor.fetchall())
            for table, rows in arrows.items():
                # The number first: where that tells already, the hash is made while the rows are being written.
                if self._count(connection, table) != rows.num_rows or there.get(table) != hashes[table].result():
                    cursor.execute(self._sql(sa.delete(schema.sql_table(table))))
                    self._ingest(cursor, table, rows)
            loads = pd.DataFrame(
                {
                    "table_name": list(checked),
                    "run_id": run_id,
                    "loaded_at": pd.Series(now, index=range(len(checked)), dtype=schema.dtypes(LOADS)["loaded_at"]),
                    "row_count": [len(frame) for frame in checked.values()],
                    "content_hash": [made.result() for made in hashes.values()],
                }
            )
            cursor.execute(self._sql(sa.delete(loads_table).where(loads_table.columns.table_name.in_(list(checked)))))
            for table, rows in {LOADS: self._arrow(LOADS, validated(LOADS, loads)), **more}.items():
                self._ingest(cursor, table, rows)

    def append(self, table: str, frame: pd.DataFrame) -> None:
        """Add rows to a table; they are on the disk when this returns. Raises WarehouseError as `replace` does."""
        checked = validated(table, frame)
        with self._writing() as (_, cursor):
            self._ingest(cursor, table, self._arrow(table, checked))

    def delete(self, rows: Mapping[str, sa.ColumnElement[bool]], *, dry_run: bool = False) -> dict[str, int]:
        """Remove rows of some tables in one transaction; how many of each that are, or would be."""
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
        """The table, typed as its model says and in the order of its key.

        Raises WarehouseError for a table that was never filled, except those that grow from night to night and where the
        caller has a use for an empty one.
        """
        with self._connection() as connection:
            if (
                not or_empty
                and table not in GROWING
                and table not in set(self._select(connection, LOADS)["table_name"])
            ):
                raise WarehouseError(f"{table} was never filled; materialise the asset {table} first")
            return self._select(connection, table)

    def counts(self, table: str, column: str) -> dict[str, int]:
        """How many rows of the table have each value in a column of texts, the most frequent first."""
        values = schema.sql_table(table).c[column]
        number = sa.func.count()
        with self._connection() as connection, connection.cursor() as cursor:
            cursor.execute(self._sql(sa.select(values, number).group_by(values).order_by(number.desc(), values)))
            return {str(value): int(count) for value, count in cursor.fetchall()}

    def loads(self) -> pd.DataFrame:
        """`table_loads`: which run filled each table, and when."""
        with self._connection() as connection:
            return self._select(connection, LOADS)

    @contextmanager
    def snapshot(self) -> Iterator[Callable[[str], pd.DataFrame]]:
        """What reads tables, filled or not, as they were at one moment, whatever is written meanwhile.

        Raises WarehouseError for a warehouse of another version.
        """
        with self._connection() as connection:
            with connection.cursor() as cursor:
                for statement in self._database.begin_snapshot:
                    cursor.execute(statement)
                check_is_current(self._database, cursor)
            yield partial(self._select, connection)

    def restore(self, read: Callable[[str], pd.DataFrame], tables: Iterable[str], *, replace: bool) -> None:
        """Put what `read` gives for each of the tables in the place of its rows, all in one transaction.

        Raises WarehouseError for a warehouse that has rows, unless they are to be replaced.
        """
        with self._writing() as (connection, cursor):
            restored = [*tables]
            for table in restored:
                if not replace and self._count(connection, table):
                    raise WarehouseError(
                        f"{self._database.name}: is not empty ({table} has rows); restore into an empty one, or with --replace "
                        "if all its rows are to go"
                    )
            for table in restored:
                rows = self._arrow(table, validated(table, read(table)))
                cursor.execute(self._sql(sa.delete(schema.sql_table(table))))
                self._ingest(cursor, table, rows)
                log.info("%s: %s rows", table, f"{rows.num_rows:,}")

    def create_as_of(self, version: str, rows: Mapping[str, pa.Table]) -> None:
        """Make the tables as they were at a version, in a database that has none, and fill them."""
        with self._connection(create=True) as connection, connection.cursor() as cursor:
            make_as_of(self._database, cursor, version)
        with self._writing() as (_, cursor):
            for table, data in rows.items():
                self._ingest(cursor, table, with_times_as_text(data) if self._database.times_as_text else data)

    def exclusive(self) -> AbstractContextManager[None]:
        """Keep every other sync out of this warehouse; a crash leaves no lock behind.

        Raises BusyError at once when another one is in.
        """
        return self._database.exclusive()

    def held_open(self) -> AbstractContextManager[None]:
        """Make the writes of a whole run quicker, where the database has a way; the tables have to be there."""
        return self._database.held_open()

    @contextmanager
    def _connection(self, *, create: bool = False) -> Iterator[Connection]:
        """A connection for one call, whose failures become ours; what ends without `commit` has changed nothing."""
        try:
            if create:
                self._database.prepare()
            with closing(self._database.connect(autocommit=create)) as connection:
                yield connection
        except (adbc_driver_manager.Error, pa.ArrowException, OSError) as error:
            raise self._database.failure(error) from None

    @contextmanager
    def _writing(self) -> Iterator[tuple[Connection, Cursor]]:
        """A transaction for one call, which waits for whoever else is writing; committed at the end of the `with`."""
        with self._connection() as connection, connection.cursor() as cursor:
            for statement in self._database.begin_write:
                cursor.execute(statement)
            yield connection, cursor
            connection.commit()
        self._database.committed()

    def _sql(self, statement: sa.ClauseElement) -> str:
        return str(statement.compile(dialect=self._database.dialect, compile_kwargs={"literal_binds": True}))

    def _arrow(self, table: str, frame: pd.DataFrame) -> pa.Table:
        return to_arrow(table, frame, times_as_text=self._database.times_as_text)

    def _ingest(self, cursor: Cursor, table: str, rows: pa.Table) -> None:
        if rows.num_rows:
            cursor.adbc_ingest(table, rows, mode="append")

    def _count(self, connection: Connection, table: str, which: sa.ColumnElement[bool] | None = None) -> int:
        counted = sa.select(sa.func.count()).select_from(schema.sql_table(table))
        with connection.cursor() as cursor:
            cursor.execute(self._sql(counted if which is None else counted.where(which)))
            [count] = cursor.fetchone() or (0,)
            return int(count)

    def _select(self, connection: Connection, table: str) -> pd.DataFrame:
        row_count = self._count(connection, table)
        with connection.cursor(adbc_stmt_kwargs=self._database.read_options(row_count)) as cursor:
            cursor.execute(schema.select_statement(table, self._database.dialect))
            return from_arrow(table, cursor.fetch_arrow_table())


def _database(url: URL) -> "SqliteDatabase | PostgresqlDatabase":
    if url.get_backend_name() == "sqlite":
        return SqliteDatabase(url)
    from cwa_pipeline.warehouse.postgresql import PostgresqlDatabase  # noqa: PLC0415 - its drivers take a while

    return PostgresqlDatabase(url)
