"""Whole numbers that a technician typed."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cwa_pipeline.rules.matching.numbers import is_whole_number, whole_number


@pytest.mark.parametrize(
    ("text", "is_whole", "number"),
    [
        ("101", True, 101),
        (" 101\t", True, 101),
        ("007", True, 7),
        ("-5", True, -5),
        ("0", True, 0),
        ("9" * 18, True, 10**18 - 1),
        ("9" * 19, True, None),
        ("-" + "9" * 400, True, None),
        ("+5", False, None),
        ("1_000", False, None),
        ("1 000", False, None),
        ("1,000", False, None),
        ("5.0", False, None),
        ("1e3", False, None),
        ("--5", False, None),
        ("-", False, None),
        ("١٠٠", False, None),
        ("²", False, None),
        ("Ann", False, None),
        ("", False, None),
        (None, False, None),
    ],
)
def test_a_whole_number_is_an_optional_minus_and_ascii_digits(
    text: str | None, is_whole: bool, number: int | None
) -> None:
    values = pd.Series(["1", text], dtype="str")
    assert is_whole_number(values).tolist() == [True, is_whole]
    assert whole_number(values).equals(pd.Series([1, number], dtype="Int64"))


@given(st.lists(st.integers(-(10**18) + 1, 10**18 - 1)))
def test_every_id_that_a_system_can_have_is_read_to_the_last_digit(ids: list[int]) -> None:
    read = whole_number(pd.Series([f" {number} " for number in ids], dtype="str"))
    assert read.tolist() == ids
    assert read.dtype == "Int64"
