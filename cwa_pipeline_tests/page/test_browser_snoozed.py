"""A snoozed issue is hidden, counts as snoozed, and comes back by itself on its day."""

from datetime import UTC, datetime

from playwright.sync_api import Page, expect

from cwa_pipeline_tests.page.looking import Visitor, opened, row, search, show_snoozed
from cwa_pipeline_tests.page.scenario import SNOOZE_NOTE, SNOOZED, BuiltPage

BEFORE = datetime(2999, 12, 31, 4, 55, tzinfo=UTC)  # five minutes before midnight in New York
AFTER = datetime(2999, 12, 31, 5, 1, tzinfo=UTC)


def expect_back(page: Page) -> None:
    expect(row(page, SNOOZED)).to_be_visible()
    expect(row(page, SNOOZED)).not_to_contain_text("snoozed")
    expect(page.locator("#shown")).to_have_text("31 issues")


def test_a_snoozed_issue_is_hidden_and_counts_as_snoozed_also_under_a_filter(page: Page) -> None:
    expect(row(page, SNOOZED)).to_have_count(0)
    expect(page.locator("#kind-no_cwa_group")).to_be_hidden()
    expect(page.locator("#shown")).to_have_text("30 issues, 1 snoozed")
    expect(page).to_have_title("31 open issues – ConnectWise Automate in PC Repair Tracker")  # it is still open
    search(page, "kind", "no_cwa_group")
    expect(page.locator("#shown")).to_have_text("0 of 31 issues, 1 snoozed")
    search(page, "kind", "no_pcrt_group")
    expect(page.locator("#shown")).to_have_text("3 of 31 issues")


def test_the_checkbox_shows_it_with_the_day_and_the_note_as_text(page: Page) -> None:
    show_snoozed(page)
    expect(row(page, SNOOZED)).to_contain_text("snoozed until 2999-12-31")
    expect(page.locator("#shown")).to_have_text("31 issues")
    expect(opened(page, SNOOZED).locator(".snooze-note")).to_have_text(f"Snoozed until 2999-12-31: {SNOOZE_NOTE}")
    page.reload()
    expect(row(page, SNOOZED)).to_be_visible()
    page.get_by_label("Snoozed").uncheck()
    expect(row(page, SNOOZED)).to_have_count(0)


def test_a_link_to_a_snoozed_issue_shows_it(demo: BuiltPage, visit: Visitor) -> None:
    page = visit(demo.path, f"#issue={SNOOZED}")
    expect(row(page, SNOOZED)).to_be_visible()
    expect(page.get_by_label("Snoozed")).to_be_checked()


def test_it_comes_back_by_itself_on_its_day(demo: BuiltPage, visit: Visitor) -> None:
    page = visit(demo.path, at=BEFORE)
    expect(row(page, SNOOZED)).to_have_count(0)
    page.clock.run_for("20:00")  # the page stays open over midnight
    expect_back(page)
    expect_back(visit(demo.path, at=AFTER))
