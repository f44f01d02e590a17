"""The guards on frames: what is held, until when, and the numbers in the reasons."""

import pandas as pd
import pytest

from cwa_pipeline.config.settings import GuardSettings
from cwa_pipeline.rules.guards import guarded, source_drops, stopped_by
from cwa_pipeline.rules.members.membership import plan_id
from cwa_pipeline.tables import MembersPlan

NOBODY = pd.Series([], dtype="Int64")


def plan(*lists: tuple[int, int, int, str | None]) -> pd.DataFrame:
    """A plan of lists given as subscription, group, how many are listed, and the PCIDs removed."""
    rows = [
        {
            "subscription_id": subscription_id,
            "group_id": group_id,
            "plan": "BizCare Plus",
            "before": "before",
            "after": f"after {removed}",
            "listed": listed,
            "added": 0,
            "removed": len((removed or "").split()),
            "added_pcids": None,
            "removed_pcids": removed,
            "hand_edited": False,
            "hand_added_pcids": None,
            "hand_removed_pcids": None,
            "status": "planned" if removed else "unchanged",
            "guard": None,
            "reason": None,
        }
        for subscription_id, group_id, listed, removed in lists
    ]
    return MembersPlan.validate(pd.DataFrame(rows))


def after_guards(
    wanted: pd.DataFrame,
    held_before: pd.DataFrame | None = None,
    undone: pd.Series = NOBODY,
    drops: tuple[str, ...] = (),
    release: tuple[str, ...] = (),
    **limits: float,
) -> pd.DataFrame:
    held_before = MembersPlan.empty() if held_before is None else held_before
    return guarded(wanted, held_before, undone, drops, release, GuardSettings(**limits))


def statuses(guarded_plan: pd.DataFrame) -> list[tuple[str, str | None]]:
    return [
        (status, None if pd.isna(guard) else guard)
        for status, guard in zip(guarded_plan["status"], guarded_plan["guard"], strict=True)
    ]


SIX = "1 2 3 4 5 6"


def test_more_than_the_share_and_at_least_the_number_hold_the_whole_group() -> None:
    held = after_guards(plan((1, 101, 10, SIX), (2, 101, 10, "1"), (3, 102, 10, "1")))
    assert statuses(held) == [("held", "members_removed"), ("held", "members_removed"), ("planned", None)]


@pytest.mark.parametrize(("listed", "removed"), [(12, SIX), (10, "1 2 3 4 5"), (4, "1 2 3 4")])
def test_just_the_share_or_less_than_the_number_is_let_through(listed: int, removed: str) -> None:
    assert statuses(after_guards(plan((1, 101, listed, removed)))) == [("planned", None)]


def test_the_numbers_are_in_the_reason_with_the_remedy() -> None:
    [reason] = after_guards(plan((1, 101, 8, SIX)))["reason"]
    assert reason == (
        "subscription 1 would lose 75 % (6 of 8; 50 % is the limit) of its members; look at it, then: cwa-pipeline sync --release 101"
    )


def test_a_release_lets_what_was_held_through_and_no_more() -> None:
    held = after_guards(plan((1, 101, 10, SIX)))
    assert statuses(after_guards(plan((1, 101, 10, SIX)), held, release=("101",))) == [("planned", None)]
    assert statuses(after_guards(plan((1, 101, 10, "1 2 3 4 5 6 7")), held, release=("101",))) == [
        ("held", "members_removed")
    ]
    assert statuses(after_guards(plan((1, 101, 8, SIX.removesuffix(" 6") + " 9")), held, release=("101",))) == [
        ("held", "members_removed")
    ]


def test_a_release_names_its_group_or_all() -> None:
    held = after_guards(plan((1, 101, 10, SIX)))
    for release, status in {("102",): "held", ("all",): "planned", ("101",): "planned", (): "held"}.items():
        assert after_guards(plan((1, 101, 10, SIX)), held, release=release)["status"].tolist() == [status]


def test_what_was_never_held_cannot_be_released() -> None:
    assert statuses(after_guards(plan((1, 101, 10, SIX)), release=("all",))) == [("held", "members_removed")]


def test_all_removals_together_stop_everything_held_ones_too_and_released_ones_not() -> None:
    lists = plan((1, 101, 100, " ".join(map(str, range(60)))), (2, 102, 100, "1"))
    stopped = after_guards(lists)
    assert statuses(stopped) == [("held", "members_removed"), ("held", "total_removals")]
    assert "all groups together would lose 30 % (61 of 200; 20 % is the limit) of their members" in (
        stopped_by(stopped) or ""
    )
    released = after_guards(lists, stopped, release=("101",))
    assert statuses(released) == [("planned", None), ("planned", None)]
    assert stopped_by(released) is None


def test_a_share_of_one_switches_a_guard_off() -> None:
    off = after_guards(
        plan((1, 101, 60, " ".join(map(str, range(60))))), max_removed_share=1.0, max_total_removed_share=1.0
    )
    assert statuses(off) == [("planned", None)]


def test_a_source_that_shrank_by_more_than_the_share_is_told_with_its_numbers() -> None:
    then = pd.DataFrame({"table_name": ["a", "b", "c"], "rows_read": [100, 100, 100]})
    now = pd.DataFrame({"table_name": ["a", "b"], "rows_read": [70, 69]})
    assert source_drops(now, then, GuardSettings()) == [
        "b shrank from 100 to 69 rows, by 31 % (31 of 100; 30 % is the limit)"
    ]
    assert source_drops(now, then.head(0), GuardSettings()) == []


def test_a_drop_holds_whatever_would_be_written() -> None:
    held = after_guards(plan((1, 101, 10, "1"), (2, 102, 10, None)), drops=("b shrank",))
    assert statuses(held) == [("held", "source_drop"), ("unchanged", None)]
    assert (stopped_by(held) or "").startswith("b shrank; nothing is written")


def test_an_undone_group_is_held_until_it_is_released_after_it_was_shown() -> None:
    lists, undone = plan((1, 101, 10, "1")), pd.Series([101], dtype="Int64")
    held = after_guards(lists, undone=undone)
    assert statuses(held) == [("held", "undone")]
    assert statuses(after_guards(lists, undone=undone, release=("101",))) == [("held", "undone")]
    assert statuses(after_guards(lists, held, undone, release=("101",))) == [("planned", None)]


def test_a_plans_id_is_the_same_for_the_same_changes_and_another_for_any_other() -> None:
    some = plan((1, 101, 10, "1"), (2, 102, 10, "2"))
    assert plan_id(some) == plan_id(some.iloc[::-1])
    assert plan_id(some) != plan_id(plan((1, 101, 10, "1"), (2, 102, 10, "3")))
    assert plan_id(some) != plan_id(plan((1, 101, 10, "1")))
