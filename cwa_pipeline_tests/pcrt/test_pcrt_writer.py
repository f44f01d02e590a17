"""Writing Additional Members: compare-and-swap of one field and nothing else, on every engine and character set."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

from cwa_pipeline.config.settings import AdditionalMembersSettings, PcrtSettings
from cwa_pipeline.errors import SourceError, UnreachableError
from cwa_pipeline.pcrt import target as pcrt_target
from cwa_pipeline.pcrt.reader import Pcrt
from cwa_pipeline.pcrt.writer import Change, PcrtWriter
from cwa_pipeline_tests.pcrt.test_pcrt import SCHEMA, run
from cwa_pipeline_tests.servers.mariadb import MariadbServer

DEFAULTS = PcrtSettings()
TABLE = SCHEMA[2]
ROWS = (
    "INSERT INTO subscriptions VALUES (1, 'BizCare Basic', 100, 0, '850', '_1001_', 1), (2, 'B', 100, 0, '', NULL, 1), "
)
ROWS += "(3, 'C', 101, 0, '', 'Grün ab', 0), (4, 'D', 101, 0, '', '', 0)"
ENGINES = [f"{engine}-{charset}" for engine in ("InnoDB", "MyISAM") for charset in ("latin1", "utf8mb3", "utf8mb4")]
SERVER_SIDE = ["InnoDB-utf8mb4", "MyISAM-latin1"]


def swap(writer: PcrtWriter, key: int, before: str | None, after: str | None, *, again: bool = False) -> str:
    """The outcome of a single list."""
    [(subscription_id, outcome)] = writer.swap_all([Change(key, before, after)], again=again)
    assert subscription_id == key
    return outcome


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
            assert swap(writer, subscription_id, before, after) == "written"
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
            assert (before, swap(writer, subscription_id, before, "_1002_")) == (before, "conflict")
    assert table_of(pcrt_url) == expected


@pytest.mark.parametrize("pcrt_url", ["sqlite", *SERVER_SIDE], indirect=True)
def test_a_hand_edit_between_read_and_write_stands(pcrt_url: URL) -> None:
    with Pcrt(pcrt_url, DEFAULTS).writer() as writer:
        run(pcrt_url, "UPDATE subscriptions SET additionalmembers = '_1001_7_' WHERE subid = 1")
        assert swap(writer, 1, "_1001_", "_1001_1002_") == "conflict"
        assert swap(writer, 4, "", "_5_") == "written"  # one conflict keeps nobody else from being written
    assert table_of(pcrt_url)[1][4] == "_1001_7_"


@pytest.mark.parametrize("pcrt_url", ["sqlite", *SERVER_SIDE], indirect=True)
def test_writing_what_is_there_already_counts_as_written(pcrt_url: URL) -> None:
    with Pcrt(pcrt_url, DEFAULTS).writer() as writer:
        assert swap(writer, 1, "_1001_", "_1001_") == "written"


@pytest.mark.parametrize("pcrt_url", ["sqlite", *SERVER_SIDE], indirect=True)
def test_each_call_is_committed_by_itself(pcrt_url: URL) -> None:
    with Pcrt(pcrt_url, DEFAULTS).writer() as writer:
        assert swap(writer, 1, "_1001_", "_7_") == "written"
        assert table_of(pcrt_url)[1][4] == "_7_"
        assert swap(writer, 1, "_7_", "_8_") == "written"
    assert table_of(pcrt_url)[1][4] == "_8_"


@pytest.mark.parametrize("pcrt_url", ["sqlite", *SERVER_SIDE], indirect=True)
def test_of_two_writers_with_the_same_before_exactly_one_wins(pcrt_url: URL) -> None:
    """Many rounds on one row: each round has one winner, and the list is the winner's."""
    rounds = 5
    barrier = threading.Barrier(2, timeout=30)
    outcomes: dict[str, list[str]] = {"first": [], "second": []}

    def race(name: str) -> None:
        with Pcrt(pcrt_url, DEFAULTS).writer() as writer:
            for number in range(rounds):
                barrier.wait()
                outcomes[name].append(swap(writer, 4, "" if number == 0 else f"_{number}_", f"_{number + 1}_"))
                barrier.wait()

    threads = [threading.Thread(target=race, args=(name,)) for name in outcomes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [set(pair) for pair in zip(*outcomes.values(), strict=True)] == [{"written", "conflict"}] * rounds
    assert table_of(pcrt_url)[4][4] == f"_{rounds}_"


@pytest.mark.parametrize("pcrt_url", ["sqlite", "InnoDB-utf8mb4"], indirect=True)
def test_a_list_that_reads_back_differently_is_an_error_and_rolled_back(pcrt_url: URL) -> None:
    trigger = "BEFORE UPDATE ON subscriptions FOR EACH ROW SET NEW.additionalmembers = 'x'"
    if pcrt_url.get_backend_name() == "sqlite":
        trigger = "AFTER UPDATE ON subscriptions BEGIN UPDATE subscriptions SET additionalmembers = 'x'; END"
    run(pcrt_url, f"CREATE TRIGGER meddling {trigger}")
    with (
        Pcrt(pcrt_url, DEFAULTS).writer() as writer,
        pytest.raises(SourceError, match=r"was set to '_2_' and holds .'x'"),
    ):
        swap(writer, 1, "_1001_", "_2_")
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
def test_a_row_that_stays_locked_is_unreachable(pcrt_url: URL, lock: str, monkeypatch: pytest.MonkeyPatch) -> None:
    short = [statement.replace("= 5", "= 1") for statement in pcrt_target.SESSION["mysql"]]
    monkeypatch.setitem(pcrt_target.SESSION, "mysql", tuple(short))
    engine = sa.create_engine(pcrt_url, poolclass=sa.NullPool)
    with Pcrt(pcrt_url, DEFAULTS).writer() as writer, engine.connect() as technician:
        technician.exec_driver_sql(lock)
        with pytest.raises(UnreachableError, match=r"additionalmembers of subid 1: .*try again later"):
            swap(writer, 1, "_1001_", "_2_")
        technician.exec_driver_sql("UNLOCK TABLES")
        technician.rollback()
        assert swap(writer, 1, "_1001_", "_2_") == "written"


@pytest.mark.parametrize("pcrt_url", ["sqlite"], indirect=True)
def test_a_locked_sqlite_file_is_unreachable(pcrt_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cwa_pipeline.pcrt.connection.SQLITE_LOCK_SECONDS", 0.05)
    engine = sa.create_engine(pcrt_url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with Pcrt(pcrt_url, DEFAULTS).writer() as writer, engine.connect() as technician:
        technician.exec_driver_sql("BEGIN EXCLUSIVE")
        with pytest.raises(UnreachableError, match="locked"):
            swap(writer, 1, "_1001_", "_2_")
        technician.exec_driver_sql("ROLLBACK")
    assert table_of(pcrt_url)[1][4] == "_1001_"


# --- many lists: all in one transaction where there is one ---------------------------------------------------------------

MANY = 40
LISTS = (None, "", "_", "_1001_", "Grün ab", "100% 'it's' %s %(swap_key)s :x")
EACH_KIND = pytest.mark.parametrize("pcrt_url", ["sqlite", *SERVER_SIDE], indirect=True)


def many_changes(url: URL) -> list[Change]:
    """Fill the table with lists that are all as they were when they were decided on; the changes to write."""
    values = [f"({key}, 'B', 100, {key}, '', {quoted(LISTS[key % len(LISTS)])}, 1)" for key in range(1, MANY + 1)]
    run(url, "DELETE FROM subscriptions", f"INSERT INTO subscriptions VALUES {', '.join(values)}")
    return [Change(key, row[4], f"_{key}_") for key, row in table_of(url).items()]


def quoted(text: str | None) -> str:
    return "NULL" if text is None else "'" + text.replace("'", "''") + "'"


def lists_of(url: URL) -> dict[int, str | None]:
    return {key: row[4] for key, row in table_of(url).items()}


@EACH_KIND
@pytest.mark.parametrize(("again", "outcome"), [(False, "conflict"), (True, "written")])
def test_a_list_that_already_is_what_it_should_become_may_have_been_written_by_an_earlier_try(
    pcrt_url: URL, again: bool, outcome: str
) -> None:
    changes = many_changes(pcrt_url)
    run(
        pcrt_url,
        "UPDATE subscriptions SET additionalmembers = '_6_' WHERE subid = 6",
        "UPDATE subscriptions SET additionalmembers = 'ask Ann' WHERE subid = 7",
        "DELETE FROM subscriptions WHERE subid = 8",
    )
    expected = lists_of(pcrt_url)
    with Pcrt(pcrt_url, DEFAULTS).writer() as writer:
        outcomes = dict(writer.swap_all(changes, again=again))
    conflicts = {6: outcome, 7: "conflict", 8: "conflict"}
    assert outcomes == dict.fromkeys(range(1, MANY + 1), "written") | conflicts
    unchanged = {key: expected[key] for key in (6, 7)}
    assert lists_of(pcrt_url) == {key: f"_{key}_" for key in range(1, MANY + 1) if key != 8} | unchanged


def after_some_swaps(monkeypatch: pytest.MonkeyPatch, action: Callable[[PcrtWriter], object]) -> None:
    """Let something happen before the list of subscription 20 is written."""
    swap_one = PcrtWriter._swap

    def action_and_swap(self: PcrtWriter, change: Change, *, again: bool) -> str:
        if change.subscription_id == 20:
            action(self)
        return swap_one(self, change, again=again)

    monkeypatch.setattr(PcrtWriter, "_swap", action_and_swap)


@pytest.mark.parametrize("pcrt_url", SERVER_SIDE, indirect=True)
def test_after_a_connection_broke_midway_another_try_writes_the_rest(
    pcrt_url: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = many_changes(pcrt_url)
    outcomes: dict[int, str] = {}

    def kill(writer: PcrtWriter) -> None:
        run(pcrt_url, f"KILL {writer._connection.exec_driver_sql('SELECT CONNECTION_ID()').scalar()}")

    with monkeypatch.context() as patched:
        after_some_swaps(patched, kill)
        with (
            Pcrt(pcrt_url, DEFAULTS).writer() as writer,
            pytest.raises(UnreachableError, match="additionalmembers of subid 20"),
        ):
            outcomes.update(writer.swap_all(changes))
    assert [*outcomes] in ([], [*range(1, 20)])  # with a transaction and without
    assert lists_of(pcrt_url) == {key: after if key in outcomes else before for key, before, after in changes}
    with Pcrt(pcrt_url, DEFAULTS).writer() as writer:
        rest = [change for change in changes if change.subscription_id not in outcomes]
        outcomes |= dict(writer.swap_all(rest, again=True))
    assert outcomes == dict.fromkeys(range(1, MANY + 1), "written")
    assert lists_of(pcrt_url) == {key: after for key, _, after in changes}


@pytest.mark.parametrize("pcrt_url", SERVER_SIDE, indirect=True)
def test_an_edit_that_happens_during_the_write_stands(pcrt_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = many_changes(pcrt_url)
    edit = "UPDATE subscriptions SET additionalmembers = 'ask Ann' WHERE subid = 30"
    after_some_swaps(monkeypatch, lambda _: run(pcrt_url, edit))
    with Pcrt(pcrt_url, DEFAULTS).writer() as writer:
        outcomes = dict(writer.swap_all(changes))
    assert outcomes == dict.fromkeys(range(1, MANY + 1), "written") | {30: "conflict"}
    assert lists_of(pcrt_url)[30] == "ask Ann"


@pytest.mark.parametrize("pcrt_url", SERVER_SIDE, indirect=True)
def test_a_list_too_long_for_its_column_is_an_error_and_a_transaction_writes_nothing(pcrt_url: URL) -> None:
    run(pcrt_url, "ALTER TABLE subscriptions MODIFY additionalmembers VARCHAR(60)")
    changes = many_changes(pcrt_url)
    outcomes: dict[int, str] = {}
    changes[19] = changes[19]._replace(after="_1001_" * 20)
    run(pcrt_url, "SET GLOBAL sql_mode = ''")  # as on servers that run old PHP, which cut a long text off
    try:
        with (
            Pcrt(pcrt_url, DEFAULTS).writer() as writer,
            pytest.raises(SourceError, match="of subid 20 cannot be used: Data too long"),
        ):
            outcomes.update(writer.swap_all(changes))
    finally:
        run(pcrt_url, "SET GLOBAL sql_mode = DEFAULT")
    assert [*outcomes] in ([], [*range(1, 20)])  # with a transaction and without
    assert lists_of(pcrt_url) == {key: after if key in outcomes else before for key, before, after in changes}


# --- where to write -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pcrt_url", ["sqlite", "InnoDB-utf8mb4"], indirect=True)
def test_a_key_that_comes_to_name_several_rows_writes_to_none(pcrt_url: URL) -> None:
    settings = PcrtSettings(additional_members=AdditionalMembersSettings(key="pcid"))
    run(pcrt_url, "UPDATE subscriptions SET pcid = subid")
    with Pcrt(pcrt_url, settings).writer() as writer:
        run(pcrt_url, "UPDATE subscriptions SET pcid = 9, additionalmembers = '_1_'")
        with pytest.raises(SourceError, match="changed 4 rows"):
            swap(writer, 9, "_1_", "_2_")
    assert {row[4] for row in table_of(pcrt_url).values()} == {"_1_"}


@pytest.mark.parametrize("pcrt_url", ["sqlite", "InnoDB-utf8mb4"], indirect=True)
def test_names_that_need_quotes_and_a_schema_are_written(pcrt_url: URL) -> None:
    quote = '"' if pcrt_url.get_backend_name() == "sqlite" else "`"
    run(pcrt_url, f"CREATE TABLE {quote}select{quote} ({quote}the key{quote} INT, {quote}100% from{quote} VARCHAR(99))")
    run(pcrt_url, f"INSERT INTO {quote}select{quote} VALUES (1, 'a:0:{{}}')")
    schema = "main" if quote == '"' else pcrt_url.database
    for table in ("select", f"{schema}.select"):
        target = AdditionalMembersSettings(table=table, key="the key", column="100% from", format="php")
        with Pcrt(pcrt_url, PcrtSettings(additional_members=target)).writer() as writer:
            assert swap(writer, 1, "a:0:{}", "a:1:{i:0;i:1001;}") == "written"
            assert swap(writer, 1, "a:1:{i:0;i:1001;}", "a:0:{}") == "written"


@pytest.mark.parametrize("pcrt_url", ["InnoDB-utf8mb4"], indirect=True)
@pytest.mark.parametrize("kind", ["JSON", "VARCHAR(50) COLLATE utf8mb4_unicode_ci", "LONGTEXT COLLATE utf8mb4_bin"])
def test_mariadbs_json_and_every_collation_compare_by_bytes(pcrt_url: URL, kind: str) -> None:
    run(pcrt_url, "UPDATE subscriptions SET additionalmembers = '[ 1001 ]'")
    run(
        pcrt_url,
        f"ALTER TABLE subscriptions MODIFY additionalmembers {kind}",
    )
    with Pcrt(pcrt_url, DEFAULTS).writer() as writer:
        assert swap(writer, 1, "[1001]", "[1002]") == "conflict"
        assert swap(writer, 1, "[ 1001 ]", "[1001,1002]") == "written"


@pytest.mark.parametrize("pcrt_url", ["InnoDB-utf8mb4"], indirect=True)
@pytest.mark.parametrize("kind", ["BLOB", "ENUM('_1001_', 'x')", "VARBINARY(50)", "INT"])
def test_a_column_that_is_not_text_is_refused(pcrt_url: URL, kind: str) -> None:
    run(pcrt_url, "DELETE FROM subscriptions", f"ALTER TABLE subscriptions MODIFY additionalmembers {kind}")
    with pytest.raises(SourceError, match="is not a text column"), Pcrt(pcrt_url, DEFAULTS).writer():
        pytest.fail("there must be no writer")


@pytest.mark.parametrize("pcrt_url", ["InnoDB-latin1"], indirect=True)
@pytest.mark.parametrize("charset", ["latin1", "utf8mb4"])
def test_the_connections_own_character_set_makes_no_difference(pcrt_url: URL, charset: str) -> None:
    with Pcrt(pcrt_url.update_query_dict({"charset": charset}), DEFAULTS).writer() as writer:
        assert swap(writer, 3, "GRÜN AB", "_1_") == "conflict"
        assert swap(writer, 3, "Grün ab", "_1_") == "written"
