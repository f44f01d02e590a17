"""With 10,000 issues the page opens at once and is small enough to send."""

import pytest
from playwright.sync_api import Page, expect

from cwa_pipeline_tests.page.big import BIG_ISSUES
from cwa_pipeline_tests.page.looking import Visitor, row, search
from cwa_pipeline_tests.page.scenario import BuiltPage

MOST_SECONDS = 1.5
MOST_BYTES = 5_000_000
TRIES = 10  # the best of them counts: what else the machine does is not the page's speed; usually the first is enough
# Notes, by the page's own clock since the navigation began, when the page is ready and painted
NOTE_READY = """
    new MutationObserver((_, observer) => {
        if (!document.documentElement?.dataset.ready) return;
        observer.disconnect();
        requestAnimationFrame(() => setTimeout(() => { window.readyAfter = performance.now() / 1000; }));
    }).observe(document, { attributes: true, childList: true, subtree: true });
"""


def seconds_to_ready(page: Page) -> float:
    page.wait_for_timeout(50)
    return page.evaluate("window.readyAfter")


@pytest.fixture(scope="module")
def big_page(big: BuiltPage, module_visit: Visitor) -> Page:
    return module_visit(big.path)


def test_10000_issues_open_in_under_1_5_seconds_and_take_under_5_megabytes(big: BuiltPage, visit: Visitor) -> None:
    assert len(big.open_issues()) >= BIG_ISSUES
    assert big.path.stat().st_size < MOST_BYTES
    seconds = (seconds_to_ready(visit(big.path, before=NOTE_READY)) for _ in range(TRIES))
    assert any(each < MOST_SECONDS for each in seconds)


def test_a_search_among_10000_issues_answers_while_one_types(big_page: Page) -> None:
    page = big_page
    search(page, "q", "user4321")
    expect(page.locator(".block tr.row")).to_have_count(1)
    milliseconds = (
        page.evaluate(
            """() => {
                const field = document.getElementById("severity"), began = performance.now();
                document.getElementById("q").value = "desktop";
                field.dispatchEvent(new Event("change"));
                return new Promise(done => setTimeout(() => done(performance.now() - began), 0));
            }"""
        )
        for _ in range(TRIES)
    )
    assert any(each < 500 for each in milliseconds)
    expect(page.locator("#shown")).to_contain_text("10,125 of 10,125 issues")
    page.get_by_role("button", name="Clear").click()


def test_a_link_leads_to_an_issue_that_is_far_down(big: BuiltPage, visit: Visitor) -> None:
    key = big.tables["computer_issues"].query("issue == 'no_matching_pcid'")["issue_key"].max()
    page = visit(big.path, f"#issue={key}")
    expect(row(page, key)).to_be_in_viewport()
    expect(row(page, key)).to_have_class("row target open")


def test_a_long_list_grows_on_request_and_is_printed_with_every_row(big_page: Page) -> None:
    page = big_page
    search(page, "kind", "no_cwa_group")
    block = page.locator("#kind-no_cwa_group")
    expect(block.locator("tr.row")).to_have_count(25)
    page.evaluate(
        "addEventListener('beforeprint', () => { window.printed = document.querySelectorAll('.block tr.row').length; })"
    )
    page.pdf()
    assert page.evaluate("window.printed") == 1125
    expect(page.locator(".block tr.row")).to_have_count(25)
    block.get_by_role("button", name="Show 200 more").click()
    expect(block.locator("tr.row")).to_have_count(225)
    block.get_by_role("button", name="Show all 1,125").click()
    expect(block.locator("tr.row")).to_have_count(1125)
