"""Writing to PCRT: one column of one row at a time, and only where it still holds what the decision was made on.

What belongs here: the compare-and-swap and what must hold of the table for it. What must not: which list to write
(`rules.membership`), what to do about a conflict, any other column, any other statement that changes something.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple

from sqlalchemy import LargeBinary, String, TableClause, cast, column, func, literal, select, table, text, update
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement

from cwa_pipeline.errors import SourceError
from cwa_pipeline.settings import AdditionalMembersSettings

Outcome = Literal["written", "conflict"]

PART = "[pcrt.additional_members]"
LOCK_SECONDS = 5  # a technician who holds the row longer than that is editing it

SESSION = {
    "mysql": (
        # A list that is too long for its column is then an error and not cut off; the server's other modes stay.
        "SET SESSION sql_mode = CONCAT_WS(',', NULLIF(@@sql_mode, ''), 'STRICT_ALL_TABLES')",
        f"SET SESSION innodb_lock_wait_timeout = {LOCK_SECONDS}, lock_wait_timeout = {LOCK_SECONDS}",
    ),
    "sqlite": (),  # the connection waits SQLITE_LOCK_SECONDS, and SQLite never cuts a text off
}
COLUMN_TYPES = {
    "mysql": "SELECT column_name, data_type FROM information_schema.columns "
    "WHERE table_schema = COALESCE(:schema, DATABASE()) AND table_name = :name",
    "sqlite": "SELECT name, type FROM pragma_table_info(:name, COALESCE(:schema, 'main'))",
}
# Parts of the types' names in both. JSON, ENUM and binary types are no text: they do not give back what was written.
TEXT_TYPES = ("CHAR", "TEXT", "CLOB")
NUMBER_TYPES = ("INT", "DEC", "NUM")

# MyISAM and Aria know no transaction: there each list is on its own.
TRANSACTIONAL_ENGINES = {"INNODB", "SQLITE"}
STORAGE_ENGINE = {
    "mysql": (
        "SELECT COALESCE(UPPER(engine), '') FROM information_schema.tables "
        "WHERE table_schema = COALESCE(:schema, DATABASE()) AND table_name = :name"
    ),
    "sqlite": "SELECT 'SQLITE' WHERE :schema IS NULL OR :name IS NOT NULL",
}


class Change(NamedTuple):
    """A list to be written, and the one it was decided on."""

    subscription_id: int
    before: str | None
    after: str | None


def prepare_session(connection: Connection) -> None:
    """Make the server refuse what it would otherwise change silently, and not keep us waiting for a lock."""
    connection.execution_options(pcrt_part=PART)
    for statement in SESSION[connection.dialect.name]:
        connection.exec_driver_sql(statement)


def verify_target(connection: Connection, target: AdditionalMembersSettings) -> None:
    """SourceError unless the table has that text column, a key that names one row each, and we may write to it."""
    rows = _rows(target)
    names = {"schema": rows.schema, "name": rows.name}
    found = connection.execute(text(COLUMN_TYPES[connection.dialect.name]), names)
    types = {name.casefold(): kind.upper() for name, kind in found}
    if not types:
        raise SourceError(
            f"{PART} table: {target.table} is not in PCRT's database; set it to where Additional Members are"
        )
    for option, name in (("key", target.key), ("column", target.column)):
        if name.casefold() not in types:
            raise SourceError(f"{PART} {option}: the table {target.table} has no column {name}; set it to one it has")
    if not any(kind in types[target.column.casefold()] for kind in TEXT_TYPES):
        raise SourceError(f"{PART} column: {target.table}.{target.column} is no text column; set it to one that is")
    if not any(kind in types[target.key.casefold()] for kind in NUMBER_TYPES):  # MySQL takes '5', ' 5' and '5th' for 5
        raise SourceError(f"{PART} key: {target.table}.{target.key} is no number; set it to the id of a subscription")
    key = rows.c[target.key]
    repeated = connection.execute(select(key).group_by(key).having(func.count() > 1).limit(1)).first()
    if repeated:
        raise SourceError(
            f"{PART} key: {target.table}.{target.key} {repeated[0]} names several rows; set it to a key that names one"
        )
    changes_nothing = update(rows).values({target.column: rows.c[target.column]}).where(text("1 = 0"))
    connection.execute(changes_nothing)  # but the server refuses it to an account that may not write


class PcrtWriter:
    """Swaps lists: all of them in one transaction where the table knows one, else one by one. Made by `Pcrt.writer`."""

    def __init__(self, connection: Connection, target: AdditionalMembersSettings) -> None:
        names = {"schema": _rows(target).schema, "name": _rows(target).name}
        engine = connection.execute(text(STORAGE_ENGINE[connection.dialect.name]), names).scalar()
        self._transactional = engine in TRANSACTIONAL_ENGINES
        connection.rollback()  # of what was only looked up; from here on, transactions are begun on purpose
        self._connection = connection.execution_options(isolation_level=connection.default_isolation_level)
        self._target = target
        self._rows = _rows(target)

    def swap_all(self, changes: Iterable[Change], *, again: bool = False) -> Iterator[tuple[int, Outcome]]:
        """Swap each list and say what came of it as soon as that is certain: at the end of the transaction, where there is one.

        Raises what `swap` raises; a transaction has then changed nothing, and without one what was not said is not known.
        """
        if self._transactional:
            with self._connection.begin():
                outcomes = [(change.subscription_id, self._swap(change, again=again)) for change in changes]
            yield from outcomes
        else:
            for change in changes:
                yield change.subscription_id, self.swap(*change, again=again)

    def swap(self, subscription_id: int, before: str | None, after: str | None, *, again: bool = False) -> Outcome:
        """Set the list of one subscription to `after` if it is still `before`, to the byte; else touch nothing.

        `again`: an earlier try may have got through before its answer was lost, so a list that is `after` already is written.
        Raises UnreachableError when the database was lost (whether the list was written is then not known) or the row
        stayed locked, SourceError when the database will not hold the list as it is.
        """
        with self._connection.begin():
            return self._swap(Change(subscription_id, before, after), again=again)

    def _swap(self, change: Change, *, again: bool) -> Outcome:
        subscription_id, before, after = change
        place = f"{PART} {self._target.table}.{self._target.column} of {self._target.key} {subscription_id}"
        members, this_row = self._rows.c[self._target.column], self._rows.c[self._target.key] == subscription_id
        self._connection.execution_options(pcrt_part=place)
        # One statement compares and writes: that is a compare-and-swap on MyISAM too, which knows no transaction.
        same = self._bytes(members).is_not_distinct_from(self._bytes(literal(before, String)))
        changed = self._connection.execute(
            update(self._rows).where(this_row, same).values({self._target.column: after})
        ).rowcount
        if changed > 1:
            raise SourceError(f"{place} changed {changed} rows; make {self._target.key} a unique key and restore them")
        held = self._connection.execute(select(members).where(this_row)).scalars().all()
        if changed == 0:
            return "written" if again and held == [after] else "conflict"
        if held != [after]:
            raise SourceError(
                f"{place} was set to {after!r} and holds {held}; look for a trigger, or somebody editing it"
            )
        return "written"

    def _bytes(self, value: ColumnElement[Any]) -> ColumnElement[Any]:
        """A text as its bytes, so that case, trailing blanks and collations count for nothing.

        MySQL keeps a column in a character set of its own, so both sides are first brought to one and the same.
        """
        if self._connection.dialect.name == "mysql":
            value = func.convert(value.op("USING")(text("utf8mb4")))
        return cast(value, LargeBinary)


def _rows(target: AdditionalMembersSettings) -> TableClause:
    schema, _, name = target.table.rpartition(".")
    return table(name, column(target.key), column(target.column), schema=schema or None)
