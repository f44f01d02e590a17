"""Since when issues have been open."""

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from cwa_pipeline.rules.history import grown, issue_history, open_counts, open_issues
from cwa_pipeline.tables import IssueHistory, OpenIssues
from cwa_pipeline_tests.worlds import (
    Client,
    Computer,
    PcrtGroup,
    Subscription,
    World,
    assert_is_table,
    messy_world,
    records_of,
)

NIGHTS = [pd.Timestamp(f"2026-03-0{day}T06:00:00Z") for day in range(1, 10)]
QUIET = World()
MISSING = World(clients=[Client(1, None)])
INVALID = World(clients=[Client(1, "Acme")])
A_FEW_WORLDS = [QUIET, MISSING, INVALID, messy_world(1, 4), messy_world(2, 4)]  # they keep their tables


def next_history(previous: pd.DataFrame, world: World, now: pd.Timestamp) -> pd.DataFrame:
    history = issue_history(previous, world.client_issues, world.computer_issues, world.group_issues, now)
    assert_is_table(history, IssueHistory)
    return history


def history_of(*nights: World) -> pd.DataFrame:
    history = IssueHistory.empty()
    for now, world in zip(NIGHTS, nights, strict=False):
        history = next_history(history, world, now)
    return history


def days(history: pd.DataFrame) -> list[tuple[int | None, ...]]:
    """first_seen, last_seen and resolved_at as days of the month."""
    rows = records_of(history, "first_seen", "last_seen", "resolved_at")
    return [tuple(None if time is None else time.day for time in row) for row in rows]


def test_nothing_wrong_ever_is_no_history() -> None:
    assert len(history_of(QUIET, QUIET)) == 0


def test_an_issue_seen_for_the_first_time_opens_a_row() -> None:
    history = history_of(MISSING)
    columns = ("issue_key", "area", "issue", "reason")
    assert records_of(history, *columns) == [
        ("client:1:no_pcrt_group", "client", "no_pcrt_group", "external_id_missing")
    ]
    assert days(history) == [(1, 1, None)]


def test_an_issue_seen_again_keeps_first_seen_and_gets_the_current_reason() -> None:
    history = history_of(MISSING, MISSING, INVALID)
    assert days(history) == [(1, 3, None)]
    assert history["reason"].tolist() == ["external_id_invalid"]


def test_an_issue_that_is_gone_is_resolved_once_by_the_first_sync_that_no_longer_sees_it() -> None:
    assert days(history_of(MISSING, MISSING, QUIET, QUIET)) == [(1, 2, 3)]


def test_an_issue_back_again_opens_a_new_row() -> None:
    assert days(history_of(MISSING, QUIET, INVALID, INVALID)) == [(1, 1, 2), (3, 4, None)]


def test_one_issue_does_not_touch_another() -> None:
    two = World(clients=[Client(1, None), Client(2, "x")])
    history = history_of(MISSING, two, World(clients=[Client(2, "x")]))
    assert history["issue_key"].tolist() == ["client:1:no_pcrt_group", "client:2:no_pcrt_group"]
    assert days(history) == [(1, 2, 3), (2, 3, None)]


def test_running_twice_with_the_same_now_changes_nothing() -> None:
    for nights in ([MISSING], [MISSING, INVALID], [MISSING, QUIET], [MISSING, QUIET, MISSING]):
        once = history_of(*nights)
        assert next_history(once, nights[-1], NIGHTS[len(nights) - 1]).equals(once)


def test_gone_and_back_at_the_very_same_now_never_violates_the_key() -> None:
    now = NIGHTS[0]
    opened = next_history(IssueHistory.empty(), MISSING, now)
    gone = next_history(opened, QUIET, now)
    assert days(gone) == [(1, 1, 1)]
    assert next_history(gone, QUIET, now).equals(gone)
    assert next_history(gone, MISSING, now).equals(opened)


@settings(max_examples=10)
@given(st.lists(st.sampled_from(A_FEW_WORLDS), max_size=7))
def test_after_every_night_the_open_rows_are_that_nights_issues(nights: list[World]) -> None:
    history = IssueHistory.empty()
    for now, world in zip(NIGHTS, nights, strict=False):
        before = history
        history = next_history(history, world, now)
        tables = (world.client_issues, world.computer_issues, world.group_issues)
        current = sorted(row for table in tables for row in map(str, records_of(table, "issue_key", "issue", "reason")))
        is_open = history["resolved_at"].isna()
        assert sorted(map(str, records_of(history[is_open], "issue_key", "issue", "reason"))) == current
        assert (history.loc[is_open, "last_seen"] == now).all()
        keys = ["issue_key", "first_seen"]
        assert set(records_of(before, *keys)) <= set(records_of(history, *keys))
        closed = ("issue_key", "reason", "first_seen", "last_seen", "resolved_at")
        long_closed = set(records_of(before[before["resolved_at"].notna()], *closed))
        assert long_closed <= set(records_of(history, *closed))


