"""What a backup promises: one moment of the whole warehouse, back again on either database, or a line that says why not."""

import json
import resource
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

import adbc_driver_postgresql.dbapi as adbc
import pandas as pd
import pyarrow as pa
import pytest
from adbc_driver_manager.dbapi import Connection
from pandas.testing import assert_frame_equal
from sqlalchemy.engine import URL, make_url
from typer.testing import CliRunner

from cwa_pipeline.commands.main import app
from cwa_pipeline.errors import BackupError, BusyError, WarehouseError
from cwa_pipeline.tables import TABLES
from cwa_pipeline.warehouse.backup import back_up, restore, writing
from cwa_pipeline.warehouse.migrations import HEAD, VERSION_TABLE
from cwa_pipeline.warehouse.store import Warehouse
from cwa_pipeline_tests.servers.postgresql import PostgresqlServer
from cwa_pipeline_tests.warehouse.conftest import new_database, run_sql
from cwa_pipeline_tests.warehouse.releases import RELEASES, load_release
from cwa_pipeline_tests.warehouse.test_warehouse_processes import _wait, let_them_finish, others

GROUPS = pd.DataFrame({"group_id": [1, 2], "name": ["old", "older"]})
BYTES = 12  # of a backup that are damaged, one at a time


def full(url: URL) -> Warehouse:
    """A warehouse with rows in nearly every table."""
    load_release(RELEASES[-1], url)
    warehouse = Warehouse(url)
    warehouse.create()
    return warehouse


@pytest.fixture
def filled(tmp_path: Path) -> Warehouse:
    return full(URL.create("sqlite", database=str(tmp_path / "filled.db")))


@pytest.fixture
def backup(filled: Warehouse, tmp_path: Path) -> Path:
    back_up(filled, tmp_path / "backup.zip")
    return tmp_path / "backup.zip"


def rows(warehouse: Warehouse) -> dict[str, pd.DataFrame]:
    with warehouse.snapshot() as read:
        return {table: read(table) for table in TABLES}


def assert_same(found: dict[str, pd.DataFrame], wanted: dict[str, pd.DataFrame]) -> None:
    assert found.keys() == wanted.keys()
    for table, frame in wanted.items():
        assert_frame_equal(found[table], frame, obj=table)


