"""A sync that fails before its end is on record, and the integration page is renewed all the same: yesterday's rows, the failure on top."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from cwa_pipeline.assets.jobs import nightly_sync_job, page_after_a_failure_of
from cwa_pipeline.commands.demo.msp import invented_msp
from cwa_pipeline.commands.run import run_nightly_sync
from cwa_pipeline.definitions import defs
from cwa_pipeline.warehouse.store import Warehouse
from cwa_pipeline_tests.shop import Shop, open_shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path, *invented_msp()) as shop:
        yield shop


def page(shop: Shop) -> str:
    return (shop.folder / "integration_page.html").read_text(encoding="utf-8")


def test_a_sync_renews_the_page_beside_the_warehouse_and_any_user_may_read_it(shop: Shop) -> None:
    assert shop.sync().succeeded
    assert "The last sync succeeded: 8 written, 2 right already" in page(shop)
    assert (shop.folder / "integration_page.html").stat().st_mode & 0o777 == 0o644


def test_the_page_goes_where_the_configuration_says(shop: Shop) -> None:
    (shop.folder / "web").mkdir()
    shop.configure('[page]\npath = "web/index.html"')
    assert shop.sync().succeeded
    assert [file.name for file in (shop.folder / "web").iterdir()] == ["index.html"]


def test_a_page_that_cannot_be_written_fails_the_run_with_the_remedy(shop: Shop) -> None:
    shop.configure('[page]\npath = "nowhere/index.html"')
    outcome = shop.sync()
    assert not outcome.succeeded
    assert outcome.problems[:1] == [f"{shop.folder / 'nowhere'} is no folder; make it, or correct [page] path"]


def test_after_a_failure_the_page_has_yesterdays_rows_and_the_failure_on_top(shop: Shop) -> None:
    assert shop.sync().succeeded
    shop.server.world.computers.clear()
    outcome = shop.sync()
    assert not outcome.succeeded
    failures = shop.table("sync_failures")
    assert failures["run_id"].tolist() == [outcome.run_id]
    assert failures["problem"].tolist() == outcome.problems[:1]
    text = page(shop)
    assert "The last sync failed" in text
    assert "CWA shows no computer" in text
    assert "Elm Street Dental" in text


def test_a_reading_that_is_empty_or_short_never_takes_the_place_of_the_rows_of_before(shop: Shop) -> None:
    assert shop.sync().succeeded
    before = shop.table("cwa_computers")
    shop.server.world.computers.clear()
    assert not shop.sync().succeeded
    pd.testing.assert_frame_equal(shop.table("cwa_computers"), before)
    receipts = shop.table("read_receipts").sort_values("counted_at")
    assert receipts[receipts["table_name"] == "cwa_computers"]["rows_read"].tolist()[-1] == 0  # but it is on record


def test_after_the_next_good_sync_the_page_no_longer_speaks_of_the_failure(shop: Shop) -> None:
    clients = list(shop.server.world.clients)
    shop.server.world.clients.clear()
    assert not shop.sync().succeeded
    shop.server.world.clients.extend(clients)
    assert shop.sync().succeeded
    assert "The last sync failed" not in page(shop)


def test_a_first_sync_that_fails_leaves_a_page_that_says_so_in_words(shop: Shop) -> None:
    shop.server.world.computers.clear()
    assert not shop.sync().succeeded
    assert "There is nothing to show" in page(shop)
    assert "was never filled" in page(shop)


def test_a_sync_that_found_another_one_under_way_is_no_failure_to_tell_of(shop: Shop) -> None:
    assert shop.sync().succeeded
    before = page(shop)
    with Warehouse(shop.warehouse_url) as warehouse, warehouse.exclusive():
        assert run_nightly_sync().busy
    assert page(shop) == before
    assert shop.table("sync_failures").empty


def test_the_sensor_tells_of_a_run_that_failed_in_the_ui_or_by_the_schedule(shop: Shop, tmp_path: Path) -> None:
    assert shop.sync().succeeded
    shop.server.world.computers.clear()
    with dg.instance_for_test() as instance:
        result = defs.resolve_job_def("nightly_sync").execute_in_process(instance=instance, raise_on_error=False)
        failed = result.get_run_failure_event()
        context = dg.build_run_status_sensor_context(
            sensor_name="page_after_a_failure",
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            dagster_event=failed,
        ).for_run_failure()
        page_after_a_failure_of(nightly_sync_job())(context)
    assert shop.table("sync_failures")["run_id"].tolist() == [result.run_id]
    assert "CWA shows no computer" in page(shop)
