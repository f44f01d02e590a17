"""The warehouse in a SQLite file: opening it, its lock and its error messages.

Everything goes through ADBC's SQLite. Python's `sqlite3` is a second copy of the library, and two copies in one process
that open the same file cancel each other's file locks (sqlite.org/howtocorrupt.html, 2.2.1).
"""

from collections.abc import Iterator
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
PAGE_BYTES = 32_768  # filling a table of a million rows takes a fifth less time than with SQLite's default of 4,096
WAL_RETRY_SECONDS = 0.05  # SQLite itself does not wait when two connections switch to WAL at the same moment

_NO_RIGHT = "give the account that runs the sync the right to write the file and its folder"
_REMEDIES = {
    "is locked": f"another program has locked it for more than {BUSY_SECONDS} s: close that program, then try again",
    "readonly": _NO_RIGHT,
    "failed to open": _NO_RIGHT,
    "unable to open": _NO_RIGHT,
    "disk is full": "free some space, then try again",
    "disk I/O error": "check for a full or failing disk, then try again",
    "not a database": "WAREHOUSE_URL must name a SQLite file, or a file that does not exist yet",
    "no such table": "run a sync, which creates the tables",
    "no such column": "run `cwa-pipeline check`, which upgrades the tables of an older version",
}


class SqliteDatabase:
    """A warehouse in one SQLite file."""

    dialect: sa.Dialect = sqlite.dialect()
    times_as_text = True
    begin_create = ("BEGIN IMMEDIATE",)
    # ADBC's own BEGIN takes the write lock only at the first write, and by then SQLite no longer waits for another writer
    begin_write = ("ROLLBACK", "BEGIN IMMEDIATE")
    begin_snapshot: tuple[str, ...] = ()  # a transaction sees one moment from its first SELECT on
    columns_query = (
        'SELECT tables.name, columns.name, columns.type, columns."notnull" '
        "FROM sqlite_schema AS tables JOIN pragma_table_info(tables.name) AS columns WHERE tables.type = 'table'"
    )

    def __init__(self, url: URL) -> None:
        """Raises SettingsError for a URL that is anything but the path of a file."""
        if not url.database or url.database == ":memory:" or url.query:
            raise SettingsError("WAREHOUSE_URL: must name a file and nothing else, as in sqlite:////the/whole/path.db")
        self.path = Path(url.database).resolve()  # two names of one file must mean one lock
        self.name = str(self.path)

    def prepare(self) -> None:
        """Create the file if it is missing, and turn on WAL, so that readers are not blocked by a sync that writes."""
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
                    _run(cursor, f"PRAGMA page_size={PAGE_BYTES}", "PRAGMA journal_mode=WAL")

    def connect(self, *, autocommit: bool = False) -> Connection:
        """Open the file, which must exist."""
        if not self.path.exists():
            raise WarehouseError(f"{self.path}: there is no warehouse yet; run a sync, which creates it")
        connection = adbc.connect(f"{self.path.as_uri()}?mode=rw", autocommit=autocommit)
        with connection.cursor() as cursor:
            _run(cursor, f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
        return connection

    @contextmanager
    def reuse_connections(self) -> Iterator[None]:
        """Keep a connection open: whenever the last one closes, SQLite copies the whole WAL into the file and waits for the disk."""
        try:
            connection = self.connect(autocommit=True)
            with connection.cursor() as cursor:
                _run(cursor, "SELECT COUNT(*) FROM sqlite_schema")  # SQLite opens the WAL with the first query
        except adbc_driver_manager.Error as error:
            raise self.failure(error) from None
        with closing(connection):
            yield

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the operating system's lock on a file beside the database; it ends with the process at the latest."""
        self._require_folder()  # FileLock would create it, and a typo in WAREHOUSE_URL would become an empty warehouse
        lock = FileLock(f"{self.path}.lock", fallback_to_soft=False)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            raise BusyError(f"another sync holds {lock.lock_file}; try again when it has finished") from None
        except (OSError, NotImplementedError) as error:
            raise WarehouseError(
                f"{lock.lock_file}: cannot be locked ({error.strerror if isinstance(error, OSError) else error}); "
                "use a folder that is writable and on a file system with locks"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def read_options(self, row_count: int) -> dict[str, str]:
        """Read a table in one batch of its exact size, because ADBC allocates the batch first.

        ADBC takes a column's type from the first batch. A column with nothing but nulls there would be read as integers,
        and a text in a later batch would fail.
        """
        return {"adbc.sqlite.query.batch_rows": str(max(row_count, 1))}

    def failure(self, error: Exception) -> PipelineError:
        """SQLite's error as one line of ours."""
        said = str(error).partition("\n")[0]  # the statement follows
        remedy = next((remedy for text, remedy in _REMEDIES.items() if text in said), "look at the file with sqlite3")
        return WarehouseError(f"{self.path}: {said}; {remedy}")

    def _require_folder(self) -> None:
        if not self.path.parent.is_dir():
            raise WarehouseError(
                f"{self.path}: there is no folder {self.path.parent}; create it, or change WAREHOUSE_URL"
            )


def _run(cursor: Cursor, *statements: str) -> None:
    """Execute statements and fetch all their rows: SQLite keeps a statement open until its last row is read."""
    for statement in statements:
        cursor.execute(statement)
        cursor.fetchall()
