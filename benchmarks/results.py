"""The results on paper: `sync.json`, `sync.md` and, by `benchmarks.chart`, `sync.svg`.

What belongs here: how the measures are told. What must not: judging them (`benchmarks.criteria`).
"""

import json
import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.chart import chart
from benchmarks.criteria import MIDDLE, Criterion, floor_of, nights
from benchmarks.floors import SUMMED
from benchmarks.measure import MAIN, Measures
from benchmarks.phases import ORDER, reading

NOTE = """\
Seconds, medians, on the machine and in the one run named below: read the ratios, the times drift from machine to machine. A first
night fills an empty warehouse; a later one finds it filled, and PCRT's lists again as nearly right as before. The phases are told
from what Dagster recorded of the run: how long each table took to make and to store, and each step as a whole. CWA and PCRT are
read side by side, each until its last table: the whole waits for the longer. A table is stored while the next one is made, so
writing the warehouse goes on beside the other phases; what they wait for it is told with the checks and with what Dagster's events
cost within a step. A floor is what the job cannot do without, done the fastest way known: a typed decode of the bytes while they
come, the driver's bare fetch, the rules in Polars (same matches, issues and members, checked), every table written to Parquet. The
floors are taken once after each night, and a sync is held against the mean of those before and after it: a machine that others use
too is not the same a few minutes later. The floor of writing PCRT is shown, and left out of the sum. The server that sends CWA's
pages is a process of its own, and its work is not counted. The sync and the empty job run in the environment of `make install`,
with Python's modules compiled, as pip leaves them, and a small sync before each large one has read their files, as the floors read
theirs. Suggestions, page and night's inputs have no floor; a second process reads PCRT and some of CWA, and up to 50,000 computers
and from 250,000 on it makes the suggestions, of which only the waiting shows. CPU and memory are those of all of a sync's processes
together. What was written before is on the disk when a clock starts. PCRT's longest statement is MariaDB's own measure: for no
longer is a table locked."""


def write(folder: Path, sizes: dict[str, Measures], judged: list[Criterion], repeat: int) -> None:
    """Write all three into `folder`."""
    folder.mkdir(exist_ok=True)
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "repeat": repeat}
    told = [{**criterion._asdict(), "met": criterion.met} for criterion in judged]
    kept: dict[str, Any] = {"machine": machine, "sizes": sizes, "criteria": told}
    (folder / "sync.json").write_text(json.dumps(kept, indent=1), encoding="utf-8")
    (folder / "sync.md").write_text("\n".join(_page(machine, sizes, judged)) + "\n", encoding="utf-8")
    largest = sizes.get(MIDDLE) or next(reversed(sizes.values()))
    if largest["floors"]:
        (folder / "sync.svg").write_text(chart(_bars(largest), _title(sizes, largest)), encoding="utf-8")


def criteria_lines(judged: Iterable[Criterion]) -> Iterable[str]:
    """The criteria as a table."""
    yield "| criterion | measured | limit | met |"
    yield "|---|--:|--:|---|"
    for one in judged:
        figure = "not measurable" if one.figure is None else f"{one.figure:.2f} {one.unit}"
        bound = "at least" if one.at_least else "at most"
        yield f"| {one.text} | {figure} | {bound} {one.limit:g} {one.unit} | {'yes' if one.met else '**no**'} |"


def _page(machine: dict[str, Any], sizes: dict[str, Measures], judged: list[Criterion]) -> Iterable[str]:
    yield "# How fast a nightly sync is\n"
    yield NOTE + "\n"
    yield f"{machine['cores']} cores, Python {machine['python']}, medians of {machine['repeat']}.\n"
    if len(packages(sizes)) > 1:
        yield "**The package was changed while this was measured: the figures below are of different packages. Measure again.**\n"
    yield "## What it has to reach\n"
    yield from criteria_lines(judged)
    for size, measures in sizes.items():
        yield f"\n## {int(size):,} computers\n"
        yield from _state(measures)
        yield from _whole(measures)
        for pair in measures["floors"]:
            yield f"\n### Phases: {pair}\n"
            yield from _phases(measures, pair)
        if "peers" in measures:
            yield "\n### Peers (seconds)\n"
            yield "| part | s |\n|---|--:|"
            yield from (f"| {name} | {seconds:.4f} |" for name, seconds in measures["peers"].items())
        if "latency" in measures:
            yield "\n### 200 ms a page\n"
            yield "| connections | whole sync, s | reading, s |\n|---|--:|--:|"
            for connections, run in measures["latency"].items():
                yield f"| {connections} | {run['wall']:.2f} | {reading(run['phases']):.2f} |"


