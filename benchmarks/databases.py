"""PCRT on a private MariaDB (MyISAM), filled from a world."""

import csv
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import sqlalchemy as sa

from benchmarks.worlds import World
from cwa_pipeline.commands.demo.pcrt_stand_in import pcrt_tables

WRONG_LISTS = 0.025  # less the empty ones and those that nobody judges, a night writes 2 % of the subscriptions
PREPARED = "subscriptions_prepared"  # the subscriptions as each night finds them


def fill(pcrt: sa.URL, world: World, folder: Path) -> None:
    """Make PCRT's tables in an empty database and load the world."""
    with _connected(pcrt) as connection:
        pcrt_tables().create_all(connection)
        _load(connection, "pc_group", world.pc_group, folder)
        _load(connection, "pc_owner", world.pc_owner.drop(columns="serial"), folder)
        _load(connection, "subscriptions", world.subscriptions, folder)


def prepare_lists(pcrt: sa.URL, world: World, plan: pd.DataFrame, folder: Path) -> None:
    """Prepare nearly right lists: those of `members_plan`, but a few lack their last PCID or have one too many."""
    right = world.subscriptions["subid"].map(plan.set_index("subscription_id")["after"])
    chance = np.random.default_rng(1).random(len(right))
    lacking = right.str.replace(r"[0-9]+_$", "", regex=True)
    too_many = right + "900000000_"  # above every PCID, so the list stays ascending
    lists = right.mask(chance < WRONG_LISTS / 2, lacking)
    lists = lists.mask((chance >= WRONG_LISTS / 2) & (chance < WRONG_LISTS), too_many)
    with _connected(pcrt) as connection:
        connection.exec_driver_sql(f"CREATE TABLE {PREPARED} LIKE subscriptions")
        _load(connection, PREPARED, world.subscriptions.assign(additionalmembers=lists.fillna("")), folder)


def restore_lists(pcrt: sa.URL) -> None:
    """Make PCRT's lists what they were before a sync wrote them."""
    with _connected(pcrt) as connection:
        connection.exec_driver_sql("DELETE FROM subscriptions")
        connection.exec_driver_sql(f"INSERT INTO subscriptions SELECT * FROM {PREPARED}")


def read_table(warehouse: Path, table: str) -> pd.DataFrame:
    """A table of a warehouse in SQLite."""
    with closing(sqlite3.connect(warehouse)) as connection:
        return pd.read_sql(f"SELECT * FROM {table}", connection)


@contextmanager
def _connected(pcrt: sa.URL) -> Iterator[sa.Connection]:
    engine = sa.create_engine(pcrt.update_query_dict({"local_infile": "1"}))
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def _load(connection: sa.Connection, table: str, rows: pd.DataFrame, folder: Path) -> None:
    """LOAD DATA takes a million rows in seconds."""
    path = folder / f"{table}.csv"
    rows.to_csv(path, index=False, header=False, quoting=csv.QUOTE_NONNUMERIC)
    connection.exec_driver_sql(
        f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE {table} CHARACTER SET utf8mb4 "
        "FIELDS TERMINATED BY ',' ENCLOSED BY '\"' ESCAPED BY '' LINES TERMINATED BY '\\n'"
    )
    assert connection.exec_driver_sql(f"SELECT COUNT(*) FROM {table}").scalar() == len(rows)
    path.unlink()
