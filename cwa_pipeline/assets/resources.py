"""The systems as Dagster resources: opened when a run starts, closed when it ends, configured by the TOML file and the environment.

What belongs here: which settings open which system. What must not: what is read or written there. Nothing is connected at import.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TypeVar

import dagster as dg
import pandas as pd
from pydantic import PrivateAttr

from cwa_pipeline.assets import event_log
from cwa_pipeline.assets.site_runs import refuse_a_second_site_of_this_name
from cwa_pipeline.config.environment import CwaCredentials, pcrt_database_url, warehouse_url
from cwa_pipeline.config.settings import Settings
from cwa_pipeline.cwa.client import CwaClient
from cwa_pipeline.pcrt.reader import Pcrt
from cwa_pipeline.warehouse import site
from cwa_pipeline.warehouse.frames import validated
from cwa_pipeline.warehouse.store import Warehouse

Result = TypeVar("Result")


class SettingsResource(dg.ConfigurableResource):
    """`cwa_pipeline.toml`, read anew by every run, so that a change needs no reload."""

    _settings: Settings = PrivateAttr()

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Read the file; SettingsError names a wrong key before any system is asked for anything."""
        self._settings = Settings.load()

    @property
    def values(self) -> Settings:
        """The settings of this run."""
        return self._settings


class AutomateResource(dg.ConfigurableResource):
    """ConnectWise Automate; one log-in serves a whole run."""

    _client: CwaClient = PrivateAttr()

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["AutomateResource"]:
        """Prepare the client; it logs in when it is first asked for something."""
        cwa = Settings.load().cwa
        credentials = CwaCredentials.from_environment()
        with CwaClient(cwa.url, credentials, connections=cwa.connections) as self._client:
            yield self

    @property
    def client(self) -> CwaClient:
        """The CWA client of this run."""
        return self._client


class PcrtResource(dg.ConfigurableResource):
    """PC Repair Tracker's database."""

    _database: Pcrt = PrivateAttr()

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["PcrtResource"]:
        """Prepare the database's engine; it connects when it is first asked for something."""
        with Pcrt(pcrt_database_url(), Settings.load().pcrt) as self._database:
            yield self

    @property
    def database(self) -> Pcrt:
        """The PCRT database of this run."""
        return self._database


class WarehouseResource(dg.ConfigurableResource):
    """The warehouse, held by one run at a time, and the tables as this run has them.

    A table that this run has made is handed on as it is; one that it has not is read, so that an asset can be materialised alone.
    """

    _warehouse: Warehouse = PrivateAttr()
    _frames: dict[str, pd.DataFrame] = PrivateAttr()
    _before: dict[str, pd.DataFrame] = PrivateAttr()
    _ahead: dict[str, Mapping[str, float]] = PrivateAttr()
    _thread: ThreadPoolExecutor = PrivateAttr()

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["WarehouseResource"]:
        """Open the warehouse named by WAREHOUSE_URL and take its lock (BusyError when another sync has it)."""
        self._frames, self._before, self._ahead = {}, {}, {}
        with ExitStack() as held:
            if context.instance and context.run:
                refuse_a_second_site_of_this_name(context.instance, context.run)
                held.enter_context(event_log.held_open(context.instance))
            self._warehouse = held.enter_context(Warehouse(warehouse_url()))
            held.enter_context(self._warehouse.exclusive())
            site.claim(self._warehouse)
            held.enter_context(self._warehouse.held_open())
            self._thread = ThreadPoolExecutor(1, "store-tables")
            # Before the lock goes: of a run that is cancelled, Dagster may leave the step as it is.
            held.callback(self._thread.shutdown, cancel_futures=True)
            yield self

    @property
    def warehouse(self) -> Warehouse:
        """The warehouse itself, for what grows from night to night."""
        return self._warehouse

    def frame(self, table: str, *, or_empty: bool = False) -> pd.DataFrame:
        """The table as this run has made it, else as the warehouse has it. Not to be changed: it may be on its way there."""
        return self._frames[table] if table in self._frames else self._warehouse.read(table, or_empty=or_empty)

    def has_made(self, table: str) -> bool:
        """Whether the table is this run's."""
        return table in self._frames

    def before(self, table: str) -> pd.DataFrame:
        """The table as it was before this run made it anew; ValueError when nobody asked in time."""
        if table not in self._before:
            if table in self._frames:
                raise ValueError(f"{table} is made already, and what was before it is not known any more")
            self._before[table] = self._warehouse.read(table)
        return self._before[table]

    def take(self, table: str, frame: pd.DataFrame) -> pd.DataFrame:
        """Make a frame this run's table. Raises WarehouseError when it is not as its model says."""
        self._frames[table] = validated(table, frame)
        return self._frames[table]

    def keep_ahead(self, table: str, frame: pd.DataFrame, seconds: Mapping[str, float]) -> None:
        """Make a frame this run's table for the step that will store it, with how long it took."""
        self.take(table, frame)
        self._ahead[table] = seconds

    def worked_out_ahead(self, table: str) -> tuple[pd.DataFrame, Mapping[str, float]] | None:
        """What `keep_ahead` was given for the table, once."""
        seconds = self._ahead.pop(table, None)
        return None if seconds is None else (self._frames[table], seconds)

    def show(self, table: str, frame: pd.DataFrame) -> None:
        """Let what comes after in this run see a frame under this name: a table that is stored already, or what is not to be stored."""
        self._frames[table] = frame

    def store(
        self, table: str, frame: pd.DataFrame, run_id: str, appended: Mapping[str, pd.DataFrame] | None = None
    ) -> None:
        """Fill the table with a frame that `take` gave back, in one transaction with rows for others."""
        self._warehouse.fill({table: frame}, run_id, appended)

    def meanwhile(self, work: Callable[..., Result], *arguments: object) -> Future[Result]:
        """Do something with the warehouse beside whatever the step does next; one after the other, and never once the lock is gone."""
        return self._thread.submit(work, *arguments)
