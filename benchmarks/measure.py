"""All that is measured at one size of world, in the order that lets one scene serve several measures.

What belongs here: which measures there are and what each needs. What must not: how one is taken, or judged (`benchmarks.criteria`).
"""

import os
import statistics
import sys
from collections.abc import Callable, Collection
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from benchmarks import floors, latency, lists, measured_sync, pages, peers
from benchmarks.databases import Databases, Kind, put_lists_back
from benchmarks.measured_package import commit, fingerprint
from benchmarks.measured_sync import SyncRun
from benchmarks.running import Cost, most_connections, prepared_server
from benchmarks.statements import seconds_of_each
from benchmarks.worlds import World, world

PARTS = ("sync", "floors", "peers", "latency")
PEERS_UP_TO = 100_000  # beyond, the peers take hours and tell nothing new
LATENCY_AT = 100_000
PAIRS: dict[str, tuple[Kind, Kind]] = {
    "MariaDB (MyISAM), SQLite warehouse": ("mariadb", "sqlite"),
    "SQLite, PostgreSQL warehouse": ("sqlite", "postgresql"),
}
MAIN = next(iter(PAIRS))  # the criteria are judged on it

Measures = dict[str, Any]


class _Night(NamedTuple):
    """One sync, how many connections to CWA it had at once, how long PCRT's server was at one statement (SQLite: 0), and what is beside.

    An empty job right after it, and the floors after it and, but for the very first, before it.
    """

    sync: SyncRun
    connections: int
    longest_statement: float
    empty_job: Cost
    floors: list[floors.Times]


def measure(computers: int, parts: Collection[str], repeat: int, folder: Path, databases: Databases) -> Measures:
    """Everything asked for at one size, in seconds, MB and MB a second; medians of `repeat` runs."""
    began_with = fingerprint()
    made = _prepared(computers, folder)
    sources = lists.sources(made)
    found: Measures = {"syncs": {}, "floors": {}}
    with prepared_server(folder / "pages") as server:
        for pair, (pcrt_kind, warehouse_kind) in PAIRS.items():
            pcrt = databases.pcrt(pcrt_kind, made, str(computers))
            warehouse = databases.warehouse(warehouse_kind, str(computers))
            say(f"{computers:,} computers: {pair}")
            take_floors = partial(floors.all_of_them, server, pcrt, sources, folder)
            nights = _nights(
                folder,
                server,
                pcrt,
                warehouse,
                databases,
                warehouse_kind,
                repeat,
                take_floors if "floors" in parts else None,
            )
            found["syncs"][pair] = {night: _medians_of(some) for night, some in nights.items()}
            floors.hold_against_the_pipeline(sources, warehouse)
            if "floors" in parts:
                found["floors"][pair] = _medians([night.floors[-1] for some in nights.values() for night in some])
            if pair == MAIN and "peers" in parts and computers <= PEERS_UP_TO:
                say(f"{computers:,} computers: the peers")
                found["peers"] = _median(lambda: peers.measure(server, pcrt, warehouse, made, folder), repeat)  # noqa: B023 - called at once
            if pair == MAIN and "latency" in parts and computers == LATENCY_AT:
                say(f"{computers:,} computers: with latency")
                found["latency"] = latency.measure(
                    folder, pcrt, lambda: databases.warehouse("sqlite", "latency"), repeat
                )
    scene = _folder(folder / "small")
    found["package"] = {
        "commit": commit(),
        "began with": began_with,
        "ended with": fingerprint(),
        "load": os.getloadavg()[1],
    }
    found["help"] = _median(lambda: asdict_of(measured_sync.help_command(scene)), repeat)
    return found


def say(text: str) -> None:
    """Tell how far it is, beside the results."""
    print(text, file=sys.stderr, flush=True)


def asdict_of(cost: Cost) -> dict[str, float]:
    return cost._asdict()


def _prepared(computers: int, folder: Path) -> World:
    """The world and its pages, kept in the folder of this run; made once."""
    if not (folder / "world").exists():
        say(f"{computers:,} computers: making the world")
        made = lists.with_lists_nearly_right(world(computers))
        made.keep(folder / "world")
        pages.prepare(made, _folder(folder / "pages"))
    return World.kept(folder / "world")


def _nights(
    folder: Path,
    server: str,
    pcrt: sa.URL,
    warehouse: sa.URL,
    databases: Databases,
    kind: Kind,
    repeat: int,
    take_floors: Callable[[sa.URL], floors.Times] | None,
) -> dict[str, list[_Night]]:
    """First nights (an empty warehouse) and later ones; PCRT's lists are as nearly right on both.

    An empty job and the floors follow each sync, so that all meet the machine in the same mood.
    """
    runs: dict[str, list[_Night]] = {"first night": [], "later night": []}
    so_far: list[floors.Times] = []
    for number in range(repeat):
        scene, beside = _folder(folder / "sync"), _folder(folder / "empty_job")
        empty = databases.warehouse(kind, folder.name) if number else warehouse
        for nights in runs.values():
            most_connections(server)  # those of before do not count
            with seconds_of_each(pcrt) as statements:
                sync = measured_sync.sync(scene, server, pcrt, empty)
            connections = most_connections(server)
            put_lists_back(pcrt)
            longest = max(statements, default=0.0)
            empty_job = measured_sync.empty_job(beside)
            if take_floors:
                so_far.append(take_floors(empty))
            nights.append(_Night(sync, connections, longest, empty_job, so_far[-2:]))
    return runs


def _medians_of(nights: list[_Night]) -> Measures:
    runs = [night.sync for night in nights]
    costs = [asdict_of(run.cost) for run in runs]
    return {
        **{name: statistics.median(cost[name] for cost in costs) for name in costs[0]},
        "empty job": statistics.median(night.empty_job.wall for night in nights),
        "more than an empty job": statistics.median(night.sync.cost.wall - night.empty_job.wall for night in nights),
        "connections": max(night.connections for night in nights),
        "longest statement": statistics.median(night.longest_statement for night in nights),
        **_in_floors(nights),
        **{part: _medians([asdict(run)[part] for run in runs]) for part in ("phases", "steps")},
    }


def _in_floors(nights: list[_Night]) -> Measures:
    """How often a sync takes the sum of the floors that were taken before and after it; nothing where none were."""
    if not all(night.floors for night in nights):
        return {}
    sums = [statistics.mean(sum(taken[phase] for phase in floors.SUMMED) for taken in night.floors) for night in nights]
    times = [night.sync.cost.wall / total for night, total in zip(nights, sums, strict=True)]
    return {"in floors": statistics.median(times), "in floors, each": times}


def _medians(runs: list[dict[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for run in runs for name in run)
    return {name: statistics.median(run.get(name, 0.0) for run in runs) for name in names}


def _median(work: Callable[[], dict[str, float]], repeat: int) -> dict[str, float]:
    return _medians([work() for _ in range(repeat)])


def _folder(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
