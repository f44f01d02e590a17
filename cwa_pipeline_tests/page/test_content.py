"""The rows of the page: which, how many, harmless, and grouped by kind and reason."""

from unittest.mock import patch

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cwa_pipeline.config.settings import LinksSettings
from cwa_pipeline.page import content
from cwa_pipeline.rules.history import issue_history
from cwa_pipeline.rules.issues.chain_links import LINK_TABLES, computer_links, member_listings
from cwa_pipeline.tables import AdditionalMembers, IssueHistory, IssueSnoozes, MatchSuggestions
from cwa_pipeline_tests.worlds import Client, Computer, CwaGroup, World, messy_world

NOW = pd.Timestamp("2026-11-23T06:00:00Z")


def tables_of(world: World) -> dict[str, pd.DataFrame]:
    issues = (world.client_issues, world.computer_issues, world.group_issues)
    return {
        "client_issues": world.client_issues,
        "computer_issues": world.computer_issues,
        "group_issues": world.group_issues,
        "issue_history": issue_history(IssueHistory.empty(), *issues, NOW),
        "issue_snoozes": IssueSnoozes.empty(),
        "match_suggestions": MatchSuggestions.empty(),
        "cwa_computers": world.cwa_computers,
        "cwa_clients": world.cwa_clients,
        "client_groups": world.client_groups,
        "computer_matches": world.computer_matches,
        "pcrt_pcids": world.pcrt_pcids,
        "pcrt_groups": world.groups_of_pcrt,
        "pcrt_subscriptions": world.pcrt_subscriptions,
        "cwa_group_members": world.cwa_group_members,
        "cwa_groups": world.cwa_groups,
        "subscription_members": world.subscription_members,
        "additional_members": AdditionalMembers.empty(),
    }


def rows_of(world: World, links: LinksSettings | None = None, **more: pd.DataFrame) -> dict:
    tables = tables_of(world) | more
    issue_tables = {name: tables[f"{name}_issues"] for name in ("client", "computer", "group")}
    listings = member_listings(tables["subscription_members"], tables["additional_members"])
    of_computers = computer_links(**{name: tables[name] for name in LINK_TABLES}, listings=listings)
    return content.rows(tables, content.blocks(issue_tables), of_computers, links or LinksSettings())


def values(table: dict, column: str) -> list:
    """A column as the page's script reads it."""
    coded = table[column]
    if isinstance(coded, list):
        return coded
    return [None if which < 0 else coded["v"][which] for which in coded["i"]]


@pytest.mark.parametrize("seed", range(2))
def test_every_issue_is_on_the_page_once_in_the_block_of_its_kind_and_reason(seed: int) -> None:
    world = messy_world(seed)
    rows = rows_of(world)
    shown = []
    for area, table in rows["issues"].items():
        assert table["length"] == len(tables_of(world)[f"{area}_issues"])
        for position, number in enumerate(values(table, "block")):
            block = rows["blocks"][number]
            shown.append(
                (
                    f"{block['about']}:{values(table, block['about'] + '_id')[position]}:{block['issue']}",
                    block["reason"],
                )
            )
    everything = pd.concat([world.client_issues, world.computer_issues, world.group_issues])
    reasons = everything["reason"].astype("object").where(everything["reason"].notna(), None)
    assert sorted(shown, key=str) == sorted(zip(everything["issue_key"], reasons, strict=True), key=str)


def test_a_section_counts_all_its_blocks_and_the_worst_kinds_come_first() -> None:
    world = messy_world(1)
    found = content.blocks(
        {"computer": world.computer_issues, "client": world.client_issues, "group": world.group_issues}
    )
    sections = content.sections(found)
    order = [(section.kind.severity, -section.issues) for section in sections]
    assert order == sorted(order)
    assert sum(section.issues for section in sections) == sum(block.issues for block in found)
    assert sorted(number for section in sections for number in section.blocks) == list(range(len(found)))


def test_issues_that_do_not_fit_are_left_out_from_the_end_and_the_others_come_with_their_computers() -> None:
    world = messy_world(2)
    with patch.object(content, "ISSUES_AT_MOST", 10), patch.object(content, "COMPUTERS_AT_MOST", 10):
        rows = rows_of(world)
    assert sum(table["length"] for table in rows["issues"].values()) == 10
    assert rows["computers"]["length"] == 10
    shown = {
        rows["blocks"][number]["severity"] for table in rows["issues"].values() for number in values(table, "block")
    }
    assert shown == {"error"}  # there are more than ten errors, and they come first
    assert set(values(rows["issues"]["computer"], "computer_id")) <= set(values(rows["computers"], "computer_id"))


