"""What the rules need of pandas, over every kind of key and value they use it for."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cwa_pipeline.rules.frames import as_table, first_true, join_texts, lookup, map_distinct
from cwa_pipeline.tables import SubscriptionMembers
from cwa_pipeline_tests.worlds import assert_is_table, records_of

IDS = st.integers(0, 9)
KEYS = st.lists(st.none() | IDS, max_size=8)


@pytest.mark.parametrize("index_type", ["int64", "Int64"])
@pytest.mark.parametrize("value_type", ["Int64", "str"])
@given(known=st.lists(IDS, unique=True).map(sorted), keys=KEYS)
def test_a_lookup_gives_what_is_under_each_key_and_null_for_the_others(
    index_type: str, value_type: str, known: list[int], keys: list[int | None]
) -> None:
    ids = pd.Series(known, dtype=index_type)
    values = pd.DataFrame({"id": ids, "value": (ids * 10).astype(value_type)}).set_index("id")["value"]
    asked = pd.Series(keys, dtype="Int64", index=range(5, 5 + len(keys)))
    expected = pd.Series([key * 10 if key in known else None for key in keys], dtype="Int64").astype(value_type)
    assert lookup(asked, values).equals(expected.set_axis(asked.index))


TEXTS = st.lists(st.none() | st.sampled_from(["", "a", "b", "Ä"]), max_size=6)


@given(known=st.dictionaries(st.sampled_from(["", "a", "b", "Ä"]), IDS), keys=TEXTS)
def test_a_lookup_goes_by_text_too(known: dict[str, int], keys: list[str | None]) -> None:
    values = pd.Series(known.values(), index=pd.Index(list(known), dtype="str"), dtype="Int64")
    asked = pd.Series(keys, dtype="str", index=range(5, 5 + len(keys)))
    expected = pd.Series([known.get(key) if key is not None else None for key in keys], dtype="Int64")
    assert lookup(asked, values).equals(expected.set_axis(asked.index))


def test_first_true_is_the_first_case_that_holds() -> None:
    index = [4, 5, 6]
    cases = {"a": pd.Series([True, False, False], index=index), "b": pd.Series([True, True, False], index=index)}
    assert first_true(cases).equals(pd.Series(["a", "b", None], index=index, dtype="str"))


def test_a_function_is_called_once_for_each_distinct_text() -> None:
    called: list[str] = []

    def length(text: str) -> int:
        called.append(text)
        return len(text)

    texts = pd.Series(["aa", None, "b", "aa"], dtype="str", index=[9, 8, 7, 6])
    lengths = map_distinct(texts, length, missing=None, dtype="Int64")
    assert lengths.equals(pd.Series([2, None, 1, 2], dtype="Int64", index=[9, 8, 7, 6]))
    assert called == ["aa", "b"]


def test_a_table_has_its_columns_in_order_its_types_and_is_sorted_by_its_key() -> None:
    frame = pd.DataFrame(
        {
            "pcid": pd.Series([9, 2, 5], dtype="Int64"),
            "more": [1, 2, 3],
            "plan": ["a", "b", "c"],
            "group_id": pd.Series([1, 1, 1], dtype="Int64"),
            "subscription_id": [2, 2, 1],
        }
    )
    table = as_table(frame, SubscriptionMembers)
    assert_is_table(table, SubscriptionMembers)
    assert records_of(table, "subscription_id", "pcid", "plan") == [(1, 5, "c"), (2, 2, "b"), (2, 9, "a")]


@given(rows=st.lists(st.tuples(st.integers(-2, 2), st.text("aÄ,", max_size=2)), max_size=7))
def test_the_texts_of_a_key_are_joined_in_the_order_of_the_rows(rows: list[tuple[int, str]]) -> None:
    frame = pd.DataFrame(rows, columns=["key", "text"]).astype({"key": "Int64", "text": "str"})
    joined = join_texts(frame["key"], frame["text"], ", ")
    assert joined.to_dict() == {
        key: ", ".join(text for other, text in rows if other == key) for key in sorted({key for key, _ in rows})
    }
    assert joined.dtype == "str"
