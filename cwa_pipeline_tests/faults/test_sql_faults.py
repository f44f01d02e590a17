"""Every SQL statement to PCRT fails, once or for good, on InnoDB and on MyISAM: no list is lost or mixed.

On InnoDB a run that fails leaves PCRT byte for byte as it was, unless the answer to its commit was lost. MyISAM has no transactions: when
a run fails among its writes, some lists are written, and each list is the old or the new one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from unittest.mock import patch

import pytest

from cwa_pipeline.commands.demo.msp import invented_msp
from cwa_pipeline.pcrt import connection as pcrt_connection
from cwa_pipeline_tests.faults.conftest import Tally
from cwa_pipeline_tests.faults.mysql_proxy import MysqlProxy, ServerError, StatementFault
from cwa_pipeline_tests.faults.trial import LISTS_BEHIND, MayHaveWritten, Trial, sample
from cwa_pipeline_tests.servers.mariadb import MariadbServer
from cwa_pipeline_tests.shop import open_shop

FAULTS: dict[str, StatementFault] = {
    "connection lost before": "lost before",
    "connection lost after": "lost after",
    "deadlock": ServerError(1213, "40001", "Deadlock found when trying to get lock", instead="ROLLBACK"),
    "lock wait time-out": ServerError(1205, "HY000", "Lock wait timeout exceeded"),
    "read-only": ServerError(1290, "HY000", "The server is running with the --read-only option"),
    "disk full (1021)": ServerError(1021, "HY000", "Disk full (/tmp); waiting for someone to free some space"),
    "table full (1114)": ServerError(1114, "HY000", "The table 'subscriptions' is full"),
}
RETRIED = {"connection lost before", "connection lost after", "deadlock", "lock wait time-out"}  # at a write
# In the short form each engine gets one fault once and one for good.
ONCE_IN_SHORT = {"InnoDB": "deadlock", "MyISAM": "connection lost after"}
FOR_GOOD_IN_SHORT = {"InnoDB": "connection lost before", "MyISAM": "table full (1114)"}
FOR_GOOD_EVERY = 3  # in the full form: every third statement, as a fault for good costs a second sync


class Disturbed:
    """A trial whose sync reaches PCRT through a proxy, and the statements of its undisturbed sync."""

    def __init__(self, trial: Trial, proxy: MysqlProxy) -> None:
        self.trial, self.proxy = trial, proxy
        proxy.order(None)
        trial.sync_undisturbed()
        self.statements = proxy.statements
        assert sum(map(_is_a_write, self.statements)) == len(LISTS_BEHIND)
        self.first_write = next(number for number in count() if _is_a_write(self.statements[number]))
        # The connection that writes opens with SET NAMES, SET AUTOCOMMIT, SET NAMES; from its first on a fault is tried again.
        self.writer_opens = (
            max(number for number in range(self.first_write) if self.statements[number].startswith("SET NAMES")) - 2
        )
        self.committed = next(
            number for number in count(self.first_write) if self.statements[number].startswith("COMMIT")
        )


def _is_a_write(statement: str) -> bool:
    return statement.startswith("UPDATE subscriptions") and "1 = 0" not in statement


@contextmanager
def open_disturbed(
    server: MariadbServer, storage_engine: str, folder: Path, right_lists: dict[int, str]
) -> Iterator[Disturbed]:
    """A shop whose PCRT is on that storage engine, behind a proxy."""
    url = server.new_database()
    with (
        open_shop(folder, *invented_msp(), pcrt_url=url, storage_engine=storage_engine) as shop,
        patch.object(pcrt_connection, "PAUSE_SECONDS", 0),
        MysqlProxy(server.port) as proxy,
    ):
        through = url.set(port=proxy.port).render_as_string(hide_password=False)
        shop.environment["PCRT_DATABASE_URL"] = through  # which every reset puts into the process's environment
        yield Disturbed(Trial.prepare(shop, right_lists), proxy)


@pytest.fixture(scope="module")
def disturbed(
    engine: str, mariadb_server: MariadbServer, tmp_path_factory: pytest.TempPathFactory, right_lists: dict[int, str]
) -> Iterator[Disturbed]:
    """One shop for all of the faults on an engine."""
    with open_disturbed(mariadb_server, engine, tmp_path_factory.mktemp("sql"), right_lists) as disturbed:
        yield disturbed


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each fault on each engine, or in the short form one."""
    engines = ("InnoDB", "MyISAM")
    if "fault" in metafunc.fixturenames:
        full = metafunc.config.getoption("--faults") == "full"
        short = FOR_GOOD_IN_SHORT if "for_good" in metafunc.function.__name__ else ONCE_IN_SHORT
        cases = [(engine, fault) for engine in engines for fault in (FAULTS if full else [short[engine]])]
        metafunc.parametrize(("engine", "fault"), cases, scope="module")
    elif "engine" in metafunc.fixturenames:
        metafunc.parametrize("engine", engines, scope="module")


