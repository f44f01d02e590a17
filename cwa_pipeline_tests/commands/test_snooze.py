"""A technician marks an issue as known: the page hides it until a day, and then shows it again."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from cwa_pipeline.commands.demo.msp import invented_msp
from cwa_pipeline.commands.snooze import LONGEST_NOTE, snooze, snoozed_until
from cwa_pipeline.config.settings import Settings
from cwa_pipeline.errors import SnoozeError
from cwa_pipeline_tests.shop import Shop, open_shop

KEY = "computer:34:no_matching_pcid"
FAR = date(2999, 12, 31)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with open_shop(tmp_path_factory.mktemp("snooze"), *invented_msp()) as shop:
        assert shop.sync().succeeded
        yield shop


def test_a_snooze_is_stored_with_its_note_and_ends_when_the_day_begins_in_the_shops_time_zone(
    shop: Shop,
) -> None:
    snooze(KEY, FAR, " the customer answers in spring ")
    row = shop.table("issue_snoozes").iloc[-1]
    assert row["issue_key"] == KEY
    assert row["note"] == "the customer answers in spring"
    assert row["snoozed_until"] == pd.Timestamp("2999-12-31 05:00", tz="UTC")  # midnight in New York


def test_a_snoozed_issue_stays_open_in_every_table(shop: Shop) -> None:
    snooze(KEY, FAR, "known")
    assert shop.sync().succeeded
    assert KEY in set(shop.table("open_issues")["issue_key"])
    assert KEY in set(shop.table("computer_issues")["issue_key"])
    assert len(shop.table("issue_snoozes"))  # and the sync leaves the snooze alone


def test_the_last_snooze_counts_and_today_ends_it(shop: Shop) -> None:
    snooze(KEY, FAR, "known")
    assert KEY in snoozed_until(shop.table("issue_snoozes"), datetime.now(UTC)).index
    today = datetime.now(ZoneInfo(Settings.load().schedule.timezone)).date()  # by the shop's clock
    snooze(KEY, today, "it is back")
    assert KEY not in snoozed_until(shop.table("issue_snoozes"), datetime.now(UTC)).index


def test_a_snooze_is_over_when_its_day_comes() -> None:
    said = pd.DataFrame(
        {
            "issue_key": ["a"],
            "snoozed_at": [pd.Timestamp("2026-11-01", tz="UTC")],
            "snoozed_until": [pd.Timestamp("2026-11-20 05:00", tz="UTC")],
        }
    )
    assert list(snoozed_until(said, datetime(2026, 11, 20, 4, 59, tzinfo=UTC)).index) == ["a"]
    assert snoozed_until(said, datetime(2026, 11, 20, 5, 0, tzinfo=UTC)).empty


@pytest.mark.parametrize(
    ("key", "until", "note", "message"),
    [
        ("computer:34:no_matching_pci", FAR, "x", f"is not an open issue; did you mean {KEY}?"),
        ("what", FAR, "x", "is not an open issue; cwa-pipeline issues lists them"),
        (KEY, date(2020, 1, 1), "x", "2020-01-01 is over; name a later day"),
        (KEY, FAR, "  ", "the note has to give the reason"),
        (KEY, FAR, "x" * (LONGEST_NOTE + 1), "the note has to give the reason"),
    ],
)
def test_a_wrong_snooze_is_one_line_and_stores_nothing(
    shop: Shop, key: str, until: date, note: str, message: str
) -> None:
    before = shop.table("issue_snoozes")
    with pytest.raises(SnoozeError, match=re.escape(message)):
        snooze(key, until, note)
    pd.testing.assert_frame_equal(shop.table("issue_snoozes"), before)


def test_a_snooze_writes_the_page_again(shop: Shop) -> None:
    page = snooze(KEY, FAR, "shown on the page")
    assert page == shop.folder / "integration_page.html"
    assert "shown on the page" in Path(page).read_text(encoding="utf-8")
