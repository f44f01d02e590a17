"""The connection to PCRT's database: time-outs, retries, and every failure as one line without the password."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn
from urllib.parse import quote

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, Engine, ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from cwa_pipeline.errors import PipelineError, SettingsError, SourceError, UnreachableError

CONNECT_SECONDS = 10
ANSWER_SECONDS = 120  # an old server may take this long over its largest table
SQLITE_LOCK_SECONDS = 5

TRIES = 3  # a broken connection usually works again a second later; a server that is down does not
PAUSE_SECONDS = 1

MYSQL_ACCOUNT_CODES = {1044, 1045, 1049, 1130, 1698, 2059}  # account, password, host, database or log-in method refused
# Too many connections, shutting down, server shut down, lock time-out, deadlock, account limit, killed.
MYSQL_RETRY_CODES = {1040, 1053, 1203, 1205, 1213, 1226, 1927}
MYSQL_CLIENT_CODES = range(2000, 2100)  # the driver's own: not reached, gone, timed out
SQLITE_FILE_CODES = {"SQLITE_CANTOPEN", "SQLITE_NOTADB"}
SQLITE_RETRY_CODES = {"SQLITE_BUSY", "SQLITE_LOCKED"}

# SQLAlchemy then passes no parameters, and the driver takes a `%` in the statement as it is.
AS_WRITTEN = {"no_parameters": True}


def try_again() -> Retrying:
    """Retry a few times while PCRT cannot be reached."""
    return Retrying(
        retry=retry_if_exception_type(UnreachableError),
        stop=stop_after_attempt(TRIES),
        wait=wait_fixed(PAUSE_SECONDS),
        reraise=True,
    )


def pcrt_engine(url: URL) -> Engine:
    """An engine for PCRT's database that raises our errors; it connects on first use."""
    arguments: dict[str, Any]
    if url.get_backend_name() == "sqlite":
        # Only a URI can tell SQLite not to create a missing file.
        url = URL.create("sqlite", database=f"file:{quote(url.database or '')}", query={"mode": "rw", "uri": "true"})
        arguments = {"timeout": SQLITE_LOCK_SECONDS}
    else:
        url = url.set(drivername="mysql+pymysql")
        arguments = {
            "connect_timeout": CONNECT_SECONDS,
            "read_timeout": ANSWER_SECONDS,
            "write_timeout": ANSWER_SECONDS,
        }
    engine = create_engine(url, connect_args=arguments, poolclass=NullPool, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def replace_invalid_utf8(connection: Any, _record: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.text_factory = lambda raw: raw.decode("utf-8", "replace")

    @event.listens_for(engine, "handle_error")
    def raise_ours(context: ExceptionContext) -> NoReturn:
        options = context.connection.get_execution_options() if context.connection is not None else {}
        raise failure(context.original_exception, options.get("pcrt_part", "PCRT's database"), url.password) from None

    return engine


@contextmanager
def connected(engine: Engine) -> Iterator[Connection]:
    """One connection in autocommit mode, closed at the end; every failure is one of our errors.

    Set the execution option `pcrt_part` to the part of the configuration that the next statement belongs to.
    """
    password = engine.url.password
    try:
        connection = engine.connect()
    except TypeError as error:  # how the driver rejects an unknown option
        raise SettingsError(f"PCRT_DATABASE_URL: {error}; remove it from what follows the ?") from None
    except DBAPIError as error:  # SQLAlchemy's own first queries do not pass `handle_error`
        raise failure(error.orig or error, "PCRT's database", password) from None
    try:
        yield connection.execution_options(isolation_level="AUTOCOMMIT")
    except engine.dialect.loaded_dbapi.Error as error:  # nor does setting an isolation level
        raise failure(error, "PCRT's database", password) from None
    finally:
        connection.invalidate()  # closes it without the reset statements for a pool, which could fail after the work is done
        connection.close()


def failure(error: BaseException, part: str, password: str | None) -> PipelineError:
    """Our error for a driver's error; `part` names the part of the configuration that was in use."""
    code = getattr(error, "sqlite_errorname", None) or (error.args[0] if error.args else None)
    text = " ".join(str(error.args[-1] if error.args else error).split())
    if password:
        text = text.replace(password, "***")
    if code in MYSQL_ACCOUNT_CODES or code in SQLITE_FILE_CODES:
        return SettingsError(
            f"Cannot open PCRT's database: {text}. Check account, host and database in PCRT_DATABASE_URL."
        )
    is_lost = isinstance(code, int) and (code in MYSQL_RETRY_CODES or code in MYSQL_CLIENT_CODES or code == 0)
    if is_lost or code in SQLITE_RETRY_CODES:
        return UnreachableError(
            f"{part}: the server did not answer or stayed busy: {text or 'connection lost'}; try again later"
        )
    return SourceError(
        f"{part} cannot be used: {text}; correct it in cwa_pipeline.toml, or the account's rights in the database"
    )
