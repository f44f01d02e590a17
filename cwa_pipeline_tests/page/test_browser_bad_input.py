"""Without the tables it is made from, the page says so in words."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from cwa_pipeline_tests.page.looking import PHONE, READY, Visitor, overflow


@pytest.mark.parametrize(
    ("shop", "says"),
    [
        ("no warehouse", "there is no warehouse yet; run a sync"),
        ("empty", "was never filled"),
        ("a table is missing", "computer_matches"),
        ("another file", "database"),
    ],
)
def test_the_page_says_why_there_is_nothing_to_show(
    without_tables: dict[str, Path], visit: Visitor, shop: str, says: str
) -> None:
    page = visit(without_tables[shop], size=PHONE, ready="#status")
    for words in ("There is nothing to show", says, "cwa-pipeline sync"):
        expect(page.get_by_role("alert")).to_contain_text(words)
    assert page.locator("tr.row").count() == 0
    assert overflow(page) <= 0
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.keyboard.press("?")  # there are no rows, and no keys for them
    assert READY not in page.content()
