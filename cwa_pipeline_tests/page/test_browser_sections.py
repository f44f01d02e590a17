"""A section for each kind of issue: rows, instructions, names and ids of both systems, copying, and suggestions."""

import re

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from cwa_pipeline.rules.issues.instructions import INSTRUCTIONS
from cwa_pipeline.rules.issues.kinds import ISSUES
from cwa_pipeline_tests.page.conftest import PLAIN_HTTP_HOST
from cwa_pipeline_tests.page.looking import Visitor, cells, expect_pasted, opened, row, section
from cwa_pipeline_tests.page.scenario import MISTYPED, SNOOZED, BuiltPage

WRONG_GROUP = "computer:43:in_wrong_group"
MISTYPED_KEY = f"computer:{MISTYPED.id}:no_matching_pcid"


def links(page: Page, key: str) -> dict[str, str]:
    """Where the texts of a row lead."""
    pairs = row(page, key).locator("a").evaluate_all("all => all.map(a => [a.href, a.innerText])")
    return dict(pairs)


def test_every_open_issue_has_its_row_in_the_section_of_its_kind_and_the_section_its_count(
    demo: BuiltPage, shared: Page
) -> None:
    unsnoozed = demo.tables["open_issues"].loc[lambda issues: issues["issue_key"] != SNOOZED]
    for issue, keys in unsnoozed.groupby("issue")["issue_key"]:
        where = section(shared, issue)
        shown = where.locator("tr.row").evaluate_all("rows => rows.map(row => row.dataset.id)")
        assert sorted(shown) == sorted(keys)
        expect(where.locator("h2 .count")).to_have_text(str(len(keys)))
        expect(where.locator("h2")).to_contain_text(ISSUES[issue].meaning)
    assert shared.locator(".block tr.row").count() == len(unsnoozed)


def test_the_instructions_above_a_row_are_for_exactly_its_reason(demo: BuiltPage, shared: Page) -> None:
    tables = pd.concat(demo.tables[f"{area}_issues"] for area in ("client", "computer", "group"))
    for issue in tables.itertuples():
        if issue.issue_key == SNOOZED:
            continue
        words = INSTRUCTIONS[issue.issue, None if pd.isna(issue.reason) else issue.reason]
        block = shared.locator(".block", has=row(shared, issue.issue_key))
        expect(block.locator(".instructions h3")).to_have_text(words.title)
        told = block.locator(".instructions > p, .instructions > ol > li").all_inner_texts()
        assert told == [text.replace("`", "") for text in (words.means, *words.steps)]
        expect(block.locator(".instructions ol")).to_be_visible()


def test_a_row_names_both_sides_with_name_and_id(shared: Page) -> None:
    shown = cells(shared, WRONG_GROUP)
    assert shown["Computer"] == "DESKTOP-0043 43"
    assert shown["Client"] == "Fern Valley Vets 6"
    assert shown["PCID"] == "PC 1043 1043"
    assert shown["Its group"] == "Elm Street Dental 104"
    assert shown["Expected group"] == "Fern Valley Vets 105"
    assert shown["Serial number"] == "EX00043Q Copy"
    assert cells(shared, "client:12:shared_external_id")["Group"] == "Kite Lake Lodge 110"


def test_the_configured_links_lead_into_cwa_and_pcrt(shared: Page) -> None:
    assert links(shared, WRONG_GROUP) == {
        "https://cwa.example.com/computers/43?tab=1&x=2": "DESKTOP-0043",
        "https://cwa.example.com/clients/6": "Fern Valley Vets",
        "https://pcrt.example.com/pc.php?pcid=1043": "PC 1043",
        "https://pcrt.example.com/group.php?id=104": "Elm Street Dental",
        "https://pcrt.example.com/group.php?id=105": "Fern Valley Vets",
    }
    assert "https://pcrt.example.com/sub.php?id=551" in links(shared, "subscription:551:wrong_cwa_group")
    relations = shared.locator("tr.row a").evaluate_all("all => [...new Set(all.map(a => a.target + ' ' + a.rel))]")
    assert relations == ["_blank noopener noreferrer"]


