"""What only PostgreSQL does as the warehouse.

What belongs here: connecting, what is in the current schema or the one that the URL names, its lock and its failures. What must
not: a table by name.
"""

import os
import re
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from typing import Any

import adbc_driver_manager
import adbc_driver_postgresql.dbapi as adbc
import psycopg
import sqlalchemy as sa
from adbc_driver_manager.dbapi import Connection, Cursor
from psycopg import sql
from psycopg.conninfo import make_conninfo
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import URL

from cwa_pipeline.errors import BusyError, PipelineError, SettingsError, UnreachableError, WarehouseError

CONNECT_SECONDS = 10  # unless the URL says otherwise; libpq would wait for the operating system, minutes
WAIT_SECONDS = 30  # for a table that somebody else holds while its columns are to be changed, as with SQLite
# Advisory locks are two integers: what for, and which schema. The first are our own invention, kept for ever: two
# versions of the pipeline have to mean the same lock.
SYNC_LOCK = 1_129_791_831
CREATE_LOCK = 1_129_791_832

# libpq gives no code for a connection that was refused, only the server's words
_DENIED = (
    "authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "does not exist",
    "permission denied",
    "not permitted to log in",
    "does not support SSL",
    "certificate",
)
_DENIED_STATES = ("28", "3D000", "42501")
_LOST_STATES = ("08", "57P")
_REMEDIES = {
    "42P01": "run a sync, which makes the tables",
    "42703": "run `cwa-pipeline check`, which brings the tables of an older version forward",
    "55P03": f"another program has held a table for more than {WAIT_SECONDS} s: end what it does there, then try again",
}
_SERVER_SAID = re.compile(r"(?:ERROR|FATAL|PANIC):\s+(.+)")
# A host that lost its power or its network says no farewell. The server then wonders for two hours, and with it wait those whom
# the dead sync had locked out; told so, it asks after 30 s of silence and gives up half a minute later.
_NOTICE_A_DEAD_CLIENT = "-ctcp_keepalives_idle=30 -ctcp_keepalives_interval=10 -ctcp_keepalives_count=3"
_HOLDER = f"""
    SELECT coalesce(max(a.application_name || ', since ' || a.backend_start::timestamptz(0)), 'it is hidden by whom')
    FROM pg_catalog.pg_locks AS l JOIN pg_catalog.pg_stat_activity AS a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND l.classid = {SYNC_LOCK} AND a.datname = current_database()
    AND l.objid::bigint = (hashtext({{}})::bigint & 4294967295)
"""  # noqa: S608 - made of constants


