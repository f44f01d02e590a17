"""A step that works out some tables: what is stored, what is told, and what a failure half-way leaves."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest
import sqlalchemy as sa
from cwa_pipeline.matches import matches
from dagster._core.errors import DagsterAssetCheckFailedError, DagsterExecutionInterruptedError
from dagster._utils import interrupts

from cwa_pipeline.assets.resources import WarehouseResource
from cwa_pipeline.assets.source_tables import CWA_TABLES, PCRT_TABLES
from cwa_pipeline.assets.tables_step import tables_step
from cwa_pipeline.commands.demo.msp import invented_msp
from cwa_pipeline.definitions import defs
from cwa_pipeline.errors import BusyError, WarehouseError
from cwa_pipeline.page import renew
from cwa_pipeline.rules.issues import client_issues as client_rules
from cwa_pipeline.rules.suggestions import suggestions
from cwa_pipeline.warehouse.store import Warehouse
from cwa_pipeline_tests.shop import Shop, open_shop, open_shop_as_left


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a shop after its first sync."""
    folder = tmp_path_factory.mktemp("synced")
    with open_shop(folder, *invented_msp()) as shop:
        assert shop.sync().succeeded
    return folder


@pytest.fixture
def shop(tmp_path: Path, synced: Path) -> Iterator[Shop]:
    """A shop after its first sync."""
    with open_shop_as_left(tmp_path, synced, *invented_msp()) as shop:
        yield shop


def run(step: dg.AssetsDefinition) -> dg.ExecuteInProcessResult:
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize(
            [step], resources={"warehouse": WarehouseResource()}, instance=instance, raise_on_error=False
        )


def materialised(result: dg.ExecuteInProcessResult) -> list[str]:
    return [event.asset_key.to_user_string() for event in result.get_asset_materialization_events() if event.asset_key]


def serial_blacklist() -> pd.DataFrame:
    return pd.DataFrame({"serial_number": ["Invented"], "normalised": ["INVENTED"]})


def test_a_table_is_stored_while_the_next_one_is_made(shop: Shop) -> None:
    seen: list[int] = []

    def client_groups(cwa_clients: pd.DataFrame, pcrt_groups: pd.DataFrame) -> pd.DataFrame:
        until = time.monotonic() + 30
        while len(shop.table("serial_blacklist")) != 1 and time.monotonic() < until:
            time.sleep(0.01)
        seen.append(len(shop.table("serial_blacklist")))
        return matches.client_groups(cwa_clients, pcrt_groups)

    assert len(shop.table("serial_blacklist")) > 1
    result = run(tables_step("two_tables", ("matching", serial_blacklist, client_groups)))
    assert result.success
    assert seen == [1]
    assert materialised(result) == ["serial_blacklist", "client_groups"]


def test_the_next_table_is_made_of_what_this_step_has_made(shop: Shop) -> None:
    given: list[pd.DataFrame] = []

    def client_groups(
        cwa_clients: pd.DataFrame, pcrt_groups: pd.DataFrame, serial_blacklist: pd.DataFrame
    ) -> pd.DataFrame:
        given.append(serial_blacklist)
        return matches.client_groups(cwa_clients, pcrt_groups)

    assert run(tables_step("two_tables", ("matching", serial_blacklist, client_groups))).success
    assert given[0]["normalised"].tolist() == ["INVENTED"]


def test_a_blocking_check_that_fails_stops_what_comes_after_it_in_the_same_step(shop: Shop) -> None:
    made: list[str] = []

    def client_groups(cwa_clients: pd.DataFrame, pcrt_groups: pd.DataFrame) -> pd.DataFrame:
        return matches.client_groups(cwa_clients, pcrt_groups).iloc[1:]  # a client is forgotten

    def client_issues(cwa_clients: pd.DataFrame, client_groups: pd.DataFrame) -> pd.DataFrame:
        made.append("client_issues")
        return client_rules.client_issues(cwa_clients, client_groups)

    result = run(tables_step("two_tables", ("matching", client_groups, client_issues)))
    assert not result.success
    [check] = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed) == ("one_row_per_client", False)
    assert made == []
    assert materialised(result) == ["client_groups"]
    [failure] = [event for event in result.all_events if event.is_step_failure]
    assert failure.step_failure_data.error.cls_name == DagsterAssetCheckFailedError.__name__


def test_what_was_stored_before_a_table_fails_is_on_record(shop: Shop) -> None:
    def client_groups(cwa_clients: pd.DataFrame) -> pd.DataFrame:
        raise WarehouseError(f"{len(cwa_clients)} clients are too many")

    result = run(tables_step("two_tables", ("matching", serial_blacklist, client_groups)))
    assert not result.success
    assert materialised(result) == ["serial_blacklist"]
    assert len(shop.table("serial_blacklist")) == 1


