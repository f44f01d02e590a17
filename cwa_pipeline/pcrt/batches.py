"""Many lists in one statement, on MariaDB and MySQL: ten times as fast as one after the other.

What belongs here: that statement, and how many lists at a time go into it. What must not: what a list's outcome is (`pcrt_writer`), whose
statement for one list says what this one has to mean.

One UPDATE of the one table, with the lists in its text: it needs no more rights than a single list, no temporary table and no join.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Integer, LargeBinary, String, TableClause, bindparam, cast, func, select, text, update
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.sql.elements import ColumnElement

# An ordinary night's lists take no time one by one, and each is then decided by itself.
FEW = 100

FIRST_SIZE = 50  # costs a server little more than one list does
MOST_SIZE = 500
# MyISAM locks the whole table for as long as a statement runs: nobody notices a tenth of a second.
STATEMENT_SECONDS = 0.1
MOST_CHARACTERS = 200_000  # of lists in one statement: well within the 1 MB that old servers take


class Change(NamedTuple):
    """A list to be written, and the one it was decided on."""

    subscription_id: int
    before: str | None
    after: str | None


class Held(NamedTuple):
    """What became of a batch: how many lists were what they were decided on, and what each key's rows hold now."""

    changed: int
    lists: dict[int, list[str | None]]

    def otherwise(self, batch: Sequence[Change]) -> list[Change]:
        """The changes whose one row does not hold what it was to be set to."""
        return [change for change in batch if self.lists[change.subscription_id] != [change.after]]


class Batches:
    """Lists of one table, many at a time: more as long as the statements are quick, fewer when one took too long."""

    def __init__(self, connection: Connection, rows: TableClause) -> None:
        self._connection = connection
        self._rows = rows
        self._size = FIRST_SIZE
        # By their size, of which there are few: SQLAlchemy would put thousands of parameters together anew each time.
        self._statements: dict[int, str] = {}

    def of(self, changes: Sequence[Change]) -> Iterator[Sequence[Change]]:
        """The changes in order, as many at a time as then is the right size."""
        start = 0
        while start < len(changes):
            end, characters = start, 0
            while end < len(changes) and end - start < self._size:
                characters += len(changes[end].before or "") + len(changes[end].after or "")
                if characters > MOST_CHARACTERS and end > start:
                    break
                end += 1
            yield changes[start:end]
            start = end

    def swap(self, batch: Sequence[Change]) -> Held:
        """Set each list to its `after` if it is still its `before`, to the byte, and look at what they hold then."""
        if len(batch) not in self._statements:
            self._statements[len(batch)] = _swap_statement(self._connection.dialect, self._rows, len(batch))
        values: dict[str, int | str | None] = {}
        for place, (subscription_id, before, after) in enumerate(batch):
            values |= {f"key_{place}": subscription_id, f"before_{place}": before, f"after_{place}": after}
        started = time.monotonic()
        changed = self._connection.exec_driver_sql(self._statements[len(batch)], values).rowcount
        self._keep_pace(time.monotonic() - started)
        return Held(changed, self.held(batch))

    def held(self, batch: Sequence[Change]) -> dict[int, list[str | None]]:
        """What the rows of each key hold; a key without a row has an empty list."""
        key, members = self._rows.c
        lists: dict[int, list[str | None]] = {change.subscription_id: [] for change in batch}
        for subscription_id, now in self._connection.execute(select(key, members).where(key.in_([*lists]))):
            lists[int(subscription_id)].append(now)
        return lists

    def _keep_pace(self, seconds: float) -> None:
        if seconds > STATEMENT_SECONDS:
            self._size = max(self._size // 2, FIRST_SIZE)
        elif seconds < STATEMENT_SECONDS / 4:
            self._size = min(self._size * 2, MOST_SIZE)


def in_bytes(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """A text as its bytes on MySQL, so that case, trailing blanks and collations count for nothing.

    MySQL keeps a column in a character set of its own, so both sides are first brought to one and the same.
    """
    return cast(func.convert(value.op("USING")(text("utf8mb4"))), LargeBinary)


def _swap_statement(dialect: Dialect, rows: TableClause, count: int) -> str:
    """The UPDATE for so many lists, as the driver takes it; FIELD says which of them a row is, and ELT picks its text."""
    key, members = rows.c
    keys = [bindparam(f"key_{place}", type_=Integer) for place in range(count)]
    before, after = (
        func.elt(func.field(key, *keys), *(bindparam(f"{name}_{place}", type_=String) for place in range(count)))
        for name in ("before", "after")
    )
    same = in_bytes(members).is_not_distinct_from(in_bytes(before))
    statement = update(rows).where(key.in_(keys), same).values({members: after})
    return str(statement.compile(dialect=dialect))
