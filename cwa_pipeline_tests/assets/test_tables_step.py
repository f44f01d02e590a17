"""A step that works out some tables: what is stored, what is told, and what a failure half-way leaves."""

import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
import sqlalchemy as sa

from cwa_pipeline import rules
from cwa_pipeline.assets.resources import WarehouseResource
from cwa_pipeline.assets.tables_step import tables_step
from cwa_pipeline.definitions import defs
from cwa_pipeline.demo.msp import invented_msp
from cwa_pipeline.errors import WarehouseError
from cwa_pipeline_tests.shop import Shop, open_shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A shop after its first sync."""
    with open_shop(tmp_path, *invented_msp()) as shop:
        assert shop.sync().succeeded
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
        return rules.matching.client_groups(cwa_clients, pcrt_groups)

    assert len(shop.table("serial_blacklist")) > 1
    result = run(tables_step("two_tables", "matching", serial_blacklist, client_groups))
    assert result.success
    assert seen == [1]
    assert materialised(result) == ["serial_blacklist", "client_groups"]


def test_the_next_table_is_made_of_what_this_step_has_made(shop: Shop) -> None:
    given: list[pd.DataFrame] = []

    def client_groups(
        cwa_clients: pd.DataFrame, pcrt_groups: pd.DataFrame, serial_blacklist: pd.DataFrame
    ) -> pd.DataFrame:
        given.append(serial_blacklist)
        return rules.matching.client_groups(cwa_clients, pcrt_groups)

    assert run(tables_step("two_tables", "matching", serial_blacklist, client_groups)).success
    assert given[0]["normalised"].tolist() == ["INVENTED"]


def test_a_blocking_check_that_fails_stops_what_comes_after_it_in_the_same_step(shop: Shop) -> None:
    made: list[str] = []

    def client_groups(cwa_clients: pd.DataFrame, pcrt_groups: pd.DataFrame) -> pd.DataFrame:
        return rules.matching.client_groups(cwa_clients, pcrt_groups).iloc[1:]  # a client is forgotten

    def computer_matches(
        cwa_computers: pd.DataFrame,
        pcrt_pcids: pd.DataFrame,
        serial_blacklist: pd.DataFrame,
        client_groups: pd.DataFrame,
    ) -> pd.DataFrame:
        made.append("computer_matches")
        return rules.matching.computer_matches(cwa_computers, pcrt_pcids, serial_blacklist, client_groups)

    result = run(tables_step("two_tables", "matching", client_groups, computer_matches))
    assert not result.success
    [check] = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed) == ("one_row_per_client", False)
    assert made == []
    assert materialised(result) == ["client_groups"]


def test_what_was_stored_before_a_table_fails_is_on_record(shop: Shop) -> None:
    def client_groups(cwa_clients: pd.DataFrame) -> pd.DataFrame:
        raise WarehouseError(f"{len(cwa_clients)} clients are too many")

    result = run(tables_step("two_tables", "matching", serial_blacklist, client_groups))
    assert not result.success
    assert materialised(result) == ["serial_blacklist"]
    assert len(shop.table("serial_blacklist")) == 1


def test_a_table_that_cannot_be_stored_fails_the_run_and_is_not_called_materialised(shop: Shop) -> None:
    before = shop.table("client_groups")

    def client_groups(cwa_clients: pd.DataFrame, pcrt_groups: pd.DataFrame) -> pd.DataFrame:
        engine = sa.create_engine(shop.warehouse_url)
        with engine.begin() as connection:
            connection.execute(
                sa.text("CREATE TRIGGER full BEFORE DELETE ON client_groups BEGIN SELECT RAISE(ABORT, 'no room'); END")
            )
        engine.dispose()
        return rules.matching.client_groups(cwa_clients, pcrt_groups).assign(reason="invented")

    result = run(tables_step("two_tables", "matching", serial_blacklist, client_groups))
    assert not result.success
    [failure] = [event for event in result.all_events if event.is_step_failure]
    assert "no room" in str(failure.step_failure_data.error)
    assert materialised(result) == ["serial_blacklist"]
    pd.testing.assert_frame_equal(shop.table("client_groups"), before)


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
    result = run(tables_step("one_table", "matching", serial_blacklist))
    [event] = result.get_asset_materialization_events()
    metadata = event.materialization.metadata
    assert 0 <= float(str(metadata["seconds_to_make"].value)) < 60
    assert 0 < float(str(metadata["seconds_to_store"].value)) < 60