def refuse_rows_of(shop: Shop, table: str) -> None:
    """Make the warehouse fail at storing this table from now on."""
    engine = sa.create_engine(shop.warehouse_url)
    with engine.begin() as connection:
        body = "BEGIN SELECT RAISE(ABORT, 'no room'); END"
        connection.execute(sa.text(f"CREATE TRIGGER full BEFORE DELETE ON {table} {body}"))
    engine.dispose()


def test_a_table_that_cannot_be_stored_fails_the_run_and_nothing_made_of_it_is_stored(shop: Shop) -> None:
    before = {table: shop.table(table) for table in ("client_groups", "client_issues")}
    refuse_rows_of(shop, "client_groups")

    def client_groups(cwa_clients: pd.DataFrame, pcrt_groups: pd.DataFrame) -> pd.DataFrame:
        return matches.client_groups(cwa_clients, pcrt_groups).assign(reason="invented")

    def client_issues(cwa_clients: pd.DataFrame, client_groups: pd.DataFrame) -> pd.DataFrame:
        assert (client_groups["reason"] == "invented").all()
        return before["client_issues"].head(1)

    result = run(tables_step("three_tables", ("matching", serial_blacklist, client_groups, client_issues)))
    assert not result.success
    [failure] = [event for event in result.all_events if event.is_step_failure]
    assert "no room" in str(failure.step_failure_data.error)
    assert materialised(result) == ["serial_blacklist"]
    for table, rows in before.items():
        pd.testing.assert_frame_equal(shop.table(table), rows)


def test_a_run_that_is_cancelled_between_two_events_keeps_its_lock_until_nothing_is_being_stored(shop: Shop) -> None:
    stored: list[str] = []
    let_in: list[str] = []
    last_has_begun = threading.Event()

    class Slow(WarehouseResource):
        def meanwhile(self, work: Callable[..., object], *arguments: object) -> Future[object]:
            begun = super().meanwhile(work, *arguments)
            if arguments[2] == "client_groups":  # until then the next event would end the run with nothing to wait for
                assert last_has_begun.wait(60)
            return begun

        def store(self, table: str, frame: pd.DataFrame, run_id: str, receipts: pd.DataFrame | None = None) -> None:
            if table == "client_groups":
                last_has_begun.set()
                time.sleep(1)  # the run has ended by now, but for this
            with Warehouse(shop.warehouse_url) as another_sync, suppress(BusyError), another_sync.exclusive():
                let_in.append(table)
            super().store(table, frame, run_id, receipts)
            stored.append(table)

    def client_groups(cwa_clients: pd.DataFrame, pcrt_groups: pd.DataFrame) -> pd.DataFrame:
        interrupts._received_interrupt["received"] = True  # what Dagster's handler of SIGTERM does
        return matches.client_groups(cwa_clients, pcrt_groups)

    step = tables_step("two_tables", ("matching", serial_blacklist, client_groups))
    with dg.DagsterInstance.ephemeral() as instance, pytest.raises(DagsterExecutionInterruptedError):
        dg.materialize([step], resources={"warehouse": Slow()}, instance=instance)
    with Warehouse(shop.warehouse_url) as next_sync, next_sync.exclusive():
        assert stored == ["serial_blacklist", "client_groups"]
    assert let_in == []


def test_a_check_can_be_made_alone_of_what_the_warehouse_has(shop: Shop) -> None:
    checks = dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey("computer_matches"), "one_row_per_computer"))
    job = dg.define_asset_job("check_alone", selection=checks)
    alone = dg.Definitions.merge(defs, dg.Definitions(jobs=[job])).resolve_job_def("check_alone")
    with dg.DagsterInstance.ephemeral() as instance:
        result = alone.execute_in_process(instance=instance)
    [check] = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed) == ("one_row_per_computer", True)
    assert materialised(result) == []


def test_dagster_is_told_how_long_each_table_took_to_make_and_to_store(shop: Shop) -> None:
    def client_groups(cwa_clients: pd.DataFrame, pcrt_groups: pd.DataFrame) -> pd.DataFrame:
        time.sleep(0.2)
        return matches.client_groups(cwa_clients, pcrt_groups)

    result = run(tables_step("one_table", ("matching", client_groups)))
    [event] = result.get_asset_materialization_events()
    metadata = event.materialization.metadata
    assert 0.2 <= float(str(metadata["seconds_to_make"].value)) < 60
    assert 0 < float(str(metadata["seconds_to_store"].value)) < 60


def test_each_source_table_can_be_materialised_alone(shop: Shop) -> None:
    for table in (*CWA_TABLES, *PCRT_TABLES):
        with dg.DagsterInstance.ephemeral() as instance:
            result = defs.resolve_job_def("nightly_sync").execute_in_process(
                instance=instance, asset_selection=[dg.AssetKey(table)]
            )
        assert materialised(result) == [table]
        loads = Warehouse(shop.warehouse_url).loads()
        assert loads.loc[loads["run_id"] == result.run_id, "table_name"].tolist() == [table]


