"""PC Repair Tracker's database, read by the shop's own SQL as three typed and counted frames.

A server keeps a MyISAM table locked until a client has fetched the last row of its SELECT. So a large table is read in ranges of its ids,
and all rows of a range are fetched before any of them is looked at.
"""

import logging
import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

import pandas as pd
from sqlalchemy.engine import URL, Connection, Row

from cwa_pipeline.config.settings import PcrtSettings
from cwa_pipeline.errors import PipelineError, SourceError
from cwa_pipeline.pcrt.connection import AS_WRITTEN, connected, pcrt_engine, try_again
from cwa_pipeline.pcrt.pcextra import NOT_UTF8, REPLACEMENT, serial_numbers
from cwa_pipeline.pcrt.target import prepare_session, verify_target
from cwa_pipeline.pcrt.writer import PcrtWriter
from cwa_pipeline.rules.receipts import MOST_READS, SELECT_COUNT, Reading

logger = logging.getLogger(__name__)

SNAPSHOT = {
    "mysql": (
        # Under any other level there is no snapshot, and MySQL does not say so.
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
    ),
    "sqlite": ("PRAGMA query_only = ON", "BEGIN"),
}
ROWS_A_STATEMENT = 50_000  # about half a second, in which nobody can save a row of a MyISAM table


# --- a driver's values as columns; each function raises ValueError with what is wrong ----------------------------------

_WHOLE_NUMBER = re.compile("[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r" *[+-]?[0-9]+(?:\.[0-9]+)? *")
_INT64 = range(-(2**63), 2**63)


def texts(values: Sequence[Any]) -> pd.Series:
    """Any values as texts; None is null."""
    return pd.Series([_text(value) for value in values], dtype="str")


def _text(value: Any) -> str | None:
    """A value as text: bytes as UTF-8 as far as they are, a number without a fraction as its digits."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float | Decimal) and value % 1 == 0:
        return str(int(value))
    return str(value)


def ids(values: Sequence[Any]) -> pd.Series:
    """Ids that may be missing (Int64); PCRT's 0 and '' for "none" are null."""
    numbers = [value if type(value) is int and value in _INT64 else _whole_number(value) for value in values]
    if None in numbers:
        wrong = [value for value, number in zip(values, numbers, strict=True) if number is None]
        raise ValueError(
            f"{_text(wrong[0])!r} is not a whole number (found {len(wrong)} such rows); correct the SELECT or the rows"
        )
    return pd.Series([number or None for number in numbers], dtype="Int64")


def _whole_number(value: Any) -> int | None:
    """0 for an empty value, None for anything but a whole number of 64 bits."""
    number: int | None
    if value is None or value in ("", b""):
        number = 0
    elif isinstance(value, int | float | Decimal):
        number = int(value) if value % 1 == 0 else None
    else:
        text = str(_text(value)).strip()
        number = int(text) if _WHOLE_NUMBER.fullmatch(text) else None
    # `None in range(...)` would go through all 2**64 numbers
    return number if number is not None and number in _INT64 else None


def flags(values: Sequence[Any]) -> pd.Series:
    """Whether each subscription is active (bool): NULL and 0 are not, any other number is."""
    return pd.Series([_is_active(value) for value in values], dtype="bool")


def _is_active(value: Any) -> bool:
    if value in (b"\0", b"\1"):  # a BIT column gives the byte itself
        return bool(value == b"\1")
    if value is None or isinstance(value, int | float | Decimal):
        return bool(value)
    text = str(_text(value))
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text!r} is not a number; make the SELECT give 1 or 0, as in \"status = 'open' AS active\"")
    return float(text) != 0


Query = Literal["groups", "pcids", "subscriptions"]
# What each query has to give, the id of a row first, and how it is read; pcids also gives extra or serial_number.
COLUMNS: dict[Query, dict[str, Callable[[Sequence[Any]], pd.Series]]] = {
    "groups": {"group_id": ids, "name": texts},
    "pcids": {"pcid": ids, "name": texts, "make": texts, "group_id": ids},
    "subscriptions": {
        "subscription_id": ids,
        "name": texts,
        "group_id": ids,
        "pcid": ids,
        "cwa_group": texts,
        "active": flags,
        "additional_members": texts,
    },
}


