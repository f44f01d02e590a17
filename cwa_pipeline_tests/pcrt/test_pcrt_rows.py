"""Rows as columns: held against the driver's own tuples, value for value and error for error."""

import struct
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import example, given
from hypothesis import strategies as st
from pymysql import OperationalError  # type: ignore[import-untyped]
from sqlalchemy.engine import URL

from cwa_pipeline.errors import PipelineError, SourceError
from cwa_pipeline.pcrt import intake as pcrt_intake
from cwa_pipeline.pcrt import packets as pcrt_packets
from cwa_pipeline.pcrt.connection import connect, pcrt_engine
from cwa_pipeline.pcrt.packets import Column, ColumnCursor, _Block, _columns, _whole_rows
from cwa_pipeline.pcrt.rows import fetch, fetch_rows
from cwa_pipeline.pcrt.values import flags, references, texts
from cwa_pipeline_tests.servers.mariadb import MariadbServer

# Of every type that a shop's column may have, with what is unusual among many that are not; large enough for several blocks.
ROWS = 3_000
MIXED = (
    "CREATE TABLE mixed (id INT, big BIGINT UNSIGNED, digits INT(6) ZEROFILL, yes BIT(1), price DECIMAL(8, 2), share DOUBLE, "
    "day DATETIME, raw BLOB, note LONGTEXT, latin VARCHAR(50) CHARACTER SET latin1, parts JSON, year_made YEAR)"
)
FILL = (
    "INSERT INTO mixed SELECT seq, seq, seq, 1, seq, 0.5, '2026-01-07', 'x', CONCAT('Büro ', seq), 'Grün', '[1]', 2026 "
    f"FROM seq_1_to_{ROWS}"
)
UNUSUAL = (
    "UPDATE mixed SET big = 18446744073709551615, raw = x'fc00', note = REPEAT('ü', 130) WHERE id = 7",
    "UPDATE mixed SET note = REPEAT('ü', 40000), price = NULL, share = NULL, day = NULL, raw = '' WHERE id = 8",
    "UPDATE mixed SET note = REPEAT('x', 9000000), yes = 0, latin = '', parts = NULL WHERE id = 9",
    "UPDATE mixed SET note = NULL, digits = NULL, latin = NULL, year_made = NULL, yes = NULL WHERE id % 5 = 0",
)


def run(url: URL, *statements: str) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def python(columns: list[Column]) -> list[list[Any]]:
    return [column.to_pylist() if isinstance(column, pa.ChunkedArray) else column for column in columns]


def both_ways(url: URL, sql: str) -> tuple[list[Column], list[Column]]:
    """The columns by the fast way and by the driver's tuples, in one connection, which is fit for use after both."""
    connection = connect(pcrt_engine(url))
    fast_names, fast = fetch(connection, sql, "[pcrt] pcids")
    assert connection.exec_driver_sql("SELECT 4711").scalar() == 4711
    names, plain = fetch_rows(connection, sql, "[pcrt] pcids")
    connection.close()
    assert fast_names == names
    return fast, plain


def failures_both_ways(url: URL, sql: str) -> tuple[PipelineError, PipelineError]:
    failures = []
    for way in (fetch, fetch_rows):
        connection = connect(pcrt_engine(url))
        with pytest.raises(PipelineError) as raised:
            way(connection, sql, "[pcrt] pcids")
        failures.append(raised.value)
        assert connection.exec_driver_sql("SELECT 4711").scalar() == 4711
        connection.close()
    return failures[0], failures[1]


@pytest.fixture(scope="module")
def mixed_url(mariadb_server: MariadbServer) -> URL:
    url = mariadb_server.new_database()
    run(url, MIXED, FILL, *UNUSUAL)
    return url


@pytest.mark.parametrize("options", [{}, {"charset": "latin1"}])
def test_every_type_of_column_gives_the_drivers_own_values(mixed_url: URL, options: dict[str, str]) -> None:
    where = "id <> 9" if options else "TRUE"
    fast, plain = both_ways(mixed_url.update_query_dict(options), f"SELECT * FROM mixed WHERE {where} ORDER BY id")
    assert python(fast) == python(plain)
    assert len(fast[0]) == ROWS - bool(options)
    types = [{type(value) for value in column} - {type(None)} for column in python(fast)]
    assert [Decimal in kinds for kinds in types].count(True) == 1
    assert {bytes} in types


