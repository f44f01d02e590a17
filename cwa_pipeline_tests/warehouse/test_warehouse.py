"""What the warehouse promises, on both databases: what goes in comes out, all or nothing, and analysts' work lasts."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa
from adbc_driver_manager.dbapi import Connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.engine import URL

from cwa_pipeline.errors import BusyError, SettingsError, UnreachableError, WarehouseError
from cwa_pipeline.tables import TABLES
from cwa_pipeline.warehouse import schema
from cwa_pipeline.warehouse.frames import content_hash, to_arrow, validated
from cwa_pipeline.warehouse.migrations import VERSION_TABLE
from cwa_pipeline.warehouse.postgresql import PostgresqlDatabase
from cwa_pipeline.warehouse.sqlite import SqliteDatabase
from cwa_pipeline.warehouse.store import GROWING, LOADS, Warehouse
from cwa_pipeline_tests.servers.postgresql import PostgresqlServer
from cwa_pipeline_tests.warehouse.conftest import run_sql

NIGHT = pd.Timestamp("2026-03-01 01:00:00.000007", tz="UTC")
GROUPS = pd.DataFrame({"group_id": [101, 100], "name": ["Blue Door Bakery", None]})
LEDGER = pd.DataFrame(
    {
        "run_id": "first",
        "written_at": NIGHT,
        "subscription_id": [7, 8],
        "group_id": [100, None],
        "before": ["_1001_", None],
        "after": ["_1001_1002_", ""],
        "status": "planned",
        "hand_edited": False,
    }
).reindex(columns=list(schema.model("additional_members_ledger").columns))


@pytest.fixture
def warehouse(url: URL) -> Warehouse:
    warehouse = Warehouse(url)
    warehouse.create()
    return warehouse


# --- what goes in comes out -------------------------------------------------------------------------------------------

# fmt: off
AWKWARD_TEXTS = [
    "", " ", "'", '"', "\\", "%s", "NULL", "0012", "1e5", "😀👩‍👩‍👧", "שלום \u202e עולם", "e\u0301", "x" * 4000, "a\nb\tc\r"
]
# fmt: on
TEXTS = st.sampled_from(AWKWARD_TEXTS) | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
VALUES = {
    "int64": st.integers(1, 2**63 - 1),
    "Int64": st.integers(-(2**63), 2**63 - 1),
    "str": TEXTS,
    "bool": st.booleans(),
    "datetime64[us, UTC]": st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)).map(
        lambda time: time.replace(tzinfo=UTC)
    ),
}


def _values(table: str, name: str) -> st.SearchStrategy[object]:
    column = schema.model(table).columns[name]
    allowed = [value for check in column.checks for value in check.statistics.get("allowed_values", [])]
    values = st.sampled_from(allowed) if allowed else VALUES[str(schema.dtypes(table)[name])]
    highest = [check.statistics["max_value"] for check in column.checks if "max_value" in check.statistics]
    values = st.integers(1, min(highest)) if highest else values
    return values | st.none() if column.nullable else values


def _order(table: str) -> list[str]:
    return schema.key(table) or ["written_at", "run_id", "subscription_id", "status"]  # the ledger has no key


@st.composite
def frames(draw: st.DrawFn, table: str) -> pd.DataFrame:
    columns = list(schema.model(table).columns)
    rows = draw(
        st.lists(
            st.tuples(*(_values(table, name) for name in columns)).map(
                lambda row: dict(zip(columns, row, strict=True))
            ),
            unique_by=lambda row: tuple(row[name] for name in _order(table)),
            max_size=4,
        )
    )
    dtypes = schema.dtypes(table)
    return pd.DataFrame({name: pd.Series([row[name] for row in rows], dtype=dtypes[name]) for name in columns})


ASSET_TABLES = [table for table in TABLES if table != LOADS]


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(contents=st.fixed_dictionaries({table: frames(table) for table in ASSET_TABLES}))
def test_every_table_comes_back_as_it_went_in(warehouse: Warehouse, contents: dict[str, pd.DataFrame]) -> None:
    stored = warehouse.replace(contents, "a run")
    for table, frame in contents.items():
        rows = sorted(frame.to_dict("records"), key=lambda row: tuple(row[name] for name in _order(table)))
        in_order = {name: pd.Series([row[name] for row in rows], dtype=kind) for name, kind in frame.dtypes.items()}
        assert_frame_equal(warehouse.read(table), pd.DataFrame(in_order))
        assert_frame_equal(stored[table], frame)


def test_a_text_that_is_null_in_all_but_the_last_of_many_rows_is_read_as_text(warehouse: Warehouse) -> None:
    many = pd.DataFrame({"group_id": range(1, 5001), "name": [None] * 4999 + ["the last one"]})
    warehouse.replace({"pcrt_groups": many}, "a run")
    assert warehouse.read("pcrt_groups")["name"].iloc[-1] == "the last one"


def test_a_nul_is_stored_as_the_replacement_character(warehouse: Warehouse) -> None:
    stored = warehouse.replace({"pcrt_groups": pd.DataFrame({"group_id": [1], "name": ["a\0b"]})}, "a run")
    assert warehouse.read("pcrt_groups")["name"].tolist() == stored["pcrt_groups"]["name"].tolist() == ["a\ufffdb"]


def test_rows_come_in_the_order_of_the_key_whatever_the_order_they_went_in(warehouse: Warehouse) -> None:
    serials = ["b", "B", "é", "a", "_", "Z"]
    warehouse.replace({"serial_blacklist": pd.DataFrame({"serial_number": serials, "normalised": serials})}, "a run")
    assert warehouse.read("serial_blacklist")["normalised"].tolist() == sorted(serials)


def test_times_in_other_zones_are_stored_in_utc(warehouse: Warehouse, url: URL) -> None:
    berlin = LEDGER.assign(written_at=NIGHT.tz_convert("Europe/Berlin"))
    warehouse.append("additional_members_ledger", berlin)
    assert warehouse.read("additional_members_ledger")["written_at"].tolist() == [NIGHT, NIGHT]
    if url.drivername == "sqlite":
        (raw, *_), *_ = run_sql(url, "SELECT written_at FROM additional_members_ledger")
        assert raw == "2026-03-01 01:00:00.000007"


def test_table_loads_says_which_run_filled_a_table_and_with_how_many_rows(warehouse: Warehouse) -> None:
    before = pd.Timestamp.now("UTC")
    warehouse.replace({"pcrt_groups": GROUPS}, "first")
    warehouse.replace({"pcrt_groups": GROUPS.head(1), "pcrt_pcids": TABLES["pcrt_pcids"].empty()}, "second")
    loads = warehouse.loads()
    assert loads[["table_name", "run_id", "row_count"]].to_numpy().tolist() == [
        ["pcrt_groups", "second", 1],
        ["pcrt_pcids", "second", 0],
    ]
    assert (loads["loaded_at"] >= before).all()


def test_rows_that_are_there_already_are_not_written_again(warehouse: Warehouse, url: URL) -> None:
    warehouse.replace({"pcrt_groups": GROUPS}, "first")
    run_sql(url, "ALTER TABLE pcrt_groups ADD COLUMN seen_by TEXT", "UPDATE pcrt_groups SET seen_by = 'an analyst'")
    warehouse.replace({"pcrt_groups": GROUPS.copy()}, "second")
    assert run_sql(url, "SELECT DISTINCT seen_by FROM pcrt_groups") == [("an analyst",)]
    assert warehouse.loads()["run_id"].tolist() == ["second"], "they count as this run's all the same"
    warehouse.replace({"pcrt_groups": GROUPS.assign(name=["Blue Door", None])}, "third")
    assert run_sql(url, "SELECT DISTINCT seen_by FROM pcrt_groups") == [(None,)]


def test_a_table_whose_number_of_rows_somebody_changed_is_filled_again(warehouse: Warehouse, url: URL) -> None:
    warehouse.replace({"pcrt_groups": GROUPS}, "first")
    for by_hand in ("DELETE FROM pcrt_groups", "INSERT INTO pcrt_groups VALUES (7, 'Red Door')"):
        run_sql(url, by_hand)
        warehouse.replace({"pcrt_groups": GROUPS}, "second")
        assert warehouse.read("pcrt_groups")["group_id"].tolist() == [100, 101]


RECEIPT = pd.DataFrame(
    [["a run", "pcrt_groups", NIGHT, 2, 2, "an invented count"]], columns=list(schema.model("read_receipts").columns)
)


def test_rows_and_their_receipt_are_stored_together_or_not_at_all(warehouse: Warehouse, url: URL) -> None:
    warehouse.fill({"pcrt_groups": GROUPS}, "first", {"read_receipts": RECEIPT})
    assert warehouse.read("pcrt_groups")["group_id"].tolist() == [100, 101]
    assert warehouse.read("read_receipts")["rows_counted"].tolist() == [2]
    run_sql(url, "DROP TABLE read_receipts")
    with pytest.raises(WarehouseError, match="read_receipts"):
        warehouse.fill({"pcrt_groups": GROUPS.head(1)}, "second", {"read_receipts": RECEIPT})
    assert warehouse.read("pcrt_groups")["group_id"].tolist() == [100, 101]
    assert warehouse.loads()["run_id"].tolist() == ["first"]


def test_counts_are_those_of_the_rows_the_most_frequent_value_first(warehouse: Warehouse) -> None:
    issue = {
        "area": "client",
        "issue": "no_pcrt_group",
        "reason": None,
        "customer": None,
        "subject": None,
        "first_seen": NIGHT,
    }
    issues = pd.DataFrame(
        [
            {"issue_key": key, "severity": kind, **issue}
            for key, kind in {"a": "error", "b": "warning", "c": "warning"}.items()
        ]
    )
    warehouse.replace({"open_issues": issues[list(schema.model("open_issues").columns)]}, "a run")
    assert list(warehouse.counts("open_issues", "severity").items()) == [("warning", 2), ("error", 1)]


@settings(max_examples=15, deadline=None)
@given(some=frames("cwa_computers"), others=frames("cwa_computers"))
def test_the_hash_of_a_tables_rows_is_that_of_no_other_rows(some: pd.DataFrame, others: pd.DataFrame) -> None:
    def name(frame: pd.DataFrame) -> str:
        return content_hash(to_arrow("cwa_computers", frame, times_as_text=False))

    assert name(some) == name(some.copy())
    assert (name(some) == name(others)) == some.equals(others)
    if len(some) > 1:
        assert name(some) != name(some.iloc[::-1])
        assert name(some) == name(pd.concat([some.head(1), some.tail(-1)]))


def test_the_ledger_only_ever_grows(warehouse: Warehouse) -> None:
    warehouse.append("additional_members_ledger", LEDGER)
    warehouse.append("additional_members_ledger", LEDGER.head(0))
    warehouse.append(
        "additional_members_ledger", LEDGER.assign(status="written", written_at=NIGHT + pd.Timedelta("1s"))
    )
    ledger = warehouse.read("additional_members_ledger")
    assert ledger["status"].tolist() == ["planned", "planned", "written", "written"]
    assert ledger["before"].tolist()[0] == "_1001_"
    assert ledger["before"].isna().tolist() == [False, True, False, True]


def test_sqlite_waits_for_the_disk_before_a_commit_returns(tmp_path: Path) -> None:
    database = SqliteDatabase(URL.create("sqlite", database=str(tmp_path / "warehouse.db")))
    database.prepare()
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous")
        assert cursor.fetchall() == [(2,)], "2 is FULL: the ledger has to be on the disk before PCRT is written"


# --- never filled -----------------------------------------------------------------------------------------------------


def test_only_tables_that_grow_can_be_read_before_they_are_filled(warehouse: Warehouse) -> None:
    for table in ASSET_TABLES:
        if table in GROWING:
            assert_frame_equal(warehouse.read(table), pd.DataFrame(TABLES[table].empty()))
        else:
            with pytest.raises(WarehouseError, match=f"{table} was never filled; materialize the asset {table} first"):
                warehouse.read(table)
    warehouse.replace({"pcrt_groups": pd.DataFrame(columns=["group_id", "name"])}, "a run")
    assert_frame_equal(warehouse.read("pcrt_groups"), pd.DataFrame(TABLES["pcrt_groups"].empty()))


def test_a_warehouse_that_was_never_made_says_what_makes_it(url: URL) -> None:
    with pytest.raises(WarehouseError, match="run a sync, which creates"):
        Warehouse(url).read("pcrt_groups")


# --- a frame that is not as its model says ----------------------------------------------------------------------------

SUBSCRIPTIONS = pd.DataFrame(
    {
        "subscription_id": [1, 2],
        "name": ["Care", "More care"],
        "group_id": [100, None],
        "pcid": [None, 1001],
        "effective_group_id": [100, 100],
        "cwa_group": ["BizCare Basic", None],
        "plan": ["BizCare Basic", None],
        "is_bizcare": [True, False],
        "active": [True, True],
        "additional_members": ["_", None],
    }
)
UNFIT = {
    "a key twice": (SUBSCRIPTIONS.assign(subscription_id=1), r"subscription_id must be unique: 1;"),
    "no key": (SUBSCRIPTIONS.assign(subscription_id=[1, None]), "subscription_id must not be null: nan;"),
    "a key out of range": (
        SUBSCRIPTIONS.assign(subscription_id=[-1, 0]),
        r"subscription_id fails greater_than\(0\): -1, 0;",
    ),
    "half an id": (
        SUBSCRIPTIONS.assign(group_id=[1.5, None]),
        r"group_id must be Int64, not floating \(float64\): 1.5;",
    ),
    "an id as text": (
        SUBSCRIPTIONS.assign(pcid=["1001", "x"]),
        r"pcid must be Int64, not string \(str\): '1001', 'x';",
    ),
    "a missing truth": (
        SUBSCRIPTIONS.assign(active=pd.array([True, None], "boolean")),
        "active must not be null: <NA>;",
    ),
    "a missing truth as an object": (
        SUBSCRIPTIONS.assign(active=pd.Series([True, None], dtype=object)),
        "active must not be null: None;",
    ),
    "truth as text": (
        SUBSCRIPTIONS.assign(active=["yes", "no"]),
        r"active must be bool, not string \(str\): 'yes', 'no';",
    ),
    "text as a number": (SUBSCRIPTIONS.assign(plan=[7, 8]), r"plan must be str, not integer \(int64\): 7, 8;"),
    "text as bytes": (SUBSCRIPTIONS.assign(plan=[b"a", None]), r"plan must be str, not bytes"),
    "a column too few": (SUBSCRIPTIONS.drop(columns="plan"), r"plan is missing;"),
    "a column too many": (SUBSCRIPTIONS.assign(colour="red"), r"colour is not a column of this table;"),
}


@pytest.mark.parametrize("unfit", UNFIT)
def test_a_frame_that_does_not_fit_is_refused_by_name(unfit: str) -> None:
    frame, says = UNFIT[unfit]
    with pytest.raises(WarehouseError, match=rf"^pcrt_subscriptions\.{says}.*fix the asset pcrt_subscriptions$"):
        validated("pcrt_subscriptions", frame)


def test_when_one_frame_does_not_fit_the_old_rows_of_all_tables_stay(warehouse: Warehouse) -> None:
    warehouse.replace({"pcrt_groups": GROUPS, "pcrt_subscriptions": SUBSCRIPTIONS}, "first")
    with pytest.raises(WarehouseError):
        warehouse.replace({"pcrt_groups": GROUPS.head(0), "pcrt_subscriptions": UNFIT["no key"][0]}, "second")
    assert [len(warehouse.read(table)) for table in ("pcrt_groups", "pcrt_subscriptions")] == [2, 2]
    assert set(warehouse.loads()["run_id"]) == {"first"}


def test_a_frame_that_fits_but_for_order_and_types_gets_those_of_its_table() -> None:
    turned = SUBSCRIPTIONS[list(SUBSCRIPTIONS.columns)[::-1]].astype({"group_id": "float64", "name": "object"})
    turned.index = pd.Index([7, 7])
    stored = validated("pcrt_subscriptions", turned)
    assert stored.dtypes.to_dict() == schema.dtypes("pcrt_subscriptions").to_dict()
    assert stored["subscription_id"].tolist() == [1, 2]
    assert stored.index.tolist() == [0, 1]


def test_a_pair_that_must_be_unique_is_shown_as_a_pair() -> None:
    twice = pd.DataFrame({"computer_id": [5, 5, 6], "cwa_group_id": [850, 850, 850]})
    says = r"cwa_group_members\.computer_id\+cwa_group_id must be unique: \(5, 850\);"
    with pytest.raises(WarehouseError, match=says):
        validated("cwa_group_members", twice)
    with pytest.raises(WarehouseError, match=r"^cwa_group_members\.computer_id is missing; nothing was stored"):
        validated("cwa_group_members", twice.drop(columns="computer_id"))


def test_at_most_three_values_are_shown_and_none_that_names_people() -> None:
    with pytest.raises(WarehouseError, match=r"group_id fails greater_than\(0\): -1, -2, -3;"):
        validated("pcrt_groups", pd.DataFrame({"group_id": range(-1, -9, -1), "name": "x"}))
    with pytest.raises(WarehouseError, match=r"name must be str") as refused:
        validated("pcrt_groups", pd.DataFrame({"group_id": [1], "name": [b"Ada Invented"]}))
    assert "Ada" not in str(refused.value)


def test_times_without_a_zone_are_refused() -> None:
    with pytest.raises(WarehouseError, match=r"written_at must be datetime64\[us, UTC\]"):
        validated("additional_members_ledger", LEDGER.assign(written_at=pd.Timestamp("2026-03-01")))


# --- what the database has --------------------------------------------------------------------------------------------


def test_creating_the_tables_again_keeps_their_rows_and_adds_a_missing_table(warehouse: Warehouse, url: URL) -> None:
    warehouse.replace({"pcrt_groups": GROUPS}, "first")
    warehouse.create()
    run_sql(url, "DROP TABLE open_issues")
    warehouse.create()
    warehouse.replace({"open_issues": TABLES["open_issues"].empty()}, "second")
    assert len(warehouse.read("pcrt_groups")) == 2


def test_the_keys_of_the_models_are_primary_keys(warehouse: Warehouse, url: URL) -> None:
    inspector = sa.inspect(
        sa.create_engine(url.set(drivername="sqlite" if url.drivername == "sqlite" else "postgresql+psycopg"))
    )
    for table in TABLES:
        assert set(inspector.get_pk_constraint(table)["constrained_columns"]) == set(schema.key(table)), table
        nullable = {column["name"]: column["nullable"] for column in inspector.get_columns(table)}
        assert nullable == {name: column.nullable for name, column in schema.model(table).columns.items()}, table


def test_postgresql_shows_every_description(postgresql_server: PostgresqlServer) -> None:
    url = postgresql_server.new_database()
    Warehouse(url).create()
    shown = dict(
        run_sql(
            url,
            "SELECT c.relname || '.' || a.attname, col_description(c.oid, a.attnum) FROM pg_class c "
            "JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace = 'public'::regnamespace "
            f"AND c.relkind = 'r' AND a.attnum > 0 AND c.relname <> '{VERSION_TABLE}'",
        )
    )
    written = {f"{t}.{name}": column.description for t in TABLES for name, column in schema.model(t).columns.items()}
    assert shown == written
    assert run_sql(url, "SELECT obj_description('open_issues'::regclass)") == [("Every open issue in one list.",)]


def test_a_table_with_other_columns_is_refused_by_name(warehouse: Warehouse, url: URL) -> None:
    number = "INTEGER NOT NULL" if url.drivername == "sqlite" else "BIGINT"
    for columns, says in {
        "": r"pcrt_groups\.name is missing .*; add it: ALTER TABLE pcrt_groups ADD COLUMN name TEXT",
        ", name TEXT, note TEXT NOT NULL DEFAULT ''": r"pcrt_groups\.note is not a column of ours and is NOT NULL",
        ", name INTEGER": r"pcrt_groups\.name is .* must be TEXT",
        ", name TEXT NOT NULL": r"pcrt_groups\.name is .* must allow nulls",
    }.items():
        run_sql(url, "DROP TABLE pcrt_groups", f"CREATE TABLE pcrt_groups (group_id {number} PRIMARY KEY{columns})")
        with pytest.raises(WarehouseError, match=says):
            warehouse.create()


def test_columns_views_and_indexes_of_the_analysts_last(warehouse: Warehouse, url: URL) -> None:
    run_sql(
        url,
        "ALTER TABLE pcrt_groups ADD COLUMN note TEXT",
        "CREATE INDEX by_name ON pcrt_groups (name)",
        "CREATE VIEW named AS SELECT name FROM pcrt_groups WHERE name IS NOT NULL",
    )
    warehouse.create()
    warehouse.replace({"pcrt_groups": GROUPS}, "first")
    warehouse.replace({"pcrt_groups": GROUPS}, "second")
    assert run_sql(url, "SELECT name FROM named") == [("Blue Door Bakery",)]
    catalogue = "sqlite_schema WHERE name" if url.drivername == "sqlite" else "pg_class WHERE relname"
    assert run_sql(url, f"SELECT count(*) FROM {catalogue} = 'by_name'") == [(1,)]
    assert list(warehouse.read("pcrt_groups").columns) == ["group_id", "name"]


def test_grants_last(postgresql_server: PostgresqlServer) -> None:
    url = postgresql_server.new_database()
    warehouse = Warehouse(url)
    warehouse.create()
    analyst = f"analyst_of_{url.database}"
    run_sql(url, f"CREATE ROLE {analyst} LOGIN", f"GRANT SELECT ON pcrt_groups TO {analyst}")
    warehouse.replace({"pcrt_groups": GROUPS}, "first")
    assert run_sql(url.set(username=analyst), "SELECT count(*) FROM pcrt_groups") == [(2,)]


# --- locks ------------------------------------------------------------------------------------------------------------


def test_one_sync_at_a_time_and_the_next_one_at_once(url: URL, warehouse: Warehouse) -> None:
    with warehouse.exclusive():
        with pytest.raises(BusyError, match="another sync"), Warehouse(url).exclusive():
            pytest.fail("two syncs in one warehouse")
        warehouse.replace({"pcrt_groups": GROUPS}, "the holder writes")
    with Warehouse(url).exclusive():
        pass


def test_an_error_under_the_lock_passes_unchanged_and_frees_it(warehouse: Warehouse) -> None:
    with pytest.raises(OSError, match="not the warehouse's"), warehouse.exclusive():
        raise OSError("not the warehouse's")
    with warehouse.exclusive():
        pass


def test_sqlite_keeps_its_wal_while_connections_are_reused_and_brings_it_in_at_the_end(tmp_path: Path) -> None:
    file = tmp_path / "warehouse.db"
    warehouse = Warehouse(URL.create("sqlite", database=str(file)))
    warehouse.create()
    with warehouse.reuse_connections():
        warehouse.replace({"pcrt_groups": GROUPS}, "a run")
        assert file.with_name("warehouse.db-wal").stat().st_size > 0
        assert len(Warehouse(URL.create("sqlite", database=str(file))).read("pcrt_groups")) == 2
    assert not file.with_name("warehouse.db-wal").exists()


def test_two_names_of_one_sqlite_file_mean_one_lock(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    direct, linked = (
        Warehouse(URL.create("sqlite", database=str(path / "w.db"))) for path in (tmp_path, tmp_path / "link")
    )
    with direct.exclusive(), pytest.raises(BusyError), linked.exclusive():
        pytest.fail("two syncs in one warehouse")


def test_postgresql_notices_within_a_minute_that_a_sites_host_is_gone(postgresql_server: PostgresqlServer) -> None:
    url = postgresql_server.new_database().update_query_dict({"schema": "tampa"})
    with closing(PostgresqlDatabase(url).connect()) as connection, connection.cursor() as cursor:
        shown = []
        for setting in ("idle", "interval", "count"):
            cursor.execute(f"SELECT current_setting('tcp_keepalives_{setting}')")
            shown += cursor.fetchone() or ()
    idle, interval, count = map(int, shown)
    assert idle + interval * count <= 60


def test_each_schema_of_a_postgresql_database_is_a_warehouse_of_its_own(postgresql_server: PostgresqlServer) -> None:
    url = postgresql_server.new_database()
    run_sql(url, 'CREATE SCHEMA "Night Shift"')
    night = url.update_query_dict({"options": '-c search_path="Night\\ Shift"'})
    public, own = Warehouse(url), Warehouse(night)
    with public.exclusive(), own.exclusive():
        public.create()
        own.create()
    own.replace({"pcrt_groups": GROUPS}, "first")
    assert run_sql(url, 'SELECT count(*) FROM "Night Shift".pcrt_groups') == [(2,)]
    assert public.loads().empty


# --- failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address", ["sqlite://", "sqlite:///:memory:", "sqlite:////tmp/w.db?mode=ro", "postgresql://h/d?foo=1"]
)
def test_an_address_that_cannot_be_a_warehouse_is_a_setting_to_correct(address: str) -> None:
    with pytest.raises(SettingsError, match=r"^WAREHOUSE_URL: "):
        Warehouse(sa.make_url(address))


def test_a_folder_that_is_not_there_is_named_and_not_made(tmp_path: Path) -> None:
    warehouse = Warehouse(URL.create("sqlite", database=str(tmp_path / "missing" / "w.db")))
    for use in (warehouse.create, warehouse.exclusive().__enter__):
        with pytest.raises(WarehouseError, match=f"there is no folder {tmp_path}/missing; create it"):
            use()
    assert not (tmp_path / "missing").exists()


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "letters.txt"
    file.write_text("dear all, " * 1000)
    with pytest.raises(WarehouseError, match=r"letters\.txt: .*file is not a database; WAREHOUSE_URL must name"):
        Warehouse(URL.create("sqlite", database=str(file))).create()
    assert file.read_text() == "dear all, " * 1000


def test_nothing_is_made_by_reading(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError):
        Warehouse(URL.create("sqlite", database=str(tmp_path / "w.db"))).loads()
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_does_not_answer_is_worth_another_try() -> None:
    with pytest.raises(UnreachableError, match=r"PostgreSQL 127\.0\.0\.1/none cannot be reached") as failure:
        Warehouse(sa.make_url("postgresql://someone:t0p-s3cret@127.0.0.1:1/none")).create()
    assert (
        "t0p-s3cret"
        not in f"{failure.value!r} {failure.value.__cause__} {Warehouse(sa.make_url('postgresql://a:t0p@h/d'))!r}"
    )


def test_a_refused_account_right_or_write_says_what_to_correct(postgresql_server: PostgresqlServer) -> None:
    url = postgresql_server.new_database()
    for refused in (url.set(username="nobody_here"), url.set(database="not_there")):
        for step in (Warehouse(refused).create, Warehouse(refused).exclusive().__enter__):
            with pytest.raises(SettingsError, match=r"^WAREHOUSE_URL: .* denies access: .*does not exist"):
                step()
    with pytest.raises(WarehouseError, match="read-only transaction"):
        Warehouse(url.update_query_dict({"options": "-c default_transaction_read_only=on"})).create()
    Warehouse(url).create()
    run_sql(url, f"CREATE ROLE outsider_of_{url.database} LOGIN")
    with pytest.raises(SettingsError, match="permission denied for table table_loads"):
        Warehouse(url.set(username=f"outsider_of_{url.database}")).loads()


def test_a_connection_lost_in_the_middle_leaves_the_old_rows(
    postgresql_server: PostgresqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgresql_server.new_database()
    warehouse = Warehouse(url)
    warehouse.create()
    warehouse.replace({"pcrt_groups": GROUPS}, "first")
    commit = Connection.commit

    def cut_and_commit(connection: Connection) -> None:
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        run_sql(url, f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}")
        commit(connection)

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "commit", cut_and_commit)
        with pytest.raises(UnreachableError):
            warehouse.replace({"pcrt_groups": GROUPS.head(0)}, "second")
    assert len(warehouse.read("pcrt_groups")) == 2


def test_the_address_keeps_its_password_and_parameters() -> None:
    password = "p@ss w/rd+%'\\"
    url = URL.create(
        "postgresql+psycopg2", "u:ser", password, "db.example.com", 5433, "ware house", {"sslmode": "require"}
    )
    parts = conninfo_to_dict(PostgresqlDatabase(url).conninfo)
    assert parts | {"user": "u:ser", "password": password, "host": "db.example.com", "dbname": "ware house"} == parts
    assert (parts["sslmode"], str(parts["port"])) == ("require", "5433")
