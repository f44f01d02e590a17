"""Each change of state is reported once, and so is its end, whatever happens in between."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cwa_pipeline.alerts.changes import Change, State, changes
from cwa_pipeline.alerts.syncs import End, Ends, Left
from cwa_pipeline.config.settings import AlertSettings

NIGHT = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)
DAY = timedelta(days=1)
ALERTS = AlertSettings(enabled=True)
NEW_YORK = ZoneInfo("America/New_York")


class Watcher:
    """Somebody who gets the reports; the state is stored as text in between, as in Dagster's storage."""

    def __init__(self, alerts: AlertSettings = ALERTS) -> None:
        self.cursor, self.alerts = State(watching_since=NIGHT).model_dump_json(), alerts
        self.success: End | None = None

    def sees(self, night: int, *, succeeded: bool = True, held: tuple[int, ...] = (), **counts: int) -> list[Change]:
        """What is reported one hour after the sync of a night."""
        end = End(f"run {night}", NIGHT + night * DAY, succeeded=succeeded, problems=[] if succeeded else ["it broke"])
        self.success = end if succeeded else self.success
        left = Left(f"run {night}", list(held), counts) if succeeded else None
        return self._looks(Ends(end, self.success, []), left, end.ended_at + timedelta(hours=1))

    def sees_nothing_new(self, now: datetime, last: End | None = None) -> list[Change]:
        return self._looks(Ends(last or self.success, self.success, []), None, now)

    def _looks(self, ends: Ends, left: Left | None, now: datetime) -> list[Change]:
        state = State.of(self.cursor, now)
        found = changes(state, ends, left, self.alerts, now, NEW_YORK)
        self.cursor = state.model_dump_json()
        return found


def headlines(found: list[Change]) -> list[str]:
    return [change.headline for change in found]


def test_a_failure_is_reported_once_and_so_is_the_success_after_it() -> None:
    watcher = Watcher(AlertSettings(late_after_hours=700))
    assert watcher.sees(0) == []
    [failed] = watcher.sees(1, succeeded=False)
    assert (failed.headline, failed.tone) == ("sync failed", "failure")
    assert failed.lines == ["The sync of 2026-11-02 01:00 failed (run run 1):", "- it broke"]  # in the shop's time zone
    assert watcher.sees(2, succeeded=False) == []
    assert watcher.sees(3, succeeded=False) == []
    assert headlines(watcher.sees(4)) == ["sync succeeds again"]
    assert watcher.sees(5) == []
    assert headlines(watcher.sees(6, succeeded=False)) == ["sync failed"]


def test_a_failure_of_the_first_sync_is_reported() -> None:
    assert headlines(Watcher().sees(0, succeeded=False)) == ["sync failed"]


def test_no_success_for_26_hours_is_late_once_until_the_next_success() -> None:
    watcher = Watcher()
    watcher.sees(0)
    assert watcher.sees_nothing_new(NIGHT + timedelta(hours=26)) == []
    [late] = watcher.sees_nothing_new(NIGHT + timedelta(hours=26, minutes=1))
    assert late.lines[0] == "No sync has succeeded since 2026-11-01 01:00, more than 26 hours."
    assert watcher.sees_nothing_new(NIGHT + timedelta(hours=70)) == []
    assert headlines(watcher.sees(3)) == ["no longer late"]
    assert watcher.sees(4) == []


def test_a_pipeline_that_never_succeeded_is_late_too() -> None:
    watcher = Watcher()
    assert watcher.sees_nothing_new(NIGHT + timedelta(hours=25)) == []
    [late] = watcher.sees_nothing_new(NIGHT + timedelta(hours=27))
    assert "No sync has succeeded yet (watched since 2026-11-01 01:00)" in late.lines[0]


def test_failures_every_night_are_a_failure_and_then_late_and_both_end_together() -> None:
    watcher = Watcher()
    watcher.sees(0)
    assert headlines(watcher.sees(1, succeeded=False)) == ["sync failed"]
    assert headlines(watcher.sees(2, succeeded=False)) == ["sync is late"]
    assert headlines(watcher.sees(3)) == ["sync succeeds again", "no longer late"]


def test_a_hold_is_reported_once_for_each_group_and_so_is_its_end() -> None:
    watcher = Watcher()
    [held] = watcher.sees(0, held=(101, 102))
    assert (held.headline, held.tone) == ("2 groups held", "warning")
    assert held.lines[0] == "Not written until released: groups 101, 102."
    assert watcher.sees(1, held=(101, 102)) == []
    both = watcher.sees(2, held=(102, 103))
    assert headlines(both) == ["1 group held", "1 group no longer held"]
    assert both[1].lines == ["No longer held: group 101; 2 still are."]
    assert headlines(watcher.sees(3)) == ["2 groups no longer held"]


def test_hundreds_of_groups_are_one_message_that_names_the_first() -> None:
    [held] = Watcher().sees(0, held=tuple(range(1, 301)))
    assert held.headline == "300 groups held"
    assert held.lines[0] == "Not written until released: groups 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 290 more."


@pytest.mark.parametrize(
    ("before", "now", "is_reported"),
    [
        (0, 9, False),  # fewer than ten more
        (0, 10, True),
        (100, 125, False),  # not more than 25 %
        (100, 126, True),
        (1000, 1010, False),
        (1, 2, False),
        (50, 10, False),
    ],
)
def test_a_jump_is_ten_more_and_a_quarter_more(before: int, now: int, is_reported: bool) -> None:
    watcher = Watcher()
    assert watcher.sees(0, not_in_group=before) == []  # the first look has nothing to compare with
    assert headlines(watcher.sees(1, not_in_group=now)) == (["many more issues"] if is_reported else [])


def test_a_jump_is_reported_once_again_when_it_jumps_further_and_when_it_came_down() -> None:
    watcher = Watcher()
    watcher.sees(0, not_in_group=20, no_cwa_group=3)
    [up] = watcher.sees(1, not_in_group=40, no_cwa_group=5)
    assert up.lines[1:] == ["- not_in_group: from 20 to 40"]
    assert watcher.sees(2, not_in_group=41) == []
    assert watcher.sees(3, not_in_group=36) == []  # still a jump from where it was
    [further] = watcher.sees(4, not_in_group=90)
    assert further.lines[1:] == ["- not_in_group: from 40 to 90, and from 20 before that"]
    [down] = watcher.sees(5, not_in_group=21)
    assert (down.headline, down.tone) == ("issues came down again", "success")
    assert down.lines[1:] == ["- not_in_group: 21, after 90"]
    assert watcher.sees(6) == []


def test_a_state_that_cannot_be_read_starts_again() -> None:
    for cursor in ("", "not json", '{"watching_since": 12, "held": "x"}'):
        assert State.of(cursor, NIGHT) == State(watching_since=NIGHT)
