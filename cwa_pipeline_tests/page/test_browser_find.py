"""Finding an issue: search, filters, sorting, and the CSV of what is shown."""

import csv
import io
import re
from collections.abc import Callable

import pandas as pd
from playwright.sync_api import Page, expect

from cwa_pipeline_tests.page.looking import Visitor, cells, column, search, section, shown_keys
from cwa_pipeline_tests.page.scenario import SNOOZED, BuiltPage


def keys(demo: BuiltPage, wanted: Callable[[pd.DataFrame], pd.Series]) -> set[str]:
    """The open issues that are wanted, without the snoozed one."""
    issues = demo.open_issues().drop(SNOOZED)
    return set(issues.index[wanted(issues)])


def test_search_looks_at_everything(page: Page) -> None:
    for term, found in {
        "ex00043q": {"computer:43:in_wrong_group"},  # a serial number, in any case
        "LAPTOP-0042": {"computer:42:not_in_group"},  # a computer
        "1063": {"computer:63:override_disagrees"},  # an Asset Tag and PCID
        "paula": {"computer:36:no_matching_pcid"},  # the last user
        "wrong_cwa_group": {"subscription:551:wrong_cwa_group"},  # a kind, as the tables have it
        "see notes": {"client:3:no_pcrt_group"},  # an External ID
        "not linked yet": {"subscription:531:no_valid_cwa_group"},  # a subscription
        "harbor missing": set(),  # both words, in any place
        "granite missing": {"group:106:no_cwa_subscriptions"},
        "moss": {"subscription:581:no_cwa_client"},  # a group
        "<b>.*(": set(),  # no pattern, no markup
    }.items():
        search(page, "q", term)
        expect(page.locator("#shown")).to_contain_text(f"{len(found)} of 31 issues")
        assert shown_keys(page) == found, term
        page.get_by_role("button", name="Clear").click()


def test_a_filter_by_kind_severity_or_customer_leaves_those_issues(demo: BuiltPage, page: Page) -> None:
    everything = shown_keys(page)
    for field, value, wanted in [
        ("kind", "no_pcrt_group", lambda issues: issues["issue"] == "no_pcrt_group"),
        ("severity", "warning", lambda issues: issues["severity"] == "warning"),
        ("severity", "error", lambda issues: issues["severity"] == "error"),
        ("customer", "Kite Lake Lodge", lambda issues: issues["customer"].fillna("").str.contains("Kite Lake Lodge")),
        ("customer", "juniper", lambda issues: issues["customer"].fillna("").str.contains("Juniper")),
    ]:
        search(page, field, value)
        assert shown_keys(page) == keys(demo, wanted)
        assert 0 < len(shown_keys(page)) < len(everything)
        page.get_by_role("button", name="Clear").click()
        assert shown_keys(page) == everything


def test_a_filter_by_age_leaves_the_issues_of_that_age(demo: BuiltPage, page: Page) -> None:
    days = ((pd.Timestamp(demo.made_at) - demo.first_seen()) / pd.Timedelta(days=1)).drop(SNOOZED)
    for age, wanted in {"-1": days <= 1, "-7": days <= 7, "7": days > 7, "30": days > 30}.items():
        search(page, "age", age)
        assert shown_keys(page) == set(days.index[wanted]), age
        assert wanted.any()
        page.get_by_role("button", name="Clear").click()


def test_filters_add_up_hide_empty_sections_and_survive_a_reload(page: Page) -> None:
    search(page, "severity", "error")
    search(page, "customer", "Elm Street Dental")
    search(page, "q", "desktop")
    found = shown_keys(page)
    assert found == {
        "computer:32:pcid_does_not_exist",
        "computer:34:no_matching_pcid",
        "computer:35:no_matching_pcid",
    }
    visible = page.locator(".kind[data-issue]:visible").evaluate_all("all => all.map(one => one.dataset.issue)")
    assert set(visible) == {"pcid_does_not_exist", "no_matching_pcid"}
    expect(section(page, "no_matching_pcid").locator("h2 .count")).to_have_text("2")
    page.reload()
    assert shown_keys(page) == found


