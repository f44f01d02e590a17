"""The documentation's pictures: the lineage as Dagster draws it after a run of the demo, and the integration page as the tests saw it.

`make screenshots` runs the tests that keep their pictures in test-results/ first. The pictures are committed, so that the documentation
can be built without a browser.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "images"
SEEN_BY_TESTS = ROOT / "test-results" / "screenshots"
FROM_TESTS = {
    "laptop-light-top": "page",
    "laptop-light-computer-opened": "page-computer",
    "phone-light-top": "page-phone",
}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
]
OPENED = ("matching", "issues", "coverage")  # the groups of the lineage where something is decided
PATIENCE = 60_000  # milliseconds, for a busy machine
SETTLES = 4000  # milliseconds; the graph is laid out and then moves into its place
STARTS_WITHIN = 60  # seconds; the webserver takes three on an idle machine


def take_pictures() -> None:
    """Copy what the tests saw, and take the pictures of Dagster's UI."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for seen, name in FROM_TESTS.items():
        shutil.copyfile(SEEN_BY_TESTS / f"{seen}.png", PICTURES / f"{name}.png")
    with (
        tempfile.TemporaryDirectory() as folder,
        dagster_ui(Path(folder) / "demo") as address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=_browser(), args=FLAGS)
        page = browser.new_context(viewport={"width": 1700, "height": 760}).new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(f"{address}/asset-groups")
        page.get_by_text("Hide navigation").click()
        page.reload()  # it fits the graph into the window when it is loaded
        _picture(page, "lineage", "coverage")
        page.set_viewport_size({"width": 2000, "height": 1600})
        page.goto(f"{address}/asset-groups?expanded=" + ",".join(f"global@global:{group}" for group in OPENED))
        _picture(page, "lineage-opened", "additional_members")
        page.set_viewport_size({"width": 1600, "height": 900})
        page.goto(f"{address}/runs")
        page.locator("a[href^='/runs/']").first.click()
        _picture(page, "run", "RUN_SUCCESS")
        browser.close()
    print(*sorted(path.name for path in PICTURES.glob("*.png")))


@contextmanager
def dagster_ui(folder: Path) -> Iterator[str]:
    """Run the demo in `folder`, and serve Dagster's UI with that run on a free loopback port; yields its address."""
    subprocess.run(
        [sys.executable, "-m", "cwa_pipeline.commands", "demo", "--folder", folder],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    greeting = folder / "dagster_home" / ".nux" / "nux.yaml"
    greeting.parent.mkdir(exist_ok=True)
    greeting.write_text("seen: 1\n", encoding="utf-8")  # Dagster's UI need not greet a newcomer
    port = _free_port()
    command = ["-m", "dagster_webserver", "-m", "cwa_pipeline.definitions", "-h", "127.0.0.1", "-p", str(port)]
    environment = os.environ | {"DAGSTER_HOME": str(folder / "dagster_home")}
    server = subprocess.Popen([sys.executable, *command], cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    try:
        _wait_for(f"http://127.0.0.1:{port}/server_info", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + STARTS_WITHIN
    while server.poll() is None and time.monotonic() < until:
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
        else:
            return
    raise SystemExit("dagster-webserver did not start")


def _browser() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise SystemExit(f"none of {', '.join(BROWSERS)} is on this machine; apt-get install chromium")
    return found


def _picture(page: Page, name: str, seen: str) -> None:
    """Keep what the window shows, once that text is in it and what moves has come to rest."""
    page.get_by_text(seen, exact=True).locator("visible=true").first.wait_for()
    page.wait_for_timeout(SETTLES)
    page.screenshot(path=PICTURES / f"{name}.png")


if __name__ == "__main__":
    take_pictures()
