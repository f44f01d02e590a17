"""The peers on the same world: scripts with a query per computer, DiffSync for the membership diff, dlt for the ingest.

The scripts only read and look up, so they do less than a sync. dlt has a process of its own because it keeps state.
"""

import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pandas as pd
import pymysql
import requests
import sqlalchemy as sa
from diffsync import Adapter, DiffSyncModel
from diffsync.logging import enable_console_logging

from benchmarks.databases import read_table
from benchmarks.pages import PAGE
from benchmarks.processes import ACCOUNT, ROOT, run
from benchmarks.worlds import World

OWN_SCHEMA, INDEXED = "a script on PCRT's own schema", "a script on an indexed serial"
DIFFSYNC, DLT = "DiffSync, the membership diff", "dlt, the ingest of CWA"
LOOK_UPS = (50, 2_000)  # in PCRT's own schema, where each reads the whole table, and on the index
FIELDS = {"Computers": ("Id", "SerialNumber"), "GroupComputers": ("GroupId", "ComputerId")}


def measure(server: str, pcrt: sa.URL, world: World, warehouse: Path, folder: Path) -> dict[str, float]:
    """The seconds of each peer; the warehouse holds the tables of a sync that just ended."""
    return {
        **_scripts(server, pcrt, world),
        DIFFSYNC: _diffsync(read_table(warehouse, "subscription_members"), read_table(warehouse, "members_plan")),
        DLT: _dlt(server, len(world.computers), folder),
    }


def _scripts(server: str, pcrt: sa.URL, world: World) -> dict[str, float]:
    """Both scripts: the read of CWA is measured, the look-ups are sampled and scaled to all computers."""
    serials = world.computers["serial_number"]
    known = serials[serials.str.len() > 0]
    few, many = (known.sample(min(count, len(known)), random_state=1) for count in LOOK_UPS)
    account = {"host": pcrt.host, "port": pcrt.port, "user": pcrt.username, "password": pcrt.password}
    connection = pymysql.connect(database=pcrt.database, autocommit=True, **account)
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE serials (pcid INT, pcgroupid INT, serial VARCHAR(190), KEY (serial))")
        owners = world.pc_owner[["pcid", "pcgroupid", "serial"]]
        cursor.executemany("INSERT INTO serials VALUES (%s, %s, %s)", list(owners.itertuples(index=False, name=None)))
        inside = [f'%i:104;s:{len(serial.encode())}:"{serial}"%' for serial in few]
        by_like = _look_up(cursor, "SELECT pcid, pcgroupid FROM pc_owner WHERE pcextra LIKE %s", inside)
        by_index = _look_up(cursor, "SELECT pcid, pcgroupid FROM serials WHERE serial = %s", list(many))
        cursor.execute("DROP TABLE serials")
    reading = _read_cwa(server)
    return {OWN_SCHEMA: reading + by_like * len(serials), INDEXED: reading + by_index * len(serials)}


def _look_up(cursor: pymysql.cursors.Cursor, sql: str, values: Sequence[str]) -> float:
    """The seconds of one look-up."""
    start = time.perf_counter()
    for value in values:
        cursor.execute(sql, (value,))
        cursor.fetchall()
    return (time.perf_counter() - start) / len(values)


def _read_cwa(server: str) -> float:
    """The seconds to read computers and memberships page by page, with `response.json()`."""
    start = time.perf_counter()
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = "Bearer token"
        for name, fields in FIELDS.items():
            kept: list[tuple] = []
            query = {"pageSize": PAGE, "orderBy": "Id asc", "page": 1}
            while records := session.get(f"{server}/cwa/api/v1/{name}", params=query).json():
                kept += [tuple(record[field] for field in fields) for record in records]
                query["page"] += 1
    return time.perf_counter() - start


class _Member(DiffSyncModel):
    _modelname = "member"
    _identifiers = ("subscription_id", "pcid")

    subscription_id: int
    pcid: int


class _Subscription(DiffSyncModel):
    _modelname = "subscription"
    _identifiers = ("subscription_id",)
    _children = {"member": "members"}  # noqa: RUF012 - DiffSync's own way of saying it

    subscription_id: int
    members: list[_Member] = []  # noqa: RUF012


class _Side(Adapter):
    subscription = _Subscription
    member = _Member
    top_level = ["subscription"]  # noqa: RUF012

    def load_lists(self, lists: dict[int, list[int]]) -> None:
        for subscription_id, pcids in lists.items():
            subscription = self.subscription(subscription_id=subscription_id)
            self.add(subscription)
            for pcid in pcids:
                member = self.member(subscription_id=subscription_id, pcid=pcid)
                self.add(member)
                subscription.add_child(member)


def _diffsync(members: pd.DataFrame, plan: pd.DataFrame) -> float:
    """The seconds from the tables to the diff, which has to find the same changes as the plan."""
    enable_console_logging(verbosity=0)
    start = time.perf_counter()
    wanted: dict[int, list[int]] = {subscription_id: [] for subscription_id in plan["subscription_id"].tolist()}
    for subscription_id, pcid in zip(members["subscription_id"].tolist(), members["pcid"].tolist(), strict=True):
        wanted[subscription_id].append(pcid)
    texts = zip(plan["subscription_id"].tolist(), plan["before"].tolist(), strict=True)
    before, after = _Side("before"), _Side("after")
    before.load_lists(
        {subscription_id: [int(pcid) for pcid in text.split("_") if pcid] for subscription_id, text in texts}
    )
    after.load_lists(wanted)
    summary = before.diff_from(after).summary()
    seconds = time.perf_counter() - start
    assert summary["create"] + summary["delete"] == plan["added"].sum() + plan["removed"].sum()
    return seconds


def _dlt(server: str, computers: int, folder: Path) -> float:
    scene = Path(tempfile.mkdtemp(dir=folder))
    file = scene / "dlt.db"
    environment = {**ACCOUNT, "PYTHONPATH": str(ROOT), "RUNTIME__DLTHUB_TELEMETRY": "false"}
    _, printed = run([sys.executable, "-m", "benchmarks.peers_dlt", server, file], environment, scene)
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM cwa_computers").fetchone() == (computers,)
    return float(printed.splitlines()[-1])
