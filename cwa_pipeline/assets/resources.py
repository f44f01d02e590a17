"""The systems as Dagster resources: opened when a run starts, closed when it ends. Nothing connects at import.

The settings come from `cwa_pipeline.toml` and the secrets from the environment, both read again by every run.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from pydantic import PrivateAttr

from cwa_pipeline.assets.site_runs import refuse_a_second_site_of_this_name
from cwa_pipeline.config.environment import CwaCredentials, pcrt_database_url, warehouse_url
from cwa_pipeline.config.settings import Settings
from cwa_pipeline.cwa.client import CwaClient
from cwa_pipeline.pcrt.reader import Pcrt
from cwa_pipeline.warehouse import site
from cwa_pipeline.warehouse.store import Warehouse


class SettingsResource(dg.ConfigurableResource):
    """`cwa_pipeline.toml`. A change of the file needs no reload."""

    _settings: Settings = PrivateAttr()

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Read the file. A wrong key is a SettingsError before any system is asked for anything."""
        self._settings = Settings.load()

    @property
    def values(self) -> Settings:
        """The settings of this run."""
        return self._settings


class CwaResource(dg.ConfigurableResource):
    """ConnectWise Automate. One log-in serves a whole run."""

    _client: CwaClient = PrivateAttr()

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["CwaResource"]:
        """Make the client. It logs in when it is first asked for something."""
        cwa = Settings.load().cwa
        with CwaClient(cwa.url, CwaCredentials.from_environment(), connections=cwa.connections) as self._client:
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
        """Make the database's engine. It connects when it is first asked for something."""
        with Pcrt(pcrt_database_url(), Settings.load().pcrt) as self._database:
            yield self

    @property
    def database(self) -> Pcrt:
        """The PCRT database of this run."""
        return self._database


class WarehouseResource(dg.ConfigurableResource):
    """The warehouse, which one run at a time may use. Assets get their tables from the IO manager; this is for what grows."""

    _warehouse: Warehouse = PrivateAttr()

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["WarehouseResource"]:
        """Take the lock of the warehouse named by WAREHOUSE_URL (BusyError when another run has it) and make its tables."""
        if context.instance and context.run:
            refuse_a_second_site_of_this_name(context.instance, context.run)
        with Warehouse(warehouse_url()) as self._warehouse, self._warehouse.exclusive():
            site.claim(self._warehouse)
            with self._warehouse.reuse_connections():
                yield self

    @property
    def warehouse(self) -> Warehouse:
        """The warehouse of this run."""
        return self._warehouse
