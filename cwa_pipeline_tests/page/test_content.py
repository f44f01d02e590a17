"""The rows of the page: which, how many, harmless, and grouped by kind and reason."""

import random
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
from cwa_pipeline_tests.worlds import Client, Computer, World, messy_world

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


def rows_of(world: World, **more: pd.DataFrame) -> dict:
    tables = tables_of(world) | more
    issue_tables = {name: tables[f"{name}_issues"] for name in ("client", "computer", "group")}
    listings = member_listings(tables["subscription_members"], tables["additional_members"])
    of_computers = computer_links(**{name: tables[name] for name in LINK_TABLES}, listings=listings)
    return content.rows(tables, content.blocks(issue_tables), of_computers, LinksSettings())


def values(table: dict, column: str) -> list:
    """A column as the page's script reads it."""
    coded = table[column]
    if isinstance(coded, list):
        return coded
    return [None if which < 0 else coded["v"][which] for which in coded["i"]]


def shown_issues(rows: dict) -> list[tuple[str, str | None]]:
    """The key and the reason of every issue on the page, each table's in the order of its rows."""
    shown = []
    for table in rows["issues"].values():
        for position, number in enumerate(values(table, "block")):
            block = rows["blocks"][number]
            about = values(table, f"{block['about']}_id")[position]
            shown.append((f"{block['about']}:{about}:{block['issue']}", block["reason"]))
    return shown


@pytest.mark.parametrize("seed", range(2))
def test_every_issue_is_on_the_page_once_in_the_block_of_its_kind_and_reason(seed: int) -> None:
    world = messy_world(seed)
    everything = pd.concat([world.client_issues, world.computer_issues, world.group_issues])
    reasons = everything["reason"].astype("object").where(everything["reason"].notna(), None)
    wanted = zip(everything["issue_key"], reasons, strict=True)
    assert sorted(shown_issues(rows_of(world)), key=str) == sorted(wanted, key=str)


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


@pytest.mark.parametrize(("seed", "fitting"), [(2, 10), (3, 35)])
def test_the_issues_that_fit_are_the_worst_and_oldest_and_come_with_their_computers(seed: int, fitting: int) -> None:
    world = messy_world(seed)
    history = tables_of(world)["issue_history"].sample(frac=1, random_state=seed)
    days = random.Random(seed).choices([None, 1, 2, 3], k=len(history))
    ages = pd.Series(days, dtype="Int64", index=history.index)
    history = history.assign(first_seen=NOW - pd.to_timedelta(ages, unit="D"))
    opened = history.set_index("issue_key")["first_seen"]
    everything = pd.concat([world.client_issues, world.computer_issues, world.group_issues])
    everything = everything.assign(seen=everything["issue_key"].map(opened))
    worst_first = everything.sort_values(["severity", "seen", "issue_key"], na_position="last")
    with patch.object(content, "ISSUES_AT_MOST", fitting), patch.object(content, "COMPUTERS_AT_MOST", fitting):
        rows = rows_of(world, issue_history=history)
    assert {key for key, _ in shown_issues(rows)} == set(worst_first["issue_key"][:fitting])
    for table in rows["issues"].values():
        seen = [float("inf") if moment is None else moment for moment in values(table, "seen")]
        assert seen == sorted(seen)
    assert rows["computers"]["length"] == min(fitting, len(world.computers))
    assert set(values(rows["issues"]["computer"], "computer_id")) <= set(values(rows["computers"], "computer_id"))


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


def test_a_serial_with_invisible_characters_is_no_line_to_copy() -> None:
    carrying = [Computer(number, number, "Board\u202eSerial", None) for number in (1, 2)]
    world = World(clients=[Client(1), Client(2)], computers=carrying)
    assert len(world.computer_issues.query("issue == 'suspected_generic_serial'")) == 2
    assert content.generic_serials(world.computer_issues) == []


def test_an_empty_world_has_no_rows() -> None:
    rows = rows_of(World())
    assert rows["computers"]["length"] == 0
    assert all(table["length"] == 0 for table in rows["issues"].values())