@pytest.fixture
def matched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Of each time that computers are matched, how many there are."""
    found: list[int] = []
    match = matches.computer_matches

    def noted(cwa_computers: pd.DataFrame, *others: pd.DataFrame) -> pd.DataFrame:
        found.append(len(cwa_computers))
        return match(cwa_computers, *others)

    monkeypatch.setattr(matches, "computer_matches", noted)
    return found


def steps_of_events(result: dg.ExecuteInProcessResult) -> dict[str, str | None]:
    """The step that told of each table."""
    told = [event for event in result.all_events if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION]
    return {event.asset_key.to_user_string(): event.step_key for event in told if event.asset_key}


def test_computers_are_matched_once_while_the_sources_are_being_stored_and_told_by_their_own_step(
    shop: Shop, matched: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = WarehouseResource.store
    matched_before: dict[str, int] = {}

    def late(self: WarehouseResource, table: str, *what: Any) -> None:
        until = time.monotonic() + 30
        while table == "pcrt_subscriptions" and not matched and time.monotonic() < until:
            time.sleep(0.01)
        matched_before[table] = len(matched)
        store(self, table, *what)

    monkeypatch.setattr(WarehouseResource, "store", late)
    with dg.DagsterInstance.ephemeral() as instance:
        result = defs.resolve_job_def("nightly_sync").execute_in_process(instance=instance)
    assert len(matched) == 1
    assert matched_before["pcrt_subscriptions"] == 1
    assert steps_of_events(result)["computer_matches"] == "rules"
    assert steps_of_events(result)["cwa_computers"] == "source_tables"
    matches = next(
        event
        for event in result.get_asset_materialization_events()
        if event.asset_key == dg.AssetKey("computer_matches")
    )
    assert float(str(matches.materialization.metadata["seconds_to_make"].value)) > 0


def test_what_cannot_be_worked_out_ahead_is_the_failure_of_its_own_step(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: pd.DataFrame) -> pd.DataFrame:
        raise ValueError("invented")

    monkeypatch.setattr(matches, "client_groups", broken)
    with dg.DagsterInstance.ephemeral() as instance:
        result = defs.resolve_job_def("nightly_sync").execute_in_process(instance=instance, raise_on_error=False)
    [failure] = [event for event in result.all_events if event.is_step_failure]
    assert failure.step_key == "rules"
    assert {*steps_of_events(result)} == {*CWA_TABLES, *PCRT_TABLES, "serial_blacklist"}


def test_nobody_matches_computers_ahead_in_a_run_of_some_tables(shop: Shop, matched: list[int]) -> None:
    picked = [dg.AssetKey(table) for table in (*CWA_TABLES, *PCRT_TABLES)]
    with dg.DagsterInstance.ephemeral() as instance:
        job = defs.resolve_job_def("nightly_sync")
        assert job.execute_in_process(instance=instance, asset_selection=picked).success
    assert matched == []


def test_nobody_matches_computers_of_a_source_that_did_not_pass_its_checks(tmp_path: Path, matched: list[int]) -> None:
    cwa, pcrt = invented_msp()
    cwa.memberships.clear()
    with open_shop(tmp_path, cwa, pcrt) as shop:
        assert not shop.sync().succeeded
    assert matched == []


def test_chains_are_looked_at_once_before_the_suggestions_are_waited_for(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def noted(name: str, function: Callable[..., pd.DataFrame]) -> Callable[..., pd.DataFrame]:
        def call(*arguments: Any, **named: Any) -> pd.DataFrame:
            asked.append(name)
            return function(*arguments, **named)

        return call

    monkeypatch.setattr(renew, "computer_links", noted("links", renew.computer_links))
    monkeypatch.setattr(suggestions, "match_suggestions", noted("suggestions", suggestions.match_suggestions))
    assert shop.sync().succeeded
    assert asked == ["links", "suggestions"]
    asked.clear()
    picked = dg.AssetKey("integration_page")
    with dg.DagsterInstance.ephemeral() as instance:
        job = defs.resolve_job_def("nightly_sync")
        assert job.execute_in_process(instance=instance, asset_selection=[picked]).success
    assert asked == ["links"]


def test_chains_that_cannot_be_told_are_a_failure_of_the_page(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: pd.DataFrame) -> pd.DataFrame:
        raise ValueError("invented")

    monkeypatch.setattr(renew, "computer_links", broken)
    with dg.DagsterInstance.ephemeral() as instance:
        result = defs.resolve_job_def("nightly_sync").execute_in_process(instance=instance, raise_on_error=False)
    [failure] = [event for event in result.all_events if event.is_step_failure]
    assert failure.step_key == "integration_page"
    assert not shop.table("match_suggestions").empty


def test_what_was_before_is_not_told_once_it_is_gone(shop: Shop) -> None:
    def client_groups(cwa_clients: pd.DataFrame, warehouse: WarehouseResource) -> pd.DataFrame:
        return warehouse.before("serial_blacklist")

    result = run(tables_step("two_tables", ("matching", serial_blacklist, client_groups)))
    [failure] = [event for event in result.all_events if event.is_step_failure]
    assert "serial_blacklist is made already" in str(failure.step_failure_data.error)
