"""`cwa-pipeline explain`: what it finds, what it says about it, and how it prints that."""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from unittest.mock import patch

import pandas as pd
import pytest
from rich.console import Console

from cwa_pipeline.commands.demo.msp import invented_msp
from cwa_pipeline.commands.demo.stand_in import Client, Computer
from cwa_pipeline.commands.explain import MOST_NEAR, MOST_SHOWN, Block, explained, nearest, print_explanation
from cwa_pipeline.rules.frames import as_table
from cwa_pipeline.rules.issues.explanation import CHAIN_TABLES
from cwa_pipeline.tables import AdditionalMembers, CoverageHistory, MatchSuggestions
from cwa_pipeline.warehouse.store import MAY_BE_UNFILLED, Warehouse
from cwa_pipeline_tests import worlds
from cwa_pipeline_tests.commands.command_line import cwa_pipeline
from cwa_pipeline_tests.shop import Shop, open_shop
from cwa_pipeline_tests.worlds import CwaGroup, Pcid, PcrtGroup, Subscription, World


def computer(computer_id: int, serial: str | None, name: str, asset_tag: str | None = None, client: int = 1) -> Any:
    return worlds.Computer(computer_id, client, serial, asset_tag, name)


SHOP: dict[str, Any] = {
    "clients": [worlds.Client(1, "101", "Acme"), worlds.Client(2, None, "Bolt")],
    "pcrt_groups": [PcrtGroup(101, "Acme Ltd")],
    "groups": [CwaGroup(851, "BizCare Basic")],
    "computers": [
        computer(11, "AB12", "FRONTDESK"),
        computer(12, "ZZ99", "Anna-PC", asset_tag="1001"),
        computer(13, "DUP", "SERVER"),
        computer(14, "Default string", "TILL"),
        computer(1002, "QQ77", "NUMBERED", client=2),
    ],
    "members": [(11, 851), (12, 851)],
    "pcids": [
        Pcid(1001, 101, "AB12", "Front desk"),
        Pcid(1002, 101, "Dup", "Server"),
        Pcid(1003, None, "dup ", "Old server"),
        Pcid(1004, 101, "ZZ99", "Anna's PC"),
        Pcid(1005, 101, "default String", "Till"),
        Pcid(1006, 101, None, "No serial"),
        Pcid(1007, 101, "AB13", "Spare"),
    ],
    "subscriptions": [Subscription(501, 101, "BizCare Basic", name="BizCare of Acme")],
}


def tables_of(world: World, **more: pd.DataFrame) -> dict[str, pd.DataFrame]:
    own = {name: getattr(world, name) for name in CHAIN_TABLES if name not in ("pcrt_groups", "additional_members")}
    return {
        **own,
        "pcrt_groups": world.groups_of_pcrt,
        "serial_blacklist": world.serial_blacklist,
        "additional_members": AdditionalMembers.empty(),
        "match_suggestions": MatchSuggestions.empty(),
        "coverage_history": CoverageHistory.empty(),
        **more,
    }


def blocks_of(what: str, **more: pd.DataFrame) -> list[Block]:
    return list(explained(what, tables_of(World(**SHOP), **more)))


def headings(what: str) -> list[str]:
    return [block.heading for block in blocks_of(what)]


def rows_of(what: str, heading: str, **more: pd.DataFrame) -> list[tuple[bool | None, str, str]]:
    [block] = [block for block in blocks_of(what, **more) if block.heading.startswith(heading)]
    return [tuple(row) for row in block.rows]


# --- what it finds ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["11", " 11 ", "frontdesk", "FrontDesk "])
def test_a_computer_is_found_by_its_id_or_its_name(what: str) -> None:
    assert headings(what) == ["Computer 11 FRONTDESK (Acme): not covered"]


def test_a_pcid_comes_with_the_computers_matched_to_it() -> None:
    assert headings("1001") == [
        "PCID 1001 Front desk (Acme Ltd, group 101)",
        "Computer 11 FRONTDESK (Acme): not covered",
        "Computer 12 Anna-PC (Acme): not covered",
    ]


@pytest.mark.parametrize("what", ["zz99", "  ZZ99\t"])
def test_a_serial_number_comes_with_every_computer_and_pcid_that_has_it_each_once(what: str) -> None:
    assert headings(what) == [
        f"Serial number {what.strip()}",
        "Computer 12 Anna-PC (Acme): not covered",
        "PCID 1004 Anna's PC (Acme Ltd, group 101)",
    ]
    assert headings("AB12") == [
        "Serial number AB12",
        "Computer 11 FRONTDESK (Acme): not covered",
        "PCID 1001 Front desk (Acme Ltd, group 101)",
        "Computer 12 Anna-PC (Acme): not covered",
    ]


def test_a_number_that_is_several_of_these_shows_every_one() -> None:
    assert headings("1002") == ["Computer 1002 NUMBERED (Bolt): not covered", "PCID 1002 Server (Acme Ltd, group 101)"]


