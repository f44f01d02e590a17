"""What keeps a sync from doing harm, end to end: holds, releases, the breaker, the drop guard, plans, undo, hand edits, coverage."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from cwa_pipeline.commands.demo.pcrt_stand_in import Pcid, PcrtGroup, PcrtWorld, Subscription
from cwa_pipeline.commands.demo.stand_in import Client, Computer, CwaWorld, Group
from cwa_pipeline.commands.run import run_nightly_sync, run_undo
from cwa_pipeline.config.settings import DEFAULT_PLANS
from cwa_pipeline.errors import SourceError
from cwa_pipeline.pcrt.reader import Pcrt
from cwa_pipeline.rules.members.membership import plan_id
from cwa_pipeline_tests.commands.command_line import cwa_pipeline
from cwa_pipeline_tests.shop import Shop, open_shop
from cwa_pipeline_tests.worlds import records_of

MACHINES = 10  # each customer's
PLAN = {plan: 850 + number for number, plan in enumerate(DEFAULT_PLANS)}


def customers(count: int) -> tuple[CwaWorld, PcrtWorld]:
    """So many customers with ten computers each, all in one plan, and a subscription of it with an empty list."""
    cwa, pcrt = CwaWorld(groups=[Group(number, plan) for plan, number in PLAN.items()]), PcrtWorld()
    for customer in range(1, count + 1):
        group_id = 100 + customer
        cwa.clients.append(Client(customer, f"Customer {customer}", str(group_id)))
        pcrt.groups.append(PcrtGroup(group_id, f"Customer {customer}"))
        pcrt.subscriptions.append(Subscription(customer, "BizCare Plus", group_id, cwa_group="BizCare Plus"))
        for machine in range(MACHINES):
            number = customer * 100 + machine
            cwa.computers.append(Computer(number, f"PC-{number}", customer, f"EX{number}"))
            cwa.memberships.add((number, PLAN["BizCare Plus"]))
            pcrt.pcids.append(Pcid(1000 + number, f"PC {number}", group_id, f"EX{number}"))
    return cwa, pcrt


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The databases of twelve customers of ten machines each, synced once."""
    folder = tmp_path_factory.mktemp("synced")
    with open_shop(folder, *customers(12)) as shop:
        assert shop.sync().succeeded
    return folder


@pytest.fixture
def shop(tmp_path: Path, synced: Path) -> Iterator[Shop]:
    """A copy of that shop."""
    with open_shop(tmp_path, *customers(12)) as shop:
        for database in ("pcrt.db", "cwa_warehouse.db"):
            shutil.copy(synced / database, tmp_path / database)
        yield shop


def take_away(shop: Shop, customer: int, machines: int) -> None:
    """Take so many of a customer's computers out of the plan in CWA."""
    for machine in range(machines):
        shop.server.world.memberships.discard((customer * 100 + machine, PLAN["BizCare Plus"]))


def listed(shop: Shop, subscription_id: int) -> int:
    return len(shop.lists()[subscription_id].strip("_").split("_"))


def row(shop: Shop, subscription_id: int) -> pd.Series:
    return shop.table("additional_members").set_index("subscription_id").loc[subscription_id]


# --- the hold of one customer --------------------------------------------------------------------------------------------


def test_a_customer_that_would_lose_more_than_half_is_held_and_the_others_go_on(shop: Shop) -> None:
    take_away(shop, 1, 6)
    take_away(shop, 2, 3)
    assert shop.sync().succeeded
    assert listed(shop, 1) == MACHINES
    assert listed(shop, 2) == MACHINES - 3
    assert row(shop, 1)["status"] == "held"
    assert "would lose 60 % (6 of 10; 50 % is the limit) of its members" in row(shop, 1)["reason"]
    assert "--release 101" in row(shop, 1)["reason"]
    issues = shop.table("group_issues")
    assert records_of(issues[issues["issue"] == "members_held"], "group_id", "severity", "reason") == [
        (101, "warning", "members_removed")
    ]


def test_exactly_half_or_fewer_than_min_removed_is_no_reason_to_hold(shop: Shop) -> None:
    take_away(shop, 1, 5)  # five of ten is not more than half
    shop.pcrt("UPDATE subscriptions SET additionalmembers = '_1200_1201_1202_1203_' WHERE subid = 2")
    take_away(shop, 2, MACHINES)  # four of four are fewer than five
    assert shop.sync().succeeded
    assert listed(shop, 1) == 5
    assert shop.lists()[2] == "_"


