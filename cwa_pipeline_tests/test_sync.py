"""The whole job, end to end: real HTTP, real databases, every table and every list held against the plain rules."""

from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from cwa_pipeline.commands.demo.msp import TOMS_GARAGE, invented_msp
from cwa_pipeline.commands.demo.stand_in import Behaviour
from cwa_pipeline.config.settings import DEFAULT_PLANS
from cwa_pipeline.definitions import defs
from cwa_pipeline.rules.issues.kinds import ISSUES
from cwa_pipeline.rules.members.lists import parse
from cwa_pipeline_tests.rules.plain_rules import PlainRules
from cwa_pipeline_tests.servers.mariadb import MariadbServer
from cwa_pipeline_tests.servers.postgresql import PostgresqlServer
from cwa_pipeline_tests.shop import Shop, open_shop, served
from cwa_pipeline_tests.worlds import CwaGroup, World, messy_world, records_of

GRAPH = defs.resolve_asset_graph()

# A messy shop's lists hold anything, so nearly all of it would go: the rules are to be seen here, the guards in test_guards.
NO_GUARDS = "guards.max_removed_share = 1.0\nguards.max_total_removed_share = 1.0"


@pytest.fixture(params=["SQLite", "MyISAM", "InnoDB"])
def pcrt(request: pytest.FixtureRequest) -> dict[str, object]:
    """Where PCRT lives, as arguments of `open_shop`."""
    if request.param == "SQLite":
        return {}
    server: MariadbServer = request.getfixturevalue("mariadb_server")
    return {"pcrt_url": server.new_database(), "storage_engine": request.param}


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def warehouse(request: pytest.FixtureRequest) -> dict[str, object]:
    """Where the warehouse lives, as arguments of `open_shop`."""
    if request.param == "SQLite":
        return {}
    server: PostgresqlServer = request.getfixturevalue("postgresql_server")
    return {"warehouse_url": server.new_database()}


def storable(world: World) -> World:
    """The world with what PCRT's NOT NULL columns make of a missing text, and with every plan borne by a CWA group."""
    lacking = [plan for plan in DEFAULT_PLANS if plan not in {group.name for group in world.groups}]
    return replace(
        world,
        groups=[*world.groups, *(CwaGroup(950 + number, plan) for number, plan in enumerate(lacking))],
        pcrt_groups=[replace(group, name=group.name or "") for group in world.pcrt_groups],
        pcids=[replace(pcid, name=pcid.name or "", make=pcid.make or "") for pcid in world.pcids],
        subscriptions=[
            replace(subscription, name=subscription.name or "", cwa_group=subscription.cwa_group or "")
            for subscription in world.subscriptions
        ],
    )


def assert_tables_equal_the_plain_rules(shop: Shop, world: World) -> None:
    plain = PlainRules(world)
    assert sorted(records_of(shop.table("client_groups"), "client_id", "group_id", "reason")) == sorted(
        (client_id, *tied) for client_id, tied in plain.client_groups.items()
    )
    matches = shop.table("computer_matches")
    assert records_of(matches, *matches.columns) == plain.computer_match_rows()
    for area, expected in {
        "client": plain.client_issues(),
        "computer": plain.computer_issues(),
        "group": plain.group_issues(),
    }.items():
        frame = shop.table(f"{area}_issues")
        about = frame["issue_key"].str.split(":").str[1].astype("int64")
        found = records_of(frame.assign(thing=about), "issue", "reason", "severity", "thing")
        assert sorted(found, key=str) == sorted(expected, key=str)
    assert len(shop.table("open_issues")) == sum(
        len(shop.table(f"{area}_issues")) for area in ("client", "computer", "group")
    )


def assert_lists_equal_the_plain_rules(shop: Shop, world: World, mode: str) -> None:
    plain = PlainRules(world)
    wanted, lists = plain.additional_members(mode), shop.lists()
    for subscription in world.subscriptions:
        old, new = subscription.additional_members, lists[subscription.subscription_id]
        listed = parse(old, "underscore")
        pcids = wanted.get(subscription.subscription_id)
        if pcids is None or listed is None:
            assert new == old
        else:
            assert list(parse(new, "underscore") or ()) == pcids


def test_a_messy_shop_comes_out_as_the_rules_say_on_every_database(
    tmp_path: Path, pcrt: dict[str, object], warehouse: dict[str, object]
) -> None:
    # Each PCRT database in both modes and each warehouse in both, without all twelve.
    mode = "by_plan" if ("InnoDB" in str(pcrt) or not pcrt) == ("warehouse_url" in warehouse) else "every_plan"
    world = storable(messy_world(seed=len(str(pcrt)) + len(mode), clients=40))
    toml = f'{NO_GUARDS}\nsync.additional_members = "{mode}"'
    (tmp_path / "generic_serials.txt").write_text("\n".join(world.blacklist), encoding="utf-8")
    with open_shop(tmp_path, *served(world), **pcrt, **warehouse, toml=toml) as shop:
        before = shop.whole_pcrt()
        outcome = shop.sync()
        assert outcome.succeeded, outcome.problems
        assert_tables_equal_the_plain_rules(shop, world)
        assert_lists_equal_the_plain_rules(shop, world, mode)
        after = shop.whole_pcrt()
        # but for the one column, PCRT is to the letter what it was
        assert after["pc_owner"] == before["pc_owner"]
        assert after["pc_group"] == before["pc_group"]
        assert [row[:5] + row[6:] for row in after["subscriptions"]] == [
            row[:5] + row[6:] for row in before["subscriptions"]
        ]

        ledger = shop.table("additional_members_ledger")
        assert shop.sync().succeeded
        assert shop.whole_pcrt() == after
        assert set(shop.table("additional_members")["status"]) <= {"unchanged", "held"}
        assert len(shop.table("additional_members_ledger")) == len(ledger)


