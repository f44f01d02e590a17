"""kill -9 at any moment of a sync: no list is lost or mixed, and the next sync ends like an undisturbed one."""

import random
import time
from collections.abc import Mapping
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa

from cwa_pipeline.rules.members.lists import parse
from cwa_pipeline_tests.faults.command_process import CommandProcess
from cwa_pipeline_tests.faults.conftest import Tally
from cwa_pipeline_tests.faults.many_lists import LEDGER, DisturbedShop, disturbed_shop
from cwa_pipeline_tests.servers.mariadb import MariadbServer
from cwa_pipeline_tests.servers.postgresql import PostgresqlServer

KILLS = {"MyISAM": 50, "InnoDB": 50, "InnoDB, warehouse in PostgreSQL": 10, "SQLite": 10}
IN_SHORT = ("MyISAM", "InnoDB, warehouse in PostgreSQL", "SQLite")  # one kill each
LONGEST_SYNC = 60  # seconds; after that a sync hangs
FIRST_GUESS = 1.5  # seconds a sync takes; each undisturbed sync corrects it
LATE = 0.5  # the share of a sync before its writes; on SQLite nobody can see them before the commit
LOOK_SECONDS = 0.002  # between two looks at PCRT, about the time it takes to write a list


class Place:
    """An engine of PCRT's tables, and a new warehouse for each kill."""

    def __init__(self, where: str, request: pytest.FixtureRequest, folder: Path) -> None:
        self.engine = where.partition(",")[0]
        self.pcrt: dict[str, object] = {}
        if self.engine != "SQLite":
            server: MariadbServer = request.getfixturevalue("mariadb_server")
            self.pcrt = {"pcrt_url": server.new_database(), "storage_engine": self.engine}
        self._postgresql: PostgresqlServer | None = (
            request.getfixturevalue("postgresql_server") if "PostgreSQL" in where else None
        )
        self._folder = folder
        self._numbers = count()

    def new_warehouse(self) -> sa.URL:
        if self._postgresql:
            return self._postgresql.new_database()
        return sa.URL.create("sqlite", database=str(self._folder / f"warehouse_{next(self._numbers)}.db"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "where" in metafunc.fixturenames:
        metafunc.parametrize("where", KILLS if metafunc.config.getoption("--faults") == "full" else IN_SHORT)


def test_after_a_kill_at_any_moment_the_next_sync_ends_like_an_undisturbed_one(
    request: pytest.FixtureRequest, tmp_path: Path, tally: Tally, full: bool, where: str
) -> None:
    wanted = KILLS[where] if full else 1
    rng = random.Random(f"kill {where}")
    place = Place(where, request, tmp_path)
    midway: list[int] = []
    span = FIRST_GUESS
    with disturbed_shop(tmp_path, **place.pcrt) as disturbed:
        for number in range(3 * wanted):  # a sync that ended before its kill does not count
            disturbed.restore(place.new_warehouse())
            command = _sync(disturbed)
            if place.engine == "SQLite":
                time.sleep(rng.uniform(LATE, 1) * span)
            elif number % 2:
                time.sleep(rng.uniform(0, 1) * span)
            else:
                _wait_until_some_are_written(disturbed, command, rng.randint(1, len(disturbed.lists.changing) - 1))
            if not command.kill():
                assert command.wait() == 0, command.said()
                continue
            midway.append(_written_now(disturbed))
            lost = disturbed.lost_or_mixed()
            started = time.monotonic()
            after = _sync(disturbed)
            survived = after.wait() == 0 and disturbed.shop.lists() == disturbed.lists.new
            span = time.monotonic() - started
            tally.add(f"kill -9 of a sync, PCRT on {where}", survived=survived, lost=len(lost))
            assert not lost
            assert survived, after.said()
            disturbed.assert_nothing_else_changed()
            _assert_the_ledger_tells_every_change(disturbed)
            if len(midway) == wanted:
                break
    assert len(midway) == wanted
    if place.engine == "MyISAM":  # it has no transactions, so some kills have to fall between two lists
        assert any(0 < written < len(disturbed.lists.changing) for written in midway), midway


def _sync(disturbed: DisturbedShop) -> CommandProcess:
    return CommandProcess(["sync"], disturbed.shop.environment, disturbed.shop.folder / "output")


def _wait_until_some_are_written(disturbed: DisturbedShop, command: CommandProcess, how_many: int) -> None:
    """Wait until so many lists have changed, also those that are not committed yet."""
    engine = sa.create_engine(disturbed.shop.pcrt_url, isolation_level="READ UNCOMMITTED")
    lists = sa.text("SELECT subid, additionalmembers FROM subscriptions")
    deadline = time.monotonic() + LONGEST_SYNC
    with engine.connect() as connection:
        while command.is_running() and time.monotonic() < deadline:
            rows: list[tuple[int, str]] = [tuple(row) for row in connection.execute(lists)]
            if _written(disturbed, dict(rows)) >= how_many:
                break
            connection.rollback()
            time.sleep(LOOK_SECONDS)
    engine.dispose()


def _written_now(disturbed: DisturbedShop) -> int:
    return _written(disturbed, disturbed.shop.lists())


def _written(disturbed: DisturbedShop, lists: Mapping[int, str]) -> int:
    return sum(lists[key] == disturbed.lists.new[key] for key in disturbed.lists.changing)


def _assert_the_ledger_tells_every_change(disturbed: DisturbedShop) -> None:
    """The ledger has each changed list once with its old and new value, and every planned write has an outcome."""
    ledger = disturbed.shop.table(LEDGER)
    written = ledger[ledger["status"] == "written"]
    told = sorted(zip(written["subscription_id"], written["before"].fillna(""), written["after"], strict=True))
    old, new = disturbed.lists.old, disturbed.lists.new
    assert told == [(key, old[key], new[key]) for key in sorted(disturbed.lists.changing)]
    one_write = ["run_id", "subscription_id"]
    planned = set(ledger.loc[ledger["status"] == "planned", one_write].itertuples(index=False, name=None))
    outcomes = [*ledger.loc[ledger["status"] != "planned", one_write].itertuples(index=False, name=None)]
    assert sorted(outcomes) == sorted(planned)  # one outcome each, and none without a plan
    assert set(ledger["status"]) <= {"planned", "written", "not_written"}
    # What the killed sync wrote does not count as a hand edit, and its PCIDs are covered.
    members = disturbed.shop.table("additional_members")
    assert not members["hand_edited"].any()
    history = disturbed.shop.table("coverage_history")
    covered = set(zip(history["subscription_id"], history["pcid"], strict=True))
    assert history["covered_to"].isna().all()
    assert covered == {
        (key, pcid) for key in members["subscription_id"] for pcid in parse(new[key], "underscore") or ()
    }
