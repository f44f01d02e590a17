"""People who work while a sync runs: a technician who edits lists, and somebody who starts a second sync."""

import random
import re
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa

from cwa_pipeline_tests.faults.command_process import CommandProcess
from cwa_pipeline_tests.faults.conftest import Tally
from cwa_pipeline_tests.faults.many_lists import LEDGER, DisturbedShop, disturbed_shop
from cwa_pipeline_tests.servers.mariadb import MariadbServer
from cwa_pipeline_tests.servers.postgresql import PostgresqlServer

ROUNDS = 6
SHARE_OF_FREE_TEXT = 0.3
PAUSE_SECONDS = 0.01  # between two edits, so that some fall between the sync's read and its write
BUSY = 75  # the exit status of a sync that found another one at work
SLOW_CWA = 0.05  # seconds a request, so that the sync started second finds the first one at work


@dataclass
class Technician:
    """Edits one list after another, each once, on a separate connection, until told to stop."""

    shop: DisturbedShop
    rng: random.Random
    made: dict[int, str] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)

    def work(self) -> None:
        engine = sa.create_engine(self.shop.shop.pcrt_url, isolation_level="AUTOCOMMIT")
        keys = sorted(self.shop.lists.changing)
        self.rng.shuffle(keys)
        edit = sa.text("UPDATE subscriptions SET additionalmembers = :text WHERE subid = :key")
        with engine.connect() as connection:
            for key in keys:
                if self.stop.wait(PAUSE_SECONDS):
                    break
                text = f"ask Ann about {key}" if self._writes_freely() else f"_{500_000 + key}_"
                connection.execute(edit, {"text": text, "key": key})
                self.made[key] = text
        engine.dispose()

    def _writes_freely(self) -> bool:
        return self.rng.random() < SHARE_OF_FREE_TEXT


@pytest.mark.parametrize("engine", ["MyISAM", "InnoDB"])
def test_no_edit_during_a_sync_is_silently_lost(
    mariadb_server: MariadbServer, tmp_path: Path, tally: Tally, full: bool, engine: str
) -> None:
    collided = 0
    with disturbed_shop(tmp_path, pcrt_url=mariadb_server.new_database(), storage_engine=engine) as disturbed:
        for round_number in range(ROUNDS if full else 1):
            url = sa.URL.create("sqlite", database=str(tmp_path / f"warehouse_{round_number}.db"))
            disturbed.restore(url)
            technician = Technician(disturbed, random.Random(f"{engine} {round_number}"))
            status, said = _sync_while(disturbed, technician)
            edits = technician.made
            stopped = status != 0
            if stopped:
                _assert_it_stopped_at_an_edit(said, edits, engine)
            lists, mixed = disturbed.shop.lists(), disturbed.lost_or_mixed(edits)
            told = _written_over(disturbed, may_be_open=stopped)
            statuses = {} if stopped else _statuses(disturbed)
            silently_lost = {key for key, text in edits.items() if lists[key] != text and (key, text) not in told}
            for key in edits:
                tally.add(
                    f"edit by hand during a sync, {engine}",
                    survived=key not in silently_lost,
                    lost=int(key in silently_lost or key in mixed),
                )
            assert not silently_lost
            assert not mixed
            # Only a list that somebody edited can be a conflict.
            assert {key for key, status in statuses.items() if status == "conflict"} <= edits.keys()
            collided += stopped + sum(
                status == "conflict" or (key, edits.get(key)) in told for key, status in statuses.items()
            )
            disturbed.assert_nothing_else_changed()
            _assert_the_next_sync_tells_every_edit(disturbed, edits)
    assert collided, "no edit met the sync: this test shows nothing"