def test_plain_texts_and_numbers_come_as_arrow_and_what_does_not_fit_as_the_drivers_values(mixed_url: URL) -> None:
    fast, _ = both_ways(mixed_url, "SELECT id, digits, note, latin, year_made, big, price FROM mixed")
    types = [str(column.type) if isinstance(column, pa.ChunkedArray) else "list" for column in fast]
    assert types == ["int64", "int64", "large_string", "large_string", "int64", "list", "list"]


@pytest.mark.parametrize("sql", ["SELECT id, note FROM mixed WHERE FALSE", "SELECT NULL AS id, 'x%s' AS note"])
def test_no_rows_and_a_single_row_are_columns_too(mixed_url: URL, sql: str) -> None:
    fast, plain = both_ways(mixed_url, sql)
    assert python(fast) == python(plain)
    assert len(fast) == 2


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT nothing FROM mixed",
        # Fails when hundreds of rows are on their way already.
        "SELECT id, (SELECT seq FROM seq_1_to_2 WHERE seq = 1 OR mixed.id = 2500) AS name FROM mixed",
    ],
)
def test_an_error_before_or_among_the_rows_is_told_in_the_same_words(mixed_url: URL, sql: str) -> None:
    fast, plain = failures_both_ways(mixed_url, sql)
    assert (type(fast), str(fast)) == (SourceError, str(plain))
    assert "[pcrt] pcids cannot be used" in str(fast)


