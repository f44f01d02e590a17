"""PC Repair Tracker's database: reading it, in the shop's own SQL, as three typed and counted frames.

What belongs here: one consistent read with its counts, and turning what a driver gives into promised columns. What must not: the
connection (`connection`), writing (`writer`), what a value means for the sync (`rules`).
"""

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

import pandas as pd
from sqlalchemy.engine import URL, Connection

from cwa_pipeline.config.settings import PcrtSettings
from cwa_pipeline.errors import PipelineError, SourceError
from cwa_pipeline.pcrt.connection import connect, failure, pcrt_engine, try_again
from cwa_pipeline.pcrt.packets import Column, appended
from cwa_pipeline.pcrt.pcextra import serial_numbers
from cwa_pipeline.pcrt.rows import fetch
from cwa_pipeline.pcrt.target import prepare_session, verify_target
from cwa_pipeline.pcrt.values import flags, keys, plain_serials, references, texts
from cwa_pipeline.pcrt.writer import PcrtWriter
from cwa_pipeline.rules.receipts import MOST_READS, SELECT_COUNT, Reading

logger = logging.getLogger(__name__)

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

# Of a MyISAM table nobody can write a row until the last one that was asked for is on its way: a busy server sends a million in a second.
ROWS_A_STATEMENT = 400_000


class PcrtSnapshot(NamedTuple):
    """PCRT as it was at one moment; the columns are those of `Pcrt.read`."""

    groups: Reading
    pcids: Reading
    subscriptions: Reading


