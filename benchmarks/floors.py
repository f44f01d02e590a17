"""The floor of each phase, measured beside it: what the job cannot do without, done the fastest way known.

What belongs here: measuring, and holding the floors' results against the pipeline's. What must not: how a floor is done
(`benchmarks.floors_reading`, `benchmarks.polars_rules`).
"""

import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import sqlalchemy as sa

from benchmarks import polars_rules
from benchmarks.databases import put_lists_back
from benchmarks.floors_reading import DRIVERS, fetch_pcrt, read_cwa
from benchmarks.phases import READ_CWA, READ_PCRT
from benchmarks.polars_rules import Sources
from benchmarks.running import settle_the_disk
from cwa_pipeline.tables import TABLES
from cwa_pipeline.warehouse.frames import to_arrow
from cwa_pipeline.warehouse.store import Warehouse

Times = dict[str, float]

# The floors whose sum the whole sync is held against.
SUMMED = (READ_CWA, READ_PCRT, "match", "issues", "members", "write warehouse")


def all_of_them(server: str, pcrt: sa.URL, sources: Sources, folder: Path, warehouse: sa.URL) -> Times:
    """Each floor once, after a sync that filled the warehouse."""
    return {
        **_reading(server, pcrt),
        **_rules(sources),
        **_tables(warehouse, folder),
        **_writing(pcrt, sources),
    }


def _seconds_of(work: Callable[[], object]) -> float:
    settle_the_disk()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _reading(server: str, pcrt: sa.URL) -> Times:
    """Floors of reading CWA (bytes alone, and typed decode) and PCRT (by the faster driver), and the bytes by the second."""
    size = read_cwa(server, "nothing")
    raw = _seconds_of(lambda: read_cwa(server, "nothing"))
    drivers = DRIVERS[pcrt.get_backend_name()]
    fetched = {driver: _seconds_of(lambda driver=driver: fetch_pcrt(pcrt, driver)) for driver in drivers}  # type: ignore[misc]
    decoded = _seconds_of(lambda: read_cwa(server, "typed"))
    return {
        "CWA bytes": raw,
        "MB a second": size / raw / 1e6,
        READ_CWA: decoded,
        READ_PCRT: min(fetched.values()),
        **{f"PCRT by {driver}": seconds for driver, seconds in fetched.items()},
    }


def _rules(sources: Sources) -> Times:
    """Floors of the rules: match, issues and members in Polars."""
    tied = polars_rules.client_groups(sources)
    matched = polars_rules.matches(sources, tied)
    return {
        "match": _seconds_of(lambda: polars_rules.matches(sources, polars_rules.client_groups(sources))),
        "issues": _seconds_of(
            lambda: (polars_rules.computer_issues(sources, matched), polars_rules.group_issues(sources, tied))
        ),
        "members": _seconds_of(lambda: polars_rules.lists(sources, tied, polars_rules.members(sources, tied, matched))),
    }


def _tables(warehouse: sa.URL, folder: Path) -> Times:
    """Floor of the warehouse: every table that a sync left, written to Parquet."""
    with Warehouse(warehouse) as store:
        frames = {table: store.read(table, or_empty=True) for table in TABLES}
    arrows = {table: to_arrow(table, frame, times_as_text=False) for table, frame in frames.items() if len(frame)}

    def write() -> None:
        for table, arrow in arrows.items():
            pq.write_table(arrow, folder / f"{table}.parquet")

    return {"write warehouse": _seconds_of(write)}


def _writing(pcrt: sa.URL, sources: Sources) -> Times:
    """Floor of the write-back: the lists that are not right, by one joined UPDATE on MySQL and row by row on SQLite."""
    tied = polars_rules.client_groups(sources)
    wanted = polars_rules.members(sources, tied, polars_rules.matches(sources, tied))
    lists = polars_rules.lists(sources, tied, wanted).filter(pl.col("before") != pl.col("after"))
    rows = lists.select("after", "subscription_id", "before").rows()
    engine = sa.create_engine(pcrt)

    def write() -> None:
        with engine.begin() as connection:
            cursor = connection.connection.cursor()
            if pcrt.get_backend_name() == "sqlite":
                cursor.executemany(
                    "UPDATE subscriptions SET additionalmembers=? WHERE subid=? AND additionalmembers=?", rows
                )
                return
            cursor.execute("CREATE TEMPORARY TABLE changes (subid INT PRIMARY KEY, old LONGTEXT, new LONGTEXT)")
            cursor.executemany("INSERT INTO changes (new, subid, old) VALUES (%s, %s, %s)", rows)
            cursor.execute(
                "UPDATE subscriptions s JOIN changes c ON c.subid = s.subid AND s.additionalmembers = c.old "
                "SET s.additionalmembers = c.new"
            )
            assert cursor.rowcount == len(rows)  # noqa: S101 - a floor that writes less is none
            cursor.execute("DROP TEMPORARY TABLE changes")

    put_lists_back(pcrt)
    seconds = _seconds_of(write)
    put_lists_back(pcrt)
    engine.dispose()
    return {"write PCRT": seconds}


def hold_against_the_pipeline(sources: Sources, warehouse: sa.URL) -> None:
    """A floor that did less than the pipeline would be no floor: the same matches, issues and members; AssertionError when not."""
    tied = polars_rules.client_groups(sources)
    matched = polars_rules.matches(sources, tied)
    members = polars_rules.members(sources, tied, matched)
    with Warehouse(warehouse) as store:
        ours = {
            name: store.read(name)
            for name in ("computer_matches", "computer_issues", "group_issues", "subscription_members")
        }
    columns = ["computer_id", "pcid", "matched_by", "reason", "pcid_group_id", "expected_group_id"]
    _same(matched.select(columns).to_pandas(), ours["computer_matches"][columns])
    issues = polars_rules.computer_issues(sources, matched).select("issue_key").to_pandas()
    _same(issues, ours["computer_issues"][["issue_key"]].sort_values("issue_key"))
    groups = polars_rules.group_issues(sources, tied).to_pandas()
    _same(groups, ours["group_issues"][["group_id", "issue"]].sort_values(["group_id", "issue"]))
    _same(members.to_pandas(), ours["subscription_members"][["subscription_id", "pcid"]])


def _same(floor: pd.DataFrame, ours: pd.DataFrame) -> None:
    one, other = (frame.astype("object").where(frame.notna(), None).reset_index(drop=True) for frame in (floor, ours))
    pd.testing.assert_frame_equal(one, other, check_dtype=False)
