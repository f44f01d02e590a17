"""Many sites side by side: keys, names and tables of their own, and what is said when two are taken for one."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

import dagster as dg
import pandas as pd
import psycopg
import pytest
import sqlalchemy as sa
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.test_utils import create_run_for_test

from cwa_pipeline.assets.failures import tell_of_failure
from cwa_pipeline.assets.jobs import CWA_TAG, SITE_TAG
from cwa_pipeline.assets.site_runs import refuse_a_second_site_of_this_name
from cwa_pipeline.commands.check import check_all
from cwa_pipeline.commands.demo.msp import invented_msp
from cwa_pipeline.commands.run import run_pruning
from cwa_pipeline.config.environment import page_path, warehouse_url
from cwa_pipeline.config.settings import Settings
from cwa_pipeline.errors import PipelineError, SettingsError
from cwa_pipeline.page.renew import renew_page
from cwa_pipeline.warehouse.backup import back_up, restore
from cwa_pipeline.warehouse.site import claim, own_warehouse
from cwa_pipeline.warehouse.store import Warehouse
from cwa_pipeline_tests.servers.postgresql import PostgresqlServer
from cwa_pipeline_tests.shop import Shop, open_shop

TAMPA, MIAMI = '[site]\nname = "tampa"\n', '[site]\nname = "miami"\n'

ASK_DEFINITIONS = """
from cwa_pipeline.definitions import defs
graph = defs.resolve_asset_graph()
keys = {*graph.get_all_asset_keys(), *(check.asset_key for check in graph.asset_check_keys)}
print(len(keys), *sorted({key.path[0] if len(key.path) > 1 else "" for key in keys}))
for parts in (defs.jobs, defs.schedules, defs.sensors):
    print(*(part.name for part in parts))
"""


@contextmanager
def shop(folder: Path, warehouse: sa.URL | None = None, toml: str = TAMPA) -> Iterator[Shop]:
    with open_shop(folder, *invented_msp(), warehouse_url=warehouse, toml=toml) as opened:
        yield opened


def command(opened: Shop, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own, as definitions are made once a process."""
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, **opened.environment},
        cwd=opened.folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def own_table(name: str) -> pd.DataFrame:
    """A table of the site whose environment is this process's."""
    with Warehouse(warehouse_url()) as warehouse:
        return warehouse.read(name)


def cwa_pipeline(opened: Shop, *arguments: str) -> subprocess.CompletedProcess[str]:
    return command(opened, "-m", "cwa_pipeline.commands", *arguments)