def natural(text: str) -> list[tuple[int, int, str]]:
    """A key by which people sort: digits as the number they are."""
    parts = re.findall(r"\d+|\D+", text.casefold())
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]


SORTED_BY: dict[str, Callable[[str], object]] = {
    "Computer": lambda text: natural(text.rpartition(" ")[0]),
    "Client": lambda text: natural(text.rpartition(" ")[0]),
    "Serial number": lambda text: natural(text.removesuffix(" Copy")),
    "PCID": lambda text: int(text.split()[-1]),
    "Plans": natural,
    "Last contact": natural,
    "Covered": natural,
}


def test_every_column_sorts_up_and_down_numbers_as_numbers_and_empty_last(page: Page) -> None:
    table = page.locator("#computers")
    table.get_by_role("button", name="Show 7 more").click()
    headings = table.locator("thead button").all_inner_texts()
    assert headings == list(SORTED_BY)
    for heading in headings:
        for descending in (False, True):
            table.locator("thead").get_by_role("button", name=heading, exact=True).click()
            values = column(table, heading)
            filled = [SORTED_BY[heading](value) for value in values if value]
            assert len(values) == 32
            assert filled == sorted(filled, reverse=descending), heading
            assert "" not in values[: len(filled)], heading
            direction = "descending" if descending else "ascending"
            assert table.locator("th[aria-sort]").get_attribute("aria-sort") == direction
    assert column(table, "PCID").count("") > 3


def test_numbers_in_names_sort_as_numbers_and_computers_without_a_name_come_last(
    messy: BuiltPage, visit: Visitor
) -> None:
    table = visit(messy.path).locator("#computers")
    table.get_by_role("button", name="Show 135 more").click()
    table.get_by_role("button", name="Computer", exact=True).click()
    names = [text.rpartition(" ")[0] for text in column(table, "Computer")]
    numbers = [int(name.removeprefix("PC-")) for name in names if name]
    assert numbers == sorted(numbers)
    assert len({len(str(number)) for number in numbers}) == 3
    assert "" in names
    assert "" not in names[: len(numbers)]


def test_an_opened_row_stays_open_when_the_table_is_sorted(page: Page) -> None:
    where = section(page, "no_pcrt_group").locator(".block").first
    where.locator("tr.row td:nth-child(2)").first.click()
    expect(where.locator("tr.detail")).to_be_visible()
    where.get_by_role("button", name="Since").click()
    expect(where.locator("tr.row.open + tr.detail")).to_be_visible()


def download(page: Page) -> list[dict[str, str]]:
    """The CSV that the button gives, parsed."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name="CSV").click()
    assert re.fullmatch(r"issues-\d{4}-\d\d-\d\d\.csv", waiting.value.suggested_filename)
    raw = waiting.value.path().read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")  # so that a spreadsheet takes it for UTF-8
    return list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline="")))


def test_the_csv_holds_exactly_the_rows_shown(demo: BuiltPage, page: Page) -> None:
    assert {line["issue_key"] for line in download(page)} == shown_keys(page)
    search(page, "kind", "in_wrong_group")
    [line] = download(page)
    issue = demo.open_issues().loc["computer:43:in_wrong_group"]
    seen = demo.first_seen()["computer:43:in_wrong_group"]
    assert line == {
        "issue_key": "computer:43:in_wrong_group",
        "severity": issue["severity"],
        "issue": issue["issue"],
        "reason": "",
        "customer": issue["customer"],
        "subject": issue["subject"],
        "serial_number": cells(page, "computer:43:in_wrong_group")["Serial number"].removesuffix(" Copy"),
        "asset_tag": "",
        "pcid": "1043",
        "group_id": "105",
        "subscription_id": "",
        "first_seen": f"{seen:%Y-%m-%dT%H:%M:%S.000Z}",
        "snoozed_until": "",
    }
    search(page, "q", "nothing has this")
    assert download(page) == []
