"""Dagster's record of a run, kept at hand while the run lasts.

What belongs here: the two things we do to Dagster's storage, which are to let it keep its connections and to spare its commits a wait.
What must not: reading or writing the record.

For each of some 150 events of a run Dagster makes a new engine of SQLAlchemy's, opens the file, and closes it again: every statement is
compiled anew, and closing the last connection to a file makes SQLite move its write-ahead log into it and remove the log. That is most of
what an event costs. And each commit would wait for a disk that is busy with a million rows: a twentieth of a large shop's sync.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage


@contextmanager
def held_open(instance: dg.DagsterInstance) -> Iterator[None]:
    """Hold the files that events go into, each from the first one that is written on.

    Meanwhile an event is with the system at once, and on the disk when SQLite next moves its log: a power cut may take the last events of
    a run, and nothing else. Where Dagster keeps events in another way there is nothing to hold.
    """
    storage = instance.event_log_storage
    with ExitStack() as held:
        if isinstance(storage, SqliteEventLogStorage):
            folder = Path(storage.path_for_shard(INDEX_SHARD_NAME)).parent
            held.enter_context(_commits_do_not_wait(folder.resolve()))
            held.enter_context(_engines_last())
        yield


@contextmanager
def _commits_do_not_wait(folder: Path) -> Iterator[None]:
    """For the SQLite files in this folder, of all that SQLAlchemy opens meanwhile."""

    def spare(connection: Any, _: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            [(_, _, file), *_] = connection.execute("PRAGMA database_list").fetchall()
            if Path(file).parent == folder:
                connection.execute("PRAGMA synchronous = NORMAL")

    sa.event.listen(sa.Engine, "connect", spare)
    try:
        yield
    finally:
        sa.event.remove(sa.Engine, "connect", spare)


@contextmanager
def _engines_last() -> Iterator[None]:
    """Of each file one engine, with its connections and the statements that it has compiled."""
    make, made = sqlite_event_log.create_engine, dict[str, sa.Engine]()

    def once(file: str, **options: Any) -> sa.Engine:
        if file not in made:
            made[file] = make(file, **options | {"poolclass": sa.QueuePool})
            made[file].dispose = _not_now  # type: ignore[method-assign]
        return made[file]

    sqlite_event_log.create_engine = once  # type: ignore[assignment]
    try:
        yield
    finally:
        sqlite_event_log.create_engine = make
        for engine in made.values():
            sa.Engine.dispose(engine)


def _not_now(close: bool = True) -> None:
    """In place of `Engine.dispose`, which Dagster calls after each event."""