def packages(sizes: dict[str, Measures]) -> set[str]:
    """The states of the package that were measured; figures of more than one cannot be compared."""
    return {measures["package"][when] for measures in sizes.values() for when in ("began with", "ended with")}


def _state(measures: Measures) -> Iterable[str]:
    """Which package it was, and how busy the machine."""
    package = measures["package"]
    state = " to ".join(dict.fromkeys([package["began with"], package["ended with"]]))
    yield f"Package: {package['commit']} ({state}). Load of the machine over five minutes: {package['load']:.1f}.\n"


def _whole(measures: Measures) -> Iterable[str]:
    yield "| process | wall, s | the empty job after it, s | CPU, s | peak, MB | PCRT's longest statement, s | connections to CWA |"
    yield "|---|--:|--:|--:|--:|--:|--:|"
    for pair in measures["syncs"]:
        for night, cost in nights(measures, pair).items():
            told = f"{cost['wall']:.2f} | {cost['empty job']:.2f} | {cost['cpu']:.2f} | {cost['peak_mb']:.0f}"
            statement = f"{cost['longest statement']:.2f}" if cost["longest statement"] else ""
            yield f"| sync, {night}, {pair} | {told} | {statement} | {cost['connections']} |"
    cost = measures["help"]
    yield f"| help | {cost['wall']:.2f} | | {cost['cpu']:.2f} | {cost['peak_mb']:.0f} | | |"


def _phases(measures: Measures, pair: str) -> Iterable[str]:
    both = nights(measures, pair)
    first, later = both["first night"], both["later night"]
    yield "| phase | first night | later night | floor | ratio |"
    yield "|---|--:|--:|--:|--:|"
    for phase in ORDER:
        ours, floor = first["phases"].get(phase, 0.0), floor_of(measures, pair, phase)
        beside = "| | |" if floor is None else f"| {floor:.3f} | {ours / floor:.1f} |"
        yield f"| {phase} | {ours:.2f} | {later['phases'].get(phase, 0.0):.2f} {beside}"
    floors = measures["floors"][pair]
    total = sum(floors[phase] for phase in SUMMED)
    yield f"| **whole sync** | **{first['wall']:.2f}** | **{later['wall']:.2f}** | **{total:.2f}** | **{first['in floors']:.1f}** |"
    every = "; ".join(_each(night, both[night]) for night in both)
    yield f"\nThe whole sync in sums of floors, one by one: {every}."
    yield f"\nCWA's bytes alone: {floors['CWA bytes']:.3f} s, {floors['MB a second']:.0f} MB a second from the prepared server. "
    drivers = {name: seconds for name, seconds in floors.items() if name.startswith("PCRT by")}
    yield "; ".join(f"{name}: {seconds:.3f} s" for name, seconds in drivers.items()) + "."


def _each(night: str, cost: Measures) -> str:
    return f"{night} " + ", ".join(f"{times:.2f}" for times in cost["in floors, each"])


def _bars(measures: Measures) -> list[tuple[str, float, float | None]]:
    phases = nights(measures)["first night"]["phases"]
    return [(phase, phases.get(phase, 0.0), floor_of(measures, MAIN, phase)) for phase in ORDER]


def _title(sizes: dict[str, Measures], measures: Measures) -> str:
    [size] = [size for size, one in sizes.items() if one is measures]
    times = nights(measures)["first night"]["in floors"]
    return f"A sync of {int(size):,} computers by phase: {times:.1f} times the sum of the floors"
