"""An asset's way into the warehouse and back: what is stored, what a failed check stops, and what stays when storing fails."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
import sqlalchemy as sa

from cwa_pipeline.commands.demo.msp import invented_msp
from cwa_pipeline.definitions import defs
from cwa_pipeline.rules.matching import matches
from cwa_pipeline_tests.shop import Shop, open_shop, open_shop_as_left

SOURCES = (
    "cwa_clients",
    "cwa_computers",
    "cwa_groups",
    "cwa_group_members",
    "pcrt_groups",
    "pcrt_pcids",
    "pcrt_subscriptions",
)


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


def run(*tables: str) -> dg.ExecuteInProcessResult:
    """Materialise some tables of the job, or all of them."""
    with dg.DagsterInstance.ephemeral() as instance:
        return defs.resolve_job_def("nightly_sync").execute_in_process(
            instance=instance, asset_selection=[dg.AssetKey(table) for table in tables] or None, raise_on_error=False
        )


def materialised(result: dg.ExecuteInProcessResult) -> list[str]:
    return [event.asset_key.to_user_string() for event in result.get_asset_materialization_events() if event.asset_key]


def test_each_table_has_a_step_of_its_own_except_those_that_are_read_or_written_together(shop: Shop) -> None:
    result = run()
    assert result.success
    steps: dict[str, set[str]] = {}
    for event in result.get_asset_materialization_events():
        assert event.asset_key
        steps.setdefault(str(event.step_key), set()).add(event.asset_key.to_user_string())
    together = {step: tables for step, tables in steps.items() if tables != {step}}
    assert together == {
        "pcrt_tables": {"pcrt_groups", "pcrt_pcids", "pcrt_subscriptions"},
        "additional_members": {"additional_members", "additional_members_ledger", "coverage_history"},
    }


@pytest.mark.parametrize("table", [*SOURCES, "computer_matches", "open_issues"])
def test_each_table_can_be_materialised_alone(shop: Shop, table: str) -> None:
    result = run(table)
    assert materialised(result) == [table]
    with sa.create_engine(shop.warehouse_url).connect() as connection:
        filled = connection.execute(
            sa.text("SELECT table_name FROM table_loads WHERE run_id = :run_id"), {"run_id": result.run_id}
        )
        assert filled.scalars().all() == [table]


def test_a_table_is_made_of_what_this_run_has_stored_and_not_of_an_earlier_night(shop: Shop) -> None:
    (shop.folder / "generic_serials.txt").write_text("Invented\n", encoding="utf-8")
    assert run("serial_blacklist", "computer_matches").success
    before = shop.table("computer_matches")
    assert run("computer_matches").success
    pd.testing.assert_frame_equal(shop.table("computer_matches"), before)
    assert set(shop.table("serial_blacklist")["serial_number"]) == {"Invented", ""}


def test_nothing_is_made_of_a_table_that_fails_a_blocking_check(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = matches.client_groups
    monkeypatch.setattr(matches, "client_groups", lambda *frames: rule(*frames).iloc[1:])  # a client is forgotten
    lists = shop.lists()
    result = run()
    assert not result.success
    failed = [check.check_name for check in result.get_asset_check_evaluations() if not check.passed and check.blocking]
    assert failed == ["one_row_per_client"]
    assert {"client_issues", "computer_matches", "additional_members"}.isdisjoint(materialised(result))
    assert shop.lists() == lists


def test_a_reading_that_is_empty_keeps_the_rows_of_before_and_leaves_its_receipt(tmp_path: Path, synced: Path) -> None:
    cwa, pcrt = invented_msp()
    cwa.memberships.clear()
    with open_shop_as_left(tmp_path, synced, cwa, pcrt) as shop:
        before = shop.table("cwa_group_members")
        result = run()
        assert not result.success
        pd.testing.assert_frame_equal(shop.table("cwa_group_members"), before)
        receipts = shop.table("read_receipts")
        [rows_read] = receipts.loc[
            (receipts["run_id"] == result.run_id) & (receipts["table_name"] == "cwa_group_members"), "rows_read"
        ]
        assert rows_read == 0
        assert "computer_issues" not in materialised(result)


def test_a_table_that_cannot_be_stored_fails_the_run_and_nothing_made_of_it_is_stored(shop: Shop) -> None:
    before = {table: shop.table(table) for table in ("client_groups", "client_issues")}
    engine = sa.create_engine(shop.warehouse_url)
    with engine.begin() as connection:
        refuse = "BEFORE DELETE ON client_groups BEGIN SELECT RAISE(ABORT, 'no room'); END"
        connection.execute(sa.text(f"CREATE TRIGGER full {refuse}"))
        connection.execute(sa.text("UPDATE table_loads SET content_hash = NULL"))
    engine.dispose()
    result = run()
    assert not result.success
    [failure] = [event for event in result.all_events if event.is_step_failure]
    assert failure.step_key == "client_groups"
    assert "no room" in str(failure.step_failure_data.error)
    assert {"client_groups", "client_issues"}.isdisjoint(materialised(result))
    for table, rows in before.items():
        pd.testing.assert_frame_equal(shop.table(table), rows)


def test_a_frame_that_is_not_as_its_model_says_is_refused(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = matches.client_groups
    monkeypatch.setattr(matches, "client_groups", lambda *frames: rule(*frames).assign(reason=7))
    result = run("client_groups")
    [failure] = [event for event in result.all_events if event.is_step_failure]
    assert "client_groups.reason must be" in str(failure.step_failure_data.error)


def test_dagster_is_told_the_row_count_and_the_lineage_and_no_name_of_a_person(shop: Shop) -> None:
    result = run("cwa_computers")
    [event] = result.get_asset_materialization_events()
    metadata = event.materialization.metadata
    assert metadata["dagster/row_count"].value == len(shop.table("cwa_computers"))
    assert "serial_number" in metadata["dagster/column_lineage"].value.deps_by_column
    shown = {column.name for column in metadata["preview"].schema.columns}
    assert "computer_id" in shown
    assert shown.isdisjoint({"name", "last_user"})
