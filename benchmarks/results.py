"""What is published: one page of Markdown and one chart."""

import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from benchmarks.chart import chart
from benchmarks.limits import LIMITS, Sizes, both_nights, ours
from benchmarks.measure import SECONDS_A_PAGE, middle
from benchmarks.processes import Sync
from benchmarks.steps import phases

HEAD = """\
# How fast a nightly sync is

Made by `make bench`. Compare ratios: the seconds are those of one machine. A sync is
`cwa-pipeline sync` as a process, with PCRT in MariaDB (MyISAM) and the warehouse in SQLite. A first
night fills an empty warehouse; a later night finds it filled. The phases are Dagster's step
durations, summed by lineage group.
"""


def write(folder: Path, sizes: Sizes, repeat: int) -> None:
    """Write `sync.md` and `sync.svg`."""
    folder.mkdir(parents=True, exist_ok=True)
    syncs = {name: (sync, phases(sync.cost.wall, sync.run_seconds, sync.steps)) for name, sync in _syncs(sizes)}
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}; each row is the median of {repeat}."
    lines = [HEAD, machine, "", *limits_table(sizes), "", *_syncs_table(syncs), "", *_peers_table(sizes)]
    (folder / "sync.md").write_text("\n".join(lines) + "\n")
    (folder / "sync.svg").write_text(chart({name: of for name, (_, of) in syncs.items() if "ms" not in name}))


def limits_table(sizes: Sizes) -> Iterator[str]:
    """Each limit, the measured figure, and whether and by how much it was met."""
    yield from _head("what", "limit", "measured", "result")
    for limit in LIMITS:
        aim = f"at {'least' if limit.at_least else 'most'} {limit.limit:,g} {limit.unit}"
        if (figure := limit.measured(sizes)) is None:
            yield _row(limit.text, aim, "", "not measured")
        else:
            margin = limit.margin(figure)
            result = f"met, {margin:.0%} to spare" if margin >= 0 else f"**missed by {-margin:.0%}**"
            yield _row(limit.text, aim, f"{figure:,.2f} {limit.unit}", result)


def _syncs(sizes: Sizes) -> Iterator[tuple[str, Sync]]:
    for computers, measures in sizes.items():
        for night, sync in zip(measures.nights, both_nights(measures), strict=True):
            yield f"{computers:,}, {night} night", sync
        for connections, syncs in measures.latency.items():
            named = "connection" if connections == 1 else "connections"
            yield f"{computers:,}, {SECONDS_A_PAGE * 1000:.0f} ms a page, {connections} {named}", middle(syncs)


def _syncs_table(syncs: Mapping[str, tuple[Sync, Mapping[str, float]]]) -> Iterator[str]:
    columns = list(dict.fromkeys(phase for _, of in syncs.values() for phase in of))
    yield from _head("computers", "wall, s", "CPU, s", "peak, MB", *columns)
    for name, (sync, of) in syncs.items():
        cost, parts = sync.cost, [f"{of.get(phase, 0):.2f}" for phase in columns]
        yield _row(name, f"{cost.wall:.2f}", f"{cost.cpu:.2f}", f"{cost.peak_mb:,.0f}", *parts)


def _peers_table(sizes: Sizes) -> Iterator[str]:
    yield from _head("computers", "peer", "its seconds", "ours")
    for computers, measures in sizes.items():
        for peer, seconds in measures.peers.items():
            yield _row(f"{computers:,}", peer, f"{seconds:,.2f}", f"{ours(measures, peer):.2f}")


def _head(*columns: str) -> Iterable[str]:
    return _row(*columns), _row("---", *["--:"] * (len(columns) - 1))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