def _sync_while(disturbed: DisturbedShop, technician: Technician) -> tuple[int, str]:
    """Run one sync beside the technician; its exit status and what it said."""
    worker = threading.Thread(target=technician.work)
    command = CommandProcess(["sync"], disturbed.shop.environment, disturbed.shop.folder / "output")
    while command.is_running() and "group members" not in command.said():  # CWA is the first to be read
        time.sleep(PAUSE_SECONDS)
    worker.start()
    status = command.wait()
    technician.stop.set()
    worker.join()
    return status, command.said()


def _statuses(disturbed: DisturbedShop) -> dict[int, str]:
    """What the sync made of each list."""
    members = disturbed.shop.table("additional_members")
    return dict(zip(members["subscription_id"], members["status"], strict=True))


def _assert_it_stopped_at_an_edit(said: str, edits: dict[int, str], engine: str) -> None:
    """Without transactions the sync cannot tell an edit right after its write from a trigger: it names the list and stops."""
    assert engine == "MyISAM", said
    found = re.search(r"of subid (\d+) was set to '.*?' and holds \['(.*?)'\]", " ".join(said.split()))
    assert found, said
    assert edits.get(int(found[1])) == found[2], said


def _written_over(disturbed: DisturbedShop, *, may_be_open: bool = False) -> set[tuple[int, str]]:
    """Subscriptions and old lists that the ledger says were overwritten; after a stop a planned write may have happened too."""
    ledger = disturbed.shop.table(LEDGER)
    written = ledger[ledger["status"].isin(["written", *(["planned"] if may_be_open else [])])]
    return set(zip(written["subscription_id"], written["before"].fillna(""), strict=True))


def _assert_the_next_sync_tells_every_edit(disturbed: DisturbedShop, edits: dict[int, str]) -> None:
    """The next sync overwrites an edited list and keeps it in the ledger. It leaves free text alone."""
    before = disturbed.shop.lists()
    command = CommandProcess(["sync"], disturbed.shop.environment, disturbed.shop.folder / "output")
    assert command.wait() == 0, command.said()
    standing = {key: text for key, text in edits.items() if before[key] == text}
    free = {key: text for key, text in standing.items() if not text.startswith("_")}
    assert disturbed.shop.lists() == disturbed.lists.new | free
    assert {(key, text) for key, text in standing.items() if key not in free} <= _written_over(disturbed)
    held = disturbed.shop.table("additional_members").set_index("subscription_id")["status"]
    assert set(held[held == "held"].index) == {
        *free,
        *(key for key, old in disturbed.lists.old.items() if "Ann" in old),
    }


@pytest.mark.parametrize("warehouse", ["SQLite", "PostgreSQL"])
def test_of_two_syncs_started_together_one_runs_and_the_other_says_so(
    request: pytest.FixtureRequest, tmp_path: Path, tally: Tally, warehouse: str
) -> None:
    url = sa.URL.create("sqlite", database=str(tmp_path / "warehouse.db"))
    if warehouse == "PostgreSQL":
        server: PostgresqlServer = request.getfixturevalue("postgresql_server")
        url = server.new_database()
    with disturbed_shop(tmp_path) as disturbed:
        disturbed.restore(url)
        disturbed.shop.server.behaviour.latency = SLOW_CWA
        both = [
            CommandProcess(["sync"], disturbed.shop.environment, tmp_path / f"output_{number}") for number in range(2)
        ]
        statuses = {command.wait(): command for command in both}
        well = sorted(statuses) == [0, BUSY] and disturbed.shop.lists() == disturbed.lists.new
        tally.add(f"two syncs at once, warehouse in {warehouse}", survived=well, lost=len(disturbed.lost_or_mixed()))
        assert well, [command.said() for command in both]
        assert "another sync" in statuses[BUSY].said()
        assert "Traceback" not in statuses[BUSY].said()
        ledger = disturbed.shop.table(LEDGER)
        assert ledger["run_id"].nunique() == 1
        assert (ledger["status"] == "written").sum() == len(disturbed.lists.changing)
        disturbed.assert_nothing_else_changed()
