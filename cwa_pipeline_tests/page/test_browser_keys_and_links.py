"""Links to an issue, the keyboard, dark mode, and the printed page."""

from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from cwa_pipeline_tests.page.looking import Visitor, detail, pasted, row, search
from cwa_pipeline_tests.page.scenario import SNOOZED, BuiltPage

KEY = "computer:43:in_wrong_group"
SHOWN = 30  # of 31 issues; one is snoozed
DARK, LIGHT = "rgb(18, 23, 26)", "rgb(246, 247, 247)"


def in_view(page: Page, key: str) -> bool:
    """Whether a row is in the window, beneath the tools and not behind them."""
    box, tools = row(page, key).bounding_box(), page.locator("#issues").bounding_box()
    beneath = box["y"] - tools["y"] - tools["height"]
    return beneath > -1 and box["y"] + box["height"] < page.viewport_size["height"] + 1


def ground(page: Page) -> str:
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def expect_told(page: Page, key: str) -> None:
    """The issue is opened, highlighted and in view."""
    expect(row(page, key)).to_have_class("row target open")
    expect(detail(page, key)).to_be_visible()
    assert in_view(page, key)


@pytest.mark.parametrize("fragment", [f"#issue={quote(KEY)}", f"#issue={KEY}&severity=warning"])
def test_a_link_to_an_issue_opens_scrolls_to_and_highlights_it(demo: BuiltPage, visit: Visitor, fragment: str) -> None:
    page = visit(demo.path, fragment)
    expect_told(page, KEY)
    expect(page.locator("#message")).to_be_hidden()


def test_the_link_that_c_copies_leads_to_the_issue_in_a_fresh_browser(page: Page, visit: Visitor) -> None:
    row(page, KEY).focus()
    page.keyboard.press("c")
    expect(page.locator("#message")).to_have_text(f"Link to {KEY} copied")
    expect_told(visit(pasted(page)), KEY)


def test_a_link_followed_on_the_open_page_clears_the_filters(page: Page) -> None:
    search(page, "kind", "no_pcrt_group")
    expect(row(page, KEY)).to_have_count(0)
    page.evaluate("key => { location.hash = `#issue=${key}`; }", KEY)
    expect_told(page, KEY)


@pytest.mark.parametrize("key", ["computer:77:in_wrong_group", "<b>%x</b>", ""])
def test_a_link_to_an_issue_that_is_not_open_says_so(demo: BuiltPage, visit: Visitor, key: str) -> None:
    page = visit(demo.path, f"#issue={quote(key)}")
    expect(page.locator("#message")).to_be_visible()
    expect(page.locator("#message")).to_contain_text(f"{key} is not open".strip())
    assert page.locator("tr.target").count() == 0
    assert page.locator(".block tr.row").count() == SHOWN


@pytest.mark.parametrize("fragment", ["#kind-<x>'", "#kind=nonsense&age=x", "#%E0%A4%A"])
def test_a_broken_address_breaks_nothing(demo: BuiltPage, visit: Visitor, fragment: str) -> None:
    expect(visit(demo.path, fragment).locator("#shown")).to_contain_text("issues")


def test_a_kind_in_the_overview_leads_to_its_section_even_when_filtered_away_or_snoozed(
    demo: BuiltPage, page: Page
) -> None:
    search(page, "kind", "no_pcrt_group")
    page.locator('.kinds a[href="#kind-no_cwa_group"]').click()
    expect(row(page, SNOOZED)).to_be_in_viewport()
    assert in_view(page, SNOOZED)
    heading, tools = (page.locator(each).bounding_box() for each in ("#kind-no_cwa_group h2", "#issues"))
    assert heading["y"] >= tools["y"] + tools["height"]


def test_slash_searches_and_escape_clears(page: Page) -> None:
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("no/such?j")  # keys are text while one types
    expect(page.locator("#q")).to_have_value("no/such?j")
    expect(page.locator(".block tr.row")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.locator(".block tr.row")).to_have_count(SHOWN)
    expect(page.locator("#q")).not_to_be_focused()
    assert "#" not in page.url


def test_j_and_k_walk_over_the_rows_and_enter_opens_and_closes(page: Page) -> None:
    keys = page.locator("tr.row").evaluate_all("rows => rows.map(row => row.dataset.id)")
    for step in range(12):
        page.keyboard.press("j")
        expect(row(page, keys[step])).to_be_focused()
        assert in_view(page, keys[step])
    for key in reversed(keys[:11]):
        page.keyboard.press("k")
        expect(row(page, key)).to_be_focused()
        assert in_view(page, key)
    row(page, keys[10]).focus()
    page.keyboard.press("Enter")
    expect(detail(page, keys[10])).to_be_visible()
    detail(page, keys[10]).locator("button").first.focus()
    page.keyboard.press("j")  # from within what is open, on to the next row
    expect(row(page, keys[11])).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(detail(page, keys[10])).to_have_count(0)


def test_the_question_mark_shows_the_keys_and_escape_hides_only_them(page: Page) -> None:
    search(page, "severity", "warning")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("#severity")).to_have_value("warning")


def test_the_page_is_dark_as_preferred_until_a_button_changes_that_and_is_remembered(
    demo: BuiltPage, visit: Visitor
) -> None:
    for scheme, first, second in (("light", LIGHT, DARK), ("dark", DARK, LIGHT)):
        page = visit(demo.path, scheme=scheme)
        assert ground(page) == first
        for color in (second, first):
            page.get_by_role("button", name="Dark").click()
            assert ground(page) == color
            assert page.get_by_role("button", name="Dark", pressed=color == DARK).count() == 1
            page.reload()
            assert ground(page) == color


def test_print_is_dark_on_white_with_all_rows_and_without_tools(
    demo: BuiltPage, visit: Visitor, tmp_path: Path
) -> None:
    page = visit(demo.path, scheme="dark")
    row(page, KEY).locator(".opener").click()
    for dark_by in ("preference", "button"):
        if dark_by == "button":
            page.emulate_media(media="screen", color_scheme="light")
            page.get_by_role("button", name="Dark").click()
            assert ground(page) == DARK
        page.emulate_media(media="print")
        assert ground(page) == "rgb(255, 255, 255)"
        assert page.evaluate("getComputedStyle(document.querySelector('tr.row td')).color") == "rgb(27, 35, 40)"
    for gone in ("#issues", ".tools", "#computers"):
        expect(page.locator(gone)).to_be_hidden()
    assert page.locator(".block tr.row:visible").count() == SHOWN
    expect(detail(page, KEY).locator(".chain")).to_be_visible()
    assert page.locator("td button:visible, .more:visible").count() == 0
    page.pdf(path=tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").stat().st_size > 20_000
    expect(detail(page, KEY)).to_be_visible()  # an open row stays open
