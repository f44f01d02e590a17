"""The connection to PC Repair Tracker's database, and what its failures mean.

What belongs here: how a driver is set up, how often and how long is waited, and each failure in one line without the password. What
must not: what is read (`reader`) or written (`writer`).
"""

import sqlite3
from typing import Any, NoReturn
from urllib.parse import quote

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, Engine, ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from cwa_pipeline.errors import PipelineError, SettingsError, SourceError, UnreachableError

CONNECT_SECONDS = 10
ANSWER_SECONDS = 120  # a shop's one old server may take its time over its largest table
SQLITE_LOCK_SECONDS = 5

TRIES = 3  # a connection that breaks is usually there again a second later; a server that is down is not
PAUSE_SECONDS = 1

MYSQL_ACCOUNT_CODES = {1044, 1045, 1049, 1130, 1698, 2059}  # account, password, host, database or log-in method refused
MYSQL_LATER_CODES = {
    1040,
    1053,
    1203,
    1205,
    1213,
    1226,
    1927,
}  # too many connections, shutting down, lock waited for in vain
MYSQL_CLIENT_CODES = range(2000, 2100)  # the driver's own: not reached, gone, timed out
SQLITE_FILE_CODES = {"SQLITE_CANTOPEN", "SQLITE_NOTADB"}
SQLITE_LATER_CODES = {"SQLITE_BUSY", "SQLITE_LOCKED"}


def try_again() -> Retrying:
    """A few tries, for as long as PCRT cannot be reached."""
    return Retrying(
        retry=retry_if_exception_type(UnreachableError),
        stop=stop_after_attempt(TRIES),
        wait=wait_fixed(PAUSE_SECONDS),
        reraise=True,
    )


def pcrt_engine(url: URL) -> Engine:
    """An engine for PCRT's database whose failures are ours, without the password; it connects when it is first asked to."""
    arguments: dict[str, Any]
    if url.get_backend_name() == "sqlite":
        # As a URI, for that is how SQLite is told not to create a file that is not there.
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
    def lenient_text(connection: Any, _record: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.text_factory = lambda raw: raw.decode("utf-8", "replace")

    @event.listens_for(engine, "handle_error")
    def translated(context: ExceptionContext) -> NoReturn:
        options = context.connection.get_execution_options() if context.connection is not None else {}
        raise failure(context.original_exception, options.get("pcrt_part", "PCRT's database"), url.password) from None

    return engine


def connect(engine: Engine) -> Connection:
    """A connection to PCRT's database, or one of our failures."""
    try:
        return engine.connect()
    except TypeError as error:  # the driver's way of saying that it has no such option
        raise SettingsError(f"PCRT_DATABASE_URL: {error}; take what follows the ? out of it") from None
    # SQLAlchemy's own first questions, and its roll-back of them, go past `handle_error`
    except DBAPIError as error:
        raise failure(error.orig or error, "PCRT's database", engine.url.password) from None


def failure(error: BaseException, part: str, password: str | None) -> PipelineError:
    """What a driver's error means, in one line; `part` is the piece of the configuration it was raised for."""
    code = getattr(error, "sqlite_errorname", None) or (error.args[0] if error.args else None)
    text = " ".join(str(error.args[-1] if error.args else error).split())
    if password:
        text = text.replace(password, "***")
    if code in MYSQL_ACCOUNT_CODES or code in SQLITE_FILE_CODES:
        return SettingsError(
            f"PCRT_DATABASE_URL does not open PCRT's database: {text}; set its account, host and database right"
        )
    lost = isinstance(code, int) and (code in MYSQL_LATER_CODES or code in MYSQL_CLIENT_CODES or code == 0)
    if lost or code in SQLITE_LATER_CODES:
        return UnreachableError(
            f"{part}: the server did not answer or kept us waiting: {text or 'connection lost'}; try again later"
        )
    return SourceError(
        f"{part} cannot be used: {text}; set it right in cwa_pipeline.toml, or the account's rights in the database"
    )
