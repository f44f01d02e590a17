"""What an upgrade promises of the warehouse, on both databases: from every earlier release forward, with every row and analysts' work;
and what is newer, or another program's, is left alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa
from pandas.testing import assert_frame_equal
from sqlalchemy.engine import URL

from cwa_pipeline.commands.demo.msp import invented_msp
from cwa_pipeline.errors import WarehouseError
from cwa_pipeline.tables import TABLES
from cwa_pipeline.warehouse.migrations import HEAD, VERSION_TABLE
from cwa_pipeline.warehouse.store import Warehouse
from cwa_pipeline.warehouse.versions import known_versions
from cwa_pipeline_tests.shop import open_shop
from cwa_pipeline_tests.warehouse.conftest import new_database, run_sql
from cwa_pipeline_tests.warehouse.releases import RELEASES, load_release
from cwa_pipeline_tests.warehouse.test_warehouse_processes import create, let_them_finish, others


@pytest.fixture(scope="session")
def as_created(request: pytest.FixtureRequest) -> dict[str, dict[str, object]]:
    """What `create` makes of nothing, by kind of database."""
    made = {}
    for kind in ("sqlite", "postgresql"):
        url = new_database(kind, request)
        Warehouse(url).create()
        made[kind] = shape(url)
    return made


@contextmanager
def looking_at(url: URL) -> Iterator[sa.Connection]:
    """One connection past our code; none of ours is open meanwhile."""
    engine = sa.create_engine(url.set(drivername="sqlite" if url.drivername == "sqlite" else "postgresql+psycopg"))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def shape(url: URL) -> dict[str, object]:
    """Of every table of ours the key and each column's type and whether it may be null, as the database says."""
    with looking_at(url) as connection:
        inspector = sa.inspect(connection)
        keys, columns = inspector.get_multi_pk_constraint(), inspector.get_multi_columns()
        return {
            table: (
                sorted(keys[None, table]["constrained_columns"]),
                {column["name"]: (repr(column["type"]), column["nullable"]) for column in columns[None, table]},
            )
            for table in (*TABLES, VERSION_TABLE)
        }


def everything(url: URL) -> dict[str, tuple[list[str], list[tuple[object, ...]]]]:
    """Every table that is there, with its columns and rows."""
    with looking_at(url) as connection:
        columns = sa.inspect(connection).get_multi_columns()
        names = {str(table): [column["name"] for column in found] for (_, table), found in columns.items()}
        return {table: (found, rows_of(connection, table, found)) for table, found in names.items()}


def rows_of(connection: sa.Connection, table: str, columns: list[str]) -> list[tuple[object, ...]]:
    """The rows, in some order of their own."""
    listed = ", ".join(f'"{column}"' for column in columns)
    return sorted((tuple(row) for row in connection.exec_driver_sql(f"SELECT {listed} FROM {table}")), key=str)


def stamp(url: URL) -> list[tuple[object, ...]]:
    return run_sql(url, f"SELECT version_num FROM {VERSION_TABLE}")


# --- forward ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("release", RELEASES)
def test_every_earlier_release_comes_forward_with_its_rows_to_what_create_makes(
    release: str, url: URL, as_created: dict[str, dict[str, object]]
) -> None:
    load_release(release, url)
    before = everything(url)
    warehouse = Warehouse(url)
    warehouse.create()
    assert shape(url) == as_created[url.drivername]
    assert stamp(url) == [(HEAD,)]
    with looking_at(url) as connection:
        for table, (columns, rows) in before.items():
            assert rows_of(connection, table, columns) == rows, table
    warehouse.create()
    assert stamp(url) == [(HEAD,)]


