"""Options and fixtures for the whole suite: private database servers, and expensive things that are built once."""

import os
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from cwa_pipeline_tests.servers import ServerNotAvailable
from cwa_pipeline_tests.servers.mariadb import MariadbServer
from cwa_pipeline_tests.servers.postgresql import PostgresqlServer
from cwa_pipeline_tests.shop import first_sync

Built = TypeVar("Built")

# By default Hypothesis fails an example that takes 200 ms, which happens on a busy machine.
settings.register_profile("no time limits", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no time limits")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`make faults` and `make page-matrix` ask for the full forms; the suite runs the short ones."""
    for name, what in (("--faults", "faults to inject"), ("--page-matrix", "sizes and color schemes of the page")):
        parser.addoption(name, choices=["short", "full"], default="short", help=f"how many {what}")


@dataclass(frozen=True)
class BuildOnce:
    """Builds expensive things once for all processes of pytest-xdist."""

    folder: Path

    def __call__(self, build: Callable[..., Built], *arguments: object) -> Built:
        """Call `build` with an empty folder of its own, or return what an earlier call with this function returned."""
        folder = self.folder / f"{build.__module__}.{build.__name__}"
        result = folder.with_suffix(f"{folder.suffix}.pickle")
        with FileLock(f"{folder}.lock"):
            if not result.exists():
                folder.mkdir()
                # In a thread: Playwright's event loop occupies the main thread while a browser is open, and a sync needs its own.
                with ThreadPoolExecutor(1) as thread:
                    result.write_bytes(pickle.dumps(thread.submit(build, folder, *arguments).result()))
            return pickle.loads(result.read_bytes())  # noqa: S301 - this session wrote it

    def left_by(self, build: Callable[..., object], *arguments: object) -> Path:
        """The folder in which `build` left its files."""
        self(build, *arguments)
        return self.folder / f"{build.__module__}.{build.__name__}"


@pytest.fixture(scope="session")
def build_once(tmp_path_factory: pytest.TempPathFactory) -> BuildOnce:
    """Builds expensive things once a session."""
    folder = tmp_path_factory.getbasetemp()
    return BuildOnce(folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder)


@pytest.fixture(scope="session")
def synced(build_once: BuildOnce) -> Path:
    """The databases of the invented shop after its first sync, for `open_shop_as_left`."""
    return build_once.left_by(first_sync)


@pytest.fixture(scope="session")
def mariadb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariadbServer]:
    """A private MariaDB; `new_database()` gives each test a database of its own."""
    try:
        server = MariadbServer.start(tmp_path_factory.mktemp("mariadb"))
    except ServerNotAvailable as reason:
        pytest.skip(str(reason))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresqlServer]:
    """A private PostgreSQL; `new_database()` gives each test a database of its own."""
    try:
        server = PostgresqlServer.start(tmp_path_factory.mktemp("postgresql"))
    except ServerNotAvailable as reason:
        pytest.skip(str(reason))
    yield server
    server.stop()
