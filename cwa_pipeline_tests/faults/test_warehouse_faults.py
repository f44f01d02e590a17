"""Everything a sync asks of the warehouse fails: the run fails or ends like the undisturbed one, and PCRT never holds a list that the
ledger did not plan. The next sync puts everything right.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache

import pytest

from cwa_pipeline.commands.demo.msp import invented_msp
from cwa_pipeline.warehouse import sqlite as warehouse_sqlite
from cwa_pipeline.warehouse.sync_record import LEDGER
from cwa_pipeline_tests.faults.conftest import Tally
from cwa_pipeline_tests.faults.trial import Trial, sample
from cwa_pipeline_tests.faults.warehouse_faults import (
    Calls,
    OtherProgram,
    counted,
    driver_error,
    from_connection,
    raising,
    terminating,
)
from cwa_pipeline_tests.servers.postgresql import PostgresqlServer
from cwa_pipeline_tests.shop import open_shop

IN_SHORT = 1  # of each kind of fault
QUICK_BUSY_SECONDS = 1  # instead of half a minute

ERRORS = {
    "SQLite": {
        "database is locked": driver_error("[SQLite] Failed to execute query: database is locked"),
        "disk full": driver_error("[SQLite] Failed to execute query: database or disk is full"),
        "read-only": driver_error("[SQLite] Failed to execute query: attempt to write a readonly database"),
        "disk failing": driver_error("[SQLite] Failed to execute query: disk I/O error"),
    },
    "PostgreSQL": {
        "deadlock": driver_error("[libpq] Failed: ERROR:  deadlock detected", "40P01"),
        "lock time-out": driver_error("[libpq] Failed: ERROR:  canceling statement due to lock timeout", "55P03"),
        "read-only": driver_error("[libpq] Failed: ERROR:  cannot execute INSERT in a read-only transaction", "25006"),
        "disk full": driver_error("[libpq] Failed: ERROR:  could not extend file: No space left on device", "53100"),
    },
}
PRAGMAS = {"disk full": "PRAGMA max_page_count = 1", "read-only": "PRAGMA query_only = ON"}
LOST = driver_error("[libpq] server closed the connection unexpectedly")


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory, right_lists: dict[int, str]) -> Iterator[Trial]:
    """A shop with its warehouse in SQLite."""
    with open_shop(tmp_path_factory.mktemp("warehouse"), *invented_msp()) as shop:
        yield Trial.prepare(shop, right_lists)


@pytest.fixture(scope="module")
def on_postgresql(
    tmp_path_factory: pytest.TempPathFactory, right_lists: dict[int, str], postgresql_server: PostgresqlServer
) -> Iterator[Trial]:
    """A shop with its warehouse in PostgreSQL."""
    url = postgresql_server.new_database()
    with open_shop(tmp_path_factory.mktemp("warehouse"), *invented_msp(), warehouse_url=url) as shop:
        yield Trial.prepare(shop, right_lists)


@cache
def undisturbed_calls(trial: Trial) -> list[str]:
    """What an undisturbed sync asks of the driver."""
    calls = Calls()
    with counted(calls):
        trial.sync_undisturbed()
    return calls.made


def inject(trial: Trial, tally: Tally, kind: str, calls: Calls, made: list[str]) -> None:
    """Judge a sync with one failing call; if it failed after the ledger's first row, the next sync has to put everything right."""
    assert calls.at is not None
    what = f"{kind} at call {calls.at}, {' '.join(made[calls.at].split())[:60]}"
    trial.reset()
    with counted(calls):
        outcome = trial.shop.sync()
    assert len(calls.made) > calls.at, f"{what}: was never injected"
    # PCRT is SQLite here, and written in one transaction
    trial.judge(f"warehouse on {kind}", tally, what, outcome, "all")
    if not outcome.succeeded and calls.at >= made.index(f"ingest {LEDGER}"):
        trial.assert_the_next_sync_puts_it_right(what)


@pytest.mark.parametrize("database", ERRORS)
def test_a_call_that_fails_before_or_after_it_was_carried_out_leaves_no_list_unknown_to_the_ledger(
    request: pytest.FixtureRequest, tally: Tally, full: bool, database: str
) -> None:
    trial: Trial = request.getfixturevalue(f"on_{database.lower()}")
    made, errors = undisturbed_calls(trial), [*ERRORS[database].items()]
    around_the_write = range(made.index(f"ingest {LEDGER}") - 2, len(made))
    for number in sample(range(len(made)) if full else around_the_write, IN_SHORT, database, full=full):
        fault, error = errors[
            number % len(errors)
        ]  # one for each call: all faults at all calls would take half an hour
        calls = Calls(number)
        if (number // len(errors)) % 2:
            calls.after = raising(error)
        else:
            calls.before = raising(error)
        inject(trial, tally, f"{database}: {fault}", calls, made)


def test_a_postgresql_that_ends_all_connections_leaves_no_list_unknown_to_the_ledger(
    on_postgresql: Trial, tally: Tally, full: bool
) -> None:
    made, terminate = undisturbed_calls(on_postgresql), terminating(on_postgresql.shop.warehouse_url)

    def answer_lost() -> None:
        terminate()
        raise LOST

    around_the_write = range(made.index(f"ingest {LEDGER}"), len(made))
    for number in sample(range(len(made)) if full else around_the_write, IN_SHORT, "terminated", full=full):
        calls = Calls(number, after=answer_lost) if number % 2 else Calls(number, before=terminate)
        inject(on_postgresql, tally, "PostgreSQL: connection lost", calls, made)


def test_a_file_that_may_not_grow_or_be_written_leaves_no_list_unknown_to_the_ledger(
    on_sqlite: Trial, tally: Tally, full: bool
) -> None:
    opens = [call for call in undisturbed_calls(on_sqlite) if "busy_timeout" in call]
    cases = [(fault, number) for fault in PRAGMAS for number in range(0, len(opens), 2)]
    for fault, number in sample(cases, IN_SHORT, "the file itself", full=full):
        on_sqlite.reset()
        what = f"SQLite: {fault} from connection {number} on"
        with from_connection(number, PRAGMAS[fault]):
            outcome = on_sqlite.shop.sync()
        on_sqlite.judge(f"warehouse on SQLite: {fault}, the file itself", tally, what, outcome, "all")
        if fault == "read-only" and number < len(opens) // 2:
            assert not outcome.succeeded, what
        if not outcome.succeeded:
            on_sqlite.assert_the_next_sync_puts_it_right(what)


def test_a_file_that_another_program_keeps_locked_leaves_no_list_unknown_to_the_ledger(
    on_sqlite: Trial, tally: Tally, full: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warehouse_sqlite, "BUSY_SECONDS", QUICK_BUSY_SECONDS)
    made = undisturbed_calls(on_sqlite)
    opens = [number for number, call in enumerate(made) if "busy_timeout" in call]
    last_write = max(number for number, call in enumerate(made) if call.startswith("ingest"))
    with ExitStack() as ending:
        other = OtherProgram(on_sqlite.shop.warehouse_url.database or "")
        ending.callback(other.end)
        for number in sample(opens[1 :: 4 if full else 1], 1, "locked", full=full):
            on_sqlite.reset()
            calls = Calls(number, before=other.lock)
            with counted(calls):
                outcome = on_sqlite.shop.sync()
            other.free()
            what = f"SQLite: kept locked from call {number} on"
            on_sqlite.judge("warehouse on SQLite: another program keeps it locked", tally, what, outcome, "all")
            assert outcome.succeeded == (number > last_write), what  # a reader waits for nobody
            on_sqlite.assert_the_next_sync_puts_it_right(what)