class PostgresqlDatabase:
    """A warehouse in the current schema of a PostgreSQL database, or in the one that the URL's `schema` parameter names."""

    # "named", because a style with percent signs would double those in the comments
    dialect: sa.Dialect = postgresql.dialect(paramstyle="named")
    times_as_text = False
    begin_write: tuple[str, ...] = ()  # writers of different rows do not meet
    begin_snapshot = ("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",)
    columns_query = (
        "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull "
        "FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid "
        "WHERE c.relnamespace = to_regnamespace(quote_ident(current_schema())) AND c.relkind IN ('r', 'p') "
        "AND a.attnum > 0 AND NOT a.attisdropped"
    )

    def __init__(self, url: URL) -> None:
        """Raises SettingsError for a parameter that PostgreSQL does not know."""
        query = {name: value if isinstance(value, str) else ",".join(value) for name, value in url.query.items()}
        self._own_schema = query.pop("schema", None)
        if self._own_schema:
            quoted = self.dialect.identifier_preparer.quote_identifier(self._own_schema)
            query["options"] = f"{_NOTICE_A_DEAD_CLIENT} {query.get('options', '')} -csearch_path={quoted}"
        # The schema as SQL: one that is named may be missing still, and has its lock all the same.
        self._schema = sql.quote(self._own_schema) if self._own_schema else "current_schema()"
        self.begin_create = (
            "BEGIN",
            f"DO $$ BEGIN PERFORM pg_advisory_xact_lock({CREATE_LOCK}, hashtext({self._schema})); END $$",
            f"SET LOCAL lock_timeout = '{WAIT_SECONDS}s'",  # or a step and all readers behind it wait for a forgotten transaction
        )
        defaults = {
            "connect_timeout": str(CONNECT_SECONDS),
            "application_name": f"cwa-pipeline, process {os.getpid()} on {socket.gethostname()}",
        }
        parts = url.translate_connect_args(username="user", database="dbname")
        try:
            self._conninfo = make_conninfo("", **{**defaults, **query, **parts})
        except psycopg.ProgrammingError as error:
            raise SettingsError(f"WAREHOUSE_URL: {' '.join(str(error).split())}; remove or correct it") from None
        self._password = url.password or query.get("password")
        self.name = f"PostgreSQL {url.host or query.get('host') or 'on this machine'}/{url.database or ''}"
        if self._own_schema:
            self.name += f", schema {self._own_schema}"

    def prepare(self) -> None:
        """Make the schema that the URL names when it is missing; the database is made by whoever runs the server."""
        if not self._own_schema:
            return
        with closing(self.connect(autocommit=True)) as connection, connection.cursor() as cursor:
            if not self._ask(cursor, f"SELECT to_regnamespace(quote_ident({self._schema})) IS NOT NULL"):
                quoted = self.dialect.identifier_preparer.quote_identifier(self._own_schema)
                for statement in (*self.begin_create, f"CREATE SCHEMA IF NOT EXISTS {quoted}", "COMMIT"):
                    cursor.execute(statement)

    def connect(self, *, autocommit: bool = False) -> Connection:
        """Open a connection."""
        return adbc.connect(self._conninfo, autocommit=autocommit)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold an advisory lock on a connection of its own; it ends with the process at the latest."""
        try:
            connection = self.connect(autocommit=True)
        except adbc_driver_manager.Error as error:
            raise self.failure(error) from None
        with closing(connection), connection.cursor() as cursor:
            if not self._ask(cursor, f"SELECT pg_try_advisory_lock({SYNC_LOCK}, hashtext({self._schema}))"):
                holder = self._ask(cursor, _HOLDER.format(self._schema))
                raise BusyError(f"{self.name}: another sync is running ({holder}); try again when that one is done")
            try:
                yield
            finally:
                self._ask(cursor, f"SELECT pg_advisory_unlock({SYNC_LOCK}, hashtext({self._schema}))")

    def held_open(self) -> AbstractContextManager[None]:
        """Nothing: PostgreSQL's server brings what is written to its place by itself."""
        return nullcontext()

    def committed(self) -> None:
        """Nothing, as for `held_open`."""

    def read_options(self, row_count: int) -> dict[str, str]:  # noqa: ARG002 - SQLite's reads need it
        """Nothing special: PostgreSQL knows its columns' types."""
        return {}

    def failure(self, error: Exception) -> PipelineError:
        """Say in one line what PostgreSQL, or the way to it, ran into. Its details quote rows, so they are left out."""
        said, state = str(error), getattr(error, "sqlstate", None) or ""
        connecting = "Failed to connect" in said
        found = _SERVER_SAID.search(said)  # ADBC puts the statement before it
        line = " ".join(said.split()) if connecting else found[1] if found else said.partition("\n")[0]
        if self._password:
            line = line.replace(self._password, "***")
        if state.startswith(_DENIED_STATES) or (connecting and any(text in said for text in _DENIED)):
            return SettingsError(
                f"WAREHOUSE_URL: {self.name} denies access: {line}; correct the URL, or have the right granted"
            )
        lost = not state and isinstance(
            error, (adbc_driver_manager.OperationalError, OSError)
        )  # the server never answered
        if connecting or lost or state.startswith(_LOST_STATES):
            return UnreachableError(
                f"{self.name} cannot be reached: {line}; see that it runs and WAREHOUSE_URL names it"
            )
        remedy = _REMEDIES.get(state, "see the server's log for more")
        return WarehouseError(f"{self.name}: {line}; {remedy}")

    def _ask(self, cursor: Cursor, query: str) -> Any:
        """The one value that the query gives."""
        try:
            cursor.execute(query)
            (value,) = cursor.fetchall()[0]
            return value
        except (adbc_driver_manager.Error, OSError) as error:
            raise self.failure(error) from None
