"""Write lists to PCRT by compare-and-swap: one UPDATE a row, with the list that the decision rested on in its WHERE."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

from sqlalchemy import Integer, LargeBinary, String, bindparam, cast, func, select, text, update
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement

from cwa_pipeline.config.settings import AdditionalMembersSettings
from cwa_pipeline.errors import SourceError
from cwa_pipeline.pcrt.target import PART, target_table

Outcome = Literal["written", "conflict"]

# MyISAM and Aria know no transactions: there each list is final by itself.
TRANSACTIONAL_ENGINES = {"INNODB", "SQLITE"}
STORAGE_ENGINE = {
    "mysql": (
        "SELECT COALESCE(UPPER(engine), '') FROM information_schema.tables "
        "WHERE table_schema = COALESCE(:schema, DATABASE()) AND table_name = :name"
    ),
    "sqlite": "SELECT 'SQLITE' WHERE :schema IS NULL OR :name IS NOT NULL",
}


class Change(NamedTuple):
    """A list to write, and the list that PCRT had when that was decided."""

    subscription_id: int
    before: str | None
    after: str | None


class PcrtWriter:
    """Swaps lists, all in one transaction if the table's engine has transactions. `Pcrt.writer` makes one."""

    def __init__(self, connection: Connection, target: AdditionalMembersSettings) -> None:
        table = target_table(target)
        names = {"schema": table.schema, "name": table.name}
        engine = connection.execute(text(STORAGE_ENGINE[connection.dialect.name]), names).scalar()
        self._is_transactional = engine in TRANSACTIONAL_ENGINES
        connection.rollback()  # ends the lookup, so that the next transaction is begun on purpose
        self._connection = connection.execution_options(isolation_level=connection.default_isolation_level)
        self._target = target
        key, members = table.c
        this_row = key == bindparam("swap_key", type_=Integer)
        same = self._as_bytes(members).is_not_distinct_from(self._as_bytes(bindparam("swap_before", type_=String)))
        # One statement compares and writes, so this is a compare-and-swap on MyISAM too.
        self._swap_row = update(table).where(this_row, same).values({members: bindparam("swap_after", type_=String)})
        self._look_at_row = select(members).where(this_row)

    def swap_all(self, changes: Sequence[Change], *, again: bool = False) -> Iterator[tuple[int, Outcome]]:
        """Set each list to `after` if it still is `before`, byte for byte; otherwise leave it alone: a conflict.

        Yields each subscription with its outcome as soon as that is final, which is at the commit of the transaction.
        `again`: an earlier try may have written before its answer was lost, so a list that already is `after` counts as
        written. Raises UnreachableError when the database was lost or a row stayed locked, SourceError when it
        cannot hold a list as it is. A transaction has then changed nothing; without one, every yielded list stands and
        the one after it is unknown.
        """
        if self._is_transactional:
            with self._connection.begin():
                outcomes = [(change.subscription_id, self._swap(change, again=again)) for change in changes]
            yield from outcomes
        else:
            for change in changes:
                with self._connection.begin():
                    outcome = self._swap(change, again=again)
                yield change.subscription_id, outcome

    def _swap(self, change: Change, *, again: bool) -> Outcome:
        place = f"{PART} {self._target.table}.{self._target.column} of {self._target.key} {change.subscription_id}"
        self._connection.execution_options(pcrt_part=place)
        row = {"swap_key": change.subscription_id}
        lists = {"swap_before": change.before, "swap_after": change.after}
        changed = self._connection.execute(self._swap_row, row | lists).rowcount
        if changed > 1:
            raise SourceError(
                f"{place} changed {changed} rows; make {self._target.key} a unique key and restore those rows"
            )
        now = self._connection.execute(self._look_at_row, row).scalars().all()
        if changed == 0:
            return "written" if again and now == [change.after] else "conflict"
        if now != [change.after]:
            raise SourceError(
                f"{place} was set to {change.after!r} and holds {now}; look for a trigger, or somebody editing it"
            )
        return "written"

    def _as_bytes(self, value: ColumnElement[Any]) -> ColumnElement[Any]:
        """A text as its bytes, so that case, trailing blanks and collations do not matter."""
        if self._connection.dialect.name == "mysql":  # which keeps each column in a character set of its own
            value = func.convert(value.op("USING")(text("utf8mb4")))
        return cast(value, LargeBinary)
