"""How serial numbers are compared, and which are generic."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cwa_pipeline.config.settings import SHIPPED_GENERIC_SERIALS
from cwa_pipeline.rules.matching.serials import is_generic, normalise, serial_blacklist, with_normalised_serial
from cwa_pipeline.tables import SerialBlacklist
from cwa_pipeline_tests.worlds import assert_is_table, records_of

DOCUMENTED = [
    "To Be Filled By O.E.M.",
    "System Serial Number",
    "Default string",
    "............",
    "0123456789",
    "None",
    "",
]


def texts(*values: str | None) -> pd.Series:
    return pd.Series(values, dtype="str")


@pytest.fixture(scope="module")
def shipped() -> list[str]:
    return SHIPPED_GENERIC_SERIALS.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(
    ("read", "compared"),
    [
        ("  5CD1234XYZ\t", "5cd1234xyz"),
        ("VMware-56 4d   3a\t56", "vmware-56 4d 3a 56"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("\u00a0AB\u20031\u00a0", "ab 1"),
        (" \n ", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_serial_is_compared_trimmed_inner_white_space_collapsed_and_case_folded(
    read: str | None, compared: str
) -> None:
    assert normalise(texts("x", read, "y")).tolist() == ["x", compared, "y"]


BLANKS_AND_CASES = st.text(st.sampled_from("aAZ09-~ \t\n\x0b\x1c\x1f\x7f\x85\u00a0\u2003ßİK"), max_size=6)


@given(st.lists(st.none() | BLANKS_AND_CASES | st.text(st.characters(exclude_categories=["Cs"]))))
def test_normalising_keeps_order_length_and_index_and_is_done_after_once(values: list[str | None]) -> None:
    read = pd.Series(values, dtype="str", index=range(7, 7 + len(values)))
    compared = normalise(read)
    assert compared.tolist() == [" ".join((value or "").split()).casefold() for value in values]
    assert compared.index.equals(read.index)
    assert compared.dtype == "str"
    assert normalise(compared).equals(compared)


def test_tables_keep_the_text_as_read_and_the_normalised_form_in_a_column_of_its_own() -> None:
    read = pd.DataFrame({"pcid": [1, 2], "serial_number": texts(" Ab ", None), "make": texts("a", "b")})
    machines = with_normalised_serial(read)
    assert list(machines.columns) == ["pcid", "serial_number", "serial_number_normalised", "make"]
    assert records_of(machines, "serial_number", "serial_number_normalised") == [(" Ab ", "ab"), (None, "")]
    assert list(read.columns) == ["pcid", "serial_number", "make"]


@pytest.mark.parametrize("lines", [[], ["None"], [""], ["  "], ["None\n", "\n"]])
def test_blank_is_always_on_the_blacklist(lines: list[str]) -> None:
    assert is_generic(texts("", "x"), serial_blacklist(lines)).tolist() == [True, False]


def test_the_list_is_one_value_a_line_as_it_stands() -> None:
    listed = serial_blacklist(["# not a comment", "None\r\n", "  Padded  "])
    assert_is_table(listed, SerialBlacklist)
    assert records_of(listed, "serial_number", "normalised") == [
        ("", ""),
        ("# not a comment", "# not a comment"),
        ("None", "none"),
        ("  Padded  ", "padded"),
    ]


def test_of_values_that_compare_equal_the_first_stays() -> None:
    assert records_of(serial_blacklist(["None", "NONE", " none"]), "serial_number") == [("",), ("None",)]


def test_generic_is_an_exact_match_on_the_normalised_form_never_contains() -> None:
    blacklist = serial_blacklist(["Default string", "0"])
    serials = normalise(texts("DEFAULT  STRING", "Default string 7", "Default", "0", "00", "10"))
    assert is_generic(serials, blacklist).tolist() == [True, False, False, True, False, False]


def test_the_seven_documented_ones_head_the_shipped_list(shipped: list[str]) -> None:
    assert shipped[:7] == DOCUMENTED


def test_the_placeholders_known_from_the_wild_follow_each_once(shipped: list[str]) -> None:
    assert len(serial_blacklist(shipped)) == len(shipped)
    known = texts(
        "Not Specified", "N/A", "to be filled by oem", "XXXXXXX", "SYS-1234567890", "0", "<out of spec>", "EVAL"
    )
    assert is_generic(normalise(known), serial_blacklist(shipped)).all()


def test_no_real_serial_is_on_the_shipped_list(shipped: list[str]) -> None:
    real = texts(
        "VMware-56 4d 3a 56 c9 55 ba 70-99 72 f4 7a 75 e2 9c f9", "0000-0000-4226-9691-9034-3814-15", "325JVNA"
    )
    assert not is_generic(normalise(real), serial_blacklist(shipped)).any()


def test_no_asset_tag_that_names_a_pcid_in_use_is_unset_by_the_shipped_list(shipped: list[str]) -> None:
    """PCIDs start at 1000, a shop may have hundreds of thousands, and the same list unsets Asset Tags."""
    pcids = texts(*map(str, range(1000, 1_000_000)))
    assert not is_generic(pcids, serial_blacklist(shipped)).any()
