"""A whole shop for a test: a CWA stand-in over HTTP, a PCRT database and a warehouse, with the configuration that connects them."""

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pandas as pd
import sqlalchemy as sa
from typer.testing import CliRunner, Result

from cwa_pipeline.commands.demo import pcrt_stand_in, stand_in
from cwa_pipeline.commands.demo.msp import invented_msp
from cwa_pipeline.commands.demo.pcrt_stand_in import PcrtWorld, fill_pcrt
from cwa_pipeline.commands.demo.run import environment
from cwa_pipeline.commands.demo.stand_in import Behaviour, CwaWorld, StandIn
from cwa_pipeline.commands.main import app
from cwa_pipeline.commands.run import SyncOutcome, run_nightly_sync
from cwa_pipeline.warehouse.store import Warehouse
from cwa_pipeline_tests.worlds import World


@dataclass
class Shop:
    """The running shop; its environment is the process's own while the `with` lasts."""

    folder: Path
    server: StandIn
    pcrt_url: sa.URL
    warehouse_url: sa.URL
    environment: dict[str, str]

    def configure(self, toml: str = "") -> None:
        """Write cwa_pipeline.toml: the stand-in's address and whatever sections the test wants."""
        (self.folder / "cwa_pipeline.toml").write_text(f'cwa.url = "{self.server.url}"\n{toml}', encoding="utf-8")

    def sync(self, *, dry_run: bool = False) -> SyncOutcome:
        """Run the job once in this process."""
        return run_nightly_sync(dry_run=dry_run)

    def command(self, *arguments: str) -> Result:
        """Run `cwa-pipeline` with these arguments in this process."""
        with patch.object(logging.getLogger("cwa_pipeline"), "handlers", []):  # the command adds one
            return CliRunner().invoke(app, arguments)

    def table(self, name: str) -> pd.DataFrame:
        """A table of the warehouse."""
        with Warehouse(self.warehouse_url) as warehouse:
            return warehouse.read(name)

    def pcrt(self, sql: str, **parameters: object) -> list[tuple]:
        """Query or change PCRT directly, as a technician would."""
        engine = sa.create_engine(self.pcrt_url)
        try:
            with engine.begin() as connection:
                result = connection.execute(sa.text(sql), parameters)
                return [tuple(row) for row in result] if result.returns_rows else []
        finally:
            engine.dispose()

    def lists(self) -> dict[int, str]:
        """The Additional Members of every subscription in PCRT."""
        return dict(self.pcrt("SELECT subid, additionalmembers FROM subscriptions ORDER BY subid"))

    def whole_pcrt(self) -> dict[str, list[tuple]]:
        """Every row of every table of PCRT."""
        tables = {"pc_group": "pcgroupid", "pc_owner": "pcid", "subscriptions": "subid"}
        return {table: self.pcrt(f"SELECT * FROM {table} ORDER BY {key}") for table, key in tables.items()}


@contextmanager
def open_shop(
    folder: Path,
    cwa: CwaWorld,
    pcrt: PcrtWorld,
    *,
    pcrt_url: sa.URL | None = None,
    storage_engine: str = "MyISAM",
    warehouse_url: sa.URL | None = None,
    behaviour: Behaviour | None = None,
    toml: str = "",
) -> Iterator[Shop]:
    """Fill an empty PCRT database, serve the CWA world and point the environment at both. Databases are SQLite files by default."""
    folder.mkdir(parents=True, exist_ok=True)
    pcrt_url = pcrt_url or sa.URL.create("sqlite", database=str(folder / "pcrt.db"))
    warehouse_url = warehouse_url or sa.URL.create("sqlite", database=str(folder / "cwa_warehouse.db"))
    fill_pcrt(pcrt_url, pcrt, storage_engine)
    with StandIn(cwa, behaviour or Behaviour()) as server:
        variables = environment(folder, server, pcrt_url, warehouse_url)
        shop = Shop(folder, server, pcrt_url, warehouse_url, variables)
        shop.configure(toml)
        with patch.dict(os.environ, variables):
            os.environ.pop("DAGSTER_HOME", None)
            yield shop


@contextmanager
def open_shop_as_left(folder: Path, left: Path, cwa: CwaWorld, pcrt: PcrtWorld) -> Iterator[Shop]:
    """Open a copy of the SQLite databases that a shop of the same worlds left in another folder. This saves the first sync."""
    with open_shop(folder, cwa, pcrt) as shop:
        for database in left.glob("*.db*"):
            shutil.copy(database, folder)
        yield shop


def first_sync(folder: Path) -> str:
    """Sync the invented shop once and leave its databases in `folder`; returns the run id."""
    with open_shop(folder, *invented_msp()) as shop:
        outcome = shop.sync()
        assert outcome.succeeded, outcome.problems
        return outcome.run_id


def served(world: World) -> tuple[CwaWorld, PcrtWorld]:
    """Convert a world into the records that the stand-in serves and the rows of PCRT's tables."""
    cwa = CwaWorld(
        clients=[stand_in.Client(client.client_id, client.name, client.external_id) for client in world.clients],
        computers=[
            stand_in.Computer(
                computer.computer_id, computer.name, computer.client_id, computer.serial_number, computer.asset_tag
            )
            for computer in world.computers
        ],
        groups=[stand_in.Group(group.cwa_group_id, group.name) for group in world.groups],
        memberships=set(world.members),
    )
    pcrt = PcrtWorld(
        groups=[pcrt_stand_in.PcrtGroup(group.group_id, group.name or "") for group in world.pcrt_groups],
        pcids=[
            pcrt_stand_in.Pcid(pcid.pcid, pcid.name or "", pcid.group_id or 0, pcid.serial_number, pcid.make or "")
            for pcid in world.pcids
        ],
        subscriptions=[
            pcrt_stand_in.Subscription(
                subscription.subscription_id,
                subscription.name or "",
                subscription.group_id or 0,
                subscription.pcid or 0,
                subscription.cwa_group or "",
                subscription.additional_members,
                int(subscription.active),
            )
            for subscription in world.subscriptions
        ],
    )
    return cwa, pcrt
