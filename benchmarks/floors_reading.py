"""The floors of reading: the bytes alone, their typed decode, and what a driver needs to hand over PCRT's rows.

What belongs here: the least that any program would have to do on these servers. What must not: anything of `cwa_pipeline` that works on
the rows.
"""

import http.client
import json
from typing import Any, Literal
from urllib.parse import urlsplit

import adbc_driver_sqlite.dbapi as adbc
import connectorx
import msgspec
import pymysql  # type: ignore[import-untyped]
import pymysql.cursors  # type: ignore[import-untyped]
import sqlalchemy as sa

from benchmarks.pages import LISTS, PAGE
from benchmarks.running import ACCOUNT
from cwa_pipeline.config.settings import PcrtSettings


class _Client(msgspec.Struct):
    Id: str
    Name: str | None = None
    ExternalId: str | None = None


class _Named(msgspec.Struct):
    Id: str
    Name: str | None = None


class _Computer(msgspec.Struct):
    Id: str
    ComputerName: str | None = None
    Client: _Named | None = None
    SerialNumber: str | None = None
    AssetTag: str | None = None
    RemoteAgentLastContact: str | None = None
    LastUserName: str | None = None
    BiosManufacturer: str | None = None


class _Membership(msgspec.Struct):
    Id: str
    GroupId: str
    ComputerId: str


DECODERS: dict[str, msgspec.json.Decoder[Any]] = {
    "clients": msgspec.json.Decoder(list[_Client]),
    "computers": msgspec.json.Decoder(list[_Computer]),
    "groups": msgspec.json.Decoder(list[_Named]),
    "groupcomputers": msgspec.json.Decoder(list[_Membership]),
}


def read_cwa(server: str, decode: Literal["nothing", "typed"]) -> int:
    """Read every page of every list over one connection, one after the other; returns how many bytes there were."""
    connection = http.client.HTTPConnection(urlsplit(server).netloc)
    account = {"Username": ACCOUNT["CWA_USERNAME"], "Password": ACCOUNT["CWA_PASSWORD"]}
    connection.request("POST", "/cwa/api/v1/apitoken", json.dumps(account), {"Content-Type": "application/json"})
    token = json.loads(connection.getresponse().read())["AccessToken"]
    headers = {"Authorization": f"Bearer {token}", "clientId": ACCOUNT["CWA_CLIENT_ID"]}
    size = 0
    for name in LISTS:
        decoder = DECODERS[name]
        page, total = 1, PAGE
        while (page - 1) * PAGE < total:
            connection.request(
                "GET", f"/cwa/api/v1/{name}?pageSize={PAGE}&orderBy=Id%20asc&page={page}", headers=headers
            )
            answer = connection.getresponse()
            total = int(answer.headers["Total-Count"])
            body = answer.read()
            size += len(body)
            if decode == "typed":
                decoder.decode(body)
            page += 1
    connection.close()
    return size


DRIVERS = {"mysql": ("connectorx", "PyMySQL SSCursor"), "sqlite": ("ADBC",)}


def fetch_pcrt(url: sa.URL, driver: str) -> None:
    """Fetch the rows of the three queries as the pipeline asks for them, by the driver named."""
    settings = PcrtSettings()
    queries = [settings.groups, settings.pcids, settings.subscriptions]
    if driver == "ADBC":
        with adbc.connect(f"file:{url.database}?mode=ro") as connection, connection.cursor() as cursor:
            for query in queries:
                cursor.execute(query)
                cursor.fetch_arrow_table()
    elif driver == "connectorx":
        plain = url.set(drivername="mysql").render_as_string(hide_password=False)
        for query in queries:
            connectorx.read_sql(plain, query, return_type="arrow")
    else:
        with (
            pymysql.connect(
                host=url.host, port=url.port or 0, user=url.username, password=url.password or "", database=url.database
            ) as connection,
            connection.cursor(pymysql.cursors.SSCursor) as cursor,
        ):
            for query in queries:
                cursor.execute(query)
                for _ in cursor:
                    pass
