"""A frame on its way into the warehouse: the quick look lets through what the model lets through, and nothing else."""

from collections.abc import Callable
from contextlib import suppress

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cwa_pipeline.errors import WarehouseError
from cwa_pipeline.tables import TABLES
from cwa_pipeline.warehouse.frames import held_against_the_model, validated
from cwa_pipeline.warehouse.schema import dtypes

# A table with a key of two columns, limits and listed values; another with a unique id, ids that may be missing, and times; a third
# with a key of a text and a time.
GOOD = {
    "match_suggestions": {
        "computer_id": [1, 2, 3],
        "rank": [1, 2, 3],
        "pcid": [1001, 1002, 1003],
        "score": [100, 50, 0],
        "confidence": ["likely", "possible", "likely"],
        "same_group": [True, False, True],
        "evidence": ["same name", "", "a\u00e9"],
    },
    "cwa_computers": {
        "computer_id": [1, 2, 3],
        "name": ["A", None, "B"],
        "client_id": [7, None, 7],
        "serial_number": [None, " X", "Y"],
        "serial_number_normalised": ["", "x", "y"],
        "asset_tag": [None, None, "1001"],
        "last_contact": [pd.Timestamp("2026-03-01", tz="UTC"), None, None],
        "last_user": [None, None, None],
        "make": ["Acme", None, None],
    },
    "issue_history": {
        "issue_key": ["client:1:no_pcrt_group", "client:1:no_pcrt_group", "client:2:no_pcrt_group"],
        "area": ["client", "client", "client"],
        "issue": ["no_pcrt_group", "no_pcrt_group", "no_pcrt_group"],
        "reason": ["external_id_missing", None, None],
        "first_seen": [pd.Timestamp(f"2026-03-0{day}", tz="UTC") for day in (1, 3, 1)],
        "last_seen": [pd.Timestamp(f"2026-03-0{day}", tz="UTC") for day in (2, 4, 4)],
        "resolved_at": [pd.Timestamp("2026-03-03", tz="UTC"), None, None],
    },
}
ODD_VALUES = [0, 1, 2, -1, 101, 1.0, 1.5, None, "", "x", "likely", "a\0b", True, pd.Timestamp("2026-03-01"), b"x"]
ODD_TYPES = ["object", "float64", "Int64", "int32", "str", "string", "bool", "boolean", "category"]


@st.composite
def frames(draw: st.DrawFn) -> tuple[str, pd.DataFrame]:
    """A frame that fits its table, changed in one place, or in two, or in none."""
    table = draw(st.sampled_from(sorted(GOOD)))
    frame = pd.DataFrame(GOOD[table]).astype(dtypes(table))
    for _ in range(draw(st.integers(0, 2))):
        column = draw(st.sampled_from(list(frame.columns)))
        match draw(st.sampled_from(["value", "type", "drop", "add", "turn", "back", "twice", "index", "none"])):
            case "value":
                values = frame[column].astype("object").tolist()
                values = [*values[:-1], draw(st.sampled_from(ODD_VALUES))][: len(values)]
                frame[column] = pd.Series(values, index=frame.index, dtype="object").infer_objects()
                with suppress(ValueError, TypeError):  # else it stays as odd as it is
                    frame[column] = frame[column].astype(dtypes(table).get(column, "object"))
            case "type":
                with suppress(ValueError, TypeError):
                    frame[column] = frame[column].astype(draw(st.sampled_from(ODD_TYPES)))
            case "drop":
                frame = frame.drop(columns=column)
            case "add":
                frame["colour"] = "red"
            case "turn":
                frame = frame[list(frame.columns)[::-1]]
            case "back":
                frame = frame[::-1]
            case "twice":
                frame = pd.concat([frame, frame.tail(1)])
            case "index":
                frame.index = pd.Index(range(5, 5 + len(frame)))
            case "none":
                frame = frame.head(0)
    return table, frame


def _outcome(hold: Callable[[str, pd.DataFrame], pd.DataFrame], table: str, frame: pd.DataFrame) -> pd.DataFrame | str:
    try:
        return hold(table, frame)
    except WarehouseError as refused:
        return str(refused)


@settings(deadline=None)
@given(frames())
def test_the_quick_look_and_the_model_agree_on_every_frame(found: tuple[str, pd.DataFrame]) -> None:
    quick, plain = _outcome(validated, *found), _outcome(held_against_the_model, *found)
    if isinstance(plain, str):
        assert quick == plain
    else:
        assert isinstance(quick, pd.DataFrame)
        pd.testing.assert_frame_equal(quick.reset_index(drop=True), plain)


def test_a_frame_that_fits_is_not_copied() -> None:
    for table, columns in GOOD.items():
        frame = pd.DataFrame(columns).astype(dtypes(table))
        assert validated(table, frame) is frame


def test_of_a_frame_without_part_of_its_key_and_with_rows_twice_the_missing_column_is_told() -> None:
    row = {"rank": 1, "pcid": 1001, "score": 50, "confidence": "possible", "same_group": True, "evidence": "same name"}
    with pytest.raises(WarehouseError, match=r"^match_suggestions\.computer_id is missing; nothing was stored"):
        validated("match_suggestions", pd.DataFrame([row, row]))


@pytest.mark.parametrize("table", TABLES)
def test_the_types_of_a_table_are_those_of_an_empty_one(table: str) -> None:
    pd.testing.assert_series_equal(dtypes(table), TABLES[table].empty().dtypes)
