"""Without the tables it is made of, the page says so in words."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from cwa_pipeline.warehouse.store import Warehouse
from cwa_pipeline_tests.page import scenario
from cwa_pipeline_tests.page.conftest import beside_the_browser
from cwa_pipeline_tests.page.looking import PHONE, READY, Visitor, overflow
from cwa_pipeline_tests.shop import Shop


def no_warehouse(_: Shop) -> None:
    """Nothing was ever run."""


def empty_warehouse(shop: Shop) -> None:
    with Warehouse(shop.warehouse_url) as warehouse:
        warehouse.create()


def table_missing(shop: Shop) -> None:
    assert shop.sync().succeeded
    engine = sa.create_engine(shop.warehouse_url)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE computer_matches"))
    engine.dispose()


def no_warehouse_file_but_another(shop: Shop) -> None:
    Path(shop.warehouse_url.database).write_text("this is no database, but a letter\n" * 100, encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (no_warehouse, "there is no warehouse yet; run a sync"),
        (empty_warehouse, "was never filled"),
        (table_missing, "computer_matches"),
        (no_warehouse_file_but_another, "database"),
    ],
)
def test_the_page_says_in_words_why_there_is_nothing_to_show(
    tmp_path: Path, visit: Visitor, spoil: Callable[[Shop], None], says: str
) -> None:
    path = beside_the_browser(lambda folder: scenario.page_of_a_shop(folder, spoil), tmp_path)
    page = visit(path, size=PHONE, ready="#status")
    expect(page.get_by_role("alert")).to_contain_text("There is nothing to show")
    expect(page.get_by_role("alert")).to_contain_text(says)
    expect(page.get_by_role("alert")).to_contain_text("cwa-pipeline sync")
    assert page.locator("tr.row").count() == 0
    assert overflow(page) <= 0
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.keyboard.press("?")  # there are no rows, and no keys for them
    assert READY not in page.content()
