"""Writing to PCRT: one column, and only where it still holds what the decision was made on.

What belongs here: the compare-and-swap of one list, and what became of each of many. What must not: what must hold of the table
(`pcrt_target`), many lists in one statement (`pcrt_batches`), which list to write (`rules.membership`), what to do about a conflict.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Literal

from sqlalchemy import LargeBinary, String, cast, literal, select, text, update
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement

from cwa_pipeline.config.settings import AdditionalMembersSettings
from cwa_pipeline.errors import SourceError
from cwa_pipeline.pcrt import batches as pcrt_batches
from cwa_pipeline.pcrt.batches import Batches, Change, Held, in_bytes
from cwa_pipeline.pcrt.target import PART, rows_of

Outcome = Literal["written", "conflict"]

# MyISAM and Aria know no transaction: there each list is on its own.
TRANSACTIONAL_ENGINES = {"INNODB", "SQLITE"}
STORAGE_ENGINE = {
    "mysql": (
        "SELECT COALESCE(UPPER(engine), '') FROM information_schema.tables "
        "WHERE table_schema = COALESCE(:schema, DATABASE()) AND table_name = :name"
    ),
    "sqlite": "SELECT 'SQLITE' WHERE :schema IS NULL OR :name IS NOT NULL",
}


class PcrtWriter:
    """Swaps lists: all of them in one transaction where the table knows one, else one by one. Made by `Pcrt.writer`."""

    def __init__(self, connection: Connection, target: AdditionalMembersSettings) -> None:
        names = {"schema": rows_of(target).schema, "name": rows_of(target).name}
        engine = connection.execute(text(STORAGE_ENGINE[connection.dialect.name]), names).scalar()
        self._transactional = engine in TRANSACTIONAL_ENGINES
        connection.rollback()  # of what was only looked up; from here on, transactions are begun on purpose
        self._connection = connection.execution_options(isolation_level=connection.default_isolation_level)
        self._has_batches = connection.dialect.name == "mysql"
        self._target = target
        self._rows = rows_of(target)

    def swap_all(self, changes: Iterable[Change], *, again: bool = False) -> Iterator[tuple[int, Outcome]]:
        """Swap each list and say what came of it as soon as that is certain: at the end of the transaction, where there is one.

        Many lists go a batch at a time where the database has a statement for that. Raises what `swap` raises; a transaction has then
        changed nothing, and without one what was not said is not known.
        """
        changes = [*changes]
        swap = self._in_batches if len(changes) > pcrt_batches.FEW and self._has_batches else self._one_by_one
        if self._transactional:
            with self._connection.begin():
                outcomes = [*swap(changes, again=again)]
            yield from outcomes
        else:
            yield from swap(changes, again=again)

    def _one_by_one(self, changes: Iterable[Change], *, again: bool) -> Iterator[tuple[int, Outcome]]:
        for change in changes:
            outcome = self._swap(change, again=again) if self._transactional else self.swap(*change, again=again)
            yield change.subscription_id, outcome

    def _in_batches(self, changes: Sequence[Change], *, again: bool) -> Iterator[tuple[int, Outcome]]:
        batches = Batches(self._connection, self._rows)
        if self._transactional:
            for batch in batches.of(changes):
                yield from self._batch_in_transaction(batch, batches, again=again)
        else:  # what is wrong with the table for every list should show in one and not in a whole batch
            yield from self._one_by_one(changes[:1], again=again)
            for batch in batches.of(changes[1:]):
                yield from self._batch_for_good(batch, batches, again=again)

    def _batch_in_transaction(
        self, batch: Sequence[Change], batches: Batches, *, again: bool
    ) -> Iterator[tuple[int, Outcome]]:
        """A batch of which every list was written is done; any other one is taken back and decided list by list."""
        self._connection.execution_options(pcrt_part=self._place_of(batch))
        savepoint = self._connection.begin_nested()
        try:
            held = batches.swap(batch)
        except SourceError:  # of one of the lists; after an UnreachableError the transaction itself may be gone
            held = None
        if held and held.changed == len(batch) and not held.otherwise(batch):
            savepoint.commit()
            yield from ((change.subscription_id, "written") for change in batch)
        else:
            savepoint.rollback()
            yield from self._one_by_one(batch, again=again)

    def _batch_for_good(
        self, batch: Sequence[Change], batches: Batches, *, again: bool
    ) -> Iterator[tuple[int, Outcome]]:
        """Without a transaction nothing can be taken back, so only lists go together that still are what they were decided on.

        When one changes within the milliseconds until they are written, or the server stops at one, which of them are written shows in
        what they hold, as after a connection that broke: one that somebody made just what was to be written counts as written.
        """
        self._connection.execution_options(pcrt_part=self._place_of(batch))
        with self._connection.begin():
            now = batches.held(batch)
        ready = [change for change in batch if now[change.subscription_id] == [change.before]]
        yield from self._one_by_one([one for one in batch if now[one.subscription_id] != [one.before]], again=again)
        self._connection.execution_options(pcrt_part=self._place_of(batch))
        held = None
        with suppress(SourceError), self._connection.begin():  # of one of the lists; those before it are written
            held = batches.swap(ready) if ready else None
        if held:
            self._refuse_what_did_not_hold(ready, held)
        if held and held.changed == len(ready):
            yield from ((change.subscription_id, "written") for change in ready)
        else:
            yield from self._one_by_one(ready, again=True)

    def _refuse_what_did_not_hold(self, batch: Sequence[Change], held: Held) -> None:
        """SourceError when a key names several rows, or fewer lists than were set hold what they were set to."""
        for change in batch:
            if len(held.lists[change.subscription_id]) > 1:
                raise self._several_rows(change.subscription_id, len(held.lists[change.subscription_id]))
        otherwise = held.otherwise(batch)
        if len(otherwise) > len(batch) - held.changed:
            raise self._held_otherwise(otherwise[0], held.lists[otherwise[0].subscription_id])

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
        members, this_row = self._rows.c[self._target.column], self._rows.c[self._target.key] == subscription_id
        self._connection.execution_options(pcrt_part=self._place(subscription_id))
        # One statement compares and writes: that is a compare-and-swap on MyISAM too, which knows no transaction.
        same = self._bytes(members).is_not_distinct_from(self._bytes(literal(before, String)))
        changed = self._connection.execute(
            update(self._rows).where(this_row, same).values({self._target.column: after})
        ).rowcount
        if changed > 1:
            raise self._several_rows(subscription_id, changed)
        now = self._connection.execute(select(members).where(this_row)).scalars().all()
        if changed == 0:
            return "written" if again and now == [after] else "conflict"
        if now != [after]:
            raise self._held_otherwise(change, now)
        return "written"

    def _place(self, subscription_id: int) -> str:
        return f"{PART} {self._target.table}.{self._target.column} of {self._target.key} {subscription_id}"

    def _place_of(self, batch: Sequence[Change]) -> str:
        more = f" and {len(batch) - 1} more" if len(batch) > 1 else ""
        return f"{self._place(batch[0].subscription_id)}{more}"

    def _several_rows(self, subscription_id: int, changed: int) -> SourceError:
        place = self._place(subscription_id)
        return SourceError(f"{place} changed {changed} rows; make {self._target.key} a unique key and restore them")

    def _held_otherwise(self, change: Change, now: Sequence[str | None]) -> SourceError:
        place = self._place(change.subscription_id)
        return SourceError(
            f"{place} was set to {change.after!r} and holds {now}; look for a trigger, or somebody editing it"
        )

    def _bytes(self, value: ColumnElement[Any]) -> ColumnElement[Any]:
        """A text as its bytes, so that case, trailing blanks and collations count for nothing."""
        return in_bytes(value) if self._has_batches else cast(value, LargeBinary)
