"""Writing Additional Members: a compare-and-swap on every engine and character set, of one field and nothing else."""

import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

from cwa_pipeline.config.settings import AdditionalMembersSettings, PcrtSettings
from cwa_pipeline.errors import SourceError, UnreachableError
from cwa_pipeline.pcrt import target as pcrt_target
from cwa_pipeline.pcrt.reader import Pcrt
from cwa_pipeline_tests.servers.mariadb import MariadbServer

DEFAULTS = PcrtSettings()
TABLE = (
    "CREATE TABLE subscriptions (subid INT PRIMARY KEY, subname TEXT, pcgroupid INT, pcid INT, cwagroup TEXT, "
    "additionalmembers TEXT, subactive INT)"
)
ROWS = (
    "INSERT INTO subscriptions VALUES (1, 'BizCare Basic', 100, 0, '850', '_1001_', 1), (2, 'B', 100, 0, '', NULL, 1), "
)
ROWS += "(3, 'C', 101, 0, '', 'Grün ab', 0), (4, 'D', 101, 0, '', '', 0)"
ENGINES = [f"{engine}-{charset}" for engine in ("InnoDB", "MyISAM") for charset in ("latin1", "utf8mb3", "utf8mb4")]
SERVER_SIDE = ["InnoDB-utf8mb4", "MyISAM-latin1"]