def test_of_a_thousand_with_one_name_the_first_are_shown_and_the_rest_counted() -> None:
    world = World(**{**SHOP, "computers": [computer(number, None, "LAPTOP") for number in range(1, 1001)]})
    blocks = list(explained("laptop", tables_of(world)))
    assert len(blocks) == MOST_SHOWN + 1
    assert blocks[-1].heading == f"and {1000 - MOST_SHOWN} more computers"


@pytest.mark.parametrize("what", ["", "nothing like it", "9" * 40, "-3", "1001.0", "%s{}"])
def test_unknown_text_finds_nothing_but_a_generic_serial_number(what: str) -> None:
    generic = [heading for heading in headings(what) if heading.startswith("Serial number")]
    assert generic == (["Serial number (blank)"] if what == "" else [])
    assert what == "" or headings(what) == []


def test_a_typing_error_gets_the_nearest_names_and_serial_numbers_but_no_generic_one() -> None:
    tables = tables_of(World(**SHOP))
    block = nearest("AB14", tables)
    assert block.heading == "No computer, PCID or serial number is AB14"
    assert [row.text for row in block.rows] == [
        "AB12: serial number of computer 11 FRONTDESK; serial number of PCID 1001 Front desk",
        "AB13: serial number of PCID 1007 Spare",
    ]
    assert nearest("fontdesk", tables).rows[0].text == "FRONTDESK: name of computer 11 FRONTDESK"
    assert nearest("default strings", tables).rows == []
    many = World(**{**SHOP, "computers": [computer(number, f"SERIAL{number}", "PC") for number in range(10, 20)]})
    assert len(nearest("SERIAL", tables_of(many)).rows) == MOST_NEAR


# --- what it says ------------------------------------------------------------------------------------------------------


def test_a_pcid_comes_with_its_matched_computers_and_the_subscriptions_that_list_it_now() -> None:
    times = pd.to_datetime(["2026-01-08T01:00Z", "2026-01-09T01:00Z", "2026-01-08T01:00Z"])
    history = as_table(
        pd.DataFrame(
            {
                "subscription_id": [501, 502, 501],
                "pcid": [1001, 1001, 1002],
                "covered_from": times,
                "covered_to": [None, times[1], None],
            }
        ),
        CoverageHistory,
    )
    assert rows_of("1001", "PCID", coverage_history=history) == [
        (True, "match", "Matched to it: computer 11 FRONTDESK, 12 Anna-PC"),
        (True, "listed", "In subscription 501 BizCare of Acme, since 2026-01-08"),
    ]
    assert rows_of("1001", "PCID")[-1] == (False, "listed", "No subscription lists it now")


@pytest.mark.parametrize(
    ("pcid", "why"),
    [
        (1002, "PCID 1003 Old server has the same serial number Dup, so none is chosen"),
        (1004, "computer 12 Anna-PC has its serial number, but its Asset Tag names another PCID"),
        (1005, "its serial number default String is on the list of generic ones"),
        (1006, "it has no serial number in PCRT"),
        (1007, "no computer has its serial number AB13"),
    ],
)
def test_an_unmatched_pcid_comes_with_the_reason_and_a_fix(pcid: int, why: str) -> None:
    match, fix, _ = rows_of(str(pcid), "PCID")
    assert match == (False, "match", f"No computer is matched to it: {why}")
    assert fix[:2] == (None, "Fix:")


def test_an_unreadable_serial_number_is_a_reason_for_no_match() -> None:
    tables = tables_of(World(**SHOP))
    tables["pcrt_pcids"] = tables["pcrt_pcids"].assign(serial_problem="pcextra cannot be read", serial_number=None)
    [pcid] = [block for block in explained("1007", tables) if block.heading.startswith("PCID")]
    assert "its serial number could not be read (pcextra cannot be read)" in pcid.rows[0].text


def test_a_suggested_match_is_shown_with_the_computer_and_the_pcid() -> None:
    suggestion = {"computer_id": 13, "rank": 1, "pcid": 1002, "score": 87, "confidence": "likely", "same_group": True}
    suggestions = as_table(pd.DataFrame([{**suggestion, "evidence": "same name, same group"}]), MatchSuggestions)
    told = rows_of("13", "Computer", match_suggestions=suggestions)[-1]
    assert told == (None, "likely:", "PCID 1002 Server (87 of 100): same name, same group")
    assert (None, "likely:", "computer 13 SERVER (87 of 100): same name, same group") in rows_of(
        "1002", "PCID", match_suggestions=suggestions
    )
    assert all(row[1] != "likely:" for row in rows_of("11", "Computer", match_suggestions=suggestions))


