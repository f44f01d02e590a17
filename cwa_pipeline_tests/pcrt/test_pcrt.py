"""Reading PCRT: on SQLite, and on a real MariaDB with both engines and the character sets shops have."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

from cwa_pipeline.config.settings import AdditionalMembersSettings, PcrtSettings
from cwa_pipeline.errors import PipelineError, SettingsError, SourceError, UnreachableError
from cwa_pipeline.pcrt import reader as pcrt_module
from cwa_pipeline.pcrt.reader import Pcrt
from cwa_pipeline.rules.receipts import MOST_READS, SELECT_COUNT
from cwa_pipeline_tests.servers import free_port
from cwa_pipeline_tests.servers.mariadb import MariadbServer

DEFAULTS = PcrtSettings()
SCHEMA = (
    "CREATE TABLE pc_group (pcgroupid INT PRIMARY KEY, pcgroupname TEXT NOT NULL)",
    "CREATE TABLE pc_owner (pcid INT PRIMARY KEY, pcname TEXT NOT NULL, pcmake TEXT NOT NULL, "
    "pcgroupid INT NOT NULL DEFAULT 0, pcextra TEXT NOT NULL)",
    "CREATE TABLE subscriptions (subid INT PRIMARY KEY, subname TEXT, pcgroupid INT, pcid INT, cwagroup TEXT, "
    "additionalmembers TEXT, subactive INT)",
)
DATA = (
    "INSERT INTO pc_group VALUES (101, 'Bäckerei Krume'), (100, 'Acme 100%')",
    "INSERT INTO pc_owner VALUES (1002, 'Laptop', 'Dell', 0, ''), (1001, 'Front desk', 'HP', 100, "
    "'a:2:{i:100;s:6:\"16 Gü\";i:104;s:7:\"325JVNA\";}'), (1003, 'Till', '', -7, 'broken')",
    "INSERT INTO subscriptions VALUES (2, 'Other', 0, 1001, '', NULL, 0), "
    "(1, 'BizCare Basic: desk', 100, 0, '850', '_1001_', 1), (3, 'Old', NULL, NULL, NULL, '', NULL)",
)
ONE_OF_EACH = ["sqlite", "InnoDB-utf8mb4", "MyISAM-latin1"]
DATABASES = [
    "sqlite",
    *(f"{engine}-{charset}" for engine in ("InnoDB", "MyISAM") for charset in ("latin1", "utf8mb3", "utf8mb4")),
]


def run(url: URL, *statements: str) -> None:
    """Run statements on a database, as its technicians do."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


@pytest.fixture(params=DATABASES)
def pcrt_url(request: pytest.FixtureRequest, tmp_path: Path) -> URL:
    """A PCRT database with a few rows, on each kind of database in turn."""
    if request.param == "sqlite":
        url = URL.create("sqlite", database=str(tmp_path / "pc rt?#%20.db"))
        run(url, *SCHEMA, *DATA)
        return url
    engine, charset = request.param.split("-")
    server: MariadbServer = request.getfixturevalue("mariadb_server")
    url = server.new_database(charset)
    run(url, *(f"{table} ENGINE={engine} DEFAULT CHARSET={charset}" for table in SCHEMA), *DATA)
    return url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> URL:
    """The same in SQLite, for what does not depend on the database."""
    url = URL.create("sqlite", database=str(tmp_path / "pcrt.db"))
    run(url, *SCHEMA, *DATA)
    return url


@pytest.fixture
def mariadb_url(mariadb_server: MariadbServer) -> URL:
    """The same in MariaDB, for what only a server has."""
    url = mariadb_server.new_database()
    run(url, *(f"{table} ENGINE=InnoDB" for table in SCHEMA), *DATA)
    return url


@pytest.fixture(scope="module")
def shared_url(mariadb_server: MariadbServer) -> URL:
    """The same for all tests that change nothing."""
    url = mariadb_server.new_database()
    run(url, *(f"{table} ENGINE=InnoDB" for table in SCHEMA), *DATA)
    return url


