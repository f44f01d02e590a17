"""The daily digest: what is new, resolved, open longest and written since the last one, and no name at all."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch
from zoneinfo import ZoneInfo

import dagster as dg
import pandas as pd
import pytest
import sqlalchemy as sa

from cwa_pipeline.alerts.changes import State
from cwa_pipeline.alerts.digest import digest, due_at
from cwa_pipeline.alerts.messages import LONGEST_LINE, harmless
from cwa_pipeline.alerts.sensor import tick
from cwa_pipeline.warehouse.store import Warehouse
from cwa_pipeline_tests.alerts.listening import mailbox
from cwa_pipeline_tests.page.hostile_texts import ALL
from cwa_pipeline_tests.page.hostile_texts import shop as hostile_shop
from cwa_pipeline_tests.shop import open_shop

NOON = datetime(2026, 11, 2, 17, 0, tzinfo=UTC)  # noon in New York
NEW_YORK = ZoneInfo("America/New_York")
DIGEST = '[alerts]\nenabled = true\ndigest = "0 7 * * *"\n'


def days_ago(days: float) -> pd.Timestamp:
    return pd.Timestamp(NOON - timedelta(days=days)).as_unit("us")


def issue(key: str, kind: str, first_seen: float, resolved: float | None = None) -> dict[str, object]:
    return {
        "issue_key": key,
        "area": key.split(":", maxsplit=1)[0].replace("subscription", "group"),
        "issue": kind,
        "reason": None,
        "first_seen": days_ago(first_seen),
        "last_seen": days_ago(0.5),
        "resolved_at": None if resolved is None else days_ago(resolved),
    }


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """A warehouse in which a day went by."""
    warehouse = Warehouse(sa.URL.create("sqlite", database=str(tmp_path / "warehouse.db")))
    warehouse.create()
    issues = [
        issue("computer:7:not_in_group", "not_in_group", 90),
        issue("computer:8:no_cwa_group", "no_cwa_group", 40),
        issue("client:3:shared_external_id", "shared_external_id", 200),
        issue("computer:9:no_cwa_group", "no_cwa_group", 0.5),
        issue("computer:10:no_cwa_group", "no_cwa_group", 0.5),
        issue("computer:11:no_matching_pcid", "no_matching_pcid", 20, resolved=0.5),
        issue("computer:12:no_matching_pcid", "no_matching_pcid", 20, resolved=5),
    ]
    warehouse.append("issue_history", pd.DataFrame(issues))
    snooze = {"issue_key": "client:3:shared_external_id", "snoozed_at": days_ago(3), "snoozed_until": days_ago(-3)}
    warehouse.append("issue_snoozes", pd.DataFrame([{**snooze, "note": ALL[0]}]))
    covered = [(1, 1001, 0.5, None), (1, 1002, 90, 0.5), (1, 1003, 90, None)]
    warehouse.append(
        "coverage_history",
        pd.DataFrame(
            [
                {"subscription_id": subscription, "pcid": pcid, "covered_from": days_ago(start)}
                | {"covered_to": None if end is None else days_ago(end)}
                for subscription, pcid, start, end in covered
            ]
        ),
    )
    ledger = {"run_id": "r", "subscription_id": 1, "group_id": 101, "before": "_1002_", "after": "_1001_"}
    rest = {"undo_of": None, "hand_edited": False, "hand_added_pcids": None, "hand_removed_pcids": None}
    rows = [
        {**ledger, **rest, "written_at": days_ago(when), "status": status}
        for when, status in ((0.5, "planned"), (0.5, "written"), (3, "written"))
    ]
    warehouse.append("additional_members_ledger", pd.DataFrame(rows))
    warehouse.append("sync_runs", pd.DataFrame([{"run_id": "r", "finished_at": days_ago(0.5), "wrote": True}]))
    return warehouse


def text(warehouse: Warehouse | None, since: datetime = NOON - timedelta(days=1)) -> str:
    return digest("nightly_sync", warehouse, since, NOON, NEW_YORK, "https://pcrt.example.com/cwa/", [1]).text


def test_it_says_what_is_new_resolved_written_and_open_longest(warehouse: Warehouse) -> None:
    assert text(warehouse).splitlines() == [
        "The last sync succeeded: no subscription to judge.",
        "",
        "Open issues: 4 errors, 1 warnings.",
        "New: 2 (2 no_cwa_group).",
        "Resolved: 1 (1 no_matching_pcid).",
        "Written: 1 lists; 1 PCIDs newly covered, 1 no longer.",
        "",
        "Open longest:",
        "- computer:7:not_in_group, since 2026-08-04",
        "- computer:8:no_cwa_group, since 2026-09-23",
        "- computer:10:no_cwa_group, since 2026-11-02",
        "- computer:9:no_cwa_group, since 2026-11-02",
        "",
        "The page: https://pcrt.example.com/cwa/",
    ]


def test_a_quiet_day_says_so(warehouse: Warehouse) -> None:
    quiet = text(warehouse, NOON - timedelta(hours=1))
    assert "New: none." in quiet
    assert "Resolved: none." in quiet
    assert "Written: 0 lists; 0 PCIDs newly covered, 0 no longer." in quiet


def test_a_warehouse_that_is_not_there_is_what_it_says(tmp_path: Path) -> None:
    nowhere = Warehouse(sa.URL.create("sqlite", database=str(tmp_path / "nowhere.db")))
    assert "No figures: " in text(nowhere)
    assert "there is no warehouse yet" in text(nowhere)
    assert "WAREHOUSE_URL cannot be used" in text(None)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (datetime(2026, 11, 2, 12, 0, 1, tzinfo=UTC), datetime(2026, 11, 2, 12, 0, tzinfo=UTC)),
        (datetime(2026, 11, 2, 11, 59, tzinfo=UTC), datetime(2026, 11, 1, 12, 0, tzinfo=UTC)),
        (datetime(2026, 7, 2, 11, 0, 1, tzinfo=UTC), datetime(2026, 7, 2, 11, 0, tzinfo=UTC)),  # in summer time
    ],
)
def test_it_is_due_by_the_shops_clock(now: datetime, due: datetime) -> None:
    assert due_at("0 7 * * *", NEW_YORK, now) == due


def test_it_comes_once_a_day_and_holds_no_name_however_hostile(tmp_path: Path) -> None:
    with (
        mailbox() as box,
        open_shop(tmp_path, *hostile_shop(), toml=DIGEST) as shop,
        dg.DagsterInstance.ephemeral() as instance,
        patch.dict(os.environ, {"CWA_ALERT_URLS": box.address}),
    ):
        assert shop.sync().succeeded
        now = datetime.now(UTC)
        state = State(watching_since=now)
        due = due_at("0 7 * * *", NEW_YORK, now + timedelta(days=1))
        for hours in (-0.01, 0.02, 1, 12, 23.9, 24.02):
            tick(state, instance, "nightly_sync", max(now, due + timedelta(hours=hours)))
    digests = [mail.get_content() for mail in box.mails if "digest" in mail["Subject"]]
    assert len(digests) == 2
    assert "New: 0" not in digests[0]
    assert "Open longest:" in digests[0]
    names = [text for text in ALL if text not in {"-2+3", "+1+1"}]
    assert not [name for name in names if name in "".join(digests)]


@pytest.mark.parametrize(
    "hostile", [*ALL, "<!channel> @everyone <@U1> [here](https://evil.example) *x* `y`", "x" * 5000]
)
def test_what_a_problem_quotes_is_nothing_but_text(hostile: str) -> None:
    line = harmless(f"CWA answered {hostile}")
    assert not {*"<>@`[]*|"} & {*line}
    assert "://" not in line
    assert "\n" not in line
    assert line.isprintable()
    assert len(line) <= LONGEST_LINE + 1