def run(url: URL, *statements: str) -> None:
    """Run statements on a database, as its technicians do."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def table_of(url: URL) -> dict[int, list[Any]]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return {row[0]: list(row[1:]) for row in connection.exec_driver_sql("SELECT * FROM subscriptions")}


@pytest.fixture(params=["sqlite", *ENGINES])
def pcrt_url(request: pytest.FixtureRequest, tmp_path: Path) -> URL:
    """A database with a few subscriptions, on each kind of database in turn."""
    if request.param == "sqlite":
        url = URL.create("sqlite", database=str(tmp_path / "pcrt.db"))
        run(url, TABLE, ROWS)
        return url
    engine, charset = request.param.split("-")
    server: MariadbServer = request.getfixturevalue("mariadb_server")
    url = server.new_database(charset)
    run(url, f"{TABLE} ENGINE={engine} DEFAULT CHARSET={charset}", ROWS)
    return url


def test_a_swap_changes_the_one_field_of_the_one_row(pcrt_url: URL) -> None:
    for subscription_id, before, after in (
        (1, "_1001_", "_1001_1002_"),
        (2, None, "_1_"),
        (3, "Grün ab", "_"),
        (4, "", "_2_"),
    ):
        expected = table_of(pcrt_url)
        assert expected[subscription_id][4] == before
        expected[subscription_id][4] = after
        with Pcrt(pcrt_url, DEFAULTS).writer() as writer:
            assert writer.swap(subscription_id, before, after) == "written"
        assert table_of(pcrt_url) == expected


NOT_WHAT_IS_THERE = (
    *[(1, "_1001"), (1, "_1001_ "), (1, " _1001_"), (1, ""), (1, None), (1, "_1001_\x00")],
    *[(2, ""), (2, "_"), (2, "NULL")],
    *[
        (3, "grün ab"),
        (3, "GRÜN AB"),
        (3, "Grun ab"),
        (3, "Gru\u0308n ab"),
        (3, "Grün ab "),
        (3, "Grün ab\t"),
        (3, "Grün %"),
    ],
    *[(3, "Gr\ufffdn ab"), (3, "Gr💾n ab")],
    *[(4, " "), (4, None), (4, "_"), (99, "_1001_"), (99, None), (-1, None)],
)


def test_a_list_that_differs_in_one_byte_or_is_gone_is_a_conflict(pcrt_url: URL) -> None:
    expected = table_of(pcrt_url)
    with Pcrt(pcrt_url, DEFAULTS).writer() as writer:
        for subscription_id, before in NOT_WHAT_IS_THERE:
            assert (before, writer.swap(subscription_id, before, "_1002_")) == (before, "conflict")
    assert table_of(pcrt_url) == expected


def test_a_hand_edit_between_read_and_write_stands(pcrt_url: URL) -> None:
    with Pcrt(pcrt_url, DEFAULTS).writer() as writer:
        run(pcrt_url, "UPDATE subscriptions SET additionalmembers = '_1001_7_' WHERE subid = 1")
        assert writer.swap(1, "_1001_", "_1001_1002_") == "conflict"
        assert writer.swap(4, "", "_5_") == "written"  # one conflict keeps nobody else from being written
    assert table_of(pcrt_url)[1][4] == "_1001_7_"


def test_writing_what_is_there_already_counts_as_written(pcrt_url: URL) -> None:
    with Pcrt(pcrt_url, DEFAULTS).writer() as writer:
        assert writer.swap(1, "_1001_", "_1001_") == "written"


def test_each_swap_is_committed_by_itself(pcrt_url: URL) -> None:
    with Pcrt(pcrt_url, DEFAULTS).writer() as writer:
        writer.swap(1, "_1001_", "_7_")
        assert table_of(pcrt_url)[1][4] == "_7_"
        writer.swap(1, "_7_", "_8_")
    assert table_of(pcrt_url)[1][4] == "_8_"


def test_of_two_writers_with_the_same_before_exactly_one_wins(pcrt_url: URL) -> None:
    """Many rounds on one row: each round has one winner, and the list is the winner's."""
    rounds = 15
    barrier = threading.Barrier(2, timeout=30)
    outcomes: dict[str, list[str]] = {"first": [], "second": []}

    def race(name: str) -> None:
        with Pcrt(pcrt_url, DEFAULTS).writer() as writer:
            for number in range(rounds):
                barrier.wait()
                outcomes[name].append(writer.swap(4, "" if number == 0 else f"_{number}_", f"_{number + 1}_"))
                barrier.wait()

    threads = [threading.Thread(target=race, args=(name,)) for name in outcomes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [set(pair) for pair in zip(*outcomes.values(), strict=True)] == [{"written", "conflict"}] * rounds
    assert table_of(pcrt_url)[4][4] == f"_{rounds}_"


@pytest.mark.parametrize("pcrt_url", SERVER_SIDE, indirect=True)
def test_a_list_too_long_for_its_column_is_an_error_and_not_cut_off(pcrt_url: URL) -> None:
    run(pcrt_url, "ALTER TABLE subscriptions MODIFY additionalmembers VARCHAR(10)")
    run(pcrt_url, "SET GLOBAL sql_mode = ''")  # as on servers that run old PHP
    try:
        with (
            Pcrt(pcrt_url, DEFAULTS).writer() as writer,
            pytest.raises(SourceError, match="subid 1 cannot be used: Data too long"),
        ):
            writer.swap(1, "_1001_", "_1001_1002_1003_")
    finally:
        run(pcrt_url, "SET GLOBAL sql_mode = DEFAULT")
    assert table_of(pcrt_url)[1][4] == "_1001_"


@pytest.mark.parametrize("pcrt_url", ["sqlite", "InnoDB-utf8mb4"], indirect=True)
def test_a_list_that_reads_back_otherwise_is_an_error_and_rolled_back(pcrt_url: URL) -> None:
    trigger = "BEFORE UPDATE ON subscriptions FOR EACH ROW SET NEW.additionalmembers = 'x'"
    if pcrt_url.get_backend_name() == "sqlite":
        trigger = "AFTER UPDATE ON subscriptions BEGIN UPDATE subscriptions SET additionalmembers = 'x'; END"
    run(pcrt_url, f"CREATE TRIGGER meddling {trigger}")
    with (
        Pcrt(pcrt_url, DEFAULTS).writer() as writer,
        pytest.raises(SourceError, match=r"was set to '_2_' and holds .'x'"),
    ):
        writer.swap(1, "_1001_", "_2_")
    assert table_of(pcrt_url)[1][4] == "_1001_"


@pytest.mark.parametrize(
    ("pcrt_url", "lock"),
    [
        ("InnoDB-utf8mb4", "SELECT * FROM subscriptions WHERE subid = 1 FOR UPDATE"),
        ("InnoDB-utf8mb4", "LOCK TABLES subscriptions WRITE"),
        ("MyISAM-latin1", "LOCK TABLES subscriptions READ"),
    ],
    indirect=["pcrt_url"],
)
def test_a_row_that_stays_locked_can_be_tried_later(pcrt_url: URL, lock: str, monkeypatch: pytest.MonkeyPatch) -> None:
    short = [statement.replace("= 5", "= 1") for statement in pcrt_target.SESSION["mysql"]]
    monkeypatch.setitem(pcrt_target.SESSION, "mysql", tuple(short))
    engine = sa.create_engine(pcrt_url, poolclass=sa.NullPool)
    with Pcrt(pcrt_url, DEFAULTS).writer() as writer, engine.connect() as technician:
        technician.exec_driver_sql(lock)
        with pytest.raises(UnreachableError, match=r"additionalmembers of subid 1: .*try again later"):
            writer.swap(1, "_1001_", "_2_")
        technician.exec_driver_sql("UNLOCK TABLES")
        technician.rollback()
        assert writer.swap(1, "_1001_", "_2_") == "written"


@pytest.mark.parametrize("pcrt_url", ["sqlite"], indirect=True)
def test_a_locked_sqlite_file_can_be_tried_later(pcrt_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cwa_pipeline.pcrt.connection.SQLITE_LOCK_SECONDS", 0.05)
    engine = sa.create_engine(pcrt_url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with Pcrt(pcrt_url, DEFAULTS).writer() as writer, engine.connect() as technician:
        technician.exec_driver_sql("BEGIN EXCLUSIVE")
        with pytest.raises(UnreachableError, match="locked"):
            writer.swap(1, "_1001_", "_2_")
        technician.exec_driver_sql("ROLLBACK")
    assert table_of(pcrt_url)[1][4] == "_1001_"


@pytest.mark.parametrize("pcrt_url", ["InnoDB-utf8mb4"], indirect=True)
def test_a_connection_lost_on_the_way_is_said_to_be_lost(pcrt_url: URL) -> None:
    with Pcrt(pcrt_url, DEFAULTS).writer() as writer:
        assert writer.swap(1, "_1001_", "_2_") == "written"
        run(pcrt_url, f"KILL {writer._connection.connection.driver_connection.thread_id()}")  # type: ignore[union-attr]
        with pytest.raises(UnreachableError):
            writer.swap(1, "_2_", "_3_")
    assert table_of(pcrt_url)[1][4] == "_2_"


@pytest.mark.parametrize("pcrt_url", ["sqlite", *SERVER_SIDE], indirect=True)
def test_a_key_that_names_several_rows_is_refused_before_anything_is_written(pcrt_url: URL) -> None:
    settings = PcrtSettings(additional_members=AdditionalMembersSettings(key="pcgroupid"))
    expected = table_of(pcrt_url)
    with (
        pytest.raises(SourceError, match=r"key: subscriptions.pcgroupid 10[01] names several rows"),
        Pcrt(pcrt_url, settings).writer(),
    ):
        pytest.fail("there must be no writer")
    assert table_of(pcrt_url) == expected


@pytest.mark.parametrize("pcrt_url", ["sqlite", "InnoDB-utf8mb4"], indirect=True)
def test_a_key_that_comes_to_name_several_rows_writes_to_none(pcrt_url: URL) -> None:
    settings = PcrtSettings(additional_members=AdditionalMembersSettings(key="pcid"))
    run(pcrt_url, "UPDATE subscriptions SET pcid = subid")
    with Pcrt(pcrt_url, settings).writer() as writer:
        run(pcrt_url, "UPDATE subscriptions SET pcid = 9, additionalmembers = '_1_'")
        with pytest.raises(SourceError, match="changed 4 rows"):
            writer.swap(9, "_1_", "_2_")
    assert {row[4] for row in table_of(pcrt_url).values()} == {"_1_"}


@pytest.mark.parametrize("pcrt_url", ["sqlite", "InnoDB-utf8mb4"], indirect=True)
def test_names_that_need_quotes_and_a_schema_are_no_trouble(pcrt_url: URL) -> None:
    quote = '"' if pcrt_url.get_backend_name() == "sqlite" else "`"
    run(pcrt_url, f"CREATE TABLE {quote}select{quote} ({quote}the key{quote} INT, {quote}100% from{quote} VARCHAR(99))")
    run(pcrt_url, f"INSERT INTO {quote}select{quote} VALUES (1, 'a:0:{{}}')")
    schema = "main" if quote == '"' else pcrt_url.database
    for table in ("select", f"{schema}.select"):
        target = AdditionalMembersSettings(table=table, key="the key", column="100% from", format="php")
        with Pcrt(pcrt_url, PcrtSettings(additional_members=target)).writer() as writer:
            assert writer.swap(1, "a:0:{}", "a:1:{i:0;i:1001;}") == "written"
            assert writer.swap(1, "a:1:{i:0;i:1001;}", "a:0:{}") == "written"


@pytest.mark.parametrize("pcrt_url", ["InnoDB-utf8mb4"], indirect=True)
@pytest.mark.parametrize("kind", ["JSON", "VARCHAR(50) COLLATE utf8mb4_unicode_ci", "LONGTEXT COLLATE utf8mb4_bin"])
def test_mariadbs_json_and_every_collation_compare_by_bytes(pcrt_url: URL, kind: str) -> None:
    run(pcrt_url, "UPDATE subscriptions SET additionalmembers = '[ 1001 ]'")
    run(
        pcrt_url,
        f"ALTER TABLE subscriptions MODIFY additionalmembers {kind}",
    )
    with Pcrt(pcrt_url, DEFAULTS).writer() as writer:
        assert writer.swap(1, "[1001]", "[1002]") == "conflict"
        assert writer.swap(1, "[ 1001 ]", "[1001,1002]") == "written"


@pytest.mark.parametrize("pcrt_url", ["InnoDB-utf8mb4"], indirect=True)
@pytest.mark.parametrize("kind", ["BLOB", "ENUM('_1001_', 'x')", "VARBINARY(50)", "INT"])
def test_a_column_that_is_no_text_is_refused(pcrt_url: URL, kind: str) -> None:
    run(pcrt_url, "DELETE FROM subscriptions", f"ALTER TABLE subscriptions MODIFY additionalmembers {kind}")
    with pytest.raises(SourceError, match="is no text column"), Pcrt(pcrt_url, DEFAULTS).writer():
        pytest.fail("there must be no writer")


@pytest.mark.parametrize("pcrt_url", ["InnoDB-latin1"], indirect=True)
@pytest.mark.parametrize("charset", ["latin1", "utf8mb4"])
def test_the_connections_own_character_set_makes_no_difference(pcrt_url: URL, charset: str) -> None:
    with Pcrt(pcrt_url.update_query_dict({"charset": charset}), DEFAULTS).writer() as writer:
        assert writer.swap(3, "GRÜN AB", "_1_") == "conflict"
        assert writer.swap(3, "Grün ab", "_1_") == "written"
