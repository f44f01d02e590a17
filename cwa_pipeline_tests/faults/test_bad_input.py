"""Bad input, end to end: each ends in one clear line that names the thing, or in a row that says so."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cwa_pipeline.commands.demo.msp import invented_msp
from cwa_pipeline.commands.demo.stand_in import Client, Computer, Fault, Group
from cwa_pipeline_tests.shop import Shop, open_shop


def pcrt_does(sql: str) -> Callable[[Shop], object]:
    return lambda shop: shop.pcrt(sql)


def cwa_has(change: Callable[[object], object]) -> Callable[[Shop], object]:
    return lambda shop: change(shop.server.world)


def configured(toml: str) -> Callable[[Shop], object]:
    return lambda shop: shop.configure(toml)


def another_account(shop: Shop) -> None:
    shop.server.credentials = shop.server.credentials.model_copy(update={"username": "other"})


def html_for_json(shop: Shop) -> None:
    page = Fault(status=200, body="<html>log in</html>")
    shop.server.behaviour.faults = lambda request: page if "omputers" in request.path else None


def unreachable(shop: Shop) -> None:
    (shop.folder / "cwa_pipeline.toml").write_text('cwa.url = "http://127.0.0.1:9"', encoding="utf-8")


# kind -> case -> what breaks, and the words that the line has to have; the short form takes the first case of each kind
FAILS = {
    "query": {
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
    },
    "empty": {
        "no computer": (cwa_has(lambda world: world.computers.clear()), ["CWA shows no computer"]),
        "no client": (cwa_has(lambda world: world.clients.clear()), ["CWA shows no client"]),
        "nobody in a plan": (
            cwa_has(lambda world: world.memberships.clear()),
            ["No computer is in a plan's CWA group"],
        ),
        "no subscription": (pcrt_does("DELETE FROM subscriptions"), ["PCRT gave no subscription"]),
    },
    "ids": {
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
    },
    "plan": {
        "a CWA group of a plan that was renamed": (
            cwa_has(lambda world: world.groups.__setitem__(1, Group(world.groups[1].id, "BizCare Plus 2026"))),
            ["no CWA group is called BizCare Plus"],
        ),
        "a configured plan without a CWA group": (
            configured('cwa.plans = ["BizCare Basic", "BizCare Plus", "BizCare Premium", "BizCare Platinum"]'),
            ["no CWA group is called BizCare Platinum"],
        ),
    },
    "access": {
        "an account that CWA refuses": (another_account, ["CWA_USERNAME"]),
        "an HTML page for JSON": (html_for_json, ["CWA list of computers", "something else than JSON"]),
        "a server that cannot be reached": (unreachable, ["127.0.0.1:9"]),
    },
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        full = metafunc.config.getoption("--faults") == "full"
        cases = [(kind, case) for kind, cases in FAILS.items() for case in (cases if full else list(cases)[:1])]
        metafunc.parametrize(("kind", "case"), cases, ids=[case for _, case in cases])


def test_a_source_that_cannot_be_used_fails_the_sync_in_one_clear_line_and_nothing_is_written(
    tmp_path: Path, kind: str, case: str
) -> None:
    break_it, words = FAILS[kind][case]
    with open_shop(tmp_path, *invented_msp()) as shop:
        break_it(shop)
        before = shop.lists()
        outcome = shop.sync()
        assert not outcome.succeeded
        assert any(all(word in problem for word in words) for problem in outcome.problems), outcome.problems
        assert all("\n" not in problem and "Traceback" not in problem for problem in outcome.problems)
        assert shop.lists() == before
        assert shop.server.credentials.password.get_secret_value() not in str(outcome.problems)


# --- what a sync can live with -------------------------------------------------------------------------------------------

NASTY = "<script>alert('x')</script>\"; DROP TABLE pc_owner; --\u202e=1+1\x00\x1b[2J" + "n" * 4000


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shop, str]]:
    """The invented shop with all kinds of odd values after a sync, and what the sync said."""
    with open_shop(tmp_path_factory.mktemp("odd"), *invented_msp()) as shop:
        world = shop.server.world
        world.computers[:] = [replace(each, client_id=777) if each.id == 31 else each for each in world.computers]
        world.clients.append(Client(99, NASTY, "100"))
        world.computers.append(Computer(9901, NASTY, 99, "S" * 500, None, None, NASTY))
        not_utf8 = b'a:1:{i:104;s:2:"\xff\xff";}'.hex()
        for sql in (
            "UPDATE subscriptions SET additionalmembers = 'call Ann first' WHERE subid = 511",
            f"UPDATE pc_owner SET pcname = CAST(x'4d79ff' AS TEXT), pcextra = CAST(x'{not_utf8}' AS TEXT) WHERE pcid = 1001",
            "UPDATE pc_owner SET pcgroupid = -7 WHERE pcid = 1002",
            "UPDATE pc_owner SET pcgroupid = 424242 WHERE pcid = 1041",
            "INSERT INTO subscriptions VALUES (900, 'BizCare Basic', 424242, 0, 'BizCare Basic', '_1_', 1)",
            "INSERT INTO subscriptions VALUES (901, 'BizCare Basic', 0, 424242, 'BizCare Basic', '_1_', 1)",
        ):
            shop.pcrt(sql)
        shop.pcrt("UPDATE subscriptions SET subname = :name WHERE subid = 552", name=NASTY)
        outcome = shop.sync()
        assert outcome.succeeded, outcome.problems
        yield shop, "\n".join(outcome.problems)


def test_a_computer_of_a_client_that_cwa_does_not_show_is_named_and_belongs_to_no_group(odd: tuple[Shop, str]) -> None:
    shop, said = odd
    assert "computers 31 belong to a client that CWA does not show" in said
    match = shop.table("computer_matches").set_index("computer_id").loc[31]
    assert match["pcid"] == 1031
    assert match.isna()["expected_group_id"]


def test_a_list_that_does_not_parse_is_held_and_the_sync_says_so(odd: tuple[Shop, str]) -> None:
    shop, said = odd
    assert shop.lists()[511] == "call Ann first"
    row = shop.table("additional_members").set_index("subscription_id").loc[511]
    assert (row["status"], row["before"]) == ("held", "call Ann first")
    assert "cannot be read as underscore" in row["reason"]
    assert "subscriptions 511 were left alone" in said


def test_a_serial_that_cannot_be_read_is_noted_in_the_table_and_matches_nothing(odd: tuple[Shop, str]) -> None:
    shop, _ = odd
    pcids = shop.table("pcrt_pcids").set_index("pcid")
    assert pcids.loc[1137, "serial_problem"] == "pcextra cannot be read"
    assert pcids.loc[1001, "serial_problem"] == "not UTF-8"
    assert pcids.loc[1001, "name"] == "My\N{REPLACEMENT CHARACTER}"
    assert pcids.loc[[1001, 1137], "serial_number"].isna().all()


def test_hostile_and_very_long_text_passes_through_every_table(odd: tuple[Shop, str]) -> None:
    shop, _ = odd
    found = shop.table("computer_issues").set_index("computer_id").loc[[9901]]
    assert set(found["issue"]) == {"no_matching_pcid", "no_cwa_group"}
    assert set(found["serial_number"]) == {"S" * 500}
    assert set(found["computer_name"]) == {NASTY.replace("\x00", "\ufffd")}


def test_ids_that_name_nothing_in_pcrt_are_harmless(odd: tuple[Shop, str]) -> None:
    shop, _ = odd
    found = set(shop.table("computer_issues")["issue_key"])
    assert {"computer:2:in_wrong_group", "computer:41:in_wrong_group"} <= found
    assert {shop.lists()[900], shop.lists()[901]} == {"_1_"}