@pytest.mark.parametrize("clients", [5, 17, 120, 500])
@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(page_cap=37, ids="numbers"),
        Behaviour(page_cap=100, total_count=False, ids="mixed", overlap=3, include_fields="ignored"),
        Behaviour(membership=frozenset({"v2", "expand"}), ids="mixed", include_fields="refused"),
        Behaviour(membership=frozenset({"expand"}), ignore_condition=True, page_cap=250),
    ],
    ids=["numbers", "no-total-count", "v2", "expand"],
)
def test_a_messy_shop_comes_out_the_same_whatever_the_cwa_server_is_like(
    tmp_path: Path, clients: int, behaviour: Behaviour
) -> None:
    world = storable(messy_world(seed=clients, clients=clients))
    (tmp_path / "generic_serials.txt").write_text("\n".join(world.blacklist), encoding="utf-8")
    with open_shop(tmp_path, *served(world), behaviour=behaviour, toml=NO_GUARDS) as shop:
        outcome = shop.sync()
        assert outcome.succeeded, outcome.problems
        assert_tables_equal_the_plain_rules(shop, world)
        assert_lists_equal_the_plain_rules(shop, world, "every_plan")


@pytest.fixture
def invented(tmp_path: Path) -> object:
    with open_shop(tmp_path, *invented_msp()) as shop:
        yield shop


def test_the_invented_shop_has_at_least_one_case_of_every_issue_and_every_reason(invented: Shop) -> None:
    assert invented.sync().succeeded
    found = invented.table("open_issues")
    assert set(found["issue"]) == set(ISSUES) - {"members_held"}  # which only a guard raises
    assert set(found["reason"].dropna()) == {
        "external_id_missing", "external_id_invalid", "group_does_not_exist", "asset_tag_unknown", "generic_serial",
        "no_pcid_with_serial", "duplicate_serial", "missing", "unlinked",
    }  # fmt: skip


def test_toms_garage_is_all_correct(invented: Shop) -> None:
    assert invented.sync().succeeded
    found = invented.table("open_issues")
    assert "Tom's Garage" not in set(found["customer"])
    members = invented.table("subscription_members")
    toms = members[members["group_id"] == TOMS_GARAGE]
    assert toms.groupby("subscription_id")["pcid"].apply(list).to_dict() == {
        501: list(range(1001, 1011)),
        502: list(range(1001, 1011)),
    }
    assert invented.lists()[502] == "_" + "".join(f"{pcid}_" for pcid in range(1001, 1011))


def test_by_plan_lists_only_the_computers_in_the_subscriptions_own_plan(invented: Shop) -> None:
    invented.configure('sync.additional_members = "by_plan"')
    assert invented.sync().succeeded
    assert invented.lists()[501] == "_1001_1002_1003_1004_1005_1006_1007_1008_"
    assert invented.lists()[502] == "_1009_1010_"


def test_a_dry_run_fills_the_tables_and_writes_nothing(invented: Shop) -> None:
    before = invented.whole_pcrt()
    assert invented.sync(dry_run=True).succeeded
    assert invented.whole_pcrt() == before
    members = invented.table("additional_members")
    assert set(members["status"]) == {"planned", "unchanged"}
    assert set(members.loc[members["status"] == "planned", "reason"]) == {"dry run"}
    assert invented.table("additional_members_ledger").empty
    assert len(invented.table("open_issues"))


def test_dry_run_in_the_configuration_holds_for_every_run(invented: Shop) -> None:
    invented.configure("sync.dry_run = true")
    before = invented.whole_pcrt()
    assert invented.sync().succeeded
    assert invented.whole_pcrt() == before


def test_every_write_is_in_the_ledger_first_as_planned_then_as_written(invented: Shop) -> None:
    before = invented.lists()
    outcome = invented.sync()
    ledger = invented.table("additional_members_ledger")
    written = ledger[ledger["status"] == "written"]
    planned = ledger[ledger["status"] == "planned"]
    assert set(ledger["run_id"]) == {outcome.run_id}
    assert planned["written_at"].max() <= written["written_at"].min()
    same = ["subscription_id", "before", "after"]
    assert records_of(planned, *same) == records_of(written, *same)
    assert {
        key: value or "" for key, value in zip(written["subscription_id"], written["before"].fillna(""), strict=True)
    } == {key: before[key] for key in written["subscription_id"]}
    assert dict(zip(written["subscription_id"], written["after"], strict=True)) == {
        key: invented.lists()[key] for key in written["subscription_id"]
    }