@pytest.mark.parametrize("name", ["tampa bay", "tampa-bay", "", "1tampa", "tämpa", "t" * 41, "pg_tampa", "a;b", '"'])
def test_a_sites_name_that_cannot_be_one_is_one_clear_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / "cwa_pipeline.toml"
    path.write_text(f"[cwa]\nurl = 'https://cwa.example.com'\n[site]\nname = '{name}'\n", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        Settings.load(path)
    assert str(caught.value).startswith(f"{path}: [site] name has to be letters, digits and underscores")
    assert "\n" not in str(caught.value)


def test_every_key_and_name_of_a_site_bears_its_name(tmp_path: Path) -> None:
    with shop(tmp_path) as opened:
        count, jobs, schedules, sensors = command(opened, "-c", ASK_DEFINITIONS).stdout.splitlines()
        opened.configure()
        plain_count, *_ = command(opened, "-c", ASK_DEFINITIONS).stdout.splitlines()
    assert count.split()[1:] == ["tampa"]
    assert count.split()[0] == plain_count.split()[0]
    assert jobs.split() == ["tampa_nightly_sync", "tampa_pruning"]
    assert schedules.split() == ["tampa_nightly_sync_schedule", "tampa_pruning_schedule"]
    assert sensors.split() == ["tampa_page_after_a_failure", "tampa_alerts"]


def test_two_sites_sync_and_undo_in_one_postgresql_database_each_in_its_schema(
    tmp_path: Path, postgresql_server: PostgresqlServer
) -> None:
    shared = postgresql_server.new_database()
    with ExitStack() as stack:
        tampa = stack.enter_context(shop(tmp_path / "tampa", shared, TAMPA))
        untouched = tampa.lists()
        assert cwa_pipeline(tampa, "sync").returncode == 0
        miami = stack.enter_context(shop(tmp_path / "miami", shared, MIAMI))
        assert miami.sync().succeeded
        assert tampa.lists() == miami.lists() != untouched

        with psycopg.connect(shared.render_as_string(hide_password=False)) as connection:
            schemas = dict(
                connection.execute(
                    "SELECT table_schema, count(*) FROM information_schema.tables WHERE table_name = 'open_issues' GROUP BY 1"
                ).fetchall()
            )
            [run_id] = connection.execute("SELECT DISTINCT run_id FROM tampa.additional_members_ledger").fetchone()
        assert schemas == {"tampa": 1, "miami": 1}

        assert cwa_pipeline(tampa, "undo", run_id).returncode == 0
        assert tampa.lists() == untouched != miami.lists()
        assert "DESKTOP" in cwa_pipeline(miami, "issues").stdout


def test_on_sqlite_a_sites_file_and_page_bear_its_name(tmp_path: Path) -> None:
    with shop(tmp_path):
        assert warehouse_url().database == str(tmp_path / "cwa_warehouse_tampa.db")
        assert page_path(Settings.load(), warehouse_url()) == tmp_path / "integration_page_tampa.html"
        with patch.dict(os.environ):
            del os.environ["WAREHOUSE_URL"]
            assert warehouse_url().database == str(tmp_path / "cwa_warehouse_tampa.db")


def test_the_locks_of_two_sites_in_one_database_do_not_meet_and_one_sites_own_does(
    tmp_path: Path, postgresql_server: PostgresqlServer
) -> None:
    with shop(tmp_path, postgresql_server.new_database()) as opened, Warehouse(warehouse_url()).exclusive():
        assert cwa_pipeline(opened, "sync").returncode == 75
        opened.configure(MIAMI)
        with Warehouse(warehouse_url()).exclusive():
            pass


@pytest.mark.parametrize("on", ["sqlite", "postgresql"])
def test_a_second_site_of_the_same_name_is_told_and_neither_its_tables_nor_its_page_are_touched(
    tmp_path: Path, request: pytest.FixtureRequest, on: str
) -> None:
    shared = (
        request.getfixturevalue("postgresql_server").new_database()
        if on == "postgresql"
        else sa.URL.create("sqlite", database=str(tmp_path / "shared.db"))
    )
    with shop(tmp_path / "first", shared) as first:
        assert first.sync().succeeded
        before = {table: own_table(table) for table in ("sync_runs", "sync_failures", "read_receipts", "site_owner")}
        with shop(tmp_path / "second", shared) as second:
            lists = second.lists()
            outcome = second.sync()
            assert not outcome.succeeded
            [line] = outcome.problems
            assert "belongs to another site tampa" in line
            assert first.server.url in line
            assert "give one of the two another [site] name" in line
            assert second.lists() == lists
            assert any("belongs to another site" in finding.text for finding in check_all())
            with pytest.raises(SettingsError, match="belongs to another site"):
                renew_page()
            assert not list((tmp_path / "second").glob("*.html"))
            for table, rows in before.items():
                pd.testing.assert_frame_equal(own_table(table), rows)


@pytest.mark.parametrize("on", ["sqlite", "postgresql"])
def test_a_schema_or_file_that_another_program_uses_is_told_and_left_alone(
    tmp_path: Path, request: pytest.FixtureRequest, on: str
) -> None:
    if on == "postgresql":
        shared = request.getfixturevalue("postgresql_server").new_database()
        engine = sa.create_engine(shared.set(drivername="postgresql+psycopg"))
        statements = ["CREATE SCHEMA tampa", "CREATE TABLE tampa.orders (id int)"]
    else:
        shared = sa.URL.create("sqlite", database=str(tmp_path / "shared.db"))
        engine = sa.create_engine(shared.set(database=str(tmp_path / "shared_tampa.db")))
        statements = ["CREATE TABLE orders (id int)"]
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
    with shop(tmp_path, shared):
        with pytest.raises(PipelineError) as caught:
            claim(Warehouse(warehouse_url()))
        assert str(caught.value) in run_pruning(dry_run=True).problems
    assert "holds another program's tables (orders); give the site another [site] name" in str(caught.value)
    assert "\n" not in str(caught.value)
    schema = "tampa" if on == "postgresql" else None
    assert sa.inspect(engine).get_table_names(schema) == ["orders"]
    engine.dispose()


def test_a_schema_that_may_not_be_made_is_one_clear_line_without_the_password(
    tmp_path: Path, postgresql_server: PostgresqlServer
) -> None:
    shared = postgresql_server.new_database()
    with psycopg.connect(shared.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute("CREATE ROLE no_schemas LOGIN PASSWORD 'hunter-2-hunter'")
    account = shared.set(username="no_schemas", password="hunter-2-hunter")
    with shop(tmp_path, account), pytest.raises(SettingsError, match=r"denies access: permission denied .*") as caught:
        claim(Warehouse(warehouse_url()))
    assert "hunter" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_site_takes_the_history_of_a_shop_that_had_no_name_and_stays_who_it_is(tmp_path: Path) -> None:
    with shop(tmp_path / "shop", toml="") as opened:
        assert opened.sync().succeeded
        ledger = opened.table("additional_members_ledger")
        back_up(own_warehouse(), tmp_path / "before.zip")
        opened.configure(TAMPA)
        assert not any(finding.mark == "FAIL" for finding in check_all())
        restore(Warehouse(warehouse_url()), tmp_path / "before.zip")
        pd.testing.assert_frame_equal(own_table("additional_members_ledger"), ledger)
        assert own_table("site_owner")["site"].tolist() == ["tampa"]
        back_up(own_warehouse(), tmp_path / "tampa.zip")
        opened.configure(MIAMI)
        restore(Warehouse(warehouse_url()), tmp_path / "tampa.zip")
        claim(own_warehouse())
        assert own_table("site_owner")["site"].tolist() == ["miami"]


def test_a_failure_for_want_of_pcrts_secret_is_on_a_sites_page_too(tmp_path: Path) -> None:
    with shop(tmp_path) as opened, patch.dict(os.environ):
        assert opened.sync().succeeded
        del os.environ["PCRT_DATABASE_URL"]
        tell_of_failure("1234", ["PCRT_DATABASE_URL is not set"])
        assert own_table("sync_failures")["run_id"].tolist() == ["1234"]
        assert "PCRT_DATABASE_URL is not set" in page_path(Settings.load(), warehouse_url()).read_text(encoding="utf-8")


def run_of(instance: dg.DagsterInstance, location: str, cwa: str, *, status: str = "SUCCESS") -> dg.DagsterRun:
    """A run on record, as the daemon makes it for the schedule of the site tampa in a code location."""
    server = GrpcServerCodeLocationOrigin(host=f"{location}.example.com", port=4000, location_name=location)
    return create_run_for_test(
        instance,
        job_name="tampa_nightly_sync",
        tags={SITE_TAG: "tampa", CWA_TAG: cwa},
        status=dg.DagsterRunStatus(status),
        remote_job_origin=RemoteJobOrigin(RemoteRepositoryOrigin(server, "__repository__"), "tampa_nightly_sync"),
        job_code_origin=None,
    )


def test_in_one_dagster_the_second_site_of_a_name_is_refused_and_the_first_goes_on() -> None:
    ours, theirs = "https://cwa.tampa.example.com", "https://cwa.other.example.com"
    with dg.DagsterInstance.ephemeral() as instance:
        for _ in range(3):
            run_of(instance, "tampa", ours)
        second = run_of(instance, "tampa-2", theirs, status="STARTED")
        with pytest.raises(SettingsError) as caught:
            refuse_a_second_site_of_this_name(instance, second)
        assert str(caught.value) == (
            f"[site] name: there are two sites tampa in this Dagster: the code location tampa syncs {ours}, and tampa-2 {theirs}; "
            "give one of them another name"
        )
        run_of(instance, "tampa-2", theirs, status="FAILURE")
        refuse_a_second_site_of_this_name(instance, run_of(instance, "tampa", ours, status="STARTED"))


def test_a_site_whose_location_or_whose_cwa_server_was_renamed_is_still_the_same() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run_of(instance, "tampa", "https://old.example.com")
        create_run_for_test(
            instance, job_name="tampa_pruning", tags={SITE_TAG: "tampa"}, status=dg.DagsterRunStatus.SUCCESS
        )
        for location, cwa in (("tampa-host", "https://old.example.com"), ("tampa", "https://new.example.com")):
            refuse_a_second_site_of_this_name(instance, run_of(instance, location, cwa, status="STARTED"))