@pytest.fixture
def failure_of() -> Callable[..., str]:
    """The text of the error that reading raises: one line, without the password."""

    def read(url: URL, kind: type[PipelineError], **queries: Any) -> str:
        with pytest.raises(kind) as raised, Pcrt(url, PcrtSettings(**queries)) as pcrt:
            pcrt.read()
        assert type(raised.value) is kind
        assert "\n" not in str(raised.value)
        assert not url.password or url.password not in repr(raised.value.__cause__) + str(raised.value)
        return str(raised.value)

    return read


def rows(frame: pd.DataFrame) -> list[list[Any]]:
    return [[None if pd.isna(value) else value for value in row] for row in frame.itertuples(index=False)]


def test_all_three_queries_are_read_as_typed_columns_sorted_by_id(pcrt_url: URL) -> None:
    with Pcrt(pcrt_url, DEFAULTS) as pcrt:
        snapshot = pcrt.read()
    assert rows(snapshot.groups.frame) == [[100, "Acme 100%"], [101, "Bäckerei Krume"]]
    assert rows(snapshot.pcids.frame) == [
        [1001, "Front desk", "HP", 100, "325JVNA", None],
        [1002, "Laptop", "Dell", None, None, None],
        [1003, "Till", "", -7, None, "pcextra cannot be read"],
    ]
    assert rows(snapshot.subscriptions.frame) == [
        [1, "BizCare Basic: desk", 100, None, "850", True, "_1001_"],
        [2, "Other", None, 1001, "", False, None],
        [3, "Old", None, None, None, False, ""],
    ]
    types = [{name: str(dtype) for name, dtype in frame.dtypes.items()} for frame, _, _ in snapshot]
    text = dict.fromkeys(("name", "make", "serial_number", "serial_problem", "cwa_group", "additional_members"), "str")
    for found in types:
        expected = text | {"group_id": "Int64", "pcid": "Int64", "subscription_id": "int64", "active": "bool"}
        key = next(iter(found))
        assert found == {name: expected[name] for name in found} | {key: "int64"}


@pytest.mark.parametrize("pcrt_url", ONE_OF_EACH, indirect=True)
def test_a_fit_database_has_no_problems_and_an_empty_one_reads_as_empty(pcrt_url: URL) -> None:
    run(pcrt_url, "DELETE FROM pc_group", "DELETE FROM pc_owner", "DELETE FROM subscriptions")
    with Pcrt(pcrt_url, DEFAULTS) as pcrt:
        assert pcrt.check() == []
        snapshot = pcrt.read()
    assert [len(frame) for frame, _, _ in snapshot] == [0, 0, 0]
    assert str(snapshot.pcids.frame["serial_number"].dtype) == "str"
    assert str(snapshot.pcids.frame["group_id"].dtype) == "Int64"
    assert str(snapshot.subscriptions.frame["active"].dtype) == "bool"


@pytest.mark.parametrize("pcrt_url", ONE_OF_EACH, indirect=True)
def test_the_shops_sql_runs_as_written(pcrt_url: URL) -> None:
    groups = "SELECT pcgroupid AS group_id, pcgroupname AS name, ':x %s %(y)s' AS more FROM pc_group "
    groups += "WHERE pcgroupname LIKE '%0!%' ESCAPE '!'"
    with Pcrt(pcrt_url, PcrtSettings(groups=groups + " -- the large ones")) as pcrt:
        assert rows(pcrt.read().groups.frame) == [[100, "Acme 100%"]]
        assert pcrt.check() == []


def after_reading(monkeypatch: pytest.MonkeyPatch, query: str, action: Callable[[], object]) -> None:
    """Let something happen after the rows of a query were read and before they are counted."""
    frame_of = Pcrt._frame

    def frame_and_action(self: Pcrt, connection: sa.Connection, name: Any, around: str) -> pd.DataFrame:
        frame = frame_of(self, connection, name, around)
        if name == query:
            action()
        return frame

    monkeypatch.setattr(Pcrt, "_frame", frame_and_action)


