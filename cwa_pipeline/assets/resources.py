"""The systems as Dagster resources: opened when a run starts, closed when it ends, configured by the TOML file and the environment.

What belongs here: which settings open which system. What must not: what is read or written there. Nothing is connected at import.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from pydantic import PrivateAttr

from cwa_pipeline.environment import CwaCredentials, pcrt_database_url
from cwa_pipeline.settings import Settings
from cwa_pipeline.systems.automate import Automate
from cwa_pipeline.systems.pcrt import Pcrt


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

    _client: Automate = PrivateAttr()

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["AutomateResource"]:
        """Prepare the client; it logs in when it is first asked for something."""
        cwa = Settings.load().cwa
        credentials = CwaCredentials.from_environment()
        with Automate(cwa.url, credentials, connections=cwa.connections) as self._client:
            yield self

    @property
    def client(self) -> Automate:
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
