"""The first peer: a script with one query per computer, as shops have it.

What belongs here: the read of CWA with `response.json()`, the look-up of a serial in PCRT's own schema or on an indexed column, and an
UPDATE of each list. What must not: anything clever. It is sampled, for the whole would take hours; it lists no issues and keeps no
record, so it does less than a sync.
"""

import time

import pymysql  # type: ignore[import-untyped]
import requests
import sqlalchemy as sa

from benchmarks.pages import PAGE
from benchmarks.running import ACCOUNT
from benchmarks.worlds import World

SAMPLE_LIKE = 50  # computers looked up inside pcextra, each of them a walk over the whole table
SAMPLE_INDEXED = 2_000


def seconds_by_query(server: str, pcrt: sa.URL, world: World) -> dict[str, float]:
    """Seconds for all computers of both scripts: their read of CWA, measured, and their look-ups, sampled and scaled."""
    reading = _read_with_json(server, "Computers") + _read_with_json(server, "GroupComputers")
    serials = world.computers["serial_number"]
    every = max(1, len(serials) // SAMPLE_INDEXED)
    sample = serials[serials.str.len() > 0].iloc[::every].tolist()
    connection = pymysql.connect(
        host=pcrt.host,
        port=pcrt.port or 0,
        user=pcrt.username,
        password=pcrt.password or "",
        database=pcrt.database,
        autocommit=True,
    )
    with connection, connection.cursor() as cursor:
        like = _look_up(
            cursor,
            "SELECT pcid, pcgroupid FROM pc_owner WHERE pcextra LIKE %s",
            [
                f'%i:104;s:{len(serial.encode())}:"{serial}"%'
                for serial in sample[:: max(1, len(sample) // SAMPLE_LIKE)]
            ],
        )
        cursor.execute(
            "CREATE TABLE serials (pcid INT, pcgroupid INT, serial VARCHAR(190), KEY (serial)) ENGINE=MyISAM"
        )
        owners = world.pc_owner[["pcid", "pcgroupid", "serial"]]
        cursor.executemany("INSERT INTO serials VALUES (%s, %s, %s)", list(owners.itertuples(index=False, name=None)))
        indexed = _look_up(cursor, "SELECT pcid, pcgroupid FROM serials WHERE serial = %s", sample)
        cursor.execute("DROP TABLE serials")
        cursor.execute("CREATE TABLE lists (subid INT PRIMARY KEY, additionalmembers TEXT) ENGINE=MyISAM")
        cursor.execute("INSERT INTO lists SELECT subid, additionalmembers FROM subscriptions")
        writing = _write_lists(cursor)
        cursor.execute("DROP TABLE lists")
    return {
        "read CWA with response.json()": reading,
        "an UPDATE of each list": writing,
        "look-up inside pcextra": like,
        "look-up on an index": indexed,
        "script on PCRT's own schema": reading + like * len(serials) + writing,
        "script on an indexed column": reading + indexed * len(serials) + writing,
    }


def _look_up(cursor: pymysql.cursors.Cursor, sql: str, values: list[str]) -> float:
    """Seconds a look-up."""
    start = time.perf_counter()
    for value in values:
        cursor.execute(sql, (value,))
        cursor.fetchall()
    return (time.perf_counter() - start) / len(values)


def _write_lists(cursor: pymysql.cursors.Cursor) -> float:
    """Write every list, as a script does that does not ask whether it is right already; seconds for all of them."""
    cursor.execute("SELECT subid, additionalmembers FROM lists")
    rows = cursor.fetchall()
    start = time.perf_counter()
    for subscription_id, members in rows:
        cursor.execute("UPDATE lists SET additionalmembers = %s WHERE subid = %s", (f"{members}1_", subscription_id))
    return time.perf_counter() - start


def _read_with_json(server: str, what: str) -> float:
    """Read a whole list, page after page, into dictionaries."""
    start = time.perf_counter()
    with requests.Session() as session:
        session.trust_env = False
        account = {"Username": ACCOUNT["CWA_USERNAME"], "Password": ACCOUNT["CWA_PASSWORD"]}
        token = session.post(f"{server}/cwa/api/v1/apitoken", json=account).json()["AccessToken"]
        session.headers.update({"Authorization": f"Bearer {token}", "clientId": ACCOUNT["CWA_CLIENT_ID"]})
        kept: list[tuple] = []
        page = 1
        while True:
            query = {"pageSize": str(PAGE), "orderBy": "Id asc", "page": str(page)}
            records = session.get(f"{server}/cwa/api/v1/{what}", params=query).json()
            if not records:
                return time.perf_counter() - start
            fields = ("Id", "SerialNumber") if what == "Computers" else ("GroupId", "ComputerId")
            kept += [tuple(record[field] for field in fields) for record in records]
            page += 1