def test_all_three_frames_are_of_one_moment(mariadb_url: URL, sqlite_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that arrives while we read is in no frame, whatever the server's own isolation level is."""
    run(sqlite_url, "PRAGMA journal_mode = WAL")
    run(mariadb_url, "SET GLOBAL TRANSACTION ISOLATION LEVEL READ COMMITTED")
    edits = ("DELETE FROM subscriptions", "INSERT INTO pc_owner VALUES (1004, 'New', '', 0, '')")
    after_reading(monkeypatch, "groups", lambda: run(url, *edits))
    try:
        for url in (mariadb_url, sqlite_url):
            with Pcrt(url, DEFAULTS) as pcrt:
                snapshot = pcrt.read()
            assert [(len(frame), counted) for frame, counted, _ in snapshot] == [(2, 2), (3, 3), (3, 3)]
    finally:
        run(mariadb_url, "SET GLOBAL TRANSACTION ISOLATION LEVEL REPEATABLE READ")


@pytest.mark.parametrize("database", ["sqlite_url", "mariadb_url"])
def test_reading_cannot_write(database: str, request: pytest.FixtureRequest, failure_of: Callable[..., str]) -> None:
    url = request.getfixturevalue(database)
    settings = PcrtSettings.model_construct(**(DEFAULTS.model_dump() | {"groups": "DELETE FROM pc_group"}))
    with pytest.raises(SourceError, match=r"\[pcrt\] groups cannot be used"), Pcrt(url, settings) as pcrt:
        pcrt.read()
    with Pcrt(url, DEFAULTS) as pcrt:
        assert len(pcrt.read().groups.frame) == 2


# --- ranges, counts and locks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pcrt_url", ONE_OF_EACH, indirect=True)
@pytest.mark.parametrize(("rows_a_statement", "statements"), [(1, 3), (2, 2), (3, 1)])
def test_a_large_table_is_read_in_ranges_to_the_same_rows(
    pcrt_url: URL, rows_a_statement: int, statements: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Pcrt(pcrt_url, DEFAULTS) as pcrt:
        at_once = pcrt.read()
        monkeypatch.setattr(pcrt_module, "ROWS_A_STATEMENT", rows_a_statement)
        read: list[str] = []
        after_reading(monkeypatch, "pcids", lambda: read.append("pcids"))
        in_ranges = pcrt.read()
    assert len(read) == statements
    for some, others in zip(in_ranges, at_once, strict=True):
        pd.testing.assert_frame_equal(some.frame, others.frame)
        assert some[1:] == others[1:]


def test_a_technician_can_save_as_soon_as_the_rows_are_fetched(
    mariadb_server: MariadbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MyISAM keeps a table locked until then, so no value is looked at before."""
    url = mariadb_server.new_database()
    run(url, *(f"{table} ENGINE=MyISAM" for table in SCHEMA), *DATA)
    run(url, "INSERT INTO pc_owner SELECT seq + 2000, REPEAT('x', 20000), '', 0, '' FROM seq_1_to_500")
    text_of, saved = pcrt_module._text, []

    def save_meanwhile(value: Any) -> str | None:
        if value == "Front desk" and not saved:
            saved.append(value)
            run(url, "SET lock_wait_timeout = 1", "UPDATE pc_owner SET pcname = 'Saved' WHERE pcid = 1001")
        return text_of(value)

    monkeypatch.setattr(pcrt_module, "_text", save_meanwhile)
    with Pcrt(url, DEFAULTS) as pcrt:
        assert len(pcrt.read().pcids.frame) == 503
    assert saved


def test_ids_that_are_texts_are_read_at_once(shared_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pcrt_module, "ROWS_A_STATEMENT", 1)
    some = ("'400'", "'999'", "'1000'")
    rows_of = " UNION ALL ".join(
        f"SELECT {pcid} AS pcid, 'PC' AS name, 'HP' AS make, 100 AS group_id, NULL AS extra" for pcid in some
    )
    with Pcrt(shared_url, PcrtSettings(pcids=f"SELECT * FROM ({rows_of}) AS texts")) as pcrt:
        assert pcrt.read().pcids.frame["pcid"].tolist() == [400, 999, 1000]


@pytest.mark.parametrize("value", ["'1002.5'", "NULL", "'12a'", "-7"])
def test_a_row_with_any_id_is_in_one_range(
    shared_url: URL, value: str, monkeypatch: pytest.MonkeyPatch, failure_of: Callable[..., str]
) -> None:
    pcids = f"{DEFAULTS.pcids} UNION ALL SELECT {value}, 'Odd', 'HP', 100, NULL"
    at_once = failure_of(shared_url, SourceError, pcids=pcids)
    monkeypatch.setattr(pcrt_module, "ROWS_A_STATEMENT", 1)
    assert failure_of(shared_url, SourceError, pcids=pcids) == at_once


@pytest.mark.parametrize("pcrt_url", ONE_OF_EACH, indirect=True)
def test_each_query_is_counted_by_the_database(pcrt_url: URL) -> None:
    groups = DEFAULTS.groups + " WHERE pcgroupname LIKE '%0!%' ESCAPE '!' -- the large ones"
    pcids = f"WITH all_of_them AS ({DEFAULTS.pcids}) SELECT * FROM all_of_them ORDER BY pcid DESC LIMIT 2"
    pcids = f"SELECT * FROM ({pcids}) AS newest"
    with Pcrt(pcrt_url, PcrtSettings(groups=groups, pcids=pcids)) as pcrt:
        snapshot = pcrt.read()
    assert [(len(frame), counted, by) for frame, counted, by in snapshot] == [
        (1, 1, SELECT_COUNT),
        (2, 2, SELECT_COUNT),
        (3, 3, SELECT_COUNT),
    ]


@pytest.mark.parametrize("pcrt_url", ["MyISAM-utf8mb4"], indirect=True)
@pytest.mark.parametrize("query", ["groups", "pcids", "subscriptions"])
@pytest.mark.parametrize(("insertions", "expected"), [(1, (4, 4)), (99, (3 + MOST_READS - 1, 3 + MOST_READS))])
def test_on_myisam_rows_that_arrive_before_the_count_are_read_too_or_both_numbers_returned(
    pcrt_url: URL, query: str, insertions: int, expected: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another connection really inserts them, between the query and its SELECT COUNT(*); MyISAM shows them at once."""
    insert = {
        "groups": "INSERT INTO pc_group VALUES ({}, 'New')",
        "pcids": "INSERT INTO pc_owner VALUES ({}, 'New', '', 0, '')",
        "subscriptions": "INSERT INTO subscriptions VALUES ({}, 'New', 0, 0, '', '', 1)",
    }[query]
    run(pcrt_url, "INSERT INTO pc_group VALUES (102, 'So that each table has three rows')")
    ids = iter(range(2001, 2001 + insertions))

    def insert_one() -> None:
        if new := next(ids, None):
            run(pcrt_url, insert.format(new))

    after_reading(monkeypatch, query, insert_one)
    with Pcrt(pcrt_url, DEFAULTS) as pcrt:
        snapshot = pcrt.read()
    receipts = {name: (len(frame), counted) for name, (frame, counted, _) in snapshot._asdict().items()}
    assert receipts == dict.fromkeys(receipts, (3, 3)) | {query: expected}


@pytest.mark.parametrize("query", ["groups", "pcids", "subscriptions"])
def test_a_query_that_cannot_be_counted_is_refused_with_the_remedy(
    sqlite_url: URL, query: str, failure_of: Callable[..., str]
) -> None:
    sql = getattr(DEFAULTS, query) + "; -- nothing more"
    text = failure_of(sqlite_url, SourceError, **{query: sql})
    assert text.startswith(f"[pcrt] {query} (it also runs inside SELECT COUNT(*) FROM (...), so it must be one SELECT")
    assert "correct it in cwa_pipeline.toml" in text


# --- values as drivers give them --------------------------------------------------------------------------------------


def pcid_with(url: URL, **values: str) -> list[Any]:
    """The one row of a query that gives these SQL values."""
    columns = {"pcid": "5", "name": "'a'", "make": "'b'", "group_id": "7", "extra": "''"} | values
    pcids = "SELECT " + ", ".join(f"{value} AS {name}" for name, value in columns.items())
    with Pcrt(url, PcrtSettings(pcids=pcids)) as pcrt:
        return rows(pcrt.read().pcids.frame)[0]


def test_an_id_may_have_any_type_as_long_as_it_is_a_whole_number(shared_url: URL) -> None:
    for value in ("'5'", "5", "5.0", "' 5 '", "CAST(5 AS DECIMAL)", "'+5'"):
        assert pcid_with(shared_url, pcid=value, group_id=value) == [5, "a", "b", 5, None, None]


def test_a_group_of_zero_or_null_is_none(shared_url: URL) -> None:
    for value in ("0", "'0'", "NULL", "''", "0.0"):
        assert pcid_with(shared_url, group_id=value)[3] is None


def test_an_id_that_is_not_a_whole_number_names_query_and_value(shared_url: URL) -> None:
    for value in ("1.5", "'x'", "'1e3'", "'99999999999999999999'", "18446744073709551615", "'١'"):
        with pytest.raises(SourceError) as raised:
            pcid_with(shared_url, group_id=value)
        shown = repr(value.strip("'"))
        assert f"[pcrt] pcids: group_id {shown} is not a whole number (found 1 such rows)" in str(raised.value)


def test_a_text_may_come_from_any_type_of_column(shared_url: URL) -> None:
    for value, text in (
        ("18446744073709551615", "18446744073709551615"),
        ("CAST(850 AS DECIMAL(8, 2))", "850"),
        ("CAST(5.50 AS DECIMAL(8, 2))", "5.50"),
        ("0.5e0", "0.5"),
        ("TIMESTAMP '2026-01-07 08:30:00'", "2026-01-07 08:30:00"),
        ("x'fc00'", "\ufffd\0"),
        ("JSON_ARRAY(1, 'ü')", '[1, "ü"]'),
        ("CONVERT('Grün' USING latin1)", "Grün"),
        ("REPEAT('💾', 40000)", "💾" * 40_000),
        ("'100% %s'", "100% %s"),
        ("NULL", None),
    ):
        assert pcid_with(shared_url, name=value)[1] == text


@pytest.mark.parametrize("value", ["0", "NULL", "-3", "''"])
def test_a_row_must_have_an_id_above_zero(sqlite_url: URL, value: str, failure_of: Callable[..., str]) -> None:
    groups = "SELECT pcgroupid AS group_id, '' AS name FROM pc_group " + f"UNION ALL SELECT {value}, '' " * 2
    assert "[pcrt] groups: 2 rows have no group_id above 0" in failure_of(sqlite_url, SourceError, groups=groups)


def test_a_repeated_id_is_named(sqlite_url: URL, failure_of: Callable[..., str]) -> None:
    subscriptions = DEFAULTS.subscriptions + " UNION ALL " + DEFAULTS.subscriptions + " WHERE subid = 3"
    text = failure_of(sqlite_url, SourceError, subscriptions=subscriptions)
    assert "[pcrt] subscriptions: subscription_id 3 occurs more than once (as do 1 ids in all)" in text


ACTIVE = {
    **{"1": True, "0": False, "NULL": False, "'1'": True, "'0'": False, "' 2.0 '": True, "-1": True, "0.5": True},
    **{"'0.0'": False, "b'1'": True, "b'0'": False, "CAST(1 AS BINARY)": True, "TRUE": True},
}


def test_active_is_any_number_but_zero(shared_url: URL) -> None:
    for value, active in ACTIVE.items():
        subscriptions = DEFAULTS.subscriptions.replace("subactive", value)
        with Pcrt(shared_url, PcrtSettings(subscriptions=subscriptions)) as pcrt:
            assert (value, pcrt.read().subscriptions.frame["active"].tolist()) == (value, [active] * 3)


@pytest.mark.parametrize("value", ["yes", "", "nan", "inf", "1_0"])
def test_active_that_is_not_a_number_is_refused(sqlite_url: URL, value: str, failure_of: Callable[..., str]) -> None:
    text = failure_of(sqlite_url, SourceError, subscriptions=DEFAULTS.subscriptions.replace("subactive", f"'{value}'"))
    assert f"[pcrt] subscriptions: active {value!r} is not a number" in text


def test_a_serial_column_of_its_own_wins_over_pcextra(sqlite_url: URL) -> None:
    pcids = DEFAULTS.pcids.replace("pcextra AS extra", "pcextra AS extra, pcname || pcmake AS serial_number")
    with Pcrt(sqlite_url, PcrtSettings(pcids=pcids)) as pcrt:
        assert pcrt.read().pcids.frame["serial_number"].tolist() == ["Front deskHP", "LaptopDell", "Till"]
    pcids = DEFAULTS.pcids.replace(
        "pcextra AS extra", "CASE pcid WHEN 1001 THEN '' WHEN 1002 THEN 77 END AS serial_number"
    )
    with Pcrt(sqlite_url, PcrtSettings(pcids=pcids)) as pcrt:
        assert [row[-2:] for row in rows(pcrt.read().pcids.frame)] == [[None, None], ["77", None], [None, None]]


def test_text_that_is_not_utf8_is_read_but_never_as_a_serial_number(sqlite_url: URL) -> None:
    for latin1 in ("CAST(x'42FC726F' AS TEXT)", "x'42FC726F'"):
        pcids = f"SELECT 1 AS pcid, {latin1} AS name, '' AS make, 0 AS group_id, {latin1} AS serial_number"
        with Pcrt(sqlite_url, PcrtSettings(pcids=pcids)) as pcrt:
            assert rows(pcrt.read().pcids.frame) == [[1, "B\ufffdro", "", None, None, "not UTF-8"]]
    extra = 'a:1:{i:104;s:4:"Büro";}'.encode("latin-1").hex()
    pcids = f"SELECT 1 AS pcid, '' AS name, '' AS make, 0 AS group_id, CAST(x'{extra}' AS TEXT) AS extra"
    with Pcrt(sqlite_url, PcrtSettings(pcids=pcids)) as pcrt:
        assert rows(pcrt.read().pcids.frame) == [[1, "", "", None, None, "not UTF-8"]]


def test_binary_columns_are_read_as_text(mariadb_url: URL) -> None:
    run(mariadb_url, "ALTER TABLE pc_owner MODIFY pcextra BLOB, MODIFY pcname VARBINARY(100)")
    run(mariadb_url, "ALTER TABLE subscriptions MODIFY additionalmembers VARCHAR(99) COLLATE utf8mb4_bin")
    with Pcrt(mariadb_url, DEFAULTS) as pcrt:
        snapshot = pcrt.read()
    assert rows(snapshot.pcids.frame)[0] == [1001, "Front desk", "HP", 100, "325JVNA", None]
    assert snapshot.subscriptions.frame["additional_members"][0] == "_1001_"


def test_utf8_in_a_latin1_column_still_gives_its_serial_number(
    mariadb_server: MariadbServer,
) -> None:
    url = mariadb_server.new_database("latin1")
    run(url, *(f"{table} ENGINE=MyISAM DEFAULT CHARSET=latin1" for table in SCHEMA), *DATA)
    fields = ((100, "Büro €".encode()), (104, "Aü€Ý".encode()))
    extra = b"a:2:{%b}" % b"".join(b'i:%d;s:%d:"%b";' % (key, len(value), value) for key, value in fields)
    run(url, f"UPDATE pc_owner SET pcextra = CONVERT(x'{extra.hex()}' USING latin1) WHERE pcid = 1001")
    with Pcrt(url, DEFAULTS) as pcrt:
        assert rows(pcrt.read().pcids.frame)[0][-2:] == ["Aü€Ý", None]


# --- errors are one line ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["groups", "pcids", "subscriptions"])
@pytest.mark.parametrize("database", ["sqlite_url", "shared_url"])
def test_a_missing_table_or_column_names_the_key_of_the_configuration(
    query: str, database: str, request: pytest.FixtureRequest, failure_of: Callable[..., str]
) -> None:
    url = request.getfixturevalue(database)
    for sql, said in (
        ("SELECT * FROM no_such_table", "no_such_table"),
        ("SELECT no_such_column FROM pc_owner", "no_such_column"),
        ("SELECT FROM WHERE", "syntax"),
        (
            "SELECT 1 AS name, 1 AS make, 1 AS group_id, 2 AS group_id, 3 AS pcid, 4 AS subscription_id",
            '"group_id" more than once',
        ),
        ("SELECT 1 AS unheard_of", "gives no column"),
    ):
        text = failure_of(url, SourceError, **{query: sql})
        assert f"[pcrt] {query} " in text
        assert said in text
        if "more than once" not in said:  # SQLite gives the second one a name of its own in check's query
            with Pcrt(url, PcrtSettings(**{query: sql})) as pcrt:
                problems = pcrt.check()
                assert len(problems) == 1, problems
                (problem,) = problems
            assert said in problem
            assert problem.startswith(f"[pcrt] {query} ")


@pytest.mark.parametrize("column", ["name", "make", "group_id", "extra"])
def test_every_promised_column_must_be_there(sqlite_url: URL, column: str, failure_of: Callable[..., str]) -> None:
    pcids = DEFAULTS.pcids.replace(f"AS {column}", "AS other")
    assert f'[pcrt] pcids gives no column "{column}"' in failure_of(sqlite_url, SourceError, pcids=pcids)


def test_a_refused_account_is_a_settings_error(shared_url: URL, failure_of: Callable[..., str]) -> None:
    for url in (
        shared_url.set(password="secret-77"),
        shared_url.set(username="nobody"),
        shared_url.set(database="nowhere"),
    ):
        assert "PCRT_DATABASE_URL" in failure_of(url, SettingsError)
        with Pcrt(url, DEFAULTS) as pcrt:
            (problem,) = pcrt.check()
        assert "PCRT_DATABASE_URL" in problem


def test_a_password_in_the_servers_message_is_hidden(mariadb_url: URL, failure_of: Callable[..., str]) -> None:
    run(
        mariadb_url,
        "CREATE OR REPLACE USER repeats@'%' IDENTIFIED BY 'no_such_table'",
        "GRANT SELECT ON *.* TO repeats@'%'",
    )
    url = mariadb_url.set(username="repeats", password="no_such_table")
    with pytest.raises(SourceError) as raised, Pcrt(url, PcrtSettings(groups="SELECT * FROM no_such_table")) as pcrt:
        pcrt.read()
    assert "no_such_table" not in str(raised.value)


def test_a_server_that_does_not_answer_is_unreachable(failure_of: Callable[..., str]) -> None:
    url = URL.create("mysql+pymysql", "pcrt", "secret-77", "127.0.0.1", free_port(), "pcrt")
    failure_of(url, UnreachableError)


def test_a_missing_right_on_a_table_names_the_query(mariadb_url: URL, failure_of: Callable[..., str]) -> None:
    run(
        mariadb_url,
        "CREATE OR REPLACE USER reader@'%' IDENTIFIED BY 'secret-77'",
        "GRANT SELECT ON pc_owner TO reader@'%'",
    )
    text = failure_of(mariadb_url.set(username="reader", password="secret-77"), SourceError)
    assert text.startswith("[pcrt] groups cannot be used: SELECT command denied")


def test_a_lost_connection_is_unreachable(mariadb_url: URL, failure_of: Callable[..., str]) -> None:
    groups = "SELECT pcgroupid AS group_id, pcgroupname AS name FROM pc_group WHERE kill_me() = 0"
    run(mariadb_url, "CREATE FUNCTION kill_me() RETURNS INT BEGIN KILL CONNECTION_ID(); RETURN 0; END")
    failure_of(mariadb_url, UnreachableError, groups=groups)


@pytest.mark.parametrize("content", [None, b"this is no database, whatever its name says " * 50])
def test_a_missing_or_foreign_sqlite_file_is_refused_and_not_created(
    tmp_path: Path, content: bytes | None, failure_of: Callable[..., str]
) -> None:
    file = tmp_path / "pcrt.db"
    if content:
        file.write_bytes(content)
    assert "PCRT_DATABASE_URL" in failure_of(URL.create("sqlite", database=str(file)), SettingsError)
    assert file.exists() == bool(content)


def test_a_locked_sqlite_file_is_unreachable(
    sqlite_url: URL, monkeypatch: pytest.MonkeyPatch, failure_of: Callable[..., str]
) -> None:
    monkeypatch.setattr("cwa_pipeline.pcrt.connection.SQLITE_LOCK_SECONDS", 0.05)
    with sa.create_engine(sqlite_url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT").connect() as other:
        other.exec_driver_sql("BEGIN EXCLUSIVE")
        assert "locked" in failure_of(sqlite_url, UnreachableError)


def test_the_password_is_in_no_repr(shared_url: URL) -> None:
    with Pcrt(shared_url, DEFAULTS) as pcrt:
        assert str(shared_url.password) not in repr(pcrt) + repr(pcrt._engine)


WRONG_TARGETS: list[tuple[dict[str, Any], str]] = [
    ({"table": "nowhere"}, "table: nowhere"),
    ({"key": "no_key"}, "key: the table subscriptions has no column no_key"),
    ({"column": "no_column"}, "column: the table subscriptions has no column no_column"),
    ({"column": "subactive"}, "column: subscriptions.subactive is not a text column"),
    ({"key": "subname"}, "key: subscriptions.subname is not a number"),
    ({"key": "pcid"}, "key: subscriptions.pcid 7 names several rows"),
]


@pytest.mark.parametrize("pcrt_url", ONE_OF_EACH, indirect=True)
def test_check_reports_an_unfit_target(pcrt_url: URL) -> None:
    run(pcrt_url, "UPDATE subscriptions SET pcid = 7")
    for target, said in WRONG_TARGETS:
        with Pcrt(pcrt_url, PcrtSettings(additional_members=AdditionalMembersSettings(**target))) as pcrt:
            (problem,) = pcrt.check()
            with pytest.raises(SourceError) as raised, pcrt.writer():
                pass
        assert problem == str(raised.value)
        assert f"[pcrt.additional_members] {said}" in problem


def test_check_reports_that_the_account_may_not_write(mariadb_url: URL) -> None:
    run(mariadb_url, "CREATE OR REPLACE USER looker@'%' IDENTIFIED BY 'secret-77'")
    run(mariadb_url, f"GRANT SELECT ON {mariadb_url.database}.* TO looker@'%'")
    with Pcrt(mariadb_url.set(username="looker", password="secret-77"), DEFAULTS) as pcrt:
        (problem,) = pcrt.check()
        assert problem.startswith("[pcrt.additional_members] cannot be used: UPDATE command denied")
        run(mariadb_url, "GRANT UPDATE (additionalmembers) ON subscriptions TO looker@'%'")
        assert pcrt.check() == []


def test_a_connection_that_breaks_while_reading_is_tried_again(
    mariadb_url: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame_of, killed = Pcrt._frame, []

    def killed_once(self: Pcrt, connection: sa.Connection, query: Any, around: str) -> pd.DataFrame:
        if not killed:
            killed.append(connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar())
            run(mariadb_url, f"KILL {killed[0]}")
        return frame_of(self, connection, query, around)

    monkeypatch.setattr(Pcrt, "_frame", killed_once)
    with Pcrt(mariadb_url, DEFAULTS) as pcrt:
        assert len(pcrt.read().groups.frame) == 2
    assert killed
