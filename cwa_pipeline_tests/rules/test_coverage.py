"""Coverage over time: the fast rule against a plain replay of the nights."""

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from cwa_pipeline.rules.members.coverage import coverage_history, listed_now
from cwa_pipeline.tables import CoverageHistory
from cwa_pipeline_tests.worlds import assert_is_table, records_of

FIRST_NIGHT = pd.Timestamp("2026-11-01T02:00:00Z")
SUBSCRIPTIONS = (1, 2, 2**40)  # the last one leaves no room for a PCID beside it in one number

# Each night every subscription's list is known (a set of PCIDs), not known (None), or the subscription has ended ("ended").
Night = dict[int, frozenset[int] | str | None]
a_list = st.frozensets(st.integers(1001, 1004), max_size=4)
nights = st.lists(
    st.fixed_dictionaries({}, optional={s: st.one_of(a_list, st.none(), st.just("ended")) for s in SUBSCRIPTIONS}),
    max_size=6,
)


def after(history: pd.DataFrame, night: Night, now: pd.Timestamp) -> pd.DataFrame:
    pairs = [(s, pcid) for s, pcids in night.items() if isinstance(pcids, frozenset) for pcid in sorted(pcids)]
    listed = pd.DataFrame(pairs, columns=["subscription_id", "pcid"], dtype="int64")
    known = pd.Series([s for s, pcids in night.items() if isinstance(pcids, frozenset)], dtype="int64")
    ended = pd.Series([s for s, pcids in night.items() if pcids == "ended"], dtype="int64")
    return coverage_history(history, listed, known, ended, now)


@settings(max_examples=25, deadline=None)
@given(nights)
def test_a_pcid_is_covered_from_the_night_it_is_listed_to_the_night_it_is_gone(story: list[Night]) -> None:
    history, plain, open_rows = CoverageHistory.empty(), [], {}
    for number, night in enumerate(story):
        now = FIRST_NIGHT + pd.Timedelta(days=number)
        history = after(history, night, now)
        for subscription_id, pcids in night.items():
            if pcids is None:
                continue
            there = pcids if isinstance(pcids, frozenset) else frozenset()
            for key in [key for key in open_rows if key[0] == subscription_id and key[1] not in there]:
                plain.append((*key, open_rows.pop(key), now))
            for pcid in there:
                open_rows.setdefault((subscription_id, pcid), now)
        assert_is_table(history, CoverageHistory)
        assert after(history, night, now).equals(history)  # doing it again changes nothing
    expected = sorted([*plain, *((*key, since, None) for key, since in open_rows.items())], key=lambda row: row[:3])
    assert records_of(history, *history.columns) == expected


def test_a_list_that_cannot_be_read_says_nothing() -> None:
    lists = pd.DataFrame(
        {"subscription_id": [1, 2, 3, 4], "members": pd.array(["1002_1001_1001", "call Ann", None, "_7_"], dtype="str")}
    )
    listed, known = listed_now(lists, "underscore")
    assert records_of(listed, "subscription_id", "pcid") == [(1, 1002), (1, 1001), (4, 7)]
    assert known.tolist() == [1, 3, 4]
