"""The one place that writes: ledger first, then compare-and-swap, and what happens when the world moved or PCRT is lost."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from cwa_pipeline.demo.msp import invented_msp
from cwa_pipeline.errors import UnreachableError
from cwa_pipeline.settings import PcrtSettings
from cwa_pipeline.systems import pcrt_writer
from cwa_pipeline.systems.pcrt import Pcrt
from cwa_pipeline.systems.warehouse import Warehouse
from cwa_pipeline.write_back import LEDGER, inputs_of_other_runs, write_back
from cwa_pipeline_tests.shop import Shop, open_shop
from cwa_pipeline_tests.worlds import records_of


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path, *invented_msp()) as shop:
        assert shop.sync(dry_run=True).succeeded
        yield shop


def write(shop: Shop) -> pd.DataFrame:
    with Pcrt(shop.pcrt_url, PcrtSettings()) as pcrt, Warehouse(shop.warehouse_url) as warehouse:
        return write_back(shop.table("additional_members").assign(reason=None), pcrt, warehouse, "a run")


def test_a_list_changed_by_hand_since_it_was_read_is_a_conflict_left_alone_and_on_record(shop: Shop) -> None:
    shop.pcrt("UPDATE subscriptions SET additionalmembers = '_1001_4711_' WHERE subid = 501")
    outcome = write(shop).set_index("subscription_id")
    assert shop.lists()[501] == "_1001_4711_"
    assert outcome.loc[501, "status"] == "conflict"
    assert "changed or gone in PCRT" in outcome.loc[501, "reason"]
    assert outcome.loc[502, "status"] == "written"
    ledger = shop.table(LEDGER)
    assert records_of(ledger[ledger["subscription_id"] == 501], "status") == [("planned",), ("conflict",)]


def test_a_subscription_deleted_since_it_was_read_is_a_conflict_and_does_not_come_back(shop: Shop) -> None:
    shop.pcrt("DELETE FROM subscriptions WHERE subid = 501")
    assert write(shop).set_index("subscription_id").loc[501, "status"] == "conflict"
    assert 501 not in shop.lists()


def test_what_was_written_before_pcrt_was_lost_is_on_record_and_the_rest_stays_planned(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    swap = pcrt_writer.PcrtWriter.swap

    def lost_at_511(self: pcrt_writer.PcrtWriter, subscription_id: int, before: str | None, after: str) -> str:
        if subscription_id == 511:
            raise UnreachableError("PCRT's database is gone")
        return swap(self, subscription_id, before, after)

    monkeypatch.setattr(pcrt_writer.PcrtWriter, "swap", lost_at_511)
    with pytest.raises(UnreachableError):
        write(shop)
    ledger = shop.table(LEDGER)
    assert set(ledger.loc[ledger["status"] == "written", "subscription_id"]) == {501, 502}
    assert set(ledger.loc[ledger["status"] == "planned", "subscription_id"]) > {501, 502, 511}


def test_the_ledger_has_every_planned_list_before_pcrt_is_touched(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    before = shop.lists()

    def look(self: Pcrt) -> None:
        assert len(shop.table(LEDGER)) == 8
        assert set(shop.table(LEDGER)["status"]) == {"planned"}
        raise UnreachableError("looked")

    monkeypatch.setattr(Pcrt, "writer", look)
    with pytest.raises(UnreachableError, match="looked"):
        write(shop)
    assert shop.lists() == before


def test_nothing_is_written_from_tables_that_another_run_filled() -> None:
    loads = pd.DataFrame({"table_name": ["a", "b"], "run_id": ["this", "that"]})
    assert inputs_of_other_runs(loads, ["a"], "this") is None
    assert inputs_of_other_runs(loads, ["a", "b", "c"], "this") == (
        "b, c not read in this run; run the whole nightly_sync job to write"
    )
