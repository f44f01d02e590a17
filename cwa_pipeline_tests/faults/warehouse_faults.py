"""Faults of the warehouse, ordered for the n-th call to its driver.

Real ones where possible (a terminated backend, a held lock, a file that may not grow), else the driver's own error.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import adbc_driver_manager
import psycopg
import sqlalchemy as sa
from adbc_driver_manager.dbapi import Connection, Cursor

from cwa_pipeline.warehouse.sqlite import SqliteDatabase

TERMINATE = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
LOCKER = """
import sqlite3, sys
for line in sys.stdin:
    command, path = line.rstrip("\\n").split(" ", 1)
    if command == "lock":
        connection = sqlite3.connect(path, isolation_level=None, timeout=0)
        connection.execute("BEGIN IMMEDIATE")
    else:
        connection.rollback()
        connection.close()
    print("done", flush=True)
"""


def driver_error(message: str, sqlstate: str | None = None) -> adbc_driver_manager.Error:
    """An error as ADBC raises it; without a SQLSTATE it is one of the way to the server, or of SQLite."""
    status = adbc_driver_manager.AdbcStatusCode.IO
    return adbc_driver_manager.OperationalError(message, status_code=status, sqlstate=sqlstate)


@dataclass
class Calls:
    """What went to the driver, in order, and the fault that is ordered for one of them."""

    at: int | None = None
    before: Callable[[], None] = lambda: None  # run in place of the call when it raises, else ahead of it
    after: Callable[[], None] = lambda: None
    made: list[str] = field(default_factory=list)

    def make(self, name: str, call: Callable[[], Any]) -> Any:
        """Count a call and make it."""
        number = len(self.made)
        self.made.append(name)
        if number == self.at:
            self.before()
        result = call()
        if number == self.at:
            self.after()
        return result


@contextmanager
def counted(calls: Calls) -> Iterator[None]:
    """Count what goes to the driver while the `with` lasts: statements, ingested tables and commits."""
    execute, ingest, commit = Cursor.execute, Cursor.adbc_ingest, Connection.commit

    def counted_execute(self: Cursor, operation: str, *arguments: Any) -> Any:
        return calls.make(str(operation), lambda: execute(self, operation, *arguments))

    def counted_ingest(self: Cursor, table: str, *arguments: Any, **options: Any) -> Any:
        return calls.make(f"ingest {table}", lambda: ingest(self, table, *arguments, **options))

    def counted_commit(self: Connection) -> Any:
        return calls.make("commit", lambda: commit(self))

    with (
        patch.object(Cursor, "execute", counted_execute),
        patch.object(Cursor, "adbc_ingest", counted_ingest),
        patch.object(Connection, "commit", counted_commit),
    ):
        yield


def raising(error: Exception) -> Callable[[], None]:
    """A fault that is an error of the driver."""

    def fail() -> None:
        raise error

    return fail


def terminating(url: sa.URL) -> Callable[[], None]:
    """A fault that ends every other connection to this PostgreSQL database, as a restart of the server does."""

    def terminate() -> None:
        with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
            connection.execute(TERMINATE)

    return terminate


@contextmanager
def from_connection(number: int, pragma: str) -> Iterator[None]:
    """Run a PRAGMA on every connection to SQLite from the n-th on: one that lets the file not grow, or not be written."""
    connect, opened = SqliteDatabase.connect, []

    def with_pragma(self: SqliteDatabase, *, autocommit: bool = False) -> Connection:
        connection = connect(self, autocommit=autocommit)
        opened.append(number)
        if len(opened) > number:
            with connection.cursor() as cursor:
                cursor.execute(pragma)
                cursor.fetchall()
        return connection

    with patch.object(SqliteDatabase, "connect", with_pragma):
        yield


class OtherProgram:
    """Another process that has the SQLite file open; two copies of SQLite in one process would undo each other's locks."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._process = subprocess.Popen(
            [sys.executable, "-c", LOCKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def lock(self) -> None:
        """Take the write lock and keep it."""
        self._say("lock")

    def free(self) -> None:
        """Let go of it."""
        self._say("free")

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def _say(self, command: str) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command} {self._path}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"
