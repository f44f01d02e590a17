"""Dagster's record of a run, kept open while the run lasts.

What belongs here: the one thing we do to Dagster's storage, which is to hold its files. What must not: reading or writing them.

Dagster opens and closes its SQLite files for each of some 150 events of a run. Closing the last connection to a file makes SQLite move
its write-ahead log into it and remove the log: half of what an event costs, and a tenth of a small shop's sync. While another
connection is open, that waits. Events are on the disk as before.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import dagster as dg
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage


@contextmanager
def held_open(instance: dg.DagsterInstance, run_id: str | None = None) -> Iterator[None]:
    """Hold the files that a run's events go into, or, before it has one of its own, the one for those of all runs.

    Where Dagster keeps events in another way there is nothing to hold.
    """
    storage = instance.event_log_storage
    files = []
    if isinstance(storage, SqliteEventLogStorage):
        files = [storage.path_for_shard(shard) for shard in (INDEX_SHARD_NAME, run_id) if shard]
    with ExitStack() as held:
        for file in files:
            connection = held.enter_context(closing(sqlite3.connect(file)))
            connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()  # the first statement opens the file
        yield