def inject(disturbed: Disturbed, tally: Tally, engine: str, fault: str, number: int, *, for_good: bool) -> None:
    """Judge a sync with one fault; if it failed late, the next sync has to put everything right."""
    statement = " ".join(disturbed.statements[number].split())[:60]
    what = f"{engine}, {fault} {'for good' if for_good else 'once'} at statement {number}, {statement}"
    disturbed.trial.reset()
    disturbed.proxy.order(FAULTS[fault], number, for_good=for_good)
    outcome = disturbed.trial.shop.sync()
    injected = disturbed.proxy.injected
    disturbed.proxy.order(None)
    assert injected, f"{what}: was never injected"
    certain = disturbed.first_write if engine == "MyISAM" else disturbed.committed
    carried_out = number > certain or (number == certain and fault == "connection lost after")
    may_have_written: MayHaveWritten = "nothing"
    if carried_out:
        may_have_written = "some" if engine == "MyISAM" else "all"
    disturbed.trial.judge(f"PCRT on {engine}: {fault}", tally, what, outcome, may_have_written)
    if number >= disturbed.writer_opens and fault in RETRIED and not for_good:
        assert outcome.succeeded, f"{what}: the retry did not succeed: {outcome.problems}"
    if not outcome.succeeded and number >= disturbed.first_write:
        disturbed.trial.assert_the_next_sync_puts_it_right(what)


def test_a_statement_that_fails_once_leaves_no_list_lost_or_mixed(
    disturbed: Disturbed, tally: Tally, full: bool, engine: str, fault: str
) -> None:
    numbers = range(len(disturbed.statements))
    around_the_writes = numbers[disturbed.first_write - 2 : disturbed.first_write + 4]
    for number in sample(numbers if full else around_the_writes, 1, f"{engine} {fault}", full=full):
        inject(disturbed, tally, engine, fault, number, for_good=False)


def test_statements_that_fail_for_good_leave_no_list_lost_or_mixed(
    disturbed: Disturbed, tally: Tally, full: bool, engine: str, fault: str
) -> None:
    numbers = range([*FAULTS].index(fault) % FOR_GOOD_EVERY, len(disturbed.statements), FOR_GOOD_EVERY)
    among_the_writes = range(disturbed.first_write + 1, disturbed.first_write + 2 * len(LISTS_BEHIND))
    for number in sample(numbers if full else among_the_writes, 1, f"{engine} {fault} for good", full=full):
        inject(disturbed, tally, engine, fault, number, for_good=True)


def test_a_server_that_refuses_the_drivers_first_statements_fails_the_sync_in_one_line(
    disturbed: Disturbed, tally: Tally, engine: str
) -> None:
    number = next(n for n, statement in enumerate(disturbed.statements) if statement.startswith("SELECT DATABASE()"))
    inject(disturbed, tally, engine, "read-only", number, for_good=True)