def test_without_templates_there_are_names_and_no_links(states: dict[str, BuiltPage], visit: Visitor) -> None:
    page = visit(states["wrote"].path)
    assert cells(page, WRONG_GROUP)["Computer"] == "DESKTOP-0043 43"
    assert page.locator("tr.row a").count() == 0


@pytest.mark.parametrize("origin", ["file", "http", "http without a clipboard API"])
def test_a_button_copies_the_serial_number_and_another_the_text_to_search_pcrt_for(
    demo: BuiltPage, visit: Visitor, web_server: str, origin: str
) -> None:
    host = {"http": "127.0.0.1", "http without a clipboard API": PLAIN_HTTP_HOST}.get(origin)
    page = visit(f"http://{host}:{web_server}" if host else demo.path)
    assert page.evaluate("isSecureContext") == (host != PLAIN_HTTP_HOST)
    button = row(page, WRONG_GROUP).get_by_role("button", name="Copy EX00043Q")
    button.click()
    expect(button).to_have_text("Copied")
    expect(button).to_be_focused()
    button.click()  # at once again: the label comes back all the same
    expect(button).to_have_text("Copy")
    expect_pasted(page, "EX00043Q")
    page.keyboard.press("Escape")
    opened(page, WRONG_GROUP).get_by_role("button", name="serial: EX00043Q").click()
    expect_pasted(page, "serial: EX00043Q")


def test_a_row_says_since_when_by_date_and_in_days(demo: BuiltPage, shared: Page) -> None:
    seen = demo.first_seen()
    for key in (WRONG_GROUP, "client:4:no_pcrt_group", "group:108:too_few_subscriptions"):
        days = (pd.Timestamp(demo.made_at) - seen[key]) // pd.Timedelta(days=1)
        assert cells(shared, key)["Since"] == f"{seen[key].tz_convert('America/New_York'):%Y-%m-%d} {days} d"


def test_a_group_issue_has_what_was_found_beside_what_is_expected(shared: Page) -> None:
    wrong = cells(shared, "subscription:551:wrong_cwa_group")
    assert wrong["Group"] == "Juniper Yoga 109"
    assert wrong["CWA Group"] == "BizCare Basic"
    assert wrong["Computers"] == "2 BizCare Basic Non-Profit"
    assert wrong["Expected"] == "CWA Group: BizCare Basic Non-Profit"
    few = cells(shared, "group:108:too_few_subscriptions")
    assert few["Subscriptions"] == "BizCare Plus"
    assert few["Expected"] == "subscriptions: BizCare Plus, BizCare Premium"


def test_an_opened_row_suggests_the_likeliest_pcids_with_score_and_evidence_and_applies_none(
    demo: BuiltPage, shared: Page
) -> None:
    suggested = demo.tables["match_suggestions"].query(f"computer_id == {MISTYPED.id}").sort_values("rank")
    names = demo.tables["pcrt_pcids"].set_index("pcid")["name"]
    assert 1 <= len(suggested) <= 3
    shown = opened(shared, MISTYPED_KEY).locator(".suggestions li").all_inner_texts()
    for text, each in zip(shown, suggested.itertuples(), strict=True):
        assert re.sub(r"\s+", " ", text).startswith(f"{each.score} {names[each.pcid]} {each.pcid}")
        assert f"{each.confidence}: {each.evidence}" in text
    first = suggested.iloc[0]
    assert first["pcid"] == 1138
    assert cells(shared, MISTYPED_KEY)["Likeliest PCID"] == f"Frontdesk 1138 · {first['confidence']}, {first['score']}"
    matches = demo.tables["computer_matches"].set_index("computer_id")["pcid"]
    assert pd.isna(matches[MISTYPED.id])


def test_a_suspected_generic_serial_is_a_line_to_copy(page: Page) -> None:
    lines = section(page, "suspected_generic_serial").locator(".lines li")
    assert lines.locator("code").all_inner_texts() == ["Board-Serial-0000"]
    expect(lines).to_contain_text("2 computers of 2 clients")
    lines.get_by_role("button").click()
    expect_pasted(page, "Board-Serial-0000")
