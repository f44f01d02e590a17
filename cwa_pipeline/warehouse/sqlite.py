"""What only SQLite does as the warehouse.

What belongs here: opening the file, what is in it, its lock and its failures. What must not: a table by name.

Everything goes through ADBC's SQLite. Python's own `sqlite3` is a second copy of the library, and two copies in one
process that open one file undo each other's file locks (sqlite.org/howtocorrupt.html, 2.2.1).
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import adbc_driver_manager
import adbc_driver_sqlite.dbapi as adbc
import sqlalchemy as sa
from adbc_driver_manager.dbapi import Connection, Cursor
from filelock import FileLock, Timeout
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import URL
from tenacity import Retrying, retry_if_exception_message, stop_after_delay, wait_fixed

from cwa_pipeline.errors import BusyError, PipelineError, SettingsError, WarehouseError

BUSY_SECONDS = 30  # how long to wait for another writer: an analyst's long query, or a backup of the file
PAGE_BYTES = 32_768  # a table of a million rows is filled in four fifths of the time that SQLite's own 4,096 take
WAL_BYTES = 32_000_000  # what is written gathers beside the file; from so much on it is brought in, while the next table is written
WAL_RETRY_SECONDS = 0.05  # SQLite does not wait by itself when two connections turn WAL on at the same moment

_REMEDIES = {
    "is locked": f"another program has held it for more than {BUSY_SECONDS} s: close what has it open, then try again",
    "readonly": "give the account that runs the sync the right to write the file and its folder",
    "failed to open": "give the account that runs the sync the right to write the file and its folder",
    "unable to open": "give the account that runs the sync the right to write the file and its folder",
    "disk is full": "free some space, then try again",
    "disk I/O error": "look for a full or failing disk, then try again",
    "not a database": "WAREHOUSE_URL has to name a SQLite file, or one that does not exist yet",
    "no such table": "run a sync, which makes the tables",
    "no such column": "run `cwa-pipeline check`, which brings the tables of an older version forward",
}


class SqliteDatabase:
    """A warehouse in one SQLite file."""

    dialect: sa.Dialect = sqlite.dialect()
    times_as_text = True
    begin_create = ("BEGIN IMMEDIATE",)
    # A transaction that reads before it writes is refused without any wait when somebody else is writing by then: so not ADBC's own BEGIN.
    begin_write = ("ROLLBACK", "BEGIN IMMEDIATE")
    begin_snapshot: tuple[str, ...] = ()  # a transaction reads one moment from its first SELECT on
    columns_query = (
        'SELECT tables.name, columns.name, columns.type, columns."notnull" '
        "FROM sqlite_schema AS tables JOIN pragma_table_info(tables.name) AS columns WHERE tables.type = 'table'"
    )

    def __init__(self, url: URL) -> None:
        """Raises SettingsError for a URL that is more, or less, than the path of a file."""
        if not url.database or url.database == ":memory:" or url.query:
            raise SettingsError("WAREHOUSE_URL: must name a file and nothing else, as in sqlite:////the/whole/path.db")
        self.path = Path(url.database).resolve()  # two names of one file have to mean one lock
        self.name = str(self.path)
        self._beside: ThreadPoolExecutor | None = None

    def prepare(self) -> None:
        """Make the file when it is missing, and let readers go on while a sync writes (WAL). An older file keeps the pages it has."""
        self._require_folder()
        with (
            closing(adbc.connect(f"{self.path.as_uri()}?mode=rwc", autocommit=True)) as connection,
            connection.cursor() as cursor,
        ):
            for attempt in Retrying(
                retry=retry_if_exception_message(match=".*is locked"),
                stop=stop_after_delay(BUSY_SECONDS),
                wait=wait_fixed(WAL_RETRY_SECONDS),
                reraise=True,
            ):
                with attempt:
                    _do(cursor, f"PRAGMA page_size={PAGE_BYTES}", "PRAGMA journal_mode=WAL")

    def connect(self, *, autocommit: bool = False) -> Connection:
        """Open the file, which has to be there."""
        if not self.path.exists():
            raise WarehouseError(f"{self.path}: there is no warehouse yet; run a sync, which makes it")
        connection = adbc.connect(f"{self.path.as_uri()}?mode=rw", autocommit=autocommit)
        with connection.cursor() as cursor:
            _do(cursor, f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
            if self._beside:
                _do(cursor, "PRAGMA wal_autocheckpoint=0")
        return connection

    @contextmanager
    def held_open(self) -> Iterator[None]:
        """Spare each write the wait until SQLite has brought it from the WAL into the file: a fifth of the time of large tables.

        A commit is on the disk as ever. Without a connection that stays open, SQLite would do so whenever one is closed.
        """
        try:
            connection = self.connect(autocommit=True)
            with connection.cursor() as cursor:
                _do(cursor, "SELECT COUNT(*) FROM sqlite_schema")  # until then, SQLite has not opened the WAL
        except adbc_driver_manager.Error as error:
            raise self.failure(error) from None
        with closing(connection), ThreadPoolExecutor(1, "checkpoint") as beside:
            self._beside = beside
            try:
                yield
            finally:
                self._beside = None

    def committed(self) -> None:
        """Something was written."""
        wal = Path(f"{self.path}-wal")
        if self._beside and wal.exists() and wal.stat().st_size > WAL_BYTES:
            self._beside.submit(self._checkpoint)

    def _checkpoint(self) -> None:
        """Bring what was written into the file, as far as no reader needs the rows of before. Whoever writes does not wait for it.

        What keeps it from that is nobody's loss, as with SQLite's own: the rows are in the WAL, and it is tried again.
        """
        with closing(self.connect(autocommit=True)) as connection, connection.cursor() as cursor:
            _do(cursor, "PRAGMA wal_checkpoint(PASSIVE)")

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the operating system's lock on a file beside the database; it ends with the process at the latest."""
        self._require_folder()  # the lock would make it, and a slip in WAREHOUSE_URL be an empty warehouse
        lock = FileLock(f"{self.path}.lock", fallback_to_soft=False)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            raise BusyError(f"another sync holds {lock.lock_file}; try again when that one is done") from None
        except (OSError, NotImplementedError) as error:
            raise WarehouseError(
                f"{lock.lock_file}: cannot be locked ({error.strerror if isinstance(error, OSError) else error}); "
                "the folder has to be writable, and on a file system that knows locks"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def _require_folder(self) -> None:
        if not self.path.parent.is_dir():
            raise WarehouseError(
                f"{self.path}: there is no folder {self.path.parent}; create it, or change WAREHOUSE_URL"
            )

    def read_options(self, row_count: int) -> dict[str, str]:
        """Read a table in one batch, and no larger than it is: a batch's memory is set aside beforehand.

        ADBC takes a column's type from the rows of the first batch, so a column that is null in all of them would be
        read as integers, and a text further down could not be read at all.
        """
        return {"adbc.sqlite.query.batch_rows": str(max(row_count, 1))}

    def failure(self, error: Exception) -> PipelineError:
        """Say in one line what SQLite ran into."""
        said = str(error).partition("\n")[0]  # the statement follows
        remedy = next((remedy for text, remedy in _REMEDIES.items() if text in said), "look at the file with sqlite3")
        return WarehouseError(f"{self.path}: {said}; {remedy}")


def _do(cursor: Cursor, *statements: str) -> None:
    """Execute statements to their ends: SQLite is not done with one of which rows are left."""
    for statement in statements:
        cursor.execute(statement)
        cursor.fetchall()
