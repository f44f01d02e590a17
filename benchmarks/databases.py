"""The databases of the benchmark: PCRT on MariaDB (MyISAM) or SQLite, filled fast, and empty warehouses.

What belongs here: filling PCRT from a world, and putting its lists back as they were. What must not: the worlds, a measure.
"""

import csv
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

import pandas as pd
import sqlalchemy as sa

from benchmarks.worlds import World
from cwa_pipeline.commands.demo.pcrt_stand_in import pcrt_tables
from cwa_pipeline_tests.servers.mariadb import MariadbServer
from cwa_pipeline_tests.servers.postgresql import PostgresqlServer

Kind = Literal["mariadb", "sqlite", "postgresql"]
TABLES = ("pc_group", "pc_owner", "subscriptions")
PREPARED = "subscriptions_prepared"  # a copy of the subscriptions as an ordinary night finds them


class Databases:
    """Private servers for one run of the benchmark, and the databases in them; SQLite files are in `folder`."""

    def __init__(self, folder: Path, mariadb: MariadbServer, postgresql: PostgresqlServer) -> None:
        self._folder = folder
        self._mariadb = mariadb
        self._postgresql = postgresql

    def pcrt(self, kind: Kind, world: World, name: str) -> sa.URL:
        """A PCRT database filled from the world."""
        if kind == "mariadb":
            url = self._mariadb.new_database()
            engine = sa.create_engine(url.update_query_dict({"local_infile": "1"}))
        else:
            url = sa.URL.create("sqlite", database=str(self._folder / f"pcrt_{name}.db"))
            engine = sa.create_engine(url)
        pcrt_tables().create_all(engine)
        for table in TABLES:
            rows = getattr(world, table).drop(columns="serial", errors="ignore")
            (_load_data if kind == "mariadb" else _insert)(engine, table, rows, self._folder)
        with engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE TABLE {PREPARED} AS SELECT * FROM subscriptions")  # noqa: S608 - our own names
        engine.dispose()
        return url

    def warehouse(self, kind: Kind, name: str) -> sa.URL:
        """An empty warehouse."""
        if kind == "postgresql":
            return self._postgresql.new_database()
        file = self._folder / f"warehouse_{name}.db"
        for path in self._folder.glob(f"{file.name}*"):
            path.unlink()
        return sa.URL.create("sqlite", database=str(file))

    @classmethod
    @contextmanager
    def running(cls, folder: Path) -> Iterator["Databases"]:
        """Both servers, for as long as the `with` lasts."""
        with ExitStack() as ended:
            (folder / "mariadb").mkdir(parents=True, exist_ok=True)
            mariadb = MariadbServer.start(folder / "mariadb")
            ended.callback(mariadb.stop)
            postgresql = PostgresqlServer.start(folder / "postgresql")
            ended.callback(postgresql.stop)
            yield cls(folder, mariadb, postgresql)


def put_lists_back(pcrt: sa.URL) -> None:
    """Make PCRT's lists what they were before any sync wrote them."""
    engine = sa.create_engine(pcrt)
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM subscriptions")
        connection.exec_driver_sql(f"INSERT INTO subscriptions SELECT * FROM {PREPARED}")  # noqa: S608 - our own names
    engine.dispose()


def _load_data(engine: sa.Engine, table: str, rows: pd.DataFrame, folder: Path) -> None:
    """MariaDB's own way: a million rows in seconds."""
    path = folder / f"{table}.csv"
    rows.to_csv(path, index=False, header=False, quoting=csv.QUOTE_NONNUMERIC, doublequote=True)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE {table} CHARACTER SET utf8mb4 "
            "FIELDS TERMINATED BY ',' ENCLOSED BY '\"' ESCAPED BY '' LINES TERMINATED BY '\\n'"
        )
        [count] = connection.exec_driver_sql(f"SELECT COUNT(*) FROM {table}").scalars()  # noqa: S608 - our own names
    assert count == len(rows), f"{table}: {count} of {len(rows)} rows were loaded"  # noqa: S101
    path.unlink()


def _insert(engine: sa.Engine, table: str, rows: pd.DataFrame, _: Path) -> None:
    places = ", ".join("?" * len(rows.columns))
    with engine.begin() as connection:
        connection.connection.cursor().executemany(
            f"INSERT INTO {table} ({', '.join(rows.columns)}) VALUES ({places})",  # noqa: S608 - our own names
            list(zip(*(rows[name].tolist() for name in rows.columns), strict=True)),
        )
