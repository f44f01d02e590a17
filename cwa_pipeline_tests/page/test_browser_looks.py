"""The page is accessible and fits the window; its pictures are kept for a person to see.

`make test` checks one size and color scheme, `make page-matrix` all of them.
"""

from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from cwa_pipeline_tests.page.conftest import SIZES
from cwa_pipeline_tests.page.looking import Visitor, opened, overflow, show_snoozed
from cwa_pipeline_tests.page.scenario import MISTYPED, SNOOZED, BuiltPage

PICTURES = Path(__file__).parents[2] / "test-results" / "screenshots"
OPENED = (f"computer:{MISTYPED.id}:no_matching_pcid", "subscription:551:wrong_cwa_group", "computer-43")

PARTS = {
    "sections": "#issues",
    "computer-opened": ".block:has(tr.detail .suggestions)",
    "snoozed-opened": "#kind-no_cwa_group",
    "group-opened": "#kind-wrong_cwa_group",
    "computers": "#computers",
}


def violations(page: Page) -> str:
    """What axe finds wrong, and where."""
    found = Axe().run(page).response["violations"]
    return "\n".join(f"{each['id']}: {node['html'][:200]}" for each in found for node in each["nodes"])


def with_all_open(page: Page) -> Page:
    show_snoozed(page)
    for key in (*OPENED, SNOOZED):
        opened(page, key)
    return page


def test_axe_finds_nothing_wrong(demo: BuiltPage, visit: Visitor, size: str, scheme: str) -> None:
    page = with_all_open(visit(demo.path, "#issue=computer:43:in_wrong_group", size=SIZES[size], scheme=scheme))
    expect(page.locator("tr.target")).to_be_visible()
    assert violations(page) == ""


def test_axe_finds_nothing_wrong_when_the_page_has_bad_news(
    states: dict[str, BuiltPage], demo: BuiltPage, visit: Visitor, size: str, scheme: str
) -> None:
    assert violations(visit(states["failed"].path, size=SIZES[size], scheme=scheme)) == ""
    page = visit(demo.path, "#issue=nothing", size=SIZES[size], scheme=scheme)
    expect(page.locator("#message")).to_be_visible()
    page.locator("#stale").evaluate("one => { one.hidden = false; one.textContent = 'This page is out of date'; }")
    page.keyboard.press("?")
    assert violations(page) == ""


def test_the_page_fits_the_window_and_its_pictures_are_kept(
    demo: BuiltPage, visit: Visitor, size: str, scheme: str
) -> None:
    page = visit(demo.path, size=SIZES[size], scheme=scheme)
    PICTURES.mkdir(parents=True, exist_ok=True)
    assert overflow(page) <= 0
    page.screenshot(path=PICTURES / f"{size}-{scheme}-top.png")
    with_all_open(page)
    assert overflow(page) <= 0
    for name, selector in PARTS.items():
        page.locator(selector).first.evaluate("one => one.scrollIntoView()")
        page.screenshot(path=PICTURES / f"{size}-{scheme}-{name}.png")


def test_the_tools_take_one_line_on_a_laptop_and_stay_in_view(page: Page) -> None:
    tools = page.locator("#issues")
    page.evaluate("scrollTo(0, document.body.scrollHeight / 2)")
    expect(tools).to_be_in_viewport(ratio=1)
    assert tools.bounding_box()["height"] < 60


def test_numbers_are_right_aligned(demo: BuiltPage, visit: Visitor, size: str, scheme: str) -> None:
    page = visit(demo.path, size=SIZES[size], scheme=scheme)
    edges = page.locator(".kinds tbody td.n:nth-child(2) b").evaluate_all(
        "all => all.map(b => Math.round(b.getBoundingClientRect().right - b.closest('table').getBoundingClientRect().right))"
    )
    assert len(edges) > 10
    errors = page.locator(".kinds").first.locator("tbody tr").count()
    assert len(set(edges[:errors])) == 1
    assert len(set(edges[errors:])) == 1
