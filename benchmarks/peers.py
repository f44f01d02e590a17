"""The peers on the same world, and what of ours is held against each.

What belongs here: pairing a peer with our part of the same job. What must not: how a peer does it (`benchmarks.peers_*`).
"""

import os
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from benchmarks.peers_diffsync import seconds_of_the_diff
from benchmarks.peers_scripts import seconds_by_query
from benchmarks.running import ACCOUNT, run
from benchmarks.worlds import World
from cwa_pipeline.config.environment import CwaCredentials
from cwa_pipeline.config.settings import CwaSettings
from cwa_pipeline.cwa.client import CwaClient
from cwa_pipeline.cwa.records import read_computers
from cwa_pipeline.rules.matching.serials import with_normalised_serial
from cwa_pipeline.warehouse.store import Warehouse

FRAMES = ("pcrt_subscriptions", "client_groups", "computer_matches", "cwa_group_members", "cwa_groups")


def measure(server: str, pcrt: sa.URL, warehouse: sa.URL, world: World, folder: Path) -> dict[str, float]:
    """Seconds of each peer and of what it is held against."""
    with Warehouse(warehouse) as store:
        frames = {name: store.read(name) for name in FRAMES}
    return {
        **seconds_by_query(server, pcrt, world),
        **seconds_of_the_diff(frames),
        "ingest by us": _our_ingest(server, folder),
        "ingest by dlt": _dlt(server, folder, len(world.computers)),
    }


def _our_ingest(server: str, folder: Path) -> float:
    """Read the computers and put them into an empty SQLite warehouse, as the asset does."""
    store = Warehouse(sa.URL.create("sqlite", database=f"{tempfile.mkdtemp(dir=folder)}/ingest.db"))
    store.create()
    start = time.perf_counter()
    credentials, connections = CwaCredentials.from_environment(ACCOUNT), CwaSettings(url=server).connections
    with CwaClient(server, credentials, connections=connections) as cwa:
        frame = with_normalised_serial(read_computers(cwa).frame)
    store.replace({"cwa_computers": frame}, "bench")
    return time.perf_counter() - start


def _dlt(server: str, folder: Path, computers: int) -> float:
    scene = Path(tempfile.mkdtemp(dir=folder))  # a new one each time: dlt keeps state
    file = scene / "dlt.db"
    environment = {**ACCOUNT, "PYTHONPATH": os.getcwd(), "RUNTIME__DLTHUB_TELEMETRY": "false"}
    ran = run([sys.executable, "-m", "benchmarks.peers_dlt", server, file], environment, scene)
    with closing(sqlite3.connect(file)) as connection:
        [count] = connection.execute("SELECT COUNT(*) FROM cwa_computers").fetchone()
    assert count == computers, f"dlt loaded {count} of {computers} computers"  # noqa: S101
    return float(ran.output.splitlines()[-1])