def test_the_tables_of_the_first_release_can_be_read_and_filled_after_an_upgrade(url: URL) -> None:
    load_release("190028e", url)
    warehouse = Warehouse(url)
    with pytest.raises(WarehouseError, match="run `cwa-pipeline check`, which upgrades the tables of an older version"):
        warehouse.read("cwa_computers")
    warehouse.create()
    altered = ("cwa_computers", "group_issues", "additional_members")
    frames = {table: warehouse.read(table, or_empty=True) for table in altered}
    assert [len(frame) for frame in frames.values()] == [3, 3, 3]
    stored = warehouse.replace({table: frame.iloc[::-1] for table, frame in frames.items()}, "next")
    for table in altered:
        assert_frame_equal(warehouse.read(table), stored[table].iloc[::-1].reset_index(drop=True))
    ledger = warehouse.read("additional_members_ledger")
    assert ledger["hand_edited"].tolist() == [False] * 3
    assert ledger["undo_of"].isna().all()


def test_what_analysts_made_of_the_first_release_lasts(url: URL) -> None:
    load_release("190028e", url)
    run_sql(
        url,
        "ALTER TABLE additional_members ADD COLUMN note TEXT",
        "UPDATE additional_members SET note = 'asked the customer'",
        "CREATE INDEX by_plan ON additional_members (plan)",
        "CREATE VIEW noted AS SELECT a.note, c.name FROM additional_members a, cwa_computers c",
        "CREATE TABLE their_own (id INTEGER)",
    )
    if url.drivername == "postgresql":
        run_sql(
            url, f"CREATE ROLE reader_of_{url.database} LOGIN", f"GRANT SELECT ON noted TO reader_of_{url.database}"
        )
        run_sql(url, f"GRANT SELECT ON cwa_computers TO reader_of_{url.database}")
    Warehouse(url).create()
    assert run_sql(url, "SELECT DISTINCT note FROM noted") == [("asked the customer",)]
    assert "their_own" in everything(url)
    with looking_at(url) as connection:
        assert "by_plan" in {index["name"] for index in sa.inspect(connection).get_indexes("additional_members")}
    if url.drivername == "postgresql":
        reader = url.set(username=f"reader_of_{url.database}")
        assert run_sql(reader, "SELECT count(*) FROM cwa_computers, noted")[0] > (0,)


def test_a_warehouse_upgraded_half_way_by_hand_or_without_a_table_is_upgraded_completely(
    url: URL, as_created: dict[str, dict[str, object]]
) -> None:
    load_release("2388406", url)
    run_sql(
        url,
        "ALTER TABLE cwa_computers ADD COLUMN make TEXT",
        "UPDATE cwa_computers SET make = 'Dell'",
        "CREATE TABLE sync_failures (run_id TEXT NOT NULL PRIMARY KEY, "
        f"failed_at TIMESTAMP{' WITH TIME ZONE' if url.drivername == 'postgresql' else ''} NOT NULL, problem TEXT NOT NULL)",
        "DROP TABLE group_issues",
    )
    Warehouse(url).create()
    assert shape(url) == as_created[url.drivername]
    assert run_sql(url, "SELECT DISTINCT make FROM cwa_computers") == [("Dell",)]


def test_the_migrations_alone_make_every_table_as_create_does(
    url: URL, as_created: dict[str, dict[str, object]]
) -> None:
    versions = known_versions()
    assert versions[-1] == HEAD
    assert versions == sorted(set(versions))
    Warehouse(url).create_as_of(versions[0], {})
    assert stamp(url) == [(versions[0],)]
    Warehouse(url).create()
    assert shape(url) == as_created[url.drivername]


def test_every_table_has_a_migration_that_makes_it(url: URL) -> None:
    warehouse = Warehouse(url)
    warehouse.create_as_of(HEAD, {})
    assert warehouse.tables() >= TABLES.keys()


def test_a_warehouse_whose_stamp_somebody_removed_gets_it_again(
    url: URL, as_created: dict[str, dict[str, object]]
) -> None:
    load_release(RELEASES[0], url)
    Warehouse(url).create()
    run_sql(url, f"DELETE FROM {VERSION_TABLE}")
    Warehouse(url).create()
    assert shape(url) == as_created[url.drivername]
    assert stamp(url) == [(HEAD,)]
    run_sql(url, *(f"DROP TABLE {table}" for table in TABLES), f"DELETE FROM {VERSION_TABLE}")
    Warehouse(url).create()
    assert stamp(url) == [(HEAD,)]