def test_a_serial_number_comes_with_its_machines_and_whether_it_is_generic() -> None:
    assert rows_of("dup", "Serial") == [
        (None, "computers", "13 SERVER"),
        (None, "PCIDs", "1002 Server, 1003 Old server"),
        (True, "generic", "It is not on the list of generic serial numbers"),
    ]
    assert rows_of("DEFAULT  string", "Serial")[-1][0] is False
    shared = World(**{**SHOP, "computers": [computer(11, "X", "A"), computer(12, "x", "B", client=2)]})
    [serial, *_] = explained("X", tables_of(shared))
    assert serial.rows[-2].text == "It is not on the list of generic ones, but computers of 2 clients have it"


# --- at the terminal --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The invented shop after a sync, with a client and a computer of hostile names."""
    with open_shop(tmp_path_factory.mktemp("shop"), *invented_msp()) as shop:
        shop.server.world.clients.append(Client(90, "Evil\x1b[2J\u202e [bold]Ltd[/bold]", None))
        shop.server.world.computers.append(Computer(90, "EVIL\x1b]0;x\x07", 90, "EVIL\x9bSERIAL", None))
        assert shop.sync().succeeded
        yield shop


def explain(what: str, folder: Path, **environment: str) -> CompletedProcess[str]:
    return cwa_pipeline("explain", what, folder=folder, **environment)


def test_explain_prints_one_line_per_link_with_a_mark_and_the_fix_on_its_own(synced: Shop) -> None:
    result = explain("44", folder=synced.folder)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "Computer 44 DESKTOP-0044 (Fern Valley Vets): not covered",
        " ✓ match         Serial number EX00044Q is that of PCID 1044 (PC 1044) only",
        " ✓ group         PCID 1044 is in group 105 (Fern Valley Vets), that of client Fern Valley Vets",
        " ✗ plan          In CWA it is in no group that stands for a plan",
        "   Fix:          In CWA, add computer 44 (DESKTOP-0044) to the group of its plan; "
        "the subscriptions of its PCRT group are for: BizCare Plus",
    ]


def test_in_a_narrow_terminal_a_long_line_continues_under_its_sentence(synced: Shop) -> None:
    terminal = Console(file=io.StringIO(), width=60, force_terminal=True, highlight=False)
    with patch("cwa_pipeline.commands.explain.console", lambda: terminal):
        assert print_explanation("44") == 0
    lines = re.sub("\x1b\\[[0-9;]*m", "", terminal.file.getvalue()).splitlines()
    assert len(lines) > 5
    assert max(map(len, lines)) <= 60
    assert all(line.startswith((" ✓ ", " ✗ ", "   Fix:", " " * 17)) for line in lines[1:])


def test_explain_agrees_with_the_lists_that_pcrt_holds(synced: Shop) -> None:
    lists = synced.lists()
    for pcid, covered in ((1001, True), (1061, True), (1064, False), (1137, False)):
        shown = explain(str(pcid), folder=synced.folder).stdout
        of_pcid = [key for key, members in lists.items() if f"_{pcid}_" in (members or "")]
        assert bool(of_pcid) == covered
        assert all(f"In subscription {key} " in shown for key in of_pcid)
        assert ("No subscription lists it now" in shown) != covered


def test_explain_exits_1_and_offers_the_nearest_when_nothing_matches(synced: Shop) -> None:
    result = explain("EX00O31Q", folder=synced.folder)
    assert result.returncode == 1
    assert result.stdout.startswith("No computer, PCID or serial number is EX00O31Q")
    assert "Did you mean" in result.stdout
    assert "EX00031Q" in result.stdout


def test_neither_names_nor_the_argument_drive_the_terminal(synced: Shop) -> None:
    for what in ("90", "evil\x1b]0;x", "\u202eevil"):
        shown = explain(what, folder=synced.folder, FORCE_COLOR="").stdout
        assert shown.strip()
        assert not set(shown) & set("\x1b\x07\x9b\u202e")
    assert "[bold]Ltd[/bold]" in explain("90", folder=synced.folder).stdout


def test_explain_works_before_any_list_or_suggestion_exists(synced: Shop, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'young.db'}"
    with (
        Warehouse(synced.warehouse_url) as full,
        Warehouse(synced.warehouse_url.set(database=str(tmp_path / "young.db"))) as young,
    ):
        young.create()
        filled = [*CHAIN_TABLES, "serial_blacklist"]
        young.replace({name: full.read(name) for name in filled if name not in MAY_BE_UNFILLED}, "a run")
    result = explain("1", folder=synced.folder, WAREHOUSE_URL=url)
    assert result.returncode == 0, result.stderr
    assert "no sync has handled it yet" in result.stdout


def test_explain_without_a_warehouse_says_to_sync_first(tmp_path: Path) -> None:
    result = explain("1", folder=tmp_path, WAREHOUSE_URL=f"sqlite:///{tmp_path / 'none.db'}")
    assert result.returncode == 1
    assert "there is no warehouse yet; run a sync" in result.stderr