# --- there and back ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("into", ["sqlite", "postgresql"])
def test_a_backup_comes_back_to_the_letter_on_either_database(
    into: str, url: URL, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    warehouse, target = full(url), Warehouse(new_database(into, request))
    made = back_up(warehouse, tmp_path / "backup.zip")
    before = rows(warehouse)
    assert made.rows == sum(map(len, before.values())) > 60
    restore(target, tmp_path / "backup.zip")
    assert_same(rows(target), before)
    target.replace({"pcrt_groups": GROUPS}, "next")
    assert target.read("pcrt_groups")["name"].tolist() == ["old", "older"]


def replace_two_tables_until_killed(url: str, test: Pipe) -> None:
    generation = 0
    while True:
        generation += 1
        frame = pd.DataFrame({"group_id": range(1, generation % 5 + 2), "name": str(generation)})
        other = pd.DataFrame({"client_id": frame["group_id"], "name": frame["name"], "external_id": None})
        Warehouse(make_url(url)).replace({"pcrt_groups": frame, "cwa_clients": other}, str(generation))
        if generation == 1:
            _wait(test)


def test_a_backup_is_of_one_moment_while_a_writer_is_busy(url: URL, tmp_path: Path) -> None:
    Warehouse(url).create()
    generations = []
    with others(replace_two_tables_until_killed, url) as writers:
        writers[0].wait_until_ready()
        writers[0].pipe.send("go on")
        for number in range(3):
            with Warehouse(url).snapshot() as read:
                groups, clients = read("pcrt_groups"), read("cwa_clients")
                loads = read("table_loads")
            assert groups["name"].tolist() == clients["name"].tolist()
            assert set(loads["run_id"]) == set(groups["name"])
            back_up(Warehouse(url), tmp_path / f"{number}.zip")
            generations.append(groups["name"].iloc[0])
    assert len(set(generations)) > 1, "the writer wrote nothing meanwhile"
    target = Warehouse(URL.create("sqlite", database=str(tmp_path / "target.db")))
    for number in range(3):
        restore(target, tmp_path / f"{number}.zip", replace=True)
        found = rows(target)
        assert found["pcrt_groups"]["name"].tolist() == found["cwa_clients"]["name"].tolist()
        assert set(found["table_loads"]["run_id"]) == set(found["pcrt_groups"]["name"])


def test_a_backup_is_taken_while_a_sync_holds_the_warehouse(filled: Warehouse, tmp_path: Path) -> None:
    with filled.exclusive():
        assert back_up(filled, tmp_path / "during.zip").rows > 60


# --- an older and a newer one -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("release", "version"), [("190028e", "0001"), ("2388406", "0002"), ("e464c68", "0003")])
def test_a_backup_of_an_older_version_is_brought_forward(
    release: str, version: str, url: URL, tmp_path: Path, postgresql_server: PostgresqlServer
) -> None:
    older = postgresql_server.new_database()
    load_release(release, older)
    with (
        closing(adbc.connect(older.render_as_string(hide_password=False))) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        tables = [table for (table,) in cursor.fetchall()]
        with writing(tmp_path / "older.zip") as writer:
            for table in tables:
                cursor.execute(f"SELECT * FROM {table}")
                writer.add(table, cursor.fetch_arrow_table())
            writer.finish(tables_version=version, made_by="cwa-pipeline of then")
    restore(Warehouse(url), tmp_path / "older.zip")
    Warehouse(older).create()
    assert_same(rows(Warehouse(url)), rows(Warehouse(older)))


def test_a_backup_of_a_newer_version_or_format_is_refused_in_one_line(url: URL, tmp_path: Path) -> None:
    with writing(tmp_path / "newer.zip") as writer:
        writer.add("of_tomorrow", pa.table({"a": [1]}))
        writer.finish(tables_version="0999", made_by="cwa-pipeline 9.9")
    with pytest.raises(
        BackupError, match=r"made by a newer version \(cwa-pipeline 9\.9, .*0999.*\); upgrade this"
    ) as said:
        restore(Warehouse(url), tmp_path / "newer.zip")
    assert "\n" not in str(said.value)
    with zipfile.ZipFile(tmp_path / "newer_format.zip", "w") as archive:
        archive.writestr("manifest.json", json.dumps({"format": 2, "what": "nobody knows yet"}))
    with pytest.raises(BackupError, match="was made by a newer cwa-pipeline; upgrade this one"):
        restore(Warehouse(url), tmp_path / "newer_format.zip")
    if url.drivername == "sqlite":
        assert not Path(str(url.database)).exists()
    else:
        assert run_sql(url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]


def test_a_warehouse_of_an_older_version_is_not_backed_up_under_the_new_ones_name(url: URL, tmp_path: Path) -> None:
    load_release("2388406", url)
    with pytest.raises(WarehouseError, match="of an older version, or missing; run `cwa-pipeline check`"):
        back_up(Warehouse(url), tmp_path / "backup.zip")
    assert not list(tmp_path.glob("*.zip"))


# --- damaged ----------------------------------------------------------------------------------------------------------


@contextmanager
def refused(warehouse: Warehouse) -> Iterator[None]:
    """A backup is refused in one line, and the warehouse stays as it is."""
    before = rows(warehouse)
    with pytest.raises(BackupError, match=r"\.zip: .*; use another one$") as said:
        yield
    assert "\n" not in str(said.value)
    assert_same(rows(warehouse), before)


def test_a_damaged_backup_is_refused_and_the_rows_stay(filled: Warehouse, backup: Path) -> None:
    whole = backup.read_bytes()
    for damaged in (whole[:-100], b"", b"dear all, " * 1000):
        backup.write_bytes(damaged)
        with refused(filled):
            restore(filled, backup, replace=True)
    backup.write_bytes(whole)
    with zipfile.ZipFile(backup) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    groups = parts["cwa_groups.parquet"]
    without = {name: data for name, data in parts.items() if name != "open_issues.parquet"}
    for changed in (without, parts | {"pcrt_groups.parquet": groups}):  # a missing table, a table of another backup
        with zipfile.ZipFile(backup, "w") as archive:
            for name, data in changed.items():
                archive.writestr(name, data)
        with refused(filled):
            restore(filled, backup, replace=True)


def test_whatever_byte_of_a_table_or_the_manifest_is_damaged_the_backup_is_refused(
    filled: Warehouse, backup: Path
) -> None:
    whole = backup.read_bytes()
    with zipfile.ZipFile(backup) as archive:
        starts = {i.filename: (i.header_offset + 30 + len(i.filename), i.file_size) for i in archive.infolist()}
    places = [start + size * share // 10 for start, size in starts.values() for share in (0, 5, 9)]
    for place in places[:: max(1, len(places) // BYTES)]:
        backup.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        with pytest.raises(BackupError, match="was damaged"):
            restore(filled, backup, replace=True)


# --- what it may replace ----------------------------------------------------------------------------------------------


def test_a_warehouse_with_rows_is_replaced_only_when_told_and_analysts_work_lasts(url: URL, backup: Path) -> None:
    warehouse = Warehouse(url)
    warehouse.create()
    warehouse.replace({"pcrt_groups": GROUPS}, "first")
    run_sql(url, "CREATE VIEW named AS SELECT name FROM pcrt_groups", "ALTER TABLE pcrt_groups ADD COLUMN note TEXT")
    with pytest.raises(WarehouseError, match=r"is not empty \(pcrt_groups has rows\); .* --replace"):
        restore(warehouse, backup)
    assert warehouse.read("pcrt_groups")["name"].tolist() == ["old", "older"]
    restore(warehouse, backup, replace=True)
    assert len(run_sql(url, "SELECT * FROM named")) == 3
    assert warehouse.read("pcrt_groups", or_empty=True)["group_id"].tolist() == [100, 104, 105]


def test_nothing_is_restored_under_a_running_sync(url: URL, backup: Path) -> None:
    warehouse = Warehouse(url)
    warehouse.create()
    with warehouse.exclusive(), pytest.raises(BusyError):
        restore(Warehouse(url), backup)
    assert warehouse.loads().empty


def restore_and_wait_before_the_commit(url: str, test: Pipe) -> None:
    commit = Connection.commit

    def held(connection: Connection) -> None:
        _wait(test)
        commit(connection)

    Connection.commit = held  # type: ignore[method-assign]
    test.send("which file?")
    restore(Warehouse(make_url(url)), Path(test.recv()), replace=True)


def test_a_restore_that_is_killed_leaves_the_old_rows_and_can_be_done_again(url: URL, backup: Path) -> None:
    warehouse = Warehouse(url)
    warehouse.create()
    warehouse.replace({"pcrt_groups": GROUPS}, "first")
    before = rows(warehouse)
    for end in ("kill", "finish"):
        with others(restore_and_wait_before_the_commit, url) as [restorer]:
            assert restorer.pipe.recv() == "which file?"
            restorer.pipe.send(str(backup))
            restorer.wait_until_ready()
            assert_same(rows(warehouse), before)
            if end == "kill":
                restorer.kill()
                assert_same(rows(warehouse), before)
            else:
                let_them_finish([restorer])
    assert len(warehouse.read("additional_members_ledger")) == 3


# --- the file and the commands ----------------------------------------------------------------------------------------


def back_up_on_a_full_disk(url: str, test: Pipe) -> None:
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (35_000, 35_000)
    )  # no file may grow past this, as on a full disk; SQLite needs 32 KiB
    try:
        back_up(Warehouse(make_url(url)), Path(str(make_url(url).database)).with_name("full.zip"))
    except BackupError as error:
        test.send(str(error))


def test_a_full_disk_leaves_no_half_a_backup(filled: Warehouse, tmp_path: Path) -> None:
    with others(back_up_on_a_full_disk, URL.create("sqlite", database=str(tmp_path / "filled.db"))) as [other]:
        said = other.pipe.recv()
        other.process.join()
    assert "full.zip: cannot be written (File too large); choose a folder" in said
    assert not [path for path in tmp_path.iterdir() if "full.zip" in path.name]


def test_backup_and_restore_on_the_command_line(
    filled: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cwa_pipeline.toml").write_text('[cwa]\nurl = "https://automate.example.com"\n')
    monkeypatch.chdir(tmp_path)
    old, new = ({"WAREHOUSE_URL": f"sqlite:///{tmp_path / name}"} for name in ("filled.db", "new.db"))
    run = partial(CliRunner().invoke, app)
    made = run(["backup", "night.zip"], env=old)
    assert made.exit_code == 0, made.output
    assert f"rows of {len(TABLES)} tables, as of 20" in made.stdout
    assert (tmp_path / "night.zip").stat().st_mode & 0o777 == 0o600, "it holds customers' names"
    refused = run(["backup", "night.zip"], env=old)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith("cwa-pipeline: ")
    assert "night.zip: already exists; choose another" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    back = run(["restore", "night.zip"], env=new)
    assert back.exit_code == 0, back.output
    restored = make_url(new["WAREHOUSE_URL"])
    assert_same(rows(Warehouse(restored)), rows(filled))
    assert run_sql(restored, f"SELECT version_num FROM {VERSION_TABLE}") == [(HEAD,)]
    refused = run(["restore", "night.zip"], env=new)
    assert refused.exit_code == 1
    assert "is not empty" in refused.stderr
