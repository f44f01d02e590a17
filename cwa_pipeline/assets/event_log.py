"""Dagster's record of a run, kept at hand while the run lasts.

What belongs here: the three things we do to Dagster's storage, which are to hold its files, to spare its commits a wait and to let it keep
its engines. What must not: reading or writing them.

Dagster opens and closes its SQLite files for each of some 150 events of a run. Closing the last connection to a file makes SQLite move
its write-ahead log into it and remove the log: half of what an event costs, and a tenth of a small shop's sync. While another
connection is open, that waits. And each commit would wait for a disk that is busy with a million rows: a twentieth of a large shop's.
For each event it also makes a new engine of SQLAlchemy's, which has every statement to compile anew.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage


@contextmanager
def held_open(instance: dg.DagsterInstance, run_id: str | None = None) -> Iterator[None]:
    """Hold the files that a run's events go into, or, before it has one of its own, the one for those of all runs.

    Meanwhile an event is with the system at once, and on the disk when SQLite next moves its log: a power cut may take the last events of
    a run, and nothing else. Where Dagster keeps events in another way there is nothing to hold.
    """
    storage = instance.event_log_storage
    with ExitStack() as held:
        if isinstance(storage, SqliteEventLogStorage):
            files = [Path(storage.path_for_shard(shard)) for shard in (INDEX_SHARD_NAME, run_id) if shard]
            held.enter_context(_commits_do_not_wait(files[0].parent.resolve()))
            held.enter_context(_one_engine_a_file())
            for file in files:
                connection = held.enter_context(closing(sqlite3.connect(file)))
                # The first statement opens the file.
                connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()
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
def _one_engine_a_file() -> Iterator[None]:
    """An engine is made once, and goes on with the statements that it has compiled; its connections are opened and closed as ever."""
    make, made = sqlite_event_log.create_engine, dict[str, sa.Engine]()

    def once(file: str, **options: Any) -> sa.Engine:
        if file not in made:
            made[file] = make(file, **options)
        return made[file]

    sqlite_event_log.create_engine = once  # type: ignore[assignment]
    try:
        yield
    finally:
        sqlite_event_log.create_engine = make