def test_the_whole_group_is_held_when_one_of_its_subscriptions_would_lose_too_many(shop: Shop) -> None:
    shop.pcrt("INSERT INTO subscriptions VALUES (99, 'BizCare Plus 2', 101, 0, 'BizCare Plus', '', 1)")
    take_away(shop, 1, 6)
    assert shop.sync().succeeded
    assert (row(shop, 1)["status"], row(shop, 99)["status"]) == ("held", "held")
    assert shop.lists()[99] == ""


def test_a_release_writes_what_was_held_and_ends_the_issue(shop: Shop) -> None:
    take_away(shop, 1, 6)
    assert shop.sync().succeeded
    assert run_nightly_sync(release=["101"]).succeeded
    assert listed(shop, 1) == MACHINES - 6
    assert shop.sync().succeeded
    assert "members_held" not in set(shop.table("open_issues")["issue"])


def test_a_release_is_for_what_was_held_and_not_for_what_came_later(shop: Shop) -> None:
    take_away(shop, 1, 6)
    assert shop.sync().succeeded
    take_away(shop, 1, 8)
    assert run_nightly_sync(release=["101"]).succeeded
    assert listed(shop, 1) == MACHINES
    # which has been looked at now
    assert run_nightly_sync(release=["101"]).succeeded
    assert listed(shop, 1) == MACHINES - 8


def test_a_release_of_another_group_or_without_a_hold_lets_nothing_through(shop: Shop) -> None:
    take_away(shop, 1, 6)
    assert run_nightly_sync(release=["101"]).succeeded  # nothing was held when nobody had looked
    assert run_nightly_sync(release=["102"]).succeeded
    assert listed(shop, 1) == MACHINES


# --- the guards over all groups ------------------------------------------------------------------------------------------


def test_when_all_groups_together_would_lose_too_many_nothing_is_written_and_the_run_fails_with_the_numbers(
    shop: Shop,
) -> None:
    shop.configure("guards.max_source_drop = 1.0")
    for customer in range(1, 13):
        take_away(shop, customer, 5)
    before = shop.whole_pcrt()
    outcome = shop.sync()
    assert not outcome.succeeded
    assert "all groups together would lose 50 % (60 of 120; 20 % is the limit) of their members" in str(
        outcome.problems
    )
    assert shop.whole_pcrt() == before
    assert set(shop.table("additional_members")["status"]) == {"held"}
    assert run_nightly_sync(release=["all"]).succeeded
    assert {listed(shop, customer) for customer in range(1, 13)} == {5}


def test_fewer_than_min_total_removed_never_stop_a_sync(shop: Shop) -> None:
    shop.configure("guards.max_source_drop = 1.0")
    for customer in range(1, 12):
        take_away(shop, customer, 4)  # 44 of 120
    assert shop.sync().succeeded
    assert listed(shop, 11) == 6


def test_a_source_that_shrank_stops_the_write_until_it_is_released(shop: Shop) -> None:
    world = shop.server.world
    world.computers[:] = [computer for computer in world.computers if computer.id % 100 < 6]
    world.memberships = {pair for pair in world.memberships if pair[0] % 100 < 6}
    shop.configure("guards.max_total_removed_share = 1.0")
    before = shop.whole_pcrt()
    outcome = shop.sync()
    assert not outcome.succeeded
    assert "cwa_computers shrank from 120 to 72 rows, by 40 % (48 of 120; 30 % is the limit)" in str(outcome.problems)
    assert shop.whole_pcrt() == before
    assert run_nightly_sync(release=["all"]).succeeded
    assert listed(shop, 1) == 6


def test_a_source_is_compared_with_the_last_sync_that_wrote_and_not_with_a_dry_run(shop: Shop) -> None:
    world = shop.server.world
    world.computers[:] = [computer for computer in world.computers if computer.id % 100 < 6]
    assert shop.sync(dry_run=True).succeeded
    assert not shop.sync().succeeded


def test_an_account_that_sees_fewer_computers_takes_nobody_off_a_list(shop: Shop) -> None:
    shop.server.behaviour.visible_computers = 100  # 17 % fewer, which no drop guard minds: two customers are gone
    before = shop.lists()
    assert shop.sync().succeeded
    assert shop.lists() == before
    assert {row(shop, 11)["status"], row(shop, 12)["status"]} == {"held"}


