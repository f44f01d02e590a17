"""The page shows every text of CWA and PCRT as text: nothing runs, nothing breaks."""

import csv
import io

import pytest
from playwright.sync_api import Page, expect

from cwa_pipeline.page.content import LONGEST_TEXT
from cwa_pipeline.rules.safe_text import plain
from cwa_pipeline_tests.page.conftest import SIZES
from cwa_pipeline_tests.page.hostile_texts import CANARY, FORMULAS
from cwa_pipeline_tests.page.looking import Visitor, overflow, search, show_snoozed
from cwa_pipeline_tests.page.scenario import BuiltPage


def open_all(page: Page) -> int:
    """Open every row there is; how many that were."""
    return page.locator(".opener").evaluate_all(
        "all => { for (const opener of all) opener.click(); return all.length; }"
    )


def alive(page: Page) -> bool:
    return page.evaluate(f"window.{CANARY} === undefined")


@pytest.fixture(scope="module")
def hostile_page(hostile: BuiltPage, module_visit: Visitor) -> Page:
    """The hostile page with everything shown, opened once."""
    page = module_visit(hostile.path)
    show_snoozed(page)
    page.locator("#computers").get_by_role("button", name="Show 47 more").click()
    return page


def test_no_text_runs_or_breaks_the_layout(hostile: BuiltPage, visit: Visitor, size: str, scheme: str) -> None:
    page = visit(hostile.path, size=SIZES[size], scheme=scheme)
    expect(page.locator("#status")).to_contain_text("<script>window.canary=1</script>")
    assert overflow(page) <= 0
    show_snoozed(page)
    assert open_all(page) > 100
    assert overflow(page) <= 0
    assert alive(page)
    assert page.locator("script").count() == 2  # the rows and the page's own, and none that came with a text
    assert page.locator("main img, main b:not(.figures b, .kinds b, .score)").count() == 0
    assert page.locator("a[href^='javascript']").count() == 0
    tallest = page.locator("tr.row").evaluate_all("rows => Math.max(...rows.map(row => row.offsetHeight))")
    assert tallest < page.viewport_size["height"]


def test_every_name_is_on_the_page_as_text(hostile: BuiltPage, hostile_page: Page) -> None:
    shown = hostile_page.locator('#computers td[data-label="Computer"] bdi').all_text_contents()
    names = hostile.tables["cwa_computers"]["name"].dropna().str.strip().map(plain)
    expected = [name if len(name) <= LONGEST_TEXT else f"{name[:LONGEST_TEXT]}…" for name in names if name]
    assert sorted(shown) == sorted(expected)
    assert any(len(name) > LONGEST_TEXT for name in names)


def test_no_cell_of_the_csv_is_a_formula(hostile: BuiltPage, hostile_page: Page) -> None:
    with hostile_page.expect_download() as waiting:
        hostile_page.get_by_role("button", name="CSV").click()
    lines = list(csv.reader(io.StringIO(waiting.value.path().read_text("utf-8-sig"), newline="")))
    texts = {cell for line in lines for cell in line}
    assert len(lines) == len(hostile.open_issues()) + 1
    assert {len(line) for line in lines} == {13}
    assert not [text for text in texts if text.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert {f"'{formula}" for formula in FORMULAS if formula[0] != "\t"} <= texts


def test_the_page_searches_for_hostile_text(hostile_page: Page) -> None:
    search(hostile_page, "q", "<script>window.canary=1</script>")
    assert hostile_page.locator("tr.row").count() > 0
    assert alive(hostile_page)


def test_the_pages_policy_refuses_a_script_that_is_added_to_it(hostile: BuiltPage, visit: Visitor) -> None:
    page = visit(hostile.path)
    policy = page.locator('meta[http-equiv="Content-Security-Policy"]').get_attribute("content")
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.canary = 1";
            document.body.append(script);
            const image = document.createElement("div");
            image.innerHTML = "<img src='data:,' onerror='window.canary = 1'>";
            document.body.append(image);
        }"""
    )
    page.wait_for_timeout(100)
    assert alive(page)
    assert len(visit.complaints) >= 2
    assert all("Content Security Policy" in complaint for complaint in visit.complaints)
    visit.complaints.clear()
