"""A real browser for the tests of the integration page, and the pages that they open. Each page is built once a session."""

import shutil
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from cwa_pipeline_tests.conftest import BuildOnce
from cwa_pipeline_tests.page import scenario
from cwa_pipeline_tests.page.looking import LAPTOP, PHONE, WIDE, Visitor
from cwa_pipeline_tests.page.scenario import BuiltPage

SIZES = {"phone": PHONE, "laptop": LAPTOP, "wide": WIDE}
MATRIX = [(size, scheme) for size in SIZES for scheme in ("light", "dark")]
NAMES = ("chromium", "chromium-browser", "google-chrome")
PLAIN_HTTP_HOST = "shop.test"  # leads to loopback, but the browser treats it as an insecure origin
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--host-resolver-rules=MAP {PLAIN_HTTP_HOST} 127.0.0.1",
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every size and color scheme in `make page-matrix`; in `make test` only the smallest and darkest."""
    if {"size", "scheme"} <= {*metafunc.fixturenames}:
        full = metafunc.config.getoption("--page-matrix") == "full"
        metafunc.parametrize(("size", "scheme"), MATRIX if full else [("phone", "dark")])


# Not for the whole session: while Playwright runs, its event loop occupies the main thread, and Dagster in other tests needs it.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"none of {', '.join(NAMES)} is on this machine; apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


def visitor(browser: Browser) -> Iterator[Visitor]:
    visitor = Visitor(browser)
    yield visitor
    visitor.leave()
    assert visitor.complaints == []


# Opens a page in a fresh context. The page's complaints (console, errors, dialogs, requests elsewhere) fail the test.
visit = pytest.fixture(visitor, name="visit")
module_visit = pytest.fixture(visitor, scope="module", name="module_visit")


@pytest.fixture(scope="module")
def shared(demo: BuiltPage, module_visit: Visitor) -> Page:
    """The demo's page, opened once a module, for tests that only read or open rows."""
    return module_visit(demo.path)


@pytest.fixture
def page(demo: BuiltPage, visit: Visitor) -> Page:
    """The demo's page, freshly opened."""
    return visit(demo.path)


@pytest.fixture
def web_server(demo: BuiltPage) -> Iterator[str]:
    """Serves the demo's page over http; yields its address from the port on."""
    handler = partial(_Quiet, directory=str(demo.path.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"{server.server_port}/{demo.path.name}"
        server.shutdown()
        thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def demo(build_once: BuildOnce) -> BuiltPage:
    """The invented shop after a sync, with 30 days of history, links and a snoozed issue."""
    return build_once(scenario.demo_page)


@pytest.fixture(scope="session")
def states(build_once: BuildOnce) -> dict[str, BuiltPage]:
    """The page after syncs that only planned, wrote, held a group and failed."""
    return build_once(scenario.pages_of_each_state)


@pytest.fixture(scope="session")
def messy(build_once: BuildOnce) -> BuiltPage:
    """The page of a messy world."""
    return build_once(scenario.messy_page)


@pytest.fixture(scope="session")
def hostile(build_once: BuildOnce) -> BuiltPage:
    """The page of a shop in which every text is hostile."""
    return build_once(scenario.hostile_page)


@pytest.fixture(scope="session")
def big(build_once: BuildOnce) -> BuiltPage:
    """The page with 10,000 issues."""
    return build_once(scenario.big_page)


@pytest.fixture(scope="session")
def without_tables(build_once: BuildOnce, synced: Path) -> dict[str, Path]:
    """The pages of shops whose warehouse is missing, empty or damaged."""
    return build_once(scenario.pages_without_tables, synced)
