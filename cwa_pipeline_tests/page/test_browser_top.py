"""The top of the page: how the last sync ended, the counts, the trends, and the warning that a page is out of date."""

from collections import Counter
from datetime import timedelta

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from cwa_pipeline.rules.issues.kinds import ISSUES
from cwa_pipeline_tests.page.looking import Visitor, red
from cwa_pipeline_tests.page.scenario import BuiltPage

MINUS = "\N{MINUS SIGN}"


def texts(page: Page, selector: str) -> list[str]:
    found = page.locator(selector).evaluate_all("all => all.map(one => one.innerText)")
    return [" ".join(text.split()) for text in found]


def signed(number: int) -> str:
    return "0" if number == 0 else f"{number:+}".replace("-", MINUS)


def open_at(history: pd.DataFrame, moment: pd.Timestamp) -> Counter[str]:
    """How many issues of each kind were open then, counted one by one."""
    rows = history[["issue", "first_seen", "resolved_at"]].astype("object").to_dict("records")
    return Counter(
        row["issue"]
        for row in rows
        if row["first_seen"] <= moment and (pd.isna(row["resolved_at"]) or row["resolved_at"] > moment)
    )


@pytest.fixture(scope="module")
def pages(states: dict[str, BuiltPage], module_visit: Visitor) -> dict[str, Page]:
    """The page of each state, opened once."""
    return {state: module_visit(built.path) for state, built in states.items()}


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("planned", "The last sync only planned: 2 right already, 8 planned (lists of Additional Members)"),
        ("wrote", "The last sync succeeded: 8 written, 2 right already (lists of Additional Members)"),
        ("held", "The last sync wrote, and left 1 group alone: 8 right already, 2 held (lists of Additional Members)"),
        ("failed", "The last sync failed; it may have written nothing"),
    ],
)
def test_the_first_thing_on_the_page_is_how_the_last_sync_ended(pages: dict[str, Page], state: str, says: str) -> None:
    expect(pages[state].locator("#status h2")).to_have_text(says)
    expect(pages[state].locator("#status")).to_have_class(f"status {state}")
    assert red(pages[state], "#status h2") == (state == "failed")


@pytest.mark.parametrize(("state", "why"), [("failed", "pc_owner"), ("failed half-way", "CWA shows no computer")])
def test_after_a_failure_the_page_says_why_and_has_the_rows_of_the_last_sync(
    pages: dict[str, Page], state: str, why: str
) -> None:
    before, after = pages["held"], pages[state]
    assert after.get_by_role("alert").count() == 1
    expect(after.locator("#status")).to_contain_text(why)
    expect(after.locator("#status")).to_contain_text("The rest of this page shows the last sync that finished.")
    for part in ("dl.figures", ".kinds", ".block tr.row", "#computers tr.row"):
        assert texts(after, part) == texts(before, part)


def test_a_held_group_is_named_at_the_top_with_the_reason(states: dict[str, BuiltPage], pages: dict[str, Page]) -> None:
    lists = states["held"].tables["additional_members"]
    [reason] = lists.loc[lists["status"] == "held", "reason"].unique()
    expect(pages["held"].locator("#status")).to_contain_text(reason)


def test_the_counts_are_those_of_the_tables(demo: BuiltPage, shared: Page) -> None:
    tables, severity = demo.tables, demo.open_issues()["severity"].value_counts()
    shown = dict(zip(texts(shared, ".figures dt"), map(int, texts(shared, ".figures dd b")), strict=True))
    lists = tables["additional_members"]["added_pcids"]
    assert shown == {
        "Clients": len(tables["cwa_clients"]),
        "Computers": len(tables["cwa_computers"]),
        "PCIDs": len(tables["pcrt_pcids"]),
        "Subscriptions": len(tables["pcrt_subscriptions"]),
        "Covered computers": 19,
        "Errors": severity["error"],
        "Warnings": severity["warning"],
    }
    assert lists.notna().any()  # there was something to cover
    notes = texts(shared, ".figures small")
    assert notes[0] == f"{tables['client_groups']['group_id'].notna().sum()} tied to a group"
    midnight = pd.Timestamp(demo.made_at).tz_convert("America/New_York").normalize().tz_convert("UTC")
    before = Counter({"error": 0, "warning": 0})
    for issue, number in open_at(tables["issue_history"], midnight).items():
        before[ISSUES[issue].severity] += number
    changes = [signed(severity[each] - before[each]) for each in ("error", "warning")]
    assert notes[-2:] == [f"{change} since yesterday" for change in changes]
    assert notes[1] == f"{tables['computer_matches']['pcid'].notna().sum()} matched to a PCID"


def test_each_kind_of_issue_has_its_number_and_its_change_since_yesterday_and_in_30_days(
    demo: BuiltPage, shared: Page
) -> None:
    midnight = pd.Timestamp(demo.made_at).tz_convert("America/New_York").normalize()
    history, now = demo.tables["issue_history"], Counter(demo.tables["open_issues"]["issue"])
    then = {days: open_at(history, (midnight - pd.DateOffset(days=days)).tz_convert("UTC")) for days in (0, 29)}
    shown = {
        tuple(row.split("\t")[:4])
        for row in shared.locator(".kinds tbody tr").evaluate_all(
            "rows => rows.map(row => [...row.children].map(cell => cell.innerText.trim()).join('\\t'))"
        )
    }
    assert shown == {
        (
            ISSUES[issue].meaning,
            str(now[issue]),
            signed(now[issue] - then[0][issue]),
            signed(now[issue] - then[29][issue]),
        )
        for issue in now
    }
    assert any(change.startswith(MINUS) for *_, change in shown)
    assert any(change.startswith("+") for *_, change in shown)


def test_the_chart_ends_at_todays_numbers(demo: BuiltPage, shared: Page) -> None:
    severity = demo.open_issues()["severity"].value_counts()
    highest = int(texts(shared, ".plot .axis")[0])
    for kind in ("error", "warning"):
        points = shared.locator(f".plot polyline.{kind}s").get_attribute("points").split()
        x, y = map(float, points[-1].split(","))
        assert (len(points), x) == (31, 600)
        assert y == pytest.approx(100 - severity[kind] / highest * 100, abs=0.1)
    box = shared.locator(".plot svg").bounding_box()
    assert box["width"] > 800
    assert box["height"] > 80
    assert shared.locator(".kinds svg.spark").count() == demo.tables["open_issues"]["issue"].nunique()


def test_a_page_says_by_itself_in_red_when_the_last_sync_is_over_26_hours_old(demo: BuiltPage, visit: Visitor) -> None:
    finished = demo.tables["sync_runs"]["finished_at"].max().to_pydatetime()
    page = visit(demo.path, at=finished + timedelta(hours=25))
    expect(page.locator("#stale")).to_be_hidden()
    page.clock.run_for("50:00")
    expect(page.locator("#stale")).to_be_hidden()
    page.clock.run_for("30:00")  # nobody touches the page
    expect(page.locator("#stale")).to_be_visible()
    expect(page.locator("#stale")).to_contain_text("out of date: the last sync finished 26 hours ago")
    assert red(page, "#stale")


@pytest.mark.parametrize(("hours", "stale"), [(25.9, False), (26.1, True)])
def test_a_page_is_out_of_date_from_26_hours_on(demo: BuiltPage, visit: Visitor, hours: float, stale: bool) -> None:
    finished = demo.tables["sync_runs"]["finished_at"].max().to_pydatetime()
    page = visit(demo.path, at=finished + timedelta(hours=hours))
    assert page.locator("#stale").is_visible() == stale
