"""Fixtures of the fault suite: how many faults to inject, the right lists, and the table of results."""

import sqlite3
from collections import defaultdict
from pathlib import Path

import pytest

_TALLY: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])


class Tally:
    """Counts, for each kind of fault: injected, survived, and lists lost or mixed."""

    def add(self, kind: str, *, survived: bool, lost: int) -> None:
        """Count one fault; `lost` are the lists that were neither the old nor the new one, or an edit that is gone."""
        for position, count in enumerate((1, int(survived), lost)):
            _TALLY[kind][position] += count


@pytest.fixture(scope="session")
def tally() -> Tally:
    """The table that is printed at the end."""
    return Tally()


@pytest.fixture(scope="session")
def full(pytestconfig: pytest.Config) -> bool:
    """Whether every fault is injected, or the few of `make test`."""
    return pytestconfig.getoption("--faults") == "full"


@pytest.fixture(scope="session")
def right_lists(synced: Path) -> dict[int, str]:
    """The lists of the invented shop as an undisturbed sync leaves them."""
    connection = sqlite3.connect(synced / "pcrt.db")
    lists = dict(connection.execute("SELECT subid, additionalmembers FROM subscriptions ORDER BY subid"))
    connection.close()
    return lists


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table."""
    if not _TALLY:
        return
    rows = [*sorted(_TALLY.items()), ("in all", [sum(column) for column in zip(*_TALLY.values(), strict=True)])]
    terminalreporter.section("faults")
    terminalreporter.write_line(f"{'fault':<60}{'injected':>10}{'survived':>10}{'lists lost or mixed':>21}")
    for kind, (injected, survived, lost) in rows:
        terminalreporter.write_line(f"{kind:<60}{injected:>10}{survived:>10}{lost:>21}")
