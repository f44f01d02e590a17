"""What keeps a sync from doing harm, end to end: holds, releases, stops, plans, undo, hand edits and coverage."""

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
from cwa_pipeline_tests.conftest import BuildOnce
from cwa_pipeline_tests.shop import Shop, open_shop, open_shop_as_left
from cwa_pipeline_tests.worlds import records_of

CUSTOMERS = 12
MACHINES = 10  # each customer's
PLAN = {plan: 850 + number for number, plan in enumerate(DEFAULT_PLANS)}


def customers(count: int = CUSTOMERS) -> tuple[CwaWorld, PcrtWorld]:
    """Customers with ten computers each, all in one plan, and a subscription to it with an empty list."""
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


def take_away(shop: Shop, customer: int, machines: int) -> None:
    """Take so many of a customer's computers out of the plan in CWA."""
    for machine in range(machines):
        shop.server.world.memberships.discard((customer * 100 + machine, PLAN["BizCare Plus"]))


def listed(shop: Shop, subscription_id: int) -> int:
    return len(shop.lists()[subscription_id].strip("_").split("_"))


def row(shop: Shop, subscription_id: int) -> pd.Series:
    return shop.table("additional_members").set_index("subscription_id").loc[subscription_id]


# --- four nights that many tests start from ------------------------------------------------------------------------------


def first_night(folder: Path) -> None:
    """Every list is filled."""
    with open_shop(folder, *customers()) as shop:
        assert shop.sync().succeeded


def night_of_losses(folder: Path, first: Path) -> None:
    """Customers lose some members, one has a second subscription, and one list was edited by hand."""
    with open_shop_as_left(folder, first, *customers()) as shop:
        shop.configure("guards.max_total_removed_share = 1.0")
        take_away(shop, 1, 6)
        take_away(shop, 2, 3)
        take_away(shop, 3, 5)
        shop.pcrt("UPDATE subscriptions SET additionalmembers = '_1400_1401_1402_1403_' WHERE subid = 4")
        take_away(shop, 4, MACHINES)
        shop.pcrt("INSERT INTO subscriptions VALUES (99, 'BizCare Plus 2', 105, 0, 'BizCare Plus', '', 1)")
        take_away(shop, 5, 6)
        by_hand = "_1600_1601_1602_1603_1604_1605_1606_1607_4711_"
        shop.pcrt("UPDATE subscriptions SET additionalmembers = :list WHERE subid = 6", list=by_hand)
        assert shop.sync().succeeded


def night_of_a_hold(folder: Path, first: Path) -> None:
    """Customer 1 would lose six of ten."""
    with open_shop_as_left(folder, first, *customers()) as shop:
        take_away(shop, 1, 6)
        assert shop.sync().succeeded


def night_of_writes(folder: Path, first: Path) -> str:
    """Customers 1 and 2 lose two of ten each. Returns the run id."""
    with open_shop_as_left(folder, first, *customers()) as shop:
        take_away(shop, 1, 2)
        take_away(shop, 2, 2)
        return shop.sync().run_id


@pytest.fixture(scope="module")
def first(build_once: BuildOnce) -> Path:
    return build_once.left_by(first_night)


@pytest.fixture
def shop(tmp_path: Path, first: Path) -> Iterator[Shop]:
    """The shop after its first night."""
    with open_shop_as_left(tmp_path, first, *customers()) as shop:
        yield shop


@pytest.fixture
def after_losses(tmp_path: Path, build_once: BuildOnce, first: Path) -> Iterator[Shop]:
    with open_shop_as_left(tmp_path, build_once.left_by(night_of_losses, first), *customers()) as shop:
        yield shop


@pytest.fixture
def held(tmp_path: Path, build_once: BuildOnce, first: Path) -> Iterator[Shop]:
    """The shop after the night on which customer 1 was held."""
    with open_shop_as_left(tmp_path, build_once.left_by(night_of_a_hold, first), *customers()) as shop:
        take_away(shop, 1, 6)
        yield shop


@pytest.fixture
def written(build_once: BuildOnce, first: Path) -> str:
    """The run that wrote the lists of customers 1 and 2."""
    return build_once(night_of_writes, first)


@pytest.fixture
def after_writes(tmp_path: Path, build_once: BuildOnce, first: Path) -> Iterator[Shop]:
    """The shop after that run."""
    with open_shop_as_left(tmp_path, build_once.left_by(night_of_writes, first), *customers()) as shop:
        take_away(shop, 1, 2)
        take_away(shop, 2, 2)
        yield shop


# --- the hold of one customer --------------------------------------------------------------------------------------------


def test_a_customer_that_would_lose_more_than_half_is_held_and_the_others_go_on(after_losses: Shop) -> None:
    assert listed(after_losses, 1) == MACHINES
    assert listed(after_losses, 2) == MACHINES - 3
    assert row(after_losses, 1)["status"] == "held"
    assert "would lose 60 % (6 of 10; 50 % is the limit) of its members" in row(after_losses, 1)["reason"]
    assert "--release 101" in row(after_losses, 1)["reason"]
    issues = after_losses.table("group_issues")
    assert records_of(issues[issues["issue"] == "members_held"], "group_id", "severity", "reason") == [
        (101, "warning", "members_removed"),
        (105, "warning", "members_removed"),
    ]


