"""The top of the page: how the last sync ended, what was synced, how issues come and go."""

from datetime import UTC, datetime

import pandas as pd
import pytest

from cwa_pipeline.page.summary import TREND_DAYS, last_sync, trends
from cwa_pipeline.tables import AdditionalMembers, IssueHistory, SyncFailures, SyncRuns

NEW_YORK = "America/New_York"
NOW = datetime(2026, 11, 23, 6, 5, tzinfo=UTC)  # five past one in the morning of the 23rd, by the shop's clock


def runs(*rows: tuple[str, str, bool]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["run_id", "finished_at", "wrote"])
    return frame.assign(finished_at=pd.to_datetime(frame["finished_at"], utc=True))


def failures(*rows: tuple[str, str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["run_id", "failed_at", "problem"])
    return frame.assign(failed_at=pd.to_datetime(frame["failed_at"], utc=True))


def lists(*rows: tuple[int, str, str | None]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["group_id", "status", "reason"])
    return frame.astype({"reason": "str"})


NO_RUNS, NO_FAILURES, NO_LISTS = SyncRuns.empty(), SyncFailures.empty(), AdditionalMembers.empty()


def test_before_the_first_finished_sync_the_page_says_so() -> None:
    assert last_sync(NO_RUNS, NO_FAILURES, NO_LISTS).state == "never"


def test_a_sync_that_wrote_has_the_number_of_lists_of_each_status() -> None:
    told = last_sync(
        runs(("a", "2026-11-23 06:00", True)), NO_FAILURES, lists((1, "written", None), (2, "unchanged", None))
    )
    assert told.state == "wrote"
    assert "1 written, 1 right already" in told.headline


@pytest.mark.parametrize("status", ["held", "conflict"])
def test_a_group_left_alone_is_at_the_top_with_its_reason_once(status: str) -> None:
    left = lists((1, status, "would lose 5 of 8"), (1, status, "would lose 5 of 8"), (2, "written", None))
    told = last_sync(runs(("a", "2026-11-23 06:00", True)), NO_FAILURES, left)
    assert (told.state, told.lines) == ("held", ["would lose 5 of 8"])
    assert "left 1 group alone" in told.headline


def test_a_dry_run_is_no_sync_that_wrote() -> None:
    told = last_sync(runs(("a", "2026-11-23 06:00", False)), NO_FAILURES, lists((1, "planned", "dry run")))
    assert told.state == "planned"


def test_a_failure_after_the_last_sync_has_all_its_lines_and_the_time_of_the_last_good_one() -> None:
    told = last_sync(
        runs(("a", "2026-11-22 06:00", True)), failures(("b", "2026-11-23 06:00", "no computer\nno client")), NO_LISTS
    )
    assert told.state == "failed"
    assert told.lines[:2] == ["no computer", "no client"]
    assert told.finished_at == pd.Timestamp("2026-11-22 06:00", tz="UTC")


def test_a_run_that_a_guard_stopped_at_its_end_counts_as_failed() -> None:
    ended, failed = "2026-11-23 06:00:00", "2026-11-23 06:00:01"
    assert last_sync(runs(("a", ended, False)), failures(("a", failed, "stopped")), NO_LISTS).state == "failed"


def test_a_failure_before_the_last_sync_is_history() -> None:
    told = last_sync(runs(("b", "2026-11-23 06:00", True)), failures(("a", "2026-11-22 06:00", "x")), NO_LISTS)
    assert told.state == "wrote"


def history(*rows: tuple[str, str, str | None]) -> pd.DataFrame:
    """issue, first_seen, resolved_at."""
    frame = pd.DataFrame(rows, columns=["issue", "first_seen", "resolved_at"])
    times = {name: pd.to_datetime(frame[name], utc=True) for name in ("first_seen", "resolved_at")}
    return frame.assign(issue_key=frame.index.astype("str"), **times)


def test_a_day_counts_the_issues_at_its_end_by_the_shops_clock() -> None:
    # Seen first by the sync of the 23rd at 1 o'clock New York time, and one there was since long ago
    open_ = history(("no_cwa_group", "2026-11-23 06:00", None), ("no_cwa_group", "2026-01-01 06:00", None))
    totals, [kind] = trends(open_, NOW, NEW_YORK)
    assert (totals["error"].now, totals["error"].since_yesterday, totals["error"].since_30_days) == (2, 1, 1)
    assert kind.trend.days == [1] * TREND_DAYS + [2]
    assert totals["warning"].days == [0] * (TREND_DAYS + 1)


def test_an_issue_resolved_tonight_is_one_less_than_yesterday_and_its_kind_is_still_shown() -> None:
    resolved = history(("several_plans", "2026-11-01 06:00", "2026-11-23 06:00"))
    totals, [kind] = trends(resolved, NOW, NEW_YORK)
    assert (totals["warning"].now, totals["warning"].since_yesterday) == (0, -1)
    assert kind.issue == "several_plans"


def test_before_the_first_sync_there_is_nothing_to_compare_with() -> None:
    first_night = history(("no_cwa_group", "2026-11-23 06:00", None))
    totals, _ = trends(first_night, NOW, NEW_YORK)
    assert (totals["error"].since_yesterday, totals["error"].since_30_days) == (None, None)
    assert totals["error"].days == [None] * TREND_DAYS + [1]


def test_no_issue_ever_is_no_kind_and_zero() -> None:
    totals, kinds = trends(IssueHistory.empty(), NOW, NEW_YORK)
    assert (kinds, totals["error"].now, totals["warning"].now) == ([], 0, 0)
