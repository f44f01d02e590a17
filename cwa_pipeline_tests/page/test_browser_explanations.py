"""A computer's chain on the page says what `explanation.told` says."""

import pandas as pd
from playwright.sync_api import Page, expect

from cwa_pipeline.page.renew import CHAIN_TABLES
from cwa_pipeline.rules.issues.explanation import LINKS, Line, computer_chains, told
from cwa_pipeline.rules.safe_text import plain
from cwa_pipeline_tests.page.looking import Visitor, detail, opened, search
from cwa_pipeline_tests.page.scenario import BuiltPage

SAMPLE = 20


def chains_of(page: BuiltPage) -> pd.DataFrame:
    return computer_chains(**{table: page.tables[table] for table in CHAIN_TABLES})


def sample(chains: pd.DataFrame) -> pd.DataFrame:
    """One computer for each different chain, then any."""
    different = chains.drop_duplicates(list(LINKS))
    rest = chains.drop(different.index)
    return pd.concat([different, rest])[:SAMPLE]


def as_shown(line: Line) -> tuple[str, str, str]:
    mark = "→" if line.what == "fix" else "✓" if line.holds else "✗"
    return mark, "smallest fix" if line.what == "fix" else line.what, plain(line.text)


def test_the_page_explains_a_computer_as_the_command_line_does(messy: BuiltPage, visit: Visitor) -> None:
    page = visit(messy.path)
    page.locator("#computers").get_by_role("button", name="Show 135 more").click()
    chains = chains_of(messy)
    chosen = sample(chains)
    assert len(chosen) == SAMPLE
    assert len(chosen.drop_duplicates(list(LINKS))) >= 15
    for chain in chosen.to_dict("records"):
        lines = opened(page, f"computer-{chain['computer_id']}").locator(".chain li")
        shown = lines.evaluate_all("all => all.map(li => [...li.children].map(part => part.textContent))")
        assert [tuple(line) for line in shown] == [as_shown(line) for line in told(chain)]


def test_an_opened_issue_has_the_same_chain_as_its_computer(page: Page) -> None:
    for number, issue in ((43, "in_wrong_group"), (35, "no_matching_pcid")):
        below = [
            opened(page, key).locator(".chain").inner_text()
            for key in (f"computer:{number}:{issue}", f"computer-{number}")
        ]
        assert below[0] == below[1]
        assert "smallest fix" in below[0]


def test_the_search_finds_a_computer_without_issues(page: Page) -> None:
    search(page, "q", "EX00007Q")  # nothing is wrong with it
    expect(page.locator(".block tr.row")).to_have_count(0)
    expect(page.locator("#computers h2 .count")).to_have_text("1 of 32")
    opened(page, "computer-7")
    expect(detail(page, "computer-7")).to_contain_text("Additional Members lists PCID 1007 in subscription 501")
    assert page.locator("#computers .chain li > :first-child").all_inner_texts() == ["✓"] * 4
