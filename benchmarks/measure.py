"""All that is measured at one size."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import databases, peers
from benchmarks.pages import write_pages
from benchmarks.processes import Cost, Sync, empty_job, prepared_server, sync
from benchmarks.worlds import world
from cwa_pipeline_tests.servers.mariadb import MariadbServer

PEERS_UP_TO = 100_000  # beyond, the peers take hours
LATENCY_AT = 100_000
SECONDS_A_PAGE = 0.2
CONNECTIONS = (1, 8)


@dataclass(frozen=True)
class Measures:
    """One size: its first and later nights, each with the empty job right after it; the seconds of the peers; and first
    nights with latency by number of connections."""

    nights: dict[str, list[tuple[Sync, Cost]]]
    peers: dict[str, float] = field(default_factory=dict)
    latency: dict[int, list[Sync]] = field(default_factory=dict)


def middle(syncs: Sequence[Sync]) -> Sync:
    """The sync with the median wall time."""
    return sorted(syncs, key=lambda one: one.cost.wall)[len(syncs) // 2]


def measure(computers: int, repeat: int, folder: Path, server: MariadbServer) -> Measures:
    """Measure one size; `folder` is new."""
    say(computers, "making the world")
    folder.mkdir()
    pcrt, pages, warehouse, made = server.new_database(), folder / "pages", folder / "warehouse.db", world(computers)
    write_pages(made, pages)
    databases.fill(pcrt, made, folder)

    def night(url: str, *, later: bool = False, toml: str = "") -> Sync:
        if not later:
            for file in folder.glob(f"{warehouse.name}*"):
                file.unlink()
        databases.restore_lists(pcrt)
        return sync(folder, url, pcrt, warehouse, toml)

    with prepared_server(pages) as url:
        # This sync finds the right lists, and its imports fill the page cache for those that are measured.
        sync(folder, url, pcrt, warehouse, "[sync]\ndry_run = true\n")
        databases.prepare_lists(pcrt, made, databases.read_table(warehouse, "members_plan"), folder)
        assert len(databases.read_table(warehouse, "computer_matches")) == computers
        nights: dict[str, list[tuple[Sync, Cost]]] = {"first": [], "later": []}
        for number in range(repeat):
            say(computers, f"first and later night, {number + 1} of {repeat}")
            for name, so_far in nights.items():
                so_far.append((night(url, later=name == "later"), empty_job(folder / "empty")))
        found = Measures(nights)
        if computers <= PEERS_UP_TO:
            say(computers, "peers")
            found.peers.update(peers.measure(url, pcrt, made, warehouse, folder))
    if computers == LATENCY_AT:
        with prepared_server(pages, SECONDS_A_PAGE) as url:
            for connections in CONNECTIONS:
                say(computers, f"{SECONDS_A_PAGE} s a page, {connections} connections")
                found.latency[connections] = [night(url, toml=f"connections = {connections}\n") for _ in range(repeat)]
    return found


def say(computers: int, text: str) -> None:
    """Tell how far the benchmark is."""
    print(f"{computers:,} computers: {text}", file=sys.stderr, flush=True)
