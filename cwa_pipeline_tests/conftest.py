"""What the whole suite shares: private database servers on free loopback ports, in temporary folders, ended with the session."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from cwa_pipeline_tests.servers import ServerNotAvailable
from cwa_pipeline_tests.servers.mariadb import MariadbServer
from cwa_pipeline_tests.servers.postgresql import PostgresqlServer

# Hypothesis would fail an example that takes 200 ms, as one does on a busy machine: how fast it is, is not for a test to say.
settings.register_profile("no bare times", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no bare times")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--faults full` is what `make faults` runs; the suite has the short form of it."""
    parser.addoption(
        "--faults", choices=["short", "full"], default="short", help="How many faults the fault suite injects."
    )


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
