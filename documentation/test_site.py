"""The documentation as built: complete, and nothing of it loads anything from elsewhere. Run by `make docs`, after the build."""

import re
import shutil
from collections.abc import Iterator
from functools import partial
from html import unescape
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser, sync_playwright

from cwa_pipeline.rules.issues.kinds import ISSUES
from cwa_pipeline.tables import TABLES
from documentation.commands import command_names
from documentation.configuration import sections
from documentation.schema import configuration_schema
from documentation.screenshots import BROWSERS, FLAGS

SITE = Path(__file__).parents[1] / "site"
PAGES = sorted(path for path in SITE.rglob("*.html"))
LOADED = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "link": "href",
    "object": "data",
    "embed": "src",
}
NO_RESOURCE = {"next", "prev", "canonical"}  # links of a page's head that say something and load nothing


class _Resources(HTMLParser):
    """What a page loads as soon as it is opened, and what could make it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in LOADED and given.get("rel") not in NO_RESOURCE:
            self.found.append(given.get(LOADED[tag]) or "")
        self.found += re.findall(r"url\(([^)]*)\)", given.get("style") or "")


def text_of(name: str) -> str:
    """A page's text, without its tags."""
    return unescape(re.sub(r"<[^>]*>", "", (SITE / name).read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The site over HTTP on loopback."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(SITE))) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is on this machine; apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


def test_every_key_table_column_command_and_kind_of_issue_is_in_the_built_reference() -> None:
    configuration, tables = text_of("reference/configuration.html"), text_of("reference/tables.html")
    for name, section in sections(configuration_schema(), ""):
        assert f"[{name}]" in configuration
        assert [key for key in section["properties"] if key not in configuration] == []
    for name, model in TABLES.items():
        assert name in tables
        assert [column for column in model.to_schema().columns if column not in tables] == []
    commands, issues = text_of("reference/commands.html"), text_of("reference/issues.html")
    assert [command for command in command_names() if f"cwa-pipeline {command}" not in commands] == []
    assert [issue for issue in ISSUES if issue not in issues or not (SITE / "issues" / f"{issue}.html").exists()] == []


def test_no_page_and_no_style_names_a_resource_from_elsewhere() -> None:
    assert len(PAGES) > 30
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        loaded = _Resources(text).found
        assert loaded
        assert [one for one in loaded if re.match(r"(https?:)?//", one)] == []
        assert "mermaid" not in text  # whose script Material would load from elsewhere
    for style in SITE.rglob("*.css"):
        assert re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//[^)\"']*", style.read_text(encoding="utf-8")) == []


def test_a_browser_asks_nobody_else_and_finds_everything_it_asks_for(browser: Browser, address: str) -> None:
    page = browser.new_context().new_page()
    wrong: list[str] = []
    page.on("request", lambda one: None if one.url.startswith((address, "data:", "blob:")) else wrong.append(one.url))
    page.on("response", lambda one: wrong.append(f"{one.status} {one.url}") if one.status >= 400 else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    for path in PAGES:
        if path.name != "404.html":  # made for the root of a server that says where it is
            page.goto(address + path.relative_to(SITE).as_posix(), wait_until="networkidle")
    assert wrong == []


def test_the_search_finds_a_reason_of_an_issue(browser: Browser, address: str) -> None:
    page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
    page.goto(
        address + "index.html", wait_until="networkidle"
    )  # a word typed before the script listens is not looked for
    page.get_by_placeholder("Search").press_sequentially("duplicate_serial")
    page.locator(".md-search-result__link").first.wait_for()
    assert "no_matching_pcid" in " ".join(page.locator(".md-search-result__link").all_inner_texts())
