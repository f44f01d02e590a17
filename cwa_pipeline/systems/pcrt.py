"""PC Repair Tracker's database: connecting to it and reading it, in the shop's own SQL, as three typed frames.

What belongs here: the connection and what its failures mean, one consistent read, and turning what a driver gives into
promised columns. What must not: writing (`systems.pcrt_writer`), what a value means for the sync (`rules`).
"""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from types import TracebackType
from typing import Any, Literal, NamedTuple, NoReturn, Self
from urllib.parse import quote

import pandas as pd
from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, Engine, ExceptionContext
from sqlalchemy.pool import NullPool

from cwa_pipeline.errors import PipelineError, SettingsError, SourceError, UnreachableError
from cwa_pipeline.settings import PcrtSettings
from cwa_pipeline.systems.pcextra import NOT_UTF8, REPLACEMENT, serial_numbers
from cwa_pipeline.systems.pcrt_writer import PcrtWriter, prepare_session, verify_target

CONNECT_SECONDS = 10
ANSWER_SECONDS = 120  # a shop's one old server may take its time over its largest table
SQLITE_LOCK_SECONDS = 5

Query = Literal["groups", "pcids", "subscriptions"]
COLUMNS: dict[Query, tuple[str, ...]] = {
    "groups": ("group_id", "name"),
    "pcids": ("pcid", "name", "make", "group_id"),  # and extra or serial_number
    "subscriptions": ("subscription_id", "name", "group_id", "pcid", "cwa_group", "active", "additional_members"),
}

SNAPSHOT = {
    "mysql": (
        # Under any other level there is no snapshot, and MySQL does not say so.
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
    ),
    "sqlite": ("PRAGMA query_only = ON", "BEGIN"),
}

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

