"""A real browser for the tests of the integration page, and the pages they look at.

What belongs here: Chromium, a visit that fails its test on any complaint of the page, and pages built once a session. What must not:
what stands on the pages (`scenario`), or how to read them (`looking`).
"""

import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TypeVar

import pytest
from filelock import FileLock
from playwright.sync_api import Browser, sync_playwright

from cwa_pipeline_tests.page import scenario
from cwa_pipeline_tests.page.looking import Visitor
from cwa_pipeline_tests.page.scenario import BuiltPage

Built = TypeVar("Built")
NAMES = ("chromium", "chromium-browser", "google-chrome")
PLAIN_HTTP_HOST = "shop.test"  # no loopback name, so that the browser takes it for an insecure origin; it leads to loopback all the same
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


# Not for the whole session: while Playwright is on, its event loop counts as running, and Dagster in other tests would meet it.
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


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visitor]:
    """Open a page in a fresh context. What the page complains of (console, errors, dialogs, requests elsewhere) fails the test."""
    visitor = Visitor(browser)
    yield visitor
    visitor.leave()
    assert visitor.complaints == []


@pytest.fixture
def web_server(demo: BuiltPage) -> Iterator[str]:
    """The demo's page over http, by an address that ends in its port."""
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


# While a browser is open, Playwright's event loop counts as the main thread's running one; a sync wants none there.
def beside_the_browser(build: Callable[[Path], Built], folder: Path) -> Built:
    """Build a page in a thread of its own."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(build, folder).result()


def built_once(factory: pytest.TempPathFactory, build: Callable[[Path], Built]) -> Built:
    """A page for the whole session, also where several processes share it."""
    base = factory.getbasetemp().parent if "PYTEST_XDIST_WORKER" in os.environ else factory.getbasetemp()
    folder = base / build.__name__
    kept = folder.with_suffix(".pickle")
    with FileLock(folder.with_suffix(".lock")):
        if not kept.exists():
            folder.mkdir()
            kept.write_bytes(pickle.dumps(beside_the_browser(build, folder)))
        return pickle.loads(kept.read_bytes())  # noqa: S301 - our own, of a moment ago


# --- the pages: each is built by the first test that wants it -------------------------------------------------------------


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> BuiltPage:
    """The invented shop after a sync, with 30 days behind it, links and a snoozed issue."""
    return built_once(tmp_path_factory, scenario.demo_page)


@pytest.fixture(scope="session")
def states(tmp_path_factory: pytest.TempPathFactory) -> dict[str, BuiltPage]:
    """The page after syncs that only planned, wrote, held a group and failed."""
    return built_once(tmp_path_factory, scenario.pages_of_each_state)


@pytest.fixture(scope="session")
def messy(tmp_path_factory: pytest.TempPathFactory) -> BuiltPage:
    """The page of a messy world, as far as a sync would take it."""
    return built_once(tmp_path_factory, scenario.messy_page)


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> BuiltPage:
    """The page of a shop that somebody hates."""
    return built_once(tmp_path_factory, scenario.hostile_page)


@pytest.fixture(scope="session")
def big(tmp_path_factory: pytest.TempPathFactory) -> BuiltPage:
    """The page with 10,000 issues."""
    return built_once(tmp_path_factory, scenario.big_page)