def test_exactly_half_or_fewer_than_min_removed_are_not_held(after_losses: Shop) -> None:
    assert listed(after_losses, 3) == 5  # five of ten is not more than half
    assert after_losses.lists()[4] == "_"  # four of four are fewer than five


def test_the_whole_group_is_held_when_one_of_its_subscriptions_would_lose_too_many(after_losses: Shop) -> None:
    assert (row(after_losses, 5)["status"], row(after_losses, 99)["status"]) == ("held", "held")
    assert after_losses.lists()[99] == ""


def test_the_ledger_keeps_a_hand_edit_that_the_sync_overwrites(after_losses: Shop) -> None:
    assert listed(after_losses, 6) == MACHINES
    ledger = after_losses.table("additional_members_ledger")
    last = ledger[(ledger["subscription_id"] == 6) & (ledger["status"] == "written")].iloc[-1]
    for found in (row(after_losses, 6), last):
        assert found["hand_edited"]
        assert (found["hand_added_pcids"], found["hand_removed_pcids"]) == ("4711", "1608 1609")
    assert not row(after_losses, 2)["hand_edited"]
    assert after_losses.sync().succeeded
    assert not row(after_losses, 6)["hand_edited"]


def test_a_release_is_for_what_was_held_and_not_for_what_came_later(held: Shop) -> None:
    take_away(held, 1, 8)
    assert run_nightly_sync(release=["101"]).succeeded
    assert listed(held, 1) == MACHINES
    assert run_nightly_sync(release=["101"]).succeeded  # this time it is for the eight, which the last run held
    assert listed(held, 1) == MACHINES - 8
    assert held.sync().succeeded
    assert "members_held" not in set(held.table("open_issues")["issue"])


def test_a_release_of_another_group_or_before_a_hold_lets_nothing_through(shop: Shop) -> None:
    take_away(shop, 1, 6)
    assert run_nightly_sync(release=["101"]).succeeded  # nothing was held yet
    assert run_nightly_sync(release=["102"]).succeeded
    assert listed(shop, 1) == MACHINES


def test_a_released_list_says_why_it_was_not_written_when_everything_was_stopped(held: Shop) -> None:
    held.configure("guards.max_source_drop = 1.0\nguards.min_total_removed = 40")
    for customer in range(2, 13):
        take_away(held, customer, 4)
    assert not run_nightly_sync(release=["101"]).succeeded
    assert row(held, 1)["status"] == "planned"
    assert "all groups together would lose" in row(held, 1)["reason"]
    assert listed(held, 1) == MACHINES


# --- the guards over all groups ------------------------------------------------------------------------------------------


def test_nothing_is_written_when_all_groups_together_would_lose_too_many(shop: Shop) -> None:
    shop.configure("guards.max_source_drop = 1.0")
    for customer in range(1, 13):
        take_away(shop, customer, 5)
    before = shop.whole_pcrt()
    outcome = shop.sync()
    assert not outcome.succeeded
    told = "all groups together would lose 50 % (60 of 120; 20 % is the limit) of their members"
    assert told in str(outcome.problems)
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


def test_a_source_that_shrank_since_the_last_sync_that_wrote_stops_the_write_until_it_is_released(shop: Shop) -> None:
    world = shop.server.world
    world.computers[:] = [computer for computer in world.computers if computer.id % 100 < 6]
    world.memberships = {pair for pair in world.memberships if pair[0] % 100 < 6}
    shop.configure("guards.max_total_removed_share = 1.0")
    before = shop.whole_pcrt()
    assert shop.sync(dry_run=True).succeeded  # a dry run writes nothing, so it is no measure
    outcome = shop.sync()
    assert not outcome.succeeded
    assert "cwa_computers shrank from 120 to 72 rows, by 40 % (48 of 120; 30 % is the limit)" in str(outcome.problems)
    assert shop.whole_pcrt() == before
    assert run_nightly_sync(release=["all"]).succeeded
    assert listed(shop, 1) == 6


def test_an_account_that_sees_fewer_computers_takes_nobody_off_a_list(shop: Shop) -> None:
    shop.server.behaviour.visible_computers = 100  # 17 % fewer: no drop guard reacts, but two customers are gone
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


def test_a_count_that_differs_from_what_was_read_stops_the_write(shop: Shop) -> None:
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