def test_a_technician_can_save_as_soon_as_the_server_has_sent_the_last_row(
    mariadb_server: MariadbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = mariadb_server.new_database()
    fill = (
        f"INSERT INTO machines SELECT seq, REPEAT('x', 20000) FROM seq_1_to_{ROWS}"  # more than any socket holds back
    )
    run(url, "CREATE TABLE machines (id INT, note LONGTEXT) ENGINE = MyISAM", fill)
    calls = 0

    def saving_meanwhile(ahead: bytes, number: int) -> np.ndarray:
        nonlocal calls
        calls += 1
        if calls == 2:  # most rows have not been looked at
            run(url, "SET lock_wait_timeout = 1", "UPDATE machines SET note = 'saved' WHERE id = 1")
        return _whole_rows(ahead, number)

    monkeypatch.setattr(pcrt_packets, "_whole_rows", saving_meanwhile)
    connection = connect(pcrt_engine(url))
    _, [ids, notes] = fetch(connection, "SELECT id, note FROM machines ORDER BY id", "[pcrt] pcids")
    connection.close()
    assert calls > 2
    assert python([ids]) == [[*range(1, ROWS + 1)]]
    assert set(python([notes])[0]) == {"x" * 20_000}


def test_rows_that_come_with_pauses_between_them_are_all_read(mixed_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pcrt_intake, "PAUSE_SECONDS", 0.1)
    slow = "SELECT id, REPEAT(note, 1000), SLEEP(0.15) FROM mixed WHERE id IN (11, 12, 13, 14)"
    fast, plain = both_ways(mixed_url, slow)
    assert python(fast) == python(plain)
    assert len(fast[0]) == 4


def test_a_connection_that_is_lost_among_the_rows_is_told_in_the_same_words(mixed_url: URL) -> None:
    told = []
    for way in (fetch, fetch_rows):
        connection = connect(pcrt_engine(mixed_url))
        kill = f"KILL CONNECTION {connection.exec_driver_sql('SELECT CONNECTION_ID()').scalar()}"
        killer = threading.Timer(0.5, run, (mixed_url, kill))
        killer.start()
        with pytest.raises(PipelineError) as raised:
            way(connection, "SELECT id, REPEAT(note, 100), SLEEP(0.01) FROM mixed", "[pcrt] pcids")
        killer.join()
        connection.invalidate()
        told.append((type(raised.value), str(raised.value)))
    assert told[0] == told[1]


def test_a_sqlite_text_that_is_not_utf8_is_read_as_far_as_it_is(tmp_path: Path) -> None:
    url = URL.create("sqlite", database=str(tmp_path / "pcrt.db"))
    run(url, "CREATE TABLE texts (id INT, name TEXT)", "INSERT INTO texts VALUES (1, 'a'), (2, CAST(x'42FC' AS TEXT))")
    connection = connect(pcrt_engine(url))
    names, columns = fetch(connection, "SELECT * FROM texts", "[pcrt] pcids")
    assert (names, python(columns)) == (["id", "name"], [[1, 2], ["a", "B\ufffd"]])


# --- the bytes themselves -----------------------------------------------------------------------------------------------


def encoded(value: bytes | None) -> bytes:
    """A value as the protocol has it: its length, in as few bytes as that needs, and the value."""
    if value is None:
        return b"\xfb"
    size = len(value)
    if size < 251:
        return bytes([size]) + value
    return (b"\xfc" + struct.pack("<H", size) if size < 2**16 else b"\xfd" + struct.pack("<I", size)[:3]) + value


values = st.none() | st.binary(max_size=5) | st.sampled_from([b"x" * 250, b"x" * 251, b"x" * 256, b"y" * 65536])
tables = st.integers(1, 4).flatmap(lambda width: st.lists(st.tuples(*[values] * width), min_size=1, max_size=6))


@given(rows=tables, numbers=st.integers(0, 255), cut=st.integers(0, 40))
@example(rows=[(b"a",), (b"b",)], numbers=255, cut=0)
def test_whole_packets_of_rows_are_found_and_cut_into_their_values(
    rows: list[tuple[bytes | None, ...]], numbers: int, cut: int
) -> None:
    payloads = [b"".join(map(encoded, row)) for row in rows]
    packets = [
        struct.pack("<I", len(payload))[:3] + bytes([(numbers + place) % 256]) + payload
        for place, payload in enumerate(payloads)
    ]
    received = b"".join(packets)[: -cut or None]
    *begins, taken = _whole_rows(received, numbers).tolist()
    whole = next((n for n in range(len(rows), -1, -1) if len(b"".join(packets[:n])) <= len(received)), 0)
    assert taken == len(b"".join(packets[: len(begins)]))
    # The driver reads what may be an end or an error, and everything behind it, itself.
    assert len(begins) == next((n for n in range(whole) if payloads[n][0] >= 0xFE), whole)
    if begins:
        ends = [*begins[1:], taken]
        block = _Block(received, np.array(begins) + 4, np.array(ends))
        columns = [column.to_pylist() for column in _columns(block, len(rows[0]))]
        assert list(zip(*columns, strict=True)) == rows[: len(begins)]


@pytest.mark.parametrize(
    "ahead", [b"\x02\0\0\x05\x01a", b"\x05\0\0\x06\xfe\0\0\0\0", b"\x02\0\0\x06\x01", b"\x02\0", b""]
)
def test_a_packet_out_of_order_an_end_and_half_a_packet_are_left_to_the_driver(ahead: bytes) -> None:
    assert _whole_rows(ahead, 6).tolist() == [0]


@pytest.mark.parametrize("raw", [b"\x05ab", b"\x01ab", b"\xfc\x01", b"\xff" * 9, b"\xfe" + b"\xff" * 8])
def test_a_row_that_is_not_what_its_lengths_say_is_an_error_and_no_value(raw: bytes) -> None:
    with pytest.raises(OperationalError, match="Malformed packet"):
        _columns(_Block(raw, np.array([0]), np.array([len(raw)])), 1)


# --- what the columns become --------------------------------------------------------------------------------------------


@given(numbers=st.lists(st.none() | st.integers(-3, 3) | st.integers(-(2**63), 2**63 - 1)))
def test_whole_numbers_are_the_same_ids_flags_and_texts_from_arrow_and_one_by_one(numbers: list[int | None]) -> None:
    arrow = pa.chunked_array([pa.array(numbers[:2], pa.int64()), pa.array(numbers[2:], pa.int64())])
    for fast, plain in (
        (references("pcids", "group_id", {"group_id": column}) for column in (arrow, numbers)),
        map(flags, (arrow, numbers)),
        map(texts, (arrow, numbers)),
    ):
        pd.testing.assert_series_equal(fast, plain)


@given(strings=st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"]))))
def test_texts_are_the_same_from_arrow_and_one_by_one(strings: list[str | None]) -> None:
    pd.testing.assert_series_equal(texts(pa.chunked_array([pa.array(strings, pa.large_string())])), texts([*strings]))


def test_the_drivers_buffer_is_read_by_the_version_that_is_installed() -> None:
    assert ColumnCursor.reads_as_known()