_WHOLE_NUMBER = re.compile("[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r" *[+-]?[0-9]+(?:\.[0-9]+)? *")
_INT64 = range(-(2**63), 2**63)


class PcrtSnapshot(NamedTuple):
    """PCRT as it was at one moment; the columns are those of `Pcrt.read`."""

    groups: pd.DataFrame
    pcids: pd.DataFrame
    subscriptions: pd.DataFrame


class Pcrt:
    """One shop's PCRT database. Building it reads nothing; each method opens a connection of its own and closes it."""

    def __init__(self, url: URL, settings: PcrtSettings) -> None:
        self._settings = settings
        self._engine = _engine(url)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._engine.dispose()

    def read(self) -> PcrtSnapshot:
        """Read all three queries as of one moment (MyISAM tables have no such thing), each sorted by its id.

        groups: group_id, name. pcids: pcid, name, make, group_id, serial_number, serial_problem. subscriptions:
        subscription_id, name, group_id, pcid, cwa_group, active, additional_members. A group_id or pcid of 0 is null;
        one that names nothing stays. Raises SourceError for a row or column that cannot be used, SettingsError for a
        refused account, UnreachableError.
        """
        with self._connection() as connection:
            for statement in SNAPSHOT[connection.dialect.name]:
                connection.exec_driver_sql(statement)
            return PcrtSnapshot(
                groups=self._groups(connection),
                pcids=self._pcids(connection),
                subscriptions=self._subscriptions(connection),
            )

    def check(self) -> list[str]:
        """What keeps PCRT from being read and written as configured, one line each; it changes nothing."""

        def columns_of(query: Query) -> Callable[[Connection], object]:
            return lambda connection: self._run(connection, query, "SELECT * FROM (\n{}\n) AS checked LIMIT 0")

        def target(connection: Connection) -> None:
            prepare_session(connection)
            verify_target(connection, self._settings.additional_members)

        problems = []
        for is_fit in (*map(columns_of, COLUMNS), target):
            try:
                with self._connection() as connection:
                    is_fit(connection)
            except PipelineError as problem:
                problems.append(str(problem))
        return list(dict.fromkeys(problems))  # a refused account is one problem, not four

    @contextmanager
    def writer(self) -> Iterator[PcrtWriter]:
        """A writer of Additional Members; SourceError when where it should write to is not fit for that."""
        with self._connection() as connection:
            prepare_session(connection)
            verify_target(connection, self._settings.additional_members)
            connection.commit()  # SQLAlchemy's own bookkeeping, so that each swap can begin a transaction
            yield PcrtWriter(connection, self._settings.additional_members)

    def _connection(self) -> Connection:
        # Autocommit: we say when a transaction starts.
        return self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")

    def _run(self, connection: Connection, query: Query, around: str = "{}") -> dict[str, tuple[Any, ...]]:
        """Run one of the shop's queries, inside of `around`: the values of each of its columns."""
        connection.execution_options(pcrt_part=f"[pcrt] {query}")
        # Without parameters the driver takes `%` in the shop's SQL as it is.
        result = connection.exec_driver_sql(
            around.format(getattr(self._settings, query)), execution_options={"no_parameters": True}
        )
        names = list(result.keys())
        rows = result.fetchall()
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise SourceError(
                f'[pcrt] {query} gives the column "{twice[0]}" more than once; name each with its own "AS ..."'
            )
        missing = [name for name in COLUMNS[query] if name not in names]
        if query == "pcids" and not {"extra", "serial_number"} & set(names):
            missing.append("extra")
        if missing:
            remedy = f'add it to the SELECT, as in "... AS {missing[0]}"'
            raise SourceError(f'[pcrt] {query} gives no column "{missing[0]}"; {remedy}')
        values = zip(*rows, strict=True) if rows else [()] * len(names)
        return dict(zip(names, values, strict=True))

    def _groups(self, connection: Connection) -> pd.DataFrame:
        columns = self._run(connection, "groups")
        frame = pd.DataFrame({"group_id": _keys("groups", "group_id", columns), "name": _texts(columns["name"])})
        return frame.sort_values("group_id", ignore_index=True)

    def _pcids(self, connection: Connection) -> pd.DataFrame:
        columns = self._run(connection, "pcids")
        if "serial_number" in columns:
            serials = _plain_serials(_texts(columns["serial_number"]))
        else:
            serials = serial_numbers(_texts(columns["extra"]), self._settings.serial_field)
        frame = pd.DataFrame(
            {
                "pcid": _keys("pcids", "pcid", columns),
                "name": _texts(columns["name"]),
                "make": _texts(columns["make"]),
                "group_id": _references("pcids", "group_id", columns),
            }
        ).join(serials)
        return frame.sort_values("pcid", ignore_index=True)

    def _subscriptions(self, connection: Connection) -> pd.DataFrame:
        columns = self._run(connection, "subscriptions")
        frame = pd.DataFrame(
            {
                "subscription_id": _keys("subscriptions", "subscription_id", columns),
                "name": _texts(columns["name"]),
                "group_id": _references("subscriptions", "group_id", columns),
                "pcid": _references("subscriptions", "pcid", columns),
                "cwa_group": _texts(columns["cwa_group"]),
                "active": pd.Series(map(_is_active, columns["active"]), dtype="bool"),
                "additional_members": _texts(columns["additional_members"]),
            }
        )
        return frame.sort_values("subscription_id", ignore_index=True)


# --- the connection ---------------------------------------------------------------------------------------------------


def _engine(url: URL) -> Engine:
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
        failure = _failure(context.original_exception, options.get("pcrt_part", "PCRT's database"), url.password)
        raise failure from None

    return engine


def _failure(error: BaseException, part: str, password: str | None) -> PipelineError:
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


# --- values -----------------------------------------------------------------------------------------------------------


def _keys(query: Query, column: str, columns: dict[str, tuple[Any, ...]]) -> pd.Series:
    """The ids that name a query's rows: whole numbers above 0, each once."""
    ids = _references(query, column, columns)
    unset = int((~(ids > 0).fillna(False)).sum())
    if unset:
        raise SourceError(
            f"[pcrt] {query}: {unset} rows have no {column} above 0; leave them out with a WHERE, or set them right"
        )
    repeated = ids[ids.duplicated()].unique()
    if len(repeated):
        raise SourceError(
            f"[pcrt] {query}: {column} {repeated[0]} comes more than once ({len(repeated)} ids do); "
            "make the SELECT give one row each"
        )
    return ids.astype("int64")


def _references(query: Query, column: str, columns: dict[str, tuple[Any, ...]]) -> pd.Series:
    """Ids that may be missing; PCRT's 0 and '' for "none" are null."""
    numbers = [_whole_number(value) for value in columns[column]]
    wrong = [value for value, number in zip(columns[column], numbers, strict=True) if number is None]
    if wrong:
        shown = _text(wrong[0])
        raise SourceError(
            f"[pcrt] {query}: {column} {shown!r} is not a whole number ({len(wrong)} rows are not); "
            "set the SELECT or the rows right"
        )
    return pd.Series([number or None for number in numbers], dtype="Int64")


def _whole_number(value: Any) -> int | None:
    """What a driver gives for an id as an int: 0 for none, None for what is no whole number of 64 bits."""
    number: int | None
    if type(value) is int:
        number = value
    elif value is None or value in ("", b""):
        number = 0
    elif isinstance(value, float | Decimal):
        number = int(value) if value % 1 == 0 else None
    else:
        text = str(_text(value)).strip()
        number = int(text) if _WHOLE_NUMBER.fullmatch(text) else None
    return None if number is None or number not in _INT64 else number


def _is_active(value: Any) -> bool:
    """NULL and 0 are not active, every other number is; a BIT column gives the byte itself."""
    if value in (b"\0", b"\1"):
        return bool(value == b"\1")
    if value is None or isinstance(value, int | float | Decimal):
        return bool(value)
    text = str(_text(value))
    if not _NUMBER.fullmatch(text):
        remedy = "make the SELECT give 1 or 0, as in \"status = 'open' AS active\""
        raise SourceError(f"[pcrt] subscriptions: active {text!r} is not a number; {remedy}")
    return float(text) != 0


def _texts(values: tuple[Any, ...]) -> pd.Series:
    return pd.Series([value if type(value) is str else _text(value) for value in values], dtype="str")


def _text(value: Any) -> str | None:
    """A value as text: bytes as UTF-8 as far as they are, a number without a fraction as its digits."""
    if value is None:
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float | Decimal) and value % 1 == 0:
        return str(int(value))
    return str(value)


def _plain_serials(texts: pd.Series) -> pd.DataFrame:
    """The same columns as `serial_numbers`, for a shop with a serial column of its own."""
    broken = texts.str.contains(REPLACEMENT, regex=False).fillna(False).astype("bool")
    return pd.DataFrame(
        {
            "serial_number": texts.mask(broken | (texts == "")),
            "serial_problem": pd.Series(NOT_UTF8, index=texts.index, dtype="str").where(broken),
        }
    )