def test_open_issues_are_every_open_issue_in_one_list_by_customer_and_subject() -> None:
    world = World(
        clients=[Client(1, "101", "Acme CWA"), Client(2, None, "Bolt CWA")],
        pcrt_groups=[PcrtGroup(101, "Acme PCRT")],
        computers=[Computer(11, 2, "ZZ", name="FRONT-DESK")],
        subscriptions=[Subscription(1, 101, "Servers", name="Gold"), Subscription(2, 101, "Servers", name=None)],
    )
    history = history_of(QUIET, world, world)
    found = open_issues(world.client_issues, world.computer_issues, world.group_issues, history)
    assert_is_table(found, OpenIssues)
    assert records_of(found, "issue_key", "area", "severity", "customer", "subject") == [
        ("client:2:no_pcrt_group", "client", "error", "Bolt CWA", "Bolt CWA"),
        ("computer:11:no_cwa_group", "computer", "error", "Bolt CWA", "FRONT-DESK"),
        ("computer:11:no_matching_pcid", "computer", "error", "Bolt CWA", "FRONT-DESK"),
        ("group:101:no_cwa_subscriptions", "group", "error", "Acme PCRT", "Acme PCRT"),
        ("subscription:1:no_valid_cwa_group", "group", "error", "Acme PCRT", "Gold"),
        ("subscription:2:no_valid_cwa_group", "group", "error", "Acme PCRT", "Acme PCRT"),
    ]
    assert set(found["first_seen"]) == {NIGHTS[1]}


def test_an_issue_back_again_is_open_since_it_came_back() -> None:
    history = history_of(MISSING, QUIET, MISSING)
    found = open_issues(MISSING.client_issues, MISSING.computer_issues, MISSING.group_issues, history)
    assert found["first_seen"].tolist() == [NIGHTS[2]]


def test_no_issues_are_an_empty_list() -> None:
    history = history_of(MISSING, QUIET)
    found = open_issues(QUIET.client_issues, QUIET.computer_issues, QUIET.group_issues, history)
    assert_is_table(found, OpenIssues)
    assert len(found) == 0


@settings(max_examples=10)
@given(st.lists(st.sampled_from(A_FEW_WORLDS), min_size=1, max_size=4))
def test_open_counts_are_what_was_open_after_each_night(nights: list[World]) -> None:
    history = history_of(*nights)
    counts = open_counts(history, pd.DatetimeIndex(NIGHTS[: len(nights)]))
    for now, world in zip(NIGHTS, nights, strict=False):
        issues = pd.concat([world.client_issues, world.computer_issues, world.group_issues])["issue"]
        assert counts[now][lambda column: column > 0].to_dict() == issues.value_counts().to_dict()


def test_before_the_first_sync_nothing_was_open() -> None:
    assert open_counts(history_of(MISSING), pd.DatetimeIndex([NIGHTS[0] - pd.Timedelta("1s")])).to_numpy().sum() == 0


def test_a_kind_has_grown_when_more_of_it_are_open_than_before_the_last_sync() -> None:
    two = World(clients=[Client(1, None), Client(2, None)])
    assert records_of(grown(history_of(MISSING, two)), "issue", "before", "now", "area") == [
        ("no_pcrt_group", 1, 2, "client")
    ]
    assert grown(history_of(two, MISSING)).empty
    assert grown(history_of(two, two)).empty
    assert records_of(grown(history_of(MISSING, QUIET, MISSING)), "issue", "before", "now") == [("no_pcrt_group", 0, 1)]


def test_one_gone_and_another_new_of_the_same_kind_is_no_growth() -> None:
    assert grown(history_of(World(clients=[Client(1, None)]), World(clients=[Client(2, None)]))).empty


def test_the_first_sync_has_nothing_to_have_grown_from() -> None:
    assert grown(history_of(MISSING)).empty
    assert grown(IssueHistory.empty()).empty
