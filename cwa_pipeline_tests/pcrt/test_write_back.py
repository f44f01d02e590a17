"""The one place that writes: ledger first, then compare-and-swap, also when lists changed or PCRT is lost."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from cwa_pipeline.commands.demo.msp import invented_msp
from cwa_pipeline.config.settings import PcrtSettings
from cwa_pipeline.errors import UnreachableError
from cwa_pipeline.pcrt import writer as pcrt_writer
from cwa_pipeline.pcrt.reader import Pcrt
from cwa_pipeline.pcrt.write_back import undo, write_back
from cwa_pipeline.pcrt.writer import Change
from cwa_pipeline.rules.guards import inputs_of_other_runs
from cwa_pipeline.rules.members.ledger import undoing, unsettled
from cwa_pipeline.warehouse.store import Warehouse
from cwa_pipeline.warehouse.sync_record import LEDGER
from cwa_pipeline_tests.shop import Shop, open_shop, open_shop_as_left
from cwa_pipeline_tests.worlds import records_of


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planned")
    with open_shop(folder, *invented_msp()) as shop:
        assert shop.sync(dry_run=True).succeeded
    return folder


@pytest.fixture
def shop(tmp_path: Path, planned: Path) -> Iterator[Shop]:
    with open_shop_as_left(tmp_path, planned, *invented_msp()) as shop:
        yield shop


def write(shop: Shop) -> pd.DataFrame:
    plan = shop.table("additional_members").assign(reason=None)
    with Pcrt(shop.pcrt_url, PcrtSettings()) as pcrt, Warehouse(shop.warehouse_url) as warehouse:
        return write_back(plan, pcrt, partial(warehouse.append, LEDGER), "a run")


def test_a_list_edited_since_it_was_read_is_a_recorded_conflict_and_left_alone(shop: Shop) -> None:
    shop.pcrt("UPDATE subscriptions SET additionalmembers = '_1001_4711_' WHERE subid = 501")
    outcome = write(shop).set_index("subscription_id")
    assert shop.lists()[501] == "_1001_4711_"
    assert outcome.loc[501, "status"] == "conflict"
    assert "changed or deleted in PCRT" in outcome.loc[501, "reason"]
    assert outcome.loc[502, "status"] == "written"
    ledger = shop.table(LEDGER)
    assert records_of(ledger[ledger["subscription_id"] == 501], "status") == [("planned",), ("conflict",)]


def test_a_subscription_deleted_since_it_was_read_is_a_conflict_and_does_not_come_back(shop: Shop) -> None:
    shop.pcrt("DELETE FROM subscriptions WHERE subid = 501")
    assert write(shop).set_index("subscription_id").loc[501, "status"] == "conflict"
    assert 501 not in shop.lists()


def test_when_pcrt_is_lost_a_transaction_changes_nothing_and_the_next_sync_settles_the_ledger(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    swap, before = pcrt_writer.PcrtWriter._swap, shop.lists()

    def lost_at_511(self: pcrt_writer.PcrtWriter, change: Change, *, again: bool) -> str:
        if change.subscription_id == 511:
            raise UnreachableError("PCRT's database is gone")
        return swap(self, change, again=again)

    monkeypatch.setattr(pcrt_writer.PcrtWriter, "_swap", lost_at_511)
    monkeypatch.setattr("cwa_pipeline.pcrt.connection.PAUSE_SECONDS", 0)
    with pytest.raises(UnreachableError):
        write(shop)
    assert shop.lists() == before
    assert set(shop.table(LEDGER)["status"]) == {"planned"}

    monkeypatch.undo()
    assert shop.sync().succeeded
    ledger = shop.table(LEDGER)
    assert set(ledger.loc[ledger["run_id"] == "a run", "status"]) == {"planned", "not_written"}
    assert unsettled(ledger).empty
    assert (ledger["status"] == "written").sum() == 8


def test_a_write_is_retried_after_a_lost_connection(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    swap, broken = pcrt_writer.PcrtWriter._swap, []

    def breaks_once(self: pcrt_writer.PcrtWriter, change: Change, *, again: bool) -> str:
        if change.subscription_id == 511 and not broken:
            broken.append(change)
            raise UnreachableError("the connection broke")
        return swap(self, change, again=again)

    monkeypatch.setattr(pcrt_writer.PcrtWriter, "_swap", breaks_once)
    monkeypatch.setattr("cwa_pipeline.pcrt.connection.PAUSE_SECONDS", 0)
    assert set(write(shop)["status"]) == {"written", "unchanged"}


def test_the_ledger_has_every_planned_list_before_pcrt_is_touched(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    before = shop.lists()

    def look(self: Pcrt) -> None:
        assert len(shop.table(LEDGER)) == 8
        assert set(shop.table(LEDGER)["status"]) == {"planned"}
        raise UnreachableError("looked")

    monkeypatch.setattr(Pcrt, "writer", look)
    monkeypatch.setattr("cwa_pipeline.pcrt.connection.PAUSE_SECONDS", 0)
    with pytest.raises(UnreachableError, match="looked"):
        write(shop)
    assert shop.lists() == before


def test_undo_puts_back_what_did_not_change_since(shop: Shop) -> None:
    before = shop.lists()
    write(shop)
    shop.pcrt("UPDATE subscriptions SET additionalmembers = '_1001_4711_' WHERE subid = 501")
    with Pcrt(shop.pcrt_url, PcrtSettings()) as pcrt, Warehouse(shop.warehouse_url) as warehouse:
        changes = undoing(shop.table(LEDGER), "a run", None)
        undone = undo(changes, pcrt, partial(warehouse.append, LEDGER), "undo run").set_index("subscription_id")
    assert undone["status"].to_dict() == dict.fromkeys(undone.index, "written") | {501: "conflict"}
    assert shop.lists() == before | {501: "_1001_4711_"}
    assert len(shop.table(LEDGER)) == 4 * len(undone)


def test_nothing_is_written_from_tables_that_another_run_filled() -> None:
    loads = pd.DataFrame({"table_name": ["a", "b"], "run_id": ["this", "that"]})
    assert inputs_of_other_runs(loads, ["a"], "this") is None
    assert inputs_of_other_runs(loads, ["a", "b", "c"], "this") == (
        "b, c not read in this run; run the whole nightly_sync job to write"
    )