def test_processes_that_bring_a_warehouse_forward_at_once_all_succeed(url: URL) -> None:
    load_release("190028e", url)
    with others(create, url, count=2) as makers:
        for maker in makers:
            maker.wait_until_ready()
        let_them_finish(makers)
    assert stamp(url) == [(HEAD,)]


def test_a_sync_continues_where_the_demo_of_the_first_release_ended(tmp_path: Path) -> None:
    url = URL.create("sqlite", database=str(tmp_path / "cwa_warehouse.db"))
    load_release(RELEASES[0], url)
    with open_shop(tmp_path, *invented_msp(), warehouse_url=url) as shop:
        outcome = shop.sync()
        assert outcome.succeeded, outcome.problems
        statuses = shop.table("additional_members")["status"].value_counts().to_dict()
        ledger = shop.table("additional_members_ledger")
    assert statuses == {"written": 8, "unchanged": 2}
    assert ledger["run_id"].nunique() == 2
    assert (ledger["status"] == "written").sum() >= 8


# --- refused ----------------------------------------------------------------------------------------------------------


def test_a_warehouse_of_a_newer_version_is_refused_and_untouched(url: URL) -> None:
    Warehouse(url).create()
    run_sql(url, f"UPDATE {VERSION_TABLE} SET version_num = '0999'", "DROP TABLE open_issues")
    before = everything(url)
    with pytest.raises(
        WarehouseError, match=r"made by a newer cwa-pipeline \(version 0999; .*: upgrade this one"
    ) as said:
        Warehouse(url).create()
    assert "\n" not in str(said.value)
    assert everything(url) == before


OTHERS = {
    "one table of ours": ["CREATE TABLE sync_runs (id INTEGER, started TEXT)", "INSERT INTO sync_runs VALUES (1, 'x')"],
    "the very columns": ["CREATE TABLE pcrt_groups (group_id INTEGER, name TEXT, colour TEXT)"],
    "even our sign": [
        "CREATE TABLE table_loads (id INTEGER, table_name TEXT)",
        "INSERT INTO table_loads VALUES (1, 'x')",
        "CREATE TABLE cwa_clients (id INTEGER)",
    ],
    "the table of the stamp": [f"CREATE TABLE {VERSION_TABLE} (version TEXT)"],
    "a view": ["CREATE VIEW table_loads AS SELECT 1 AS one", "CREATE TABLE sync_runs (id INTEGER)"],
}


@pytest.mark.parametrize("theirs", OTHERS)
def test_a_schema_that_another_program_uses_is_refused_in_one_line_and_untouched(url: URL, theirs: str) -> None:
    run_sql(url, *OTHERS[theirs])
    before = everything(url)
    place = Path(str(url.database)).name
    with pytest.raises(
        WarehouseError, match=rf"{place}: another program keeps tables with our names there \(.*\); set"
    ) as said:
        Warehouse(url).create()
    assert "\n" not in str(said.value)
    assert everything(url) == before


def test_tables_of_others_beside_ours_are_left_alone(url: URL) -> None:
    run_sql(
        url, "CREATE TABLE alembic_version (version_num TEXT)", "INSERT INTO alembic_version VALUES ('dagsters own')"
    )
    Warehouse(url).create()
    Warehouse(url).replace({"pcrt_groups": pd.DataFrame({"group_id": [1], "name": ["x"]})}, "a run")
    assert run_sql(url, "SELECT * FROM alembic_version") == [("dagsters own",)]


def test_an_upgrade_that_fails_half_way_leaves_the_older_warehouse_as_it_was(url: URL) -> None:
    load_release("2388406", url)
    run_sql(url, "CREATE VIEW match_suggestions AS SELECT 1 AS one")
    before = everything(url)
    with pytest.raises(WarehouseError):
        Warehouse(url).create()
    assert everything(url) == before
    run_sql(url, "DROP VIEW match_suggestions")
    Warehouse(url).create()
    assert stamp(url) == [(HEAD,)]
