"""The sync against a CWA server that takes 200 ms a page, over one connection and over eight.

What belongs here: those two syncs. What must not: whether they are good (`benchmarks.criteria`).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks import measured_sync
from benchmarks.databases import put_lists_back
from benchmarks.measured_sync import SyncRun
from benchmarks.running import most_connections, prepared_server

SECONDS_A_PAGE = 0.2
CONNECTIONS = 8


def measure(folder: Path, pcrt: sa.URL, empty_warehouse: Callable[[], sa.URL], repeat: int) -> dict[str, Any]:
    """Wall time and phases of a first night by the number of connections: of the run with the median wall time. And the most there were."""
    scene = folder / "latency"
    scene.mkdir(exist_ok=True)
    runs: dict[int, list[SyncRun]] = {1: [], CONNECTIONS: []}
    most = dict.fromkeys(runs, 0)
    with prepared_server(folder / "pages", "--latency", str(SECONDS_A_PAGE)) as server:
        for _ in range(repeat):
            for connections, so_far in runs.items():
                toml = f"connections = {connections}\n"
                so_far.append(measured_sync.sync(scene, server, pcrt, empty_warehouse(), toml))
                most[connections] = max(most[connections], most_connections(server))
                put_lists_back(pcrt)
    middle = {connections: sorted(some, key=_wall)[len(some) // 2] for connections, some in runs.items()}
    return {
        str(connections): {"wall": run.cost.wall, "phases": run.phases, "connections": most[connections]}
        for connections, run in middle.items()
    }


def _wall(run: SyncRun) -> float:
    return run.cost.wall
