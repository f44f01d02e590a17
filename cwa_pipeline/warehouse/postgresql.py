"""The warehouse in a PostgreSQL schema (the current one, or the URL's `schema` parameter): connections, lock and error messages."""

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

CONNECT_SECONDS = 10  # unless the URL says otherwise; libpq would wait minutes, as long as the operating system does
WAIT_SECONDS = 30  # for a table that another program has locked during a migration, as with SQLite
# An advisory lock is two integers: its purpose and the schema. We made up the purposes. Never change them: two versions
# of the pipeline must use the same lock.
SYNC_LOCK = 1_129_791_831
CREATE_LOCK = 1_129_791_832

# libpq gives no code for a refused connection, only the server's words
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
    "42P01": "run a sync, which creates the tables",
    "42703": "run `cwa-pipeline check`, which upgrades the tables of an older version",
    "55P03": f"another program has locked a table for more than {WAIT_SECONDS} s: end what it does there, then try again",
}
_SERVER_SAID = re.compile(r"(?:ERROR|FATAL|PANIC):\s+(.+)")
# When a host loses power or network, PostgreSQL keeps its connections, and their locks, for two hours. With these
# settings it checks after 30 s of silence and gives up half a minute later.
_NOTICE_A_DEAD_CLIENT = "-ctcp_keepalives_idle=30 -ctcp_keepalives_interval=10 -ctcp_keepalives_count=3"
_HOLDER = f"""
    SELECT coalesce(max(a.application_name || ', since ' || a.backend_start::timestamptz(0)), 'the server hides by whom')
    FROM pg_catalog.pg_locks AS l JOIN pg_catalog.pg_stat_activity AS a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND l.classid = {SYNC_LOCK} AND a.datname = current_database()
    AND l.objid::bigint = (hashtext({{}})::bigint & 4294967295)
"""  # noqa: S608 - made of constants


class PostgresqlDatabase:
    """A warehouse in one schema of a PostgreSQL database."""

    # "named", because a style with percent signs would double those in the comments
    dialect: sa.Dialect = postgresql.dialect(paramstyle="named")
    times_as_text = False
    begin_write: tuple[str, ...] = ()  # writers of different rows do not block each other
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
        own_schema = query.pop("schema", None)
        self._quoted_schema = self.dialect.identifier_preparer.quote_identifier(own_schema) if own_schema else None
        if own_schema:
            options = query.get("options", "")
            query["options"] = f"{_NOTICE_A_DEAD_CLIENT} {options} -csearch_path={self._quoted_schema}"
        # The schema's name as SQL. A named schema has its lock before it exists.
        self._schema = sql.quote(own_schema) if own_schema else "current_schema()"
        self.begin_create = (
            "BEGIN",
            f"DO $$ BEGIN PERFORM pg_advisory_xact_lock({CREATE_LOCK}, hashtext({self._schema})); END $$",
            # or a migration, and all readers behind it, would wait for a forgotten transaction
            f"SET LOCAL lock_timeout = '{WAIT_SECONDS}s'",
        )
        defaults = {
            "connect_timeout": str(CONNECT_SECONDS),
            "application_name": f"cwa-pipeline, process {os.getpid()} on {socket.gethostname()}",
        }
        parts = url.translate_connect_args(username="user", database="dbname")
        try:
            self.conninfo = make_conninfo("", **{**defaults, **query, **parts})
        except psycopg.ProgrammingError as error:
            raise SettingsError(f"WAREHOUSE_URL: {' '.join(str(error).split())}; remove or correct it") from None
        self._password = url.password or query.get("password")
        self.name = f"PostgreSQL {url.host or query.get('host') or 'on this machine'}/{url.database or ''}"
        if own_schema:
            self.name += f", schema {own_schema}"

    def prepare(self) -> None:
        """Create the schema that the URL names if it is missing. The database must exist."""
        if not self._quoted_schema:
            return
        with closing(self.connect(autocommit=True)) as connection, connection.cursor() as cursor:
            # An account that may not create schemas can still use one that exists
            if not self._ask(cursor, f"SELECT to_regnamespace(quote_ident({self._schema})) IS NOT NULL"):
                for statement in (*self.begin_create, f"CREATE SCHEMA IF NOT EXISTS {self._quoted_schema}", "COMMIT"):
                    cursor.execute(statement)

    def connect(self, *, autocommit: bool = False) -> Connection:
        """Open a connection."""
        return adbc.connect(self.conninfo, autocommit=autocommit)

    def reuse_connections(self) -> AbstractContextManager[None]:
        """Nothing to do: only SQLite works when its last connection closes."""
        return nullcontext()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold an advisory lock on a separate connection; it ends with the process at the latest."""
        try:
            connection = self.connect(autocommit=True)
        except adbc_driver_manager.Error as error:
            raise self.failure(error) from None
        with closing(connection), connection.cursor() as cursor:
            if not self._ask(cursor, f"SELECT pg_try_advisory_lock({SYNC_LOCK}, hashtext({self._schema}))"):
                holder = self._ask(cursor, _HOLDER.format(self._schema))
                raise BusyError(f"{self.name}: another sync is running ({holder}); try again when it has finished")
            try:
                yield
            finally:
                self._ask(cursor, f"SELECT pg_advisory_unlock({SYNC_LOCK}, hashtext({self._schema}))")

    def read_options(self, row_count: int) -> dict[str, str]:  # noqa: ARG002 - SQLite needs it
        """None: PostgreSQL knows the types of its columns."""
        return {}

    def failure(self, error: Exception) -> PipelineError:
        """PostgreSQL's error as one line of ours, without its details: they quote rows."""
        said, state = str(error), getattr(error, "sqlstate", None) or ""
        connecting = "Failed to connect" in said
        found = _SERVER_SAID.search(said)  # ADBC puts the statement first
        line = " ".join(said.split()) if connecting else found[1] if found else said.partition("\n")[0]
        if self._password:
            line = line.replace(self._password, "***")
        if state.startswith(_DENIED_STATES) or (connecting and any(text in said for text in _DENIED)):
            return SettingsError(
                f"WAREHOUSE_URL: {self.name} denies access: {line}; correct the URL, or have the right granted"
            )
        # Without a state the server never answered
        lost = not state and isinstance(error, (adbc_driver_manager.OperationalError, OSError))
        if connecting or lost or state.startswith(_LOST_STATES):
            return UnreachableError(
                f"{self.name} cannot be reached: {line}; check that it is running and that WAREHOUSE_URL names it"
            )
        return WarehouseError(f"{self.name}: {line}; {_REMEDIES.get(state, 'see the server log for more')}")

    def _ask(self, cursor: Cursor, query: str) -> Any:
        """The single value that the query returns."""
        try:
            cursor.execute(query)
            [(value,)] = cursor.fetchall()
            return value
        except (adbc_driver_manager.Error, OSError) as error:
            raise self.failure(error) from None
