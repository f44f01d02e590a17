"""What the warehouse promises across processes: readers during a write, kill -9 in the middle, several syncs at once.

Each second process is a real one, forked from a server that has our modules loaded: importing them anew takes seconds.
"""

import multiprocessing as mp
import resource
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection as Pipe
from multiprocessing.context import ForkServerProcess

import pandas as pd
import pytest
from adbc_driver_manager.dbapi import Connection
from sqlalchemy.engine import URL, make_url

from cwa_pipeline.errors import BusyError, WarehouseError
from cwa_pipeline.tables import TABLES
from cwa_pipeline.warehouse import sqlite as warehouse_sqlite
from cwa_pipeline.warehouse.store import Warehouse

RELEASE_SECONDS = 10  # PostgreSQL frees a killed process's lock when it notices the closed socket, at once as a rule
WRITE_SECONDS = 0.5  # time enough to come to the write
FORKED = mp.get_context("forkserver")
FORKED.set_forkserver_preload([__name__])

OLD = pd.DataFrame({"group_id": [1, 2], "name": ["old", "older"]})
MANY_NEW = pd.DataFrame({"group_id": range(1, 50_001), "name": "new"})
APPENDS = 10
LEDGER = "additional_members_ledger"


@pytest.fixture
def warehouse(url: URL) -> Warehouse:
    warehouse = Warehouse(url)
    warehouse.create()
    warehouse.replace({"pcrt_groups": OLD}, "first")
    return warehouse


# --- what the other process does: it says when it is at the point, and goes on when told ------------------------------


def _wait(test: Pipe) -> None:
    test.send("ready")
    test.recv()


def _wait_before_the_commit(test: Pipe) -> None:
    commit = Connection.commit

    def held(connection: Connection) -> None:
        _wait(test)
        commit(connection)

    Connection.commit = held  # type: ignore[method-assign]


def replace_and_wait_before_the_commit(url: str, test: Pipe) -> None:
    _wait_before_the_commit(test)
    Warehouse(make_url(url)).replace({"pcrt_groups": MANY_NEW}, "second")


def snooze_and_wait_before_the_commit(url: str, test: Pipe) -> None:
    _wait_before_the_commit(test)
    now = pd.Timestamp.now("UTC")
    snooze = {"issue_key": "an issue", "snoozed_at": now, "snoozed_until": now, "note": "on holiday"}
    Warehouse(make_url(url)).append("issue_snoozes", pd.DataFrame([snooze]))


def hold_the_lock(url: str, test: Pipe) -> None:
    with Warehouse(make_url(url)).exclusive():
        _wait(test)


def create(url: str, test: Pipe) -> None:
    _wait(test)
    Warehouse(make_url(url)).create()


def append(url: str, test: Pipe) -> None:
    row = {
        "run_id": mp.current_process().name,
        "written_at": pd.Timestamp.now("UTC"),
        "subscription_id": 0,
        "group_id": 1,
    }
    rows = pd.DataFrame([row | {"before": "_", "after": "_1_", "status": "planned", "hand_edited": False}])
    rows = rows.reindex(columns=list(TABLES[LEDGER].to_schema().columns))
    _wait(test)
    for number in range(APPENDS):
        Warehouse(make_url(url)).append(LEDGER, rows.assign(subscription_id=number))


def replace_on_a_full_disk(url: str, test: Pipe) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))  # no file may grow past this, as on a full disk
    try:
        Warehouse(make_url(url)).replace({"pcrt_groups": MANY_NEW}, "second")
    except WarehouseError as error:
        test.send(str(error))


class Other:
    """Another process, and the way to talk to it."""

    def __init__(self, task: Callable[[str, Pipe], None], url: URL) -> None:
        self.pipe, its_end = FORKED.Pipe()
        self.process: ForkServerProcess = FORKED.Process(
            target=task, args=(url.render_as_string(hide_password=False), its_end)
        )
        self.process.start()
        its_end.close()

    def wait_until_ready(self) -> None:
        assert self.pipe.recv() == "ready"

    def kill(self) -> None:
        """kill -9"""
        self.process.kill()
        self.process.join()


@contextmanager
def others(task: Callable[[str, Pipe], None], url: URL, count: int = 1) -> Iterator[list[Other]]:
    """So many processes doing one task; none outlives the block."""
    with ExitStack() as ends:
        started = []
        for _ in range(count):
            started.append(Other(task, url))
            ends.callback(started[-1].kill)
        yield started


def let_them_finish(processes: list[Other]) -> None:
    for other in processes:
        other.pipe.send("go on")
    for other in processes:
        other.process.join()
    assert [other.process.exitcode for other in processes] == [0] * len(processes)


