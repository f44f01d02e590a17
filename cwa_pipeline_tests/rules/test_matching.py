"""Clients to groups, computers to PCIDs."""

import pytest

from cwa_pipeline.tables import ClientGroups, ComputerMatches
from cwa_pipeline_tests.worlds import (
    Client,
    Computer,
    Pcid,
    PcrtGroup,
    World,
    assert_is_table,
    records_of,
)


@pytest.mark.parametrize(
    ("external_id", "group_id", "reason"),
    [
        ("101", 101, None),
        (" 101\n", 101, None),
        ("0101", 101, None),
        (None, None, "external_id_missing"),
        ("", None, "external_id_missing"),
        ("  ", None, "external_id_missing"),
        ("0", None, "external_id_missing"),
        (" 0 ", None, "external_id_missing"),
        ("Acme", None, "external_id_invalid"),
        ("101.0", None, "external_id_invalid"),
        ("+101", None, "external_id_invalid"),
        ("1 01", None, "external_id_invalid"),
        ("999", None, "group_does_not_exist"),
        ("00", None, "group_does_not_exist"),
        ("-101", None, "group_does_not_exist"),
        ("9" * 30, None, "group_does_not_exist"),
    ],
)
def test_a_client_is_tied_to_the_group_its_external_id_names_else_the_reason_says_why_not(
    external_id: str | None, group_id: int | None, reason: str | None
) -> None:
    world = World(clients=[Client(1, external_id)], pcrt_groups=[PcrtGroup(101)])
    assert_is_table(world.client_groups, ClientGroups)
    assert records_of(world.client_groups, "client_id", "group_id", "reason") == [(1, group_id, reason)]


def test_each_client_is_tied_on_its_own() -> None:
    world = World(
        clients=[Client(3, "102"), Client(1, "101"), Client(2, None)], pcrt_groups=[PcrtGroup(102), PcrtGroup(101)]
    )
    assert records_of(world.client_groups, "client_id", "group_id") == [(1, 101), (2, None), (3, 102)]


PCIDS = [Pcid(1001, 101, "AB12"), Pcid(1002, 102, "DUP"), Pcid(1003, None, "dup "), Pcid(1004, 101, "None")]


def match_of(serial_number: str | None = None, asset_tag: str | None = None) -> tuple[object, ...]:
    world = World(computers=[Computer(11, None, serial_number, asset_tag)], pcids=PCIDS)
    assert_is_table(world.computer_matches, ComputerMatches)
    return records_of(world.computer_matches, "pcid", "matched_by", "reason")[0]


@pytest.mark.parametrize("asset_tag", ["1002", " 1002 ", "01002"])
def test_an_asset_tag_that_names_an_existing_pcid_matches_before_any_serial(asset_tag: str) -> None:
    assert match_of("AB12", asset_tag) == (1002, "asset_tag", None)


@pytest.mark.parametrize("asset_tag", ["9999", "front desk", "1001.0", "-1001", "+1001", "9" * 30])
def test_an_override_never_falls_back_to_the_serial(asset_tag: str) -> None:
    assert match_of("AB12", asset_tag) == (None, None, "asset_tag_unknown")


@pytest.mark.parametrize("asset_tag", [None, "", "  ", "None", "DEFAULT  string", " 0123456789 "])
def test_an_asset_tag_that_is_blank_or_on_the_same_blacklist_means_unset(asset_tag: str | None) -> None:
    assert match_of("AB12", asset_tag) == (1001, "serial", None)


@pytest.mark.parametrize("serial", [None, "", " ", "none", "To be filled  by O.E.M."])
def test_a_generic_serial_matches_nothing_even_when_a_pcid_has_it(serial: str | None) -> None:
    assert match_of(serial) == (None, None, "generic_serial")


def test_an_override_counts_although_the_serial_is_generic() -> None:
    assert match_of("None", "1004") == (1004, "asset_tag", None)


@pytest.mark.parametrize("serial", ["AB12", " ab12 ", "Ab12"])
def test_exactly_one_pcid_with_that_serial_is_the_match(serial: str) -> None:
    assert match_of(serial) == (1001, "serial", None)


@pytest.mark.parametrize("serial", ["AB1", "AB 12", "AB123"])
def test_no_pcid_with_that_serial(serial: str) -> None:
    assert match_of(serial) == (None, None, "no_pcid_with_serial")


def test_several_pcids_with_that_serial_and_no_guess() -> None:
    assert match_of("Dup") == (None, None, "duplicate_serial")


def test_a_match_tells_the_group_it_is_in_and_the_group_its_client_is_tied_to() -> None:
    world = World(
        clients=[Client(1, "101"), Client(2, None)],
        pcrt_groups=[PcrtGroup(101)],
        computers=[
            Computer(11, 1, "AB12"),
            Computer(12, 1, asset_tag="1003"),
            Computer(13, 2, asset_tag="1002"),
            Computer(14, 99, asset_tag="1002"),
            Computer(15, None, "AB99"),
        ],
        pcids=PCIDS,
    )
    columns = ("computer_id", "client_id", "expected_group_id", "pcid", "pcid_group_id")
    assert records_of(world.computer_matches, *columns) == [
        (11, 1, 101, 1001, 101),
        (12, 1, 101, 1003, None),
        (13, 2, None, 1002, 102),
        (14, 99, None, 1002, 102),
        (15, None, None, None, None),
    ]
