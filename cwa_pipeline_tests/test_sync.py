"""The whole job, end to end, over real HTTP and real databases. Every table and list is compared with the plain rules."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from cwa_pipeline.commands.demo.msp import TOMS_GARAGE, invented_msp
from cwa_pipeline.commands.demo.stand_in import Behaviour
from cwa_pipeline.config.settings import DEFAULT_PLANS
from cwa_pipeline.definitions import defs
from cwa_pipeline.rules.issues.kinds import ISSUES
from cwa_pipeline.rules.members.lists import parse
from cwa_pipeline_tests.conftest import BuildOnce
from cwa_pipeline_tests.rules.plain_rules import PlainRules
from cwa_pipeline_tests.servers.mariadb import MariadbServer
from cwa_pipeline_tests.shop import Shop, first_sync, open_shop, open_shop_as_left, served
from cwa_pipeline_tests.worlds import CwaGroup, World, messy_world, records_of

# A messy shop's lists hold anything, so a sync removes nearly all of it. test_guards tests the guards.
NO_GUARDS = "guards.max_removed_share = 1.0\nguards.max_total_removed_share = 1.0"


def storable(world: World) -> World:
    """The world with empty texts in PCRT's NOT NULL columns, and with a CWA group for every plan."""
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


@pytest.mark.parametrize(
    ("engine", "warehouse", "mode"),
    [("SQLite", "PostgreSQL", "every_plan"), ("MyISAM", "SQLite", "by_plan"), ("InnoDB", "PostgreSQL", "by_plan")],
)
def test_a_sync_follows_the_rules_on_every_database_and_a_second_one_changes_nothing(
    request: pytest.FixtureRequest, tmp_path: Path, engine: str, warehouse: str, mode: str
) -> None:
    where: dict[str, object] = {}
    if engine != "SQLite":
        server: MariadbServer = request.getfixturevalue("mariadb_server")
        where = {"pcrt_url": server.new_database(), "storage_engine": engine}
    if warehouse == "PostgreSQL":
        where["warehouse_url"] = request.getfixturevalue("postgresql_server").new_database()
    world = storable(messy_world(seed=len(engine) + len(mode), clients=40))
    toml = f'{NO_GUARDS}\nsync.additional_members = "{mode}"'
    (tmp_path / "generic_serials.txt").write_text("\n".join(world.blacklist), encoding="utf-8")
    with open_shop(tmp_path, *served(world), **where, toml=toml) as shop:
        before = shop.whole_pcrt()
        outcome = shop.sync()
        assert outcome.succeeded, outcome.problems
        assert_tables_equal_the_plain_rules(shop, world)
        assert_lists_equal_the_plain_rules(shop, world, mode)
        after = shop.whole_pcrt()
        # except for the one column, PCRT did not change
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


@pytest.mark.parametrize(
    ("clients", "behaviour"),
    [
        (5, Behaviour(membership=frozenset({"v2", "expand"}), ids="mixed", include_fields="refused")),
        (17, Behaviour(page_cap=37, ids="numbers")),
        (120, Behaviour(page_cap=100, total_count=False, ids="mixed", overlap=3, include_fields="ignored")),
        (120, Behaviour(membership=frozenset({"expand"}), ignore_condition=True, page_cap=250)),
    ],
    ids=["v2", "numbers", "no-total-count", "expand"],
)
def test_a_sync_follows_the_rules_with_every_kind_of_cwa_server(
    tmp_path: Path, clients: int, behaviour: Behaviour
) -> None:
    world = storable(messy_world(seed=clients, clients=clients))
    (tmp_path / "generic_serials.txt").write_text("\n".join(world.blacklist), encoding="utf-8")
    with open_shop(tmp_path, *served(world), behaviour=behaviour, toml=NO_GUARDS) as shop:
        outcome = shop.sync()
        assert outcome.succeeded, outcome.problems
        assert_tables_equal_the_plain_rules(shop, world)
        assert_lists_equal_the_plain_rules(shop, world, "every_plan")


# --- the invented shop ---------------------------------------------------------------------------------------------------


@pytest.fixture
def invented(tmp_path: Path) -> Iterator[Shop]:
    """The invented shop before its first sync."""
    with open_shop(tmp_path, *invented_msp()) as shop:
        yield shop


@pytest.fixture
def after_sync(tmp_path: Path, synced: Path) -> Iterator[Shop]:
    """The invented shop after its first sync."""
    with open_shop_as_left(tmp_path, synced, *invented_msp()) as shop:
        yield shop


def test_the_invented_shop_has_every_issue_and_every_reason_and_toms_garage_has_none(after_sync: Shop) -> None:
    found = after_sync.table("open_issues")
    assert set(found["issue"]) == set(ISSUES) - {"members_held"}  # only a guard raises it
    assert set(found["reason"].dropna()) == {
        "external_id_missing", "external_id_invalid", "group_does_not_exist", "asset_tag_unknown", "generic_serial",
        "no_pcid_with_serial", "duplicate_serial", "missing", "unlinked",
    }  # fmt: skip
    assert "Tom's Garage" not in set(found["customer"])
    members = after_sync.table("subscription_members")
    toms = members[members["group_id"] == TOMS_GARAGE]
    assert toms.groupby("subscription_id")["pcid"].apply(list).to_dict() == {
        501: list(range(1001, 1011)),
        502: list(range(1001, 1011)),
    }
    assert after_sync.lists()[502] == "_" + "".join(f"{pcid}_" for pcid in range(1001, 1011))