# --- what holds -------------------------------------------------------------------------------------------------------


def test_a_reader_sees_the_old_rows_until_the_write_is_done_and_then_the_new_ones(
    url: URL, warehouse: Warehouse
) -> None:
    with others(replace_and_wait_before_the_commit, url) as writers:
        writers[0].wait_until_ready()
        assert warehouse.read("pcrt_groups")["name"].tolist() == ["old", "older"]
        assert warehouse.loads()["run_id"].tolist() == ["first"]
        let_them_finish(writers)
    assert warehouse.read("pcrt_groups")["name"].value_counts().to_dict() == {"new": len(MANY_NEW)}
    assert warehouse.loads()["run_id"].tolist() == ["second"]


def test_a_table_is_filled_once_somebody_who_snoozes_an_issue_has_written_that(url: URL, warehouse: Warehouse) -> None:
    with (
        others(snooze_and_wait_before_the_commit, url) as technicians,
        ThreadPoolExecutor(1) as thread,
    ):
        technicians[0].wait_until_ready()
        filled = thread.submit(warehouse.replace, {"pcrt_groups": MANY_NEW}, "second")
        # PostgreSQL is through by then: rows of other tables keep nobody out there.
        wait([filled], timeout=WRITE_SECONDS)
        let_them_finish(technicians)
        assert filled.result()["pcrt_groups"]["name"].unique().tolist() == ["new"]
    assert warehouse.loads()["run_id"].tolist() == ["second"]
    assert warehouse.read("issue_snoozes")["note"].tolist() == ["on holiday"]


def test_a_kill_in_the_middle_of_a_write_leaves_the_old_rows_and_the_next_write_works(
    url: URL, warehouse: Warehouse
) -> None:
    with others(replace_and_wait_before_the_commit, url) as writers:
        writers[0].wait_until_ready()
        writers[0].kill()
    assert warehouse.read("pcrt_groups")["name"].tolist() == ["old", "older"]
    warehouse.replace({"pcrt_groups": OLD.head(1)}, "third")
    assert warehouse.read("pcrt_groups")["name"].tolist() == ["old"]
    assert warehouse.loads()["run_id"].tolist() == ["third"]


def test_another_process_keeps_a_sync_out_and_its_death_lets_one_in(url: URL, warehouse: Warehouse) -> None:
    with others(hold_the_lock, url) as holders:
        holders[0].wait_until_ready()
        place = f"process {holders[0].process.pid} on " if url.drivername == "postgresql" else r"warehouse\.db\.lock"
        with pytest.raises(BusyError, match=f"another sync.*{place}"), warehouse.exclusive():
            pytest.fail("two syncs in one warehouse")
        holders[0].kill()
    deadline = time.monotonic() + RELEASE_SECONDS
    while True:
        try:
            with warehouse.exclusive():
                return
        except BusyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def test_processes_that_make_the_tables_at_once_all_succeed(url: URL) -> None:
    with others(create, url, count=4) as makers:
        for maker in makers:
            maker.wait_until_ready()
        let_them_finish(makers)
    assert Warehouse(url).loads().empty


def test_processes_that_append_at_once_lose_nothing(url: URL, warehouse: Warehouse) -> None:
    with others(append, url, count=2) as writers:
        for writer in writers:
            writer.wait_until_ready()
        let_them_finish(writers)
    counts = warehouse.read(LEDGER).groupby("subscription_id")["run_id"].nunique()
    assert counts.to_dict() == dict.fromkeys(range(APPENDS), 2)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_file_that_another_program_holds_is_left_alone_with_a_remedy(
    url: URL, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warehouse_sqlite, "BUSY_SECONDS", 0)
    with others(replace_and_wait_before_the_commit, url) as writers:
        writers[0].wait_until_ready()
        with pytest.raises(WarehouseError, match=r"warehouse\.db: .*database is locked; another program has locked it"):
            warehouse.replace({"pcrt_groups": OLD.head(0)}, "third")
        let_them_finish(writers)
    assert warehouse.loads()["run_id"].tolist() == ["second"]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_full_disk_leaves_the_old_rows_with_a_remedy(url: URL, warehouse: Warehouse) -> None:
    with others(replace_on_a_full_disk, url) as writers:
        said = writers[0].pipe.recv()
        writers[0].process.join()
    assert "warehouse.db: " in said
    assert "disk" in said
    assert said.endswith("then try again")
    assert warehouse.read("pcrt_groups")["name"].tolist() == ["old", "older"]