def test_plan_shows_what_would_change_and_sync_writes_exactly_that_or_refuses_when_the_world_moved_on(
    shop: Shop,
) -> None:
    take_away(shop, 1, 1)
    take_away(shop, 2, 6)
    before, members = shop.whole_pcrt(), set(shop.server.world.memberships)
    history, ledger = shop.table("coverage_history"), shop.table("additional_members_ledger")
    shown = shop.command("plan")
    assert shown.exit_code == 0, shown.output
    assert "Customer 1 (group 101), subscription 1 BizCare Plus: planned" in shown.stdout
    assert "- PCID 1100  PC-100" in shown.stdout
    assert "Customer 2 (group 102), subscription 2 BizCare Plus: held" in shown.stdout
    identity = plan_id(shop.table("additional_members"))
    assert f"cwa-pipeline sync --plan {identity}" in shown.stdout
    assert shop.table("coverage_history").equals(history)
    assert shop.table("additional_members_ledger").equals(ledger)

    take_away(shop, 1, 2)
    outcome = run_nightly_sync(plan_id=identity)
    assert not outcome.succeeded
    assert f"the plan is no longer {identity}" in str(outcome.problems)
    assert shop.whole_pcrt() == before

    shop.server.world.memberships = members
    written = shop.command("sync", "--plan", identity)
    assert written.exit_code == 0, written.output
    assert (listed(shop, 1), listed(shop, 2)) == (MACHINES - 1, MACHINES)


# --- undo ------------------------------------------------------------------------------------------------------------------


def test_undo_restores_the_lists_exactly_and_is_in_the_ledger(after_writes: Shop, written: str, first: Path) -> None:
    result = after_writes.command("undo", written)
    assert result.exit_code == 0, result.output
    assert "Group 101 is held until it is released" in result.stdout
    everyone = {key: "_" + "".join(f"{1000 + key * 100 + n}_" for n in range(MACHINES)) for key in range(1, 13)}
    assert after_writes.lists() == everyone
    ledger = after_writes.table("additional_members_ledger")
    undone = ledger[ledger["undo_of"] == written]
    assert sorted(undone["status"]) == ["planned", "planned", "written", "written"]


def test_undo_of_one_group_leaves_the_others_and_a_list_that_changed_since(after_writes: Shop, written: str) -> None:
    assert run_undo(written, 101).succeeded
    assert (listed(after_writes, 1), listed(after_writes, 2)) == (MACHINES, MACHINES - 2)
    after_writes.pcrt("UPDATE subscriptions SET additionalmembers = '_1_' WHERE subid = 2")
    result = after_writes.command("undo", written)
    assert result.exit_code == 0
    assert "changed since; left alone" in result.stdout
    assert after_writes.lists()[2] == "_1_"


def test_an_undone_group_stays_held_until_it_is_released_after_a_run_that_held_it(
    after_writes: Shop, written: str
) -> None:
    assert run_undo(written, 101).succeeded
    for _ in range(2):
        assert after_writes.sync().succeeded
        assert listed(after_writes, 1) == MACHINES
        assert row(after_writes, 1)["guard"] == "undone"
    assert "members_held" in set(after_writes.table("open_issues")["issue"])
    assert run_nightly_sync(release=["101"]).succeeded
    assert listed(after_writes, 1) == MACHINES - 2
    take_away(after_writes, 1, 3)
    assert after_writes.sync().succeeded  # the hold is over for good
    assert listed(after_writes, 1) == MACHINES - 3


def test_an_undo_that_dies_before_it_wrote_has_already_set_the_hold(
    after_writes: Shop, written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(self: Pcrt) -> None:
        raise SourceError("the machine went down")

    monkeypatch.setattr(Pcrt, "writer", dies)
    assert not run_undo(written, 101).succeeded
    monkeypatch.undo()
    assert after_writes.table("group_holds")["group_id"].tolist() == [101]
    assert run_undo(written, 101).succeeded
    assert listed(after_writes, 1) == MACHINES
    assert after_writes.sync().succeeded
    assert row(after_writes, 1)["guard"] == "undone"


def test_undo_of_a_run_that_wrote_nothing_says_so(shop: Shop) -> None:
    result = shop.command("undo", "no-such-run")
    assert result.exit_code == 1
    assert "run no-such-run wrote no list" in result.stdout


# --- coverage over time ----------------------------------------------------------------------------------------------------


def test_coverage_is_a_history_that_one_query_and_one_command_answer(after_writes: Shop) -> None:
    history = after_writes.table("coverage_history")
    assert len(history) == CUSTOMERS * MACHINES
    ended = history[history["covered_to"].notna()]
    assert records_of(ended, "subscription_id", "pcid") == [(1, 1100), (1, 1101), (2, 1200), (2, 1201)]
    today, tomorrow = (f"{pd.Timestamp.now('UTC') + pd.Timedelta(days=days):%Y-%m-%d}" for days in (0, 1))
    assert after_writes.command("covered", "1100", "--on", today).exit_code == 0
    assert after_writes.command("covered", "1100", "--on", tomorrow).exit_code == 1
    still = after_writes.command("covered", "1109")
    assert still.exit_code == 0
    assert "to this day" in still.stdout
    assert "was never covered" in after_writes.command("covered", "4711").stdout
