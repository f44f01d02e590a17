"""What the fault suite shares: how many faults are injected, and the table of what came of them."""

from collections import defaultdict
from collections.abc import Iterator

import pytest

from cwa_pipeline_tests.faults.warm_command import WarmCommands

_TALLY: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])


class Tally:
    """Counts, for each kind of fault: injected, survived, and lists lost or mixed."""

    def add(self, kind: str, *, survived: bool, lost: int) -> None:
        """Count one fault; `lost` are the lists that were neither the old nor the new one, or an edit that is gone."""
        for position, count in enumerate((1, int(survived), lost)):
            _TALLY[kind][position] += count


@pytest.fixture(scope="session")
def tally() -> Tally:
    """The table that is printed in the end."""
    return Tally()


@pytest.fixture(scope="session")
def full(pytestconfig: pytest.Config) -> bool:
    """Whether every fault is injected, or a choice that fits into `make test`."""
    return pytestconfig.getoption("--faults") == "full"


@pytest.fixture(scope="session")
def commands() -> Iterator[WarmCommands]:
    """The command line in processes that have the package loaded already."""
    with WarmCommands.ready() as commands:
        yield commands


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table."""
    if not _TALLY:
        return
    rows = [*sorted(_TALLY.items()), ("in all", [sum(column) for column in zip(*_TALLY.values(), strict=True)])]
    terminalreporter.section("faults")
    terminalreporter.write_line(f"{'fault':<60}{'injected':>10}{'survived':>10}{'lists lost or mixed':>21}")
    for kind, (injected, survived, lost) in rows:
        terminalreporter.write_line(f"{kind:<60}{injected:>10}{survived:>10}{lost:>21}")