@given(
    st.integers(0, 9),
    st.integers(1, 40),
    st.lists(st.none() | st.integers(1, 3), min_size=1, max_size=7),
    st.sampled_from(["as the history", "shuffled"]),
)
@settings(max_examples=10)
def test_the_issues_that_fit_are_the_worst_and_oldest_in_the_order_of_their_age(
    seed: int, fitting: int, days: list[int | None], order: str
) -> None:
    world = messy_world(seed)
    tables = tables_of(world)
    history = tables["issue_history"]
    ages = pd.Series([days[number % len(days)] for number in range(len(history))], dtype="Int64")
    history = history.assign(first_seen=NOW - pd.to_timedelta(ages, unit="D"))
    if order == "shuffled":
        history = history.sample(frac=1, random_state=seed)
    opened = history.set_index("issue_key")["first_seen"]
    issue_tables = {area: tables[f"{area}_issues"] for area in ("client", "computer", "group")}

    def age(row: dict) -> tuple:
        seen = opened[row["issue_key"]]
        return (pd.isna(seen), 0 if pd.isna(seen) else seen.timestamp(), row["issue_key"])

    everything = [row for issues in issue_tables.values() for row in issues.to_dict("records")]
    first = sorted(everything, key=lambda row: (row["severity"], *age(row)))[:fitting]
    with patch.object(content, "ISSUES_AT_MOST", fitting):
        shown = content._worst_first(issue_tables, opened)
    for area, issues in issue_tables.items():
        expected = sorted((row for row in first if row["issue_key"] in set(issues["issue_key"])), key=age)
        assert shown[area]["issue_key"].tolist() == [row["issue_key"] for row in expected]
        assert shown[area]["seen"].equals(shown[area]["issue_key"].map(opened).astype(opened.dtype))
        assert set(shown[area]["area"]) <= {area}


def test_a_text_is_cut_and_its_invisible_characters_are_shown() -> None:
    world = World(clients=[Client(1, None, "\u202eevil\x07" + "x" * 4000)])
    [name] = values(rows_of(world)["issues"]["client"], "client_name")
    assert name.startswith("\ufffdevil\ufffd")
    assert len(name) == content.LONGEST_TEXT + 1


HOSTILE = st.text(st.sampled_from("aZ9~ \t\x1c\x7f\u00a0\u202eé"), max_size=6)
LONG = st.builds(lambda size, end: "x y" * (size // 3) + "z" * (size % 3) + end, st.integers(295, 305), HOSTILE)


@given(st.lists(st.none() | HOSTILE | LONG, max_size=6))
@settings(max_examples=50)
def test_a_column_of_texts_is_shown_like_each_text(texts: list[str | None]) -> None:
    shown = content.shown_texts(pd.Series(texts, dtype="str"))
    assert shown.astype("object").where(shown.notna(), None).tolist() == [
        None if text is None else content.shown_text(text) for text in texts
    ]


@given(st.lists(st.none() | st.sampled_from(["a", "a\u202e", "a\x07", " a"]) | HOSTILE | LONG, max_size=12))
@settings(max_examples=25)
def test_a_column_keeps_each_value_in_its_place_also_if_two_become_the_same(texts: list[str | None]) -> None:
    column = content._columns(pd.DataFrame({"text": pd.Series(texts, dtype="str")}))
    assert values(column, "text") == [None if text is None else content.shown_text(text) for text in texts]
    if isinstance(column["text"], dict):
        assert len(set(column["text"]["v"])) == len(column["text"]["v"])


def test_of_several_snoozes_of_an_issue_the_last_one_counts() -> None:
    said = pd.DataFrame(
        {
            "issue_key": ["a", "a", "b"],
            "snoozed_at": pd.to_datetime(["2026-11-02", "2026-11-01", "2026-11-01"], utc=True),
            "snoozed_until": pd.to_datetime(["2026-12-24", "2027-12-24", "2026-11-30"], utc=True),
            "note": ["later", "earlier", None],
        }
    )
    snoozes = rows_of(World(clients=[Client(1)]), issue_snoozes=said)["snoozes"]
    assert dict(zip(values(snoozes, "issue_key"), values(snoozes, "note"), strict=True)) == {"a": "later", "b": None}
    assert max(values(snoozes, "snoozed_until")) == pd.Timestamp("2026-12-24", tz="UTC").timestamp()


def test_a_suspected_generic_serial_is_a_line_to_copy_with_its_evidence() -> None:
    carrying = [Computer(number, number % 3 + 1, f" Board-{number % 2}  Serial", None) for number in range(1, 9)]
    world = World(
        clients=[Client(number) for number in (1, 2, 3)], computers=carrying, groups=[CwaGroup(850, "BizCare Plus")]
    )
    lines = content.generic_serials(world.computer_issues)
    assert [line.evidence for line in lines] == ["4 computers of 3 clients"] * 2
    assert {" ".join(line.line.split()) for line in lines} == {"Board-0 Serial", "Board-1 Serial"}


def test_a_serial_with_invisible_characters_is_no_line_to_copy() -> None:
    carrying = [Computer(number, number, "Board\u202eSerial", None) for number in (1, 2)]
    world = World(clients=[Client(1), Client(2)], computers=carrying)
    assert len(world.computer_issues.query("issue == 'suspected_generic_serial'")) == 2
    assert content.generic_serials(world.computer_issues) == []


def test_only_the_links_that_are_configured_are_on_the_page() -> None:
    links = LinksSettings(pcid="https://pcrt.example.com/?pcid={pcid}")
    assert rows_of(World(clients=[Client(1)]), links)["links"] == {"pcid": "https://pcrt.example.com/?pcid={pcid}"}


def test_an_empty_world_has_no_rows() -> None:
    rows = rows_of(World())
    assert rows["computers"]["length"] == 0
    assert all(table["length"] == 0 for table in rows["issues"].values())