# --- reading -----------------------------------------------------------------------------------------------------------


class PcrtSnapshot(NamedTuple):
    """PCRT as it was at one moment; `Pcrt.read` says which columns it has."""

    groups: Reading
    pcids: Reading
    subscriptions: Reading


class Pcrt:
    """One shop's PCRT database. It connects when a method is called, and each call has a connection of its own."""

    def __init__(self, url: URL, settings: PcrtSettings) -> None:
        self._settings = settings
        self._engine = pcrt_engine(url)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._engine.dispose()

    def read(self) -> PcrtSnapshot:
        """Read all three queries as of one moment (MyISAM has no snapshots), each sorted by its id.

        groups: group_id, name. pcids: pcid, name, make, group_id, serial_number, serial_problem. subscriptions:
        subscription_id, name, group_id, pcid, cwa_group, active, additional_members. A group_id or pcid of 0 is null;
        one that names nothing stays. Each query is counted by SELECT COUNT(*) as of the same moment. On MyISAM rows can
        change in between: then everything is read again, up to MOST_READS times, and returned with both numbers.
        Raises SourceError for an unusable row or column and for a query that cannot be counted, SettingsError for a
        refused account, UnreachableError after a few tries.
        """
        for _ in range(MOST_READS):
            for attempt in try_again():
                with attempt:
                    snapshot = self._read_once()
            if all(len(reading.frame) == reading.counted for reading in snapshot):
                break
            logger.info("PCRT changed between a query and its SELECT COUNT(*)")
        return snapshot

    def check(self) -> list[str]:
        """What keeps PCRT from being read and written as configured, one line each. Changes nothing."""

        def columns_of(query: Query) -> Callable[[Connection], object]:
            return lambda connection: self._fetch(connection, query, "SELECT * FROM (\n{}\n) AS checked LIMIT 0")

        def target(connection: Connection) -> None:
            prepare_session(connection)
            verify_target(connection, self._settings.additional_members)

        problems = []
        for verify in (*map(columns_of, COLUMNS), target):
            try:
                with connected(self._engine) as connection:
                    verify(connection)
            except PipelineError as problem:
                problems.append(str(problem))
        return list(dict.fromkeys(problems))  # a refused account is one problem, not four

    @contextmanager
    def writer(self) -> Iterator[PcrtWriter]:
        """A writer of Additional Members; SourceError if the configured table is not fit for that."""
        with connected(self._engine) as connection:
            prepare_session(connection)
            verify_target(connection, self._settings.additional_members)
            connection.commit()  # SQLAlchemy's own bookkeeping, so that the writer can begin transactions
            yield PcrtWriter(connection, self._settings.additional_members)

    def _read_once(self) -> PcrtSnapshot:
        with connected(self._engine) as connection:
            for statement in SNAPSHOT[connection.dialect.name]:
                connection.exec_driver_sql(statement)
            return PcrtSnapshot(*(self._read_query(connection, query) for query in COLUMNS))

    def _read_query(self, connection: Connection, query: Query) -> Reading:
        key = next(iter(COLUMNS[query]))
        ranges = self._ranges(connection, query, key)
        frame = pd.concat([self._frame(connection, query, around) for around in ranges], ignore_index=True)
        frame[key] = _unique_ids(query, frame[key])
        [counted] = self._one_row(connection, query, SELECT_COUNT)
        return Reading(frame.sort_values(key, ignore_index=True), int(counted), SELECT_COUNT)

    def _ranges(self, connection: Connection, query: Query, key: str) -> list[str]:
        """SELECTs to put around a query, each with about ROWS_A_STATEMENT of its rows, and every row in exactly one.

        A query that MySQL has to work out as a whole (GROUP BY, UNION) is worked out by each of them.
        """
        try:
            rows, least, most = self._one_row(connection, query, f"SELECT COUNT(*), MIN({key}), MAX({key})")
            least, most = int(least), int(most)
        except (SourceError, TypeError, ValueError):  # not a number; reading the rows says so
            return ["{}"]
        parts = math.ceil(rows / ROWS_A_STATEMENT)
        if parts < 2 or most < least:  # MIN and MAX of texts may be the wrong way round
            return ["{}"]
        bounds = [least + (most - least + 1) * part // parts for part in range(1, parts)]
        # Both sides ask the same question, whatever the key holds. With `+ 0`, MySQL would not use the key's index.
        starts = [f"{key} + 0 >= {bound}" for bound in bounds]
        ranges = zip(["TRUE", *starts], [*(f"({start}) IS NOT TRUE" for start in starts), "TRUE"], strict=True)
        return [f"SELECT * FROM (\n{{}}\n) AS part WHERE {start} AND {end}" for start, end in ranges]  # noqa: S608 - our numbers

    def _one_row(self, connection: Connection, query: Query, select: str) -> Sequence[Any]:
        """The one row of a SELECT from the shop's query."""
        part = f"[pcrt] {query} (it also runs inside {SELECT_COUNT} FROM (...), so it must be one SELECT that can stand there)"
        sql = f"{select} FROM (\n{getattr(self._settings, query)}\n) AS counted"
        return connection.execution_options(pcrt_part=part).exec_driver_sql(sql, execution_options=AS_WRITTEN).one()

    def _fetch(self, connection: Connection, query: Query, around: str) -> tuple[list[str], Sequence[Row[Any]]]:
        """The columns and rows that a query gives inside `around`; SourceError if it lacks a column."""
        connection.execution_options(pcrt_part=f"[pcrt] {query}")
        sql = around.format(getattr(self._settings, query))
        with connection.exec_driver_sql(
            sql, execution_options=AS_WRITTEN
        ) as result:  # an open result keeps SQLite locked
            names = list(result.keys())
            rows = result.all()
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise SourceError(
                f'[pcrt] {query} gives the column "{twice[0]}" more than once; name each with its own "AS"'
            )
        missing = [name for name in COLUMNS[query] if name not in names]
        if query == "pcids" and not {"extra", "serial_number"} & set(names):
            missing.append("extra")
        if missing:
            remedy = f'add it to the SELECT, as in "... AS {missing[0]}"'
            raise SourceError(f'[pcrt] {query} gives no column "{missing[0]}"; {remedy}')
        return names, rows

    def _frame(self, connection: Connection, query: Query, around: str) -> pd.DataFrame:
        """The rows of a query inside `around`, as typed columns."""
        names, rows = self._fetch(connection, query, around)
        columns = dict(zip(names, zip(*rows, strict=True) if rows else [()] * len(names), strict=True))
        frame = pd.DataFrame()
        for column, read in COLUMNS[query].items():
            try:
                frame[column] = read(columns[column])
            except ValueError as problem:
                raise SourceError(f"[pcrt] {query}: {column} {problem}") from None
        if query == "pcids" and "serial_number" in columns:
            return frame.join(_plain_serials(texts(columns["serial_number"])))
        if query == "pcids":
            return frame.join(serial_numbers(texts(columns["extra"]), self._settings.serial_field))
        return frame


def _unique_ids(query: Query, key: pd.Series) -> pd.Series:
    """The ids of a query's rows as int64; SourceError unless each is above 0 and occurs once."""
    unset = int((~(key > 0).fillna(False)).sum())
    if unset:
        raise SourceError(
            f"[pcrt] {query}: {unset} rows have no {key.name} above 0; leave them out with a WHERE, or correct them"
        )
    repeated = key[key.duplicated()].unique()
    if len(repeated):
        raise SourceError(
            f"[pcrt] {query}: {key.name} {repeated[0]} occurs more than once (as do {len(repeated)} ids in all); "
            "make the SELECT give one row for each"
        )
    return key.astype("int64")


def _plain_serials(serials: pd.Series) -> pd.DataFrame:
    """The columns of `serial_numbers` for a shop that has a serial column of its own."""
    is_broken = serials.str.contains(REPLACEMENT, regex=False).fillna(False).astype("bool")
    problem = pd.Series(NOT_UTF8, index=serials.index, dtype="str").where(is_broken)
    return pd.DataFrame({"serial_number": serials.mask(is_broken | (serials == "")), "serial_problem": problem})
