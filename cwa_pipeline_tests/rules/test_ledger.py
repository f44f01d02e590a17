"""What the ledger tells: what we wrote last, and what became of the writes that were under way when a sync died."""

import pandas as pd
import pytest

from cwa_pipeline.rules.members.ledger import as_ledger, last_written, settled, unsettled
from cwa_pipeline.tables import AdditionalMembersLedger
from cwa_pipeline_tests.worlds import records_of

NOW = pd.Timestamp("2026-11-22T02:00:00Z")


def ledger(*rows: tuple[str, int, str | None, str | None, str]) -> pd.DataFrame:
    """A ledger of run, subscription, before, after and status, a minute apart."""
    columns = ["run_id", "subscription_id", "before", "after", "status"]
    frame = pd.DataFrame(rows, columns=columns).assign(group_id=1, undo_of=None, hand_edited=False)
    frame = frame.assign(hand_added_pcids=None, hand_removed_pcids=None)
    frame["written_at"] = NOW - pd.to_timedelta(range(len(frame), 0, -1), unit="min")
    return AdditionalMembersLedger.validate(frame[list(AdditionalMembersLedger.to_schema().columns)])


def subscriptions(**lists: str | None) -> pd.DataFrame:
    frame = pd.DataFrame({"subscription_id": [int(key[1:]) for key in lists], "additional_members": [*lists.values()]})
    return frame.astype({"additional_members": "str"})


@pytest.mark.parametrize(
    ("found", "status"), [("_2_", "written"), ("_1_", "not_written"), ("_3_", "conflict"), (None, "conflict")]
)
def test_a_write_under_way_is_settled_by_what_pcrt_has(found: str | None, status: str) -> None:
    rows = settled(ledger(("a", 1, "_1_", "_2_", "planned")), subscriptions(s1=found), NOW)
    assert records_of(rows, "run_id", "subscription_id", "before", "after", "status") == [
        ("a", 1, "_1_", "_2_", status)
    ]
    AdditionalMembersLedger.validate(rows)


def test_null_is_a_list_of_before_like_any_other() -> None:
    assert settled(ledger(("a", 1, None, "_2_", "planned")), subscriptions(s1=None), NOW)["status"].tolist() == [
        "not_written"
    ]


def test_a_subscription_that_is_gone_is_a_conflict() -> None:
    assert settled(ledger(("a", 1, "_1_", "_2_", "planned")), subscriptions(s2="_2_"), NOW)["status"].tolist() == [
        "conflict"
    ]


def test_a_write_that_is_settled_is_not_settled_again() -> None:
    rows = ledger(
        ("a", 1, "_1_", "_2_", "planned"), ("a", 1, "_1_", "_2_", "written"), ("b", 1, "_2_", "_3_", "planned")
    )
    assert records_of(unsettled(rows), "run_id") == [("b",)]
    assert settled(rows.head(2), subscriptions(s1="_2_"), NOW).empty


def test_what_we_wrote_last_is_the_last_written_row_of_each_subscription() -> None:
    rows = ledger(
        ("a", 1, "", "_1_", "written"),
        ("b", 1, "_1_", "_2_", "planned"),
        ("b", 1, "_1_", "_2_", "written"),
        ("b", 2, "", "_9_", "conflict"),
        ("c", 1, "_2_", "_3_", "planned"),
    )
    assert records_of(last_written(rows), "subscription_id", "after") == [(1, "_2_")]


def test_changes_become_rows_of_the_ledger() -> None:
    rows = ledger(("a", 1, "_1_", "_2_", "planned"))
    again = as_ledger(rows.assign(status="written"), "b", NOW)
    assert records_of(again, "run_id", "written_at", "status") == [("b", NOW, "written")]