class Pcrt:
    """One shop's PCRT database. Building it reads nothing; each method opens a connection of its own and closes it."""

    def __init__(self, url: URL, settings: PcrtSettings) -> None:
        self._url, self._settings = url, settings
        self._engine = pcrt_engine(url)

    def __reduce__(self) -> tuple[type[Self], tuple[URL, PcrtSettings]]:
        """In another process it is another one of the same database."""
        return type(self), (self._url, self._settings)

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
        one that names nothing stays. Each is counted by SELECT COUNT(*) as of the same moment. On MyISAM rows may come
        and go in between: then all is read again, MOST_READS times at most, and comes back with both numbers. Raises
        SourceError for a row or column that cannot be used and for a query that cannot be counted, SettingsError for a
        refused account, UnreachableError when it could not be read after a few tries either.
        """
        for _ in range(MOST_READS):
            for attempt in try_again():
                with attempt:
                    snapshot = self._read_once()
            if all(len(reading.frame) == reading.counted for reading in snapshot):
                break
            logger.info("PCRT changed between a query and its SELECT COUNT(*)")
        return snapshot

    def how_many_pcids(self) -> int:
        """How many PCIDs there are, for who wants to know how long a read will take: one SELECT COUNT(*) around the shop's query.

        0 when that cannot be told; the read that follows says why, and tries again.
        """
        try:
            with self._connection() as connection:
                return self._count(connection, "pcids")
        except PipelineError:
            return 0

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

    def _read_once(self) -> PcrtSnapshot:
        with self._connection() as connection:
            for statement in SNAPSHOT[connection.dialect.name]:
                connection.exec_driver_sql(statement)
            return PcrtSnapshot(
                groups=self._counted(connection, "groups", self._groups(connection)),
                pcids=self._counted(connection, "pcids", self._pcids(connection)),
                subscriptions=self._counted(connection, "subscriptions", self._subscriptions(connection)),
            )

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """A connection for one call, in autocommit: we say when a transaction starts."""
        connection = connect(self._engine)
        try:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")
        except self._engine.dialect.loaded_dbapi.Error as error:  # SQLAlchemy sets isolation levels past `handle_error`
            raise failure(error, "PCRT's database", self._engine.url.password) from None
        finally:
            connection.invalidate()  # without the statements that fit it for a pool: they can fail after the work is done
            connection.close()

    def _counted(self, connection: Connection, query: Query, frame: pd.DataFrame) -> Reading:
        """What a query gave, with how many rows the database itself counts in it."""
        return Reading(frame, self._count(connection, query), SELECT_COUNT)

    def _count(self, connection: Connection, query: Query) -> int:
        sql = f"{SELECT_COUNT} FROM (\n{getattr(self._settings, query)}\n) AS counted"
        [count] = self._one_row(connection, query, sql)
        return int(count)

    def _one_row(self, connection: Connection, query: Query, sql: str) -> Sequence[Any]:
        """The row of a statement about a query, which stands inside of it."""
        part = f"[pcrt] {query} (it also runs inside {SELECT_COUNT} FROM (...), so it has to be one SELECT that can stand there)"
        connection.execution_options(pcrt_part=part)
        # Without parameters the driver takes `%` in the shop's SQL as it is.
        return connection.exec_driver_sql(sql, execution_options={"no_parameters": True}).one()

    def _run(self, connection: Connection, query: Query, around: str = "{}") -> dict[str, Column]:
        """Run one of the shop's queries, inside of `around`: the values of each of its columns."""
        names, columns = fetch(connection, around.format(getattr(self._settings, query)), f"[pcrt] {query}")
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
        return dict(zip(names, columns, strict=True))

    def _run_in_parts(self, connection: Connection, query: Query, column: str) -> dict[str, Column]:
        """As `_run`, of a server's large table by as many statements as keep each of them short; each takes a range of the column.

        Where a query has to be worked out as a whole first (GROUP BY, UNION), each statement does that.
        """
        bounds = self._bounds(connection, query, column) if connection.dialect.name == "mysql" else []
        if not bounds:
            return self._run(connection, query)
        # Every row is of one range, whatever it holds. With `+ 0` no index is used: a third more rows would be read twice as slowly.
        starts = [f"{column} + 0 >= {bound}" for bound in bounds]
        ranges = zip(["TRUE", *starts], [*(f"({start}) IS NOT TRUE" for start in starts), "TRUE"], strict=True)
        of_range = "SELECT * FROM (\n{}\n) AS part WHERE "
        parts = [self._run(connection, query, f"{of_range}{from_} AND {up_to}") for from_, up_to in ranges]
        return {name: appended([part[name] for part in parts]) for name in parts[0]}

    def _bounds(self, connection: Connection, query: Query, column: str) -> list[int]:
        """Values of a column between which there are about as many rows as one statement may give."""
        try:
            sql = (
                f"SELECT COUNT(*), MIN({column}), MAX({column}) FROM (\n{getattr(self._settings, query)}\n) AS counted"  # noqa: S608 - the shop's own
            )
            rows, least, most = self._one_row(connection, query, sql)
            least, most = int(least), int(most)
        except (SourceError, TypeError, ValueError):  # none that is a number: what reads them says so
            return []
        if most < least:  # texts, whose order is another one
            return []
        parts = math.ceil(rows / ROWS_A_STATEMENT)
        return [least + (most - least + 1) * part // parts for part in range(1, parts)]

    def _groups(self, connection: Connection) -> pd.DataFrame:
        columns = self._run(connection, "groups")
        frame = pd.DataFrame({"group_id": keys("groups", "group_id", columns), "name": texts(columns["name"])})
        return frame.sort_values("group_id", ignore_index=True)

    def _pcids(self, connection: Connection) -> pd.DataFrame:
        columns = self._run_in_parts(connection, "pcids", "pcid")
        if "serial_number" in columns:
            serials = plain_serials(texts(columns["serial_number"]))
        else:
            serials = serial_numbers(texts(columns["extra"]), self._settings.serial_field)
        frame = pd.DataFrame(
            {
                "pcid": keys("pcids", "pcid", columns),
                "name": texts(columns["name"]),
                "make": texts(columns["make"]),
                "group_id": references("pcids", "group_id", columns),
            }
        ).join(serials)
        return frame.sort_values("pcid", ignore_index=True)

    def _subscriptions(self, connection: Connection) -> pd.DataFrame:
        columns = self._run(connection, "subscriptions")
        frame = pd.DataFrame(
            {
                "subscription_id": keys("subscriptions", "subscription_id", columns),
                "name": texts(columns["name"]),
                "group_id": references("subscriptions", "group_id", columns),
                "pcid": references("subscriptions", "pcid", columns),
                "cwa_group": texts(columns["cwa_group"]),
                "active": flags(columns["active"]),
                "additional_members": texts(columns["additional_members"]),
            }
        )
        return frame.sort_values("subscription_id", ignore_index=True)