def test_an_issue_seen_again_keeps_its_first_seen_one_gone_is_resolved_and_one_back_opens_anew(invented: Shop) -> None:
    def rows() -> list[tuple[object, ...]]:
        history = invented.table("issue_history")
        mine = history[history["issue_key"] == "computer:34:no_matching_pcid"]
        return records_of(mine, "first_seen", "last_seen", "resolved_at")

    assert invented.sync().succeeded
    assert invented.sync().succeeded
    [(first_seen, last_seen, resolved_at)] = rows()
    assert first_seen < last_seen
    assert resolved_at is None
    invented.pcrt("""UPDATE pc_owner SET pcextra = 'a:1:{i:104;s:8:"EX00034Q";}' WHERE pcid = 1136""")
    assert invented.sync().succeeded
    [(_, _, resolved_at)] = rows()
    assert resolved_at is not None
    invented.pcrt("UPDATE pc_owner SET pcextra = '' WHERE pcid = 1136")
    assert invented.sync().succeeded
    assert [row[2] is None for row in rows()] == [False, True]


@pytest.mark.parametrize(
    ("list_format", "expected"), [("comma", "1031"), ("php", "a:1:{i:0;i:1031;}"), ("json", "[1031]")]
)
def test_lists_are_written_in_the_configured_format(invented: Shop, list_format: str, expected: str) -> None:
    invented.pcrt("UPDATE subscriptions SET additionalmembers = '' WHERE subid = 511")
    invented.configure(f'pcrt.additional_members.format = "{list_format}"')
    assert invented.sync().succeeded
    assert invented.lists()[511] == expected
    # and the lists in another format could not be read, so they were left alone
    assert invented.lists()[501] == "_1001_1002_1003_"
    held = invented.table("additional_members").set_index("subscription_id").loc[501]
    assert held["status"] == "held"
    assert f"cannot be read as {list_format}" in held["reason"]


def test_a_real_pcrt_may_have_a_plain_serial_column_and_other_names(tmp_path: Path) -> None:
    cwa, pcrt = invented_msp()
    url = sa.URL.create("sqlite", database=str(tmp_path / "pcrt.db"))
    toml = """
    [pcrt]
    pcids = "SELECT pcid, pcname AS name, pcmake AS make, pcgroupid AS group_id, serial AS serial_number FROM pc_owner"
    subscriptions = '''SELECT id AS subscription_id, title AS name, grp AS group_id, pc AS pcid, plan AS cwa_group,
        list AS additional_members, live AS active FROM subs'''
    [pcrt.additional_members]
    table = "subs"
    key = "id"
    column = "list"
    """
    with open_shop(tmp_path, cwa, pcrt, pcrt_url=url, toml=toml) as shop:
        shop.pcrt("ALTER TABLE pc_owner ADD COLUMN serial TEXT")
        for pcid in pcrt.pcids:
            shop.pcrt(
                "UPDATE pc_owner SET serial = :serial, pcextra = '' WHERE pcid = :pcid",
                serial=pcid.serial_number,
                pcid=pcid.pcid,
            )
        shop.pcrt(
            "CREATE TABLE subs AS SELECT subid AS id, subname AS title, pcgroupid AS grp, pcid AS pc, cwagroup AS plan, "
            "additionalmembers AS list, subactive AS live FROM subscriptions"
        )
        outcome = shop.sync()
        assert outcome.succeeded, outcome.problems
        assert shop.pcrt("SELECT list FROM subs WHERE id = 511") == [("_1031_",)]
        assert shop.lists()[511] == "_1031_1137_"


@pytest.mark.parametrize(
    "asset", ["additional_members", "additional_members_ledger", "pcrt_groups", "open_issues", "members_plan"]
)
def test_materialising_one_asset_alone_reads_its_inputs_from_the_tables_and_writes_nothing_to_pcrt(
    invented: Shop, asset: str
) -> None:
    assert invented.sync(dry_run=True).succeeded
    before = invented.whole_pcrt()
    job = defs.resolve_job_def("nightly_sync")
    assert job.execute_in_process(asset_selection=[dg.AssetKey(asset)]).success
    assert invented.whole_pcrt() == before
    members = invented.table("additional_members")
    assert set(members["status"]) == {"planned", "unchanged"}
    if asset == "additional_members":
        assert "not read in this run; run the whole nightly_sync job to write" in members["reason"].dropna().iloc[0]


def test_materialising_additional_members_with_its_upstreams_is_a_sync(invented: Shop) -> None:
    job = defs.resolve_job_def("nightly_sync")
    upstream = [dg.AssetKey("additional_members"), *GRAPH.upstream_key_iterator(dg.AssetKey("additional_members"))]
    ours = [key for key in upstream if GRAPH.get(key).is_materializable]
    assert job.execute_in_process(asset_selection=ours).success
    assert set(invented.table("additional_members")["status"]) == {"written", "unchanged"}