def test_the_ledger_has_every_write_first_as_planned_then_as_written(after_sync: Shop, build_once: BuildOnce) -> None:
    _, pcrt = invented_msp()
    before = {subscription.subscription_id: subscription.additional_members for subscription in pcrt.subscriptions}
    ledger = after_sync.table("additional_members_ledger")
    written = ledger[ledger["status"] == "written"]
    planned = ledger[ledger["status"] == "planned"]
    assert set(ledger["run_id"]) == {build_once(first_sync)}
    assert planned["written_at"].max() <= written["written_at"].min()
    same = ["subscription_id", "before", "after"]
    assert records_of(planned, *same) == records_of(written, *same)
    now = after_sync.lists()
    assert records_of(written.fillna({"before": ""}), *same) == [
        (key, before[key], now[key]) for key in written["subscription_id"]
    ]
    assert set(written["subscription_id"]) == {key for key, text in before.items() if text != now[key]}


@pytest.mark.parametrize("asked_by", ["the argument", "the configuration"])
def test_a_dry_run_fills_the_tables_and_writes_nothing(invented: Shop, asked_by: str) -> None:
    invented.configure("sync.dry_run = true" if asked_by == "the configuration" else "")
    before = invented.whole_pcrt()
    assert invented.sync(dry_run=asked_by == "the argument").succeeded
    assert invented.whole_pcrt() == before
    members = invented.table("additional_members")
    assert set(members["status"]) == {"planned", "unchanged"}
    assert set(members.loc[members["status"] == "planned", "reason"]) == {"dry run"}
    assert invented.table("additional_members_ledger").empty
    assert len(invented.table("open_issues"))


def test_an_issue_keeps_its_first_seen_until_it_is_resolved_and_opens_again_when_it_comes_back(
    after_sync: Shop,
) -> None:
    def rows(issue_key: str) -> list[tuple[object, ...]]:
        history = after_sync.table("issue_history")
        return records_of(history[history["issue_key"] == issue_key], "first_seen", "last_seen", "resolved_at")

    after_sync.pcrt("""UPDATE pc_owner SET pcextra = 'a:1:{i:104;s:8:"EX00034Q";}' WHERE pcid = 1136""")
    assert after_sync.sync().succeeded
    [(first_seen, last_seen, resolved_at)] = rows("computer:43:in_wrong_group")
    assert first_seen < last_seen
    assert resolved_at is None
    [(_, _, resolved_at)] = rows("computer:34:no_matching_pcid")
    assert resolved_at is not None
    after_sync.pcrt("UPDATE pc_owner SET pcextra = '' WHERE pcid = 1136")
    assert after_sync.sync().succeeded
    assert [row[2] is None for row in rows("computer:34:no_matching_pcid")] == [False, True]


def test_lists_are_written_in_the_configured_format_and_one_in_another_format_is_held(invented: Shop) -> None:
    invented.pcrt("UPDATE subscriptions SET additionalmembers = '' WHERE subid = 511")
    invented.configure('pcrt.additional_members.format = "php"')
    assert invented.sync().succeeded
    assert invented.lists()[511] == "a:1:{i:0;i:1031;}"
    assert invented.lists()[501] == "_1001_1002_1003_"
    held = invented.table("additional_members").set_index("subscription_id").loc[501]
    assert held["status"] == "held"
    assert "cannot be read as php" in held["reason"]


def test_pcrt_may_have_a_plain_serial_column_and_other_names(tmp_path: Path) -> None:
    cwa, pcrt = invented_msp()
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
    with open_shop(tmp_path, cwa, pcrt, toml=toml) as shop:
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


# --- parts of the job ------------------------------------------------------------------------------------------------------


def test_one_asset_alone_reads_its_inputs_from_the_tables_and_writes_nothing_to_pcrt(after_sync: Shop) -> None:
    after_sync.pcrt("UPDATE subscriptions SET additionalmembers = '_1001_' WHERE subid = 501")
    before = after_sync.whole_pcrt()
    job = defs.resolve_job_def("nightly_sync")
    for asset in ("pcrt_subscriptions", "open_issues", "additional_members_ledger", "additional_members"):
        assert job.execute_in_process(asset_selection=[dg.AssetKey(asset)]).success, asset
        assert after_sync.whole_pcrt() == before
    members = after_sync.table("additional_members")
    assert set(members["status"]) == {"planned", "unchanged"}
    assert "not read in this run; run the whole nightly_sync job to write" in members["reason"].dropna().iloc[0]


def test_additional_members_with_its_upstreams_is_a_sync_and_by_plan_lists_the_computers_of_that_plan(
    invented: Shop,
) -> None:
    invented.configure('sync.additional_members = "by_plan"')
    graph, asset = defs.resolve_asset_graph(), dg.AssetKey("additional_members")
    ours = [key for key in (asset, *graph.upstream_key_iterator(asset)) if graph.get(key).is_materializable]
    assert defs.resolve_job_def("nightly_sync").execute_in_process(asset_selection=ours).success
    assert set(invented.table("additional_members")["status"]) == {"written", "unchanged"}
    assert invented.lists()[501] == "_1001_1002_1003_1004_1005_1006_1007_1008_"
    assert invented.lists()[502] == "_1009_1010_"
