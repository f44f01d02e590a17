"""Dagster's event log in SQLite, with its connections kept open between events. Chosen in `dagster.yaml`.

Dagster opens and closes the database for each of the 150 or so events of a run, and compiles every statement again. Keeping the
connections saves 2 to 4 CPU seconds a run. Without the lines in `dagster.yaml` a sync is slower, never wrong. The events are the same
and stand in the same files, so the lines can be added and removed at any time.

This is the one module that imports Dagster's private modules. Tests hold the names it relies on (`test_event_log.py`).
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData

BUSY_SECONDS = 30  # how long to wait for another process that writes, as Dagster does
MOST_AGE_SECONDS = 60  # a connection older than this is opened again, in case somebody replaced the file


class KeptConnectionsEventLog(SqliteEventLogStorage):
    """Dagster's own storage, except that the index and the latest run each keep their engine."""

    def __init__(self, base_dir: str | None = None, inst_data: ConfigurableClassData | None = None) -> None:
        """Without `base_dir` the events stand where Dagster's default puts them: `history/runs` of the instance's folder."""
        self._engines: dict[str, sa.Engine] = {}
        self._unplaced = None if base_dir else (inst_data,)
        if base_dir:
            super().__init__(base_dir, inst_data)

    @classmethod
    def config_type(cls) -> Any:
        """`base_dir`, which is optional here."""
        return {"base_dir": dg.Field(dg.StringSource, is_required=False)}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> "KeptConnectionsEventLog":
        """Dagster makes the storage by this from `dagster.yaml`."""
        return cls(inst_data=inst_data, **config_value)

    def register_instance(self, instance: dg.DagsterInstance) -> None:
        """Dagster calls this first. Only the instance knows its folder when DAGSTER_HOME is not set."""
        if self._unplaced:
            super().__init__(str(Path(instance.storage_directory()).parent / "history" / "runs"), *self._unplaced)
            self._unplaced = None
        super().register_instance(instance)

    def run_connection(self, run_id: str | None = None) -> AbstractContextManager[sa.Connection]:
        """A transaction on the file of one run."""
        return self._kept(str(run_id), lambda: SqliteEventLogStorage.run_connection(self, run_id))

    def index_connection(self) -> AbstractContextManager[sa.Connection]:
        """A transaction on the file of all runs."""
        return self._kept(INDEX_SHARD_NAME, lambda: SqliteEventLogStorage.index_connection(self))

    @contextmanager
    def _kept(self, shard: str, first: Callable[[], AbstractContextManager[Any]]) -> Iterator[sa.Connection]:
        if shard not in self._engines:
            with first():
                pass  # Dagster makes the file and brings its schema forward
            if shard != INDEX_SHARD_NAME:  # one run at a time: let go of the run before
                for old in self._engines.keys() - {INDEX_SHARD_NAME}:
                    self._engines.pop(old).dispose()
            self._engines[shard] = _engine(self.conn_string_for_shard(shard))
        with self._engines[shard].begin() as connection:
            yield connection

    def dispose(self) -> None:
        """Dagster calls this when the instance ends."""
        while self._engines:
            self._engines.popitem()[1].dispose()
        super().dispose()


def _engine(url: str) -> sa.Engine:
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_SECONDS}, pool_recycle=MOST_AGE_SECONDS)

    @sa.event.listens_for(engine, "connect")
    def spare_the_wait_at_each_commit(connection: Any, _: object) -> None:
        # A power cut may take the last events of a run, and nothing else.
        connection.execute("PRAGMA synchronous = NORMAL")

    return engine