# --- receipts --------------------------------------------------------------------------------------------------------------


def test_every_source_table_has_a_receipt_of_the_run_that_read_it(shop: Shop) -> None:
    receipts = shop.table("read_receipts")
    assert len(receipts) == 7
    assert (receipts["rows_read"] == receipts["rows_counted"]).all()
    assert set(receipts["counted_by"]) == {"Total-Count", "SELECT COUNT(*)"}


def test_a_count_that_differs_from_what_was_read_stops_the_write(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.server.behaviour.total_count = False
    computers = shop.server.world.computers

    def one_more_each_time(world: CwaWorld, request: object) -> None:
        if "omputers" in request.path and request.query.get("page") == "1":
            world.computers.append(replace(computers[0], id=len(computers) + 5000))

    shop.server.behaviour.before_answer = one_more_each_time
    take_away(shop, 1, 2)
    before = shop.whole_pcrt()
    outcome = shop.sync()
    assert not outcome.succeeded
    assert "cwa_computers" in str(outcome.problems)
    assert "counted (second read of the ids)" in str(outcome.problems)
    assert shop.whole_pcrt() == before


# --- plan ------------------------------------------------------------------------------------------------------------------


def test_plan_prints_what_would_change_by_name_and_its_id_and_sync_writes_exactly_that(shop: Shop) -> None:
    take_away(shop, 1, 1)
    take_away(shop, 2, 6)
    before = shop.whole_pcrt()
    shown = cwa_pipeline("plan", folder=shop.folder)
    assert shown.returncode == 0, shown.stderr
    assert shop.whole_pcrt() == before
    assert "Customer 1 (group 101), subscription 1 BizCare Plus: planned" in shown.stdout
    assert "- PCID 1100  PC-100" in shown.stdout
    assert "Customer 2 (group 102), subscription 2 BizCare Plus: held" in shown.stdout
    identity = plan_id(shop.table("additional_members"))
    assert f"cwa-pipeline sync --plan {identity}" in shown.stdout
    written = cwa_pipeline("sync", "--plan", identity, folder=shop.folder)
    assert written.returncode == 0, written.stdout
    assert listed(shop, 1) == MACHINES - 1


def test_a_plan_is_refused_when_the_world_moved_on(shop: Shop) -> None:
    take_away(shop, 1, 1)
    assert shop.sync(dry_run=True).succeeded
    identity = plan_id(shop.table("additional_members"))
    take_away(shop, 1, 2)
    before = shop.whole_pcrt()
    outcome = run_nightly_sync(plan_id=identity)
    assert not outcome.succeeded
    assert f"the plan is no longer {identity}" in str(outcome.problems)
    assert shop.whole_pcrt() == before


# --- undo ------------------------------------------------------------------------------------------------------------------


def test_undo_puts_back_the_lists_to_the_letter_and_is_in_the_ledger(shop: Shop) -> None:
    before = shop.whole_pcrt()
    take_away(shop, 1, 2)
    take_away(shop, 2, 2)
    written = shop.sync()
    result = cwa_pipeline("undo", written.run_id, folder=shop.folder)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Group 101 is held until it is released" in result.stdout
    assert shop.whole_pcrt() == before
    ledger = shop.table("additional_members_ledger")
    undone = ledger[ledger["undo_of"] == written.run_id]
    assert sorted(undone["status"]) == ["planned", "planned", "written", "written"]


def test_undo_of_one_group_leaves_the_others(shop: Shop) -> None:
    take_away(shop, 1, 2)
    take_away(shop, 2, 2)
    assert run_undo(shop.sync().run_id, 101).succeeded
    assert (listed(shop, 1), listed(shop, 2)) == (MACHINES, MACHINES - 2)


def test_undo_skips_and_reports_a_list_that_changed_since(shop: Shop) -> None:
    take_away(shop, 1, 2)
    written = shop.sync()
    shop.pcrt("UPDATE subscriptions SET additionalmembers = '_1_' WHERE subid = 1")
    result = cwa_pipeline("undo", written.run_id, folder=shop.folder)
    assert result.returncode == 0
    assert "changed since; left alone" in result.stdout
    assert shop.lists()[1] == "_1_"


def test_an_undone_group_stays_held_until_it_is_released_after_a_look(shop: Shop) -> None:
    take_away(shop, 1, 2)
    assert run_undo(shop.sync().run_id, None).succeeded
    for _ in range(2):
        assert shop.sync().succeeded
        assert listed(shop, 1) == MACHINES
        assert row(shop, 1)["guard"] == "undone"
    assert "members_held" in set(shop.table("open_issues")["issue"])
    assert run_nightly_sync(release=["101"]).succeeded
    assert listed(shop, 1) == MACHINES - 2
    take_away(shop, 1, 3)
    assert shop.sync().succeeded  # the hold is over for good
    assert listed(shop, 1) == MACHINES - 3


def test_an_undo_that_dies_before_it_wrote_leaves_a_hold_too_many_and_not_one_too_few(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_away(shop, 1, 2)
    written = shop.sync()

    def dies(self: Pcrt) -> None:
        raise SourceError("the machine went down")

    monkeypatch.setattr(Pcrt, "writer", dies)
    assert not run_undo(written.run_id, None).succeeded
    monkeypatch.undo()
    assert shop.table("group_holds")["group_id"].tolist() == [101]
    assert run_undo(written.run_id, None).succeeded
    assert listed(shop, 1) == MACHINES
    assert shop.sync().succeeded
    assert row(shop, 1)["guard"] == "undone"


def test_what_was_released_says_why_it_was_not_written_when_everything_was_stopped(shop: Shop) -> None:
    take_away(shop, 1, 6)
    assert shop.sync().succeeded
    shop.configure("guards.max_source_drop = 1.0\nguards.min_total_removed = 40")
    for customer in range(2, 13):
        take_away(shop, customer, 4)
    assert not run_nightly_sync(release=["101"]).succeeded
    assert row(shop, 1)["status"] == "planned"
    assert "all groups together would lose" in row(shop, 1)["reason"]
    assert listed(shop, 1) == MACHINES


def test_undo_of_a_run_that_wrote_nothing_says_so(shop: Shop) -> None:
    result = cwa_pipeline("undo", "no-such-run", folder=shop.folder)
    assert result.returncode == 1
    assert "run no-such-run wrote no list" in result.stdout


# --- hand edits ------------------------------------------------------------------------------------------------------------


def test_a_hand_edit_does_not_survive_the_sync_and_is_never_lost(shop: Shop) -> None:
    shop.pcrt(
        "UPDATE subscriptions SET additionalmembers = '_1100_1101_1102_1103_1104_1105_1106_1107_4711_' WHERE subid = 1"
    )
    assert shop.sync().succeeded
    assert listed(shop, 1) == MACHINES
    found = row(shop, 1)
    assert found["hand_edited"]
    assert (found["hand_added_pcids"], found["hand_removed_pcids"]) == ("4711", "1108 1109")
    ledger = shop.table("additional_members_ledger")
    last = ledger[(ledger["subscription_id"] == 1) & (ledger["status"] == "written")].iloc[-1]
    assert last["hand_edited"]
    assert last["hand_added_pcids"] == "4711"
    assert not row(shop, 2)["hand_edited"]
    assert shop.sync().succeeded
    assert not row(shop, 1)["hand_edited"]


# --- coverage over time ----------------------------------------------------------------------------------------------------


def test_coverage_is_a_history_that_one_query_and_one_command_answer(shop: Shop) -> None:
    take_away(shop, 1, 1)
    assert shop.sync().succeeded
    history = shop.table("coverage_history")
    assert len(history) == 12 * MACHINES
    ended = history[history["covered_to"].notna()]
    assert records_of(ended, "subscription_id", "pcid") == [(1, 1100)]
    today, tomorrow = (f"{pd.Timestamp.now('UTC') + pd.Timedelta(days=days):%Y-%m-%d}" for days in (0, 1))
    assert cwa_pipeline("covered", "1100", "--on", today, folder=shop.folder).returncode == 0
    assert cwa_pipeline("covered", "1100", "--on", tomorrow, folder=shop.folder).returncode == 1
    still = cwa_pipeline("covered", "1101", folder=shop.folder)
    assert still.returncode == 0
    assert "to this day" in still.stdout
    assert "was never covered" in cwa_pipeline("covered", "4711", folder=shop.folder).stdout


def test_a_dry_run_leaves_coverage_and_ledger_alone(shop: Shop) -> None:
    history, ledger = shop.table("coverage_history"), shop.table("additional_members_ledger")
    take_away(shop, 1, 1)
    assert shop.sync(dry_run=True).succeeded
    assert shop.table("coverage_history").equals(history)
    assert shop.table("additional_members_ledger").equals(ledger)
