"""Bad input, end to end: each ends in one clear line naming the thing, or in a row saying so, and PCRT is to the letter as before."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cwa_pipeline.commands.demo.msp import invented_msp
from cwa_pipeline.commands.demo.stand_in import Client, Computer, Fault, Group
from cwa_pipeline_tests.shop import Shop, open_shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path, *invented_msp()) as shop:
        yield shop


def pcrt_does(sql: str) -> Callable[[Shop], object]:
    return lambda shop: shop.pcrt(sql)


def cwa_has(change: Callable[[object], object]) -> Callable[[Shop], object]:
    return lambda shop: change(shop.server.world)


def configured(toml: str) -> Callable[[Shop], object]:
    return lambda shop: shop.configure(toml)


FAILS = {
    "a missing table": (pcrt_does("DROP TABLE pc_group"), ["[pcrt] groups", "pc_group"]),
    "a missing column": (
        pcrt_does("ALTER TABLE subscriptions DROP COLUMN cwagroup"),
        ["[pcrt] subscriptions", "cwagroup"],
    ),
    "a query without a promised name": (
        configured('pcrt.groups = "SELECT pcgroupid, pcgroupname AS name FROM pc_group"'),
        ["[pcrt] groups", '"group_id"'],
    ),
    "a column to write that is not there": (
        configured('pcrt.additional_members.column = "members"'),
        ["[pcrt.additional_members] column", "members"],
    ),
    "an empty answer from CWA": (cwa_has(lambda world: world.computers.clear()), ["CWA shows no computer"]),
    "no client": (cwa_has(lambda world: world.clients.clear()), ["CWA shows no client"]),
    "nobody in a plan": (cwa_has(lambda world: world.memberships.clear()), ["No computer is in a plan's CWA group"]),
    "an empty PCRT table": (pcrt_does("DELETE FROM subscriptions"), ["PCRT gave no subscription"]),
    "a duplicate id": (
        configured('pcrt.groups = "SELECT 100 AS group_id, pcgroupname AS name FROM pc_group"'),
        ["[pcrt] groups", "group_id 100", "more than once"],
    ),
    "an id that is text": (
        configured("""pcrt.groups = "SELECT 'x' || pcgroupid AS group_id, pcgroupname AS name FROM pc_group" """),
        ["[pcrt] groups", "group_id", "not a whole number"],
    ),
    "a negative id in PCRT": (
        pcrt_does("UPDATE pc_owner SET pcid = -5 WHERE pcid = 1136"),
        ["[pcrt] pcids", "pcid above 0"],
    ),
    "a negative id in CWA": (
        cwa_has(lambda world: world.clients.append(Client(-5, "Odd", None))),
        ["CWA list of clients", "Id is not a whole number above 0"],
    ),
    "a plan that no CWA group bears": (
        configured('cwa.plans = ["BizCare Basic", "BizCare Plus", "BizCare Premium", "BizCare Platinum"]'),
        ["no CWA group is called BizCare Platinum"],
    ),
    "a plan's CWA group that was renamed": (
        cwa_has(lambda world: world.groups.__setitem__(1, Group(world.groups[1].id, "BizCare Plus 2026"))),
        ["no CWA group is called BizCare Plus"],
    ),
    "a wrong password": (
        lambda shop: setattr(
            shop.server, "credentials", shop.server.credentials.model_copy(update={"username": "other"})
        ),
        ["CWA_USERNAME"],
    ),
    "an HTML page in place of JSON": (
        lambda shop: setattr(
            shop.server.behaviour,
            "faults",
            lambda request: Fault(status=200, body="<html>log in</html>") if "omputers" in request.path else None,
        ),
        ["CWA list of computers", "something other than JSON"],
    ),
}


@pytest.mark.parametrize("case", FAILS)
def test_a_source_that_cannot_be_used_fails_the_sync_in_one_clear_line_and_nothing_is_written(
    shop: Shop, case: str
) -> None:
    break_it, words = FAILS[case]
    break_it(shop)
    before = shop.lists()
    outcome = shop.sync()
    assert not outcome.succeeded
    assert any(all(word in problem for word in words) for problem in outcome.problems), outcome.problems
    assert all("\n" not in problem and "Traceback" not in problem for problem in outcome.problems)
    assert shop.lists() == before
    assert shop.server.credentials.password.get_secret_value() not in str(outcome.problems)


def test_an_unreachable_cwa_fails_the_sync_and_nothing_is_written(shop: Shop) -> None:
    before = shop.whole_pcrt()
    (shop.folder / "cwa_pipeline.toml").write_text('cwa.url = "http://127.0.0.1:9"', encoding="utf-8")
    outcome = shop.sync()
    assert not outcome.succeeded
    assert "127.0.0.1:9" in str(outcome.problems)
    assert shop.whole_pcrt() == before


def test_a_computer_of_a_client_that_no_client_has_is_named_and_belongs_to_no_group(shop: Shop) -> None:
    computers = shop.server.world.computers
    position = next(index for index, computer in enumerate(computers) if computer.id == 31)
    computers[position] = replace(computers[position], client_id=777)
    outcome = shop.sync()
    assert outcome.succeeded
    assert any("computers 31 belong to a client that CWA does not show" in problem for problem in outcome.problems)
    match = shop.table("computer_matches").set_index("computer_id").loc[31]
    assert match["pcid"] == 1031
    assert match.isna()["expected_group_id"]


def test_a_list_that_does_not_parse_is_held_and_said_so(shop: Shop) -> None:
    shop.pcrt("UPDATE subscriptions SET additionalmembers = 'call Ann first' WHERE subid = 511")
    outcome = shop.sync()
    assert outcome.succeeded
    assert shop.lists()[511] == "call Ann first"
    row = shop.table("additional_members").set_index("subscription_id").loc[511]
    assert (row["status"], row["before"]) == ("held", "call Ann first")
    assert "cannot be read as underscore" in row["reason"]
    assert any("subscriptions 511 were left alone" in problem for problem in outcome.problems)


def test_a_serial_that_cannot_be_read_is_a_finding_in_the_table_and_matches_nothing(shop: Shop) -> None:
    assert shop.sync().succeeded
    pcid = shop.table("pcrt_pcids").set_index("pcid").loc[1137]
    assert pcid["serial_problem"] == "pcextra cannot be read"
    assert pcid["serial_number"] is not pcid["serial_number"] or pcid.isna()["serial_number"]


def test_text_that_is_not_utf8_is_shown_as_far_as_it_goes_and_its_serial_matches_nothing(shop: Shop) -> None:
    serialised = b'a:1:{i:104;s:2:"\xff\xff";}'.hex()
    shop.pcrt(
        f"UPDATE pc_owner SET pcname = CAST(x'4d79ff' AS TEXT), pcextra = CAST(x'{serialised}' AS TEXT) WHERE pcid = 1001"
    )
    outcome = shop.sync()
    assert outcome.succeeded
    pcid = shop.table("pcrt_pcids").set_index("pcid").loc[1001]
    assert pcid["name"] == "My\N{REPLACEMENT CHARACTER}"
    assert pcid["serial_problem"] == "not UTF-8"


def test_hostile_and_endless_text_passes_through_every_table(shop: Shop) -> None:
    world = shop.server.world
    nasty = "<script>alert('x')</script>\"; DROP TABLE pc_owner; --\u202e=1+1\x00\x1b[2J" + "n" * 4000
    world.clients.append(Client(99, nasty, "100"))
    world.computers.append(Computer(9901, nasty, 99, "S" * 500, None, None, nasty))
    shop.pcrt("UPDATE subscriptions SET subname = :name WHERE subid = 552", name=nasty)
    outcome = shop.sync()
    assert outcome.succeeded, outcome.problems
    found = shop.table("computer_issues").set_index("computer_id").loc[[9901]]
    assert set(found["issue"]) == {"no_matching_pcid", "no_cwa_group"}
    assert set(found["serial_number"]) == {"S" * 500}
    assert set(found["computer_name"]) == {nasty.replace("\x00", "\ufffd")}


def test_ids_that_name_nothing_in_pcrt_are_harmless(shop: Shop) -> None:
    shop.pcrt("UPDATE pc_owner SET pcgroupid = -7 WHERE pcid = 1031")
    shop.pcrt("UPDATE pc_owner SET pcgroupid = 424242 WHERE pcid = 1041")
    shop.pcrt("INSERT INTO subscriptions VALUES (900, 'BizCare Basic', 424242, 0, 'BizCare Basic', '_1_', 1)")
    shop.pcrt("INSERT INTO subscriptions VALUES (901, 'BizCare Basic', 0, 424242, 'BizCare Basic', '_1_', 1)")
    assert shop.sync().succeeded
    issues = shop.table("computer_issues").set_index("issue_key")
    assert "computer:31:in_wrong_group" in issues.index
    assert "computer:41:in_wrong_group" in issues.index
    assert {shop.lists()[900], shop.lists()[901]} == {"_1_"}
