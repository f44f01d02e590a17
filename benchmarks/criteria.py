"""What the sync has to reach, and whether it does.

What belongs here: each criterion as a figure and a limit, worked out of the measures. What must not: measuring.
"""

from typing import Any, NamedTuple

from benchmarks.latency import CONNECTIONS
from benchmarks.measure import MAIN, Measures
from benchmarks.phases import DAGSTER, START_UP, WAITING, reading
from cwa_pipeline.config.settings import CwaSettings

SMALL, MIDDLE, LARGE = "10000", "100000", "1000000"
SLACK = 1.15  # differences below this are noise of the machine


class Criterion(NamedTuple):
    """One demand: the figure is met when it is not above (or, `at_least`, not below) the limit."""

    text: str
    figure: float | None  # None: it could not be measured
    limit: float
    unit: str
    at_least: bool = False

    @property
    def met(self) -> bool:
        if self.figure is None:
            return False
        return self.figure >= self.limit if self.at_least else self.figure <= self.limit


def nights(measures: Measures, pair: str = MAIN) -> dict[str, Any]:
    """The first and the later night of one pair of databases."""
    return measures["syncs"][pair]


def worse(measures: Measures, name: str) -> float:
    """The worse of both nights: wall, cpu, peak_mb, connections, longest statement, in floors, more than an empty job: of those beside."""
    return max(night[name] for night in nights(measures).values())


def criteria(sizes: dict[str, Measures]) -> list[Criterion]:
    """Every criterion that the sizes and parts measured allow to judge."""
    return [*_whole(sizes), *_latency(sizes), *_peers(sizes), *_memory(sizes), *_gentle(sizes)]


def _whole(sizes: dict[str, Measures]) -> list[Criterion]:
    found = []
    if (large := sizes.get(LARGE)) and large["floors"]:
        times = worse(large, "in floors")
        found.append(Criterion("1 M computers: the whole sync, in sums of the phase floors", times, 2.5, "x"))
    if middle := sizes.get(MIDDLE):
        found.append(Criterion("100 k: the whole sync, start-up included", worse(middle, "wall"), 10, "s"))
    if small := sizes.get(SMALL):
        more = worse(small, "more than an empty job")
        found.append(Criterion("10 k: more than an empty Dagster job", more, 2, "s"))
    if large and middle:
        grown = worse(large, "wall") / 1e6 / (worse(middle, "wall") / 1e5)
        found.append(Criterion("time per computer at 1 M, in those at 100 k", grown, 1, "x"))
    if sizes:
        found.append(Criterion("cwa-pipeline --help", next(iter(sizes.values()))["help"]["wall"], 0.3, "s"))
    return found


def _latency(sizes: dict[str, Measures]) -> list[Criterion]:
    middle = sizes.get(MIDDLE, {})
    if "latency" not in middle:
        return []
    one, many = middle["latency"]["1"], middle["latency"].get(str(CONNECTIONS))
    faster = beside = at_once = None
    if many:
        faster, at_once = reading(one["phases"]) / reading(many["phases"]), many["connections"]
        # What is left of the run beside the reading of both systems, against the same without latency.
        rest = many["wall"] - reading(many["phases"])
        plain = nights(middle)["first night"]
        hidden = plain["wall"] - reading(plain["phases"])
        beside = rest / hidden
    text = f"200 ms a page: reading over {CONNECTIONS} connections against one"
    return [
        Criterion(text, faster, 5, "x", at_least=True),
        Criterion("200 ms a page: what is not hidden behind the reading, in what cannot be", beside, SLACK, "x"),
        Criterion("200 ms a page: at once to CWA", at_once, CONNECTIONS, "connections"),
    ]


def _peers(sizes: dict[str, Measures]) -> list[Criterion]:
    middle = sizes.get(MIDDLE, {})
    if "peers" not in middle:
        return []
    peers, whole = middle["peers"], worse(middle, "wall")
    times = {
        "a query per computer on PCRT's own schema": (peers["script on PCRT's own schema"] / whole, 100),
        "a query per computer on an indexed serial": (peers["script on an indexed column"] / whole, 3),
        "DiffSync, for the membership diff": (
            peers["membership by DiffSync"] / peers["membership by our functions"],
            10,
        ),
        "dlt, for the ingest": (peers["ingest by dlt"] / peers["ingest by us"], 5),
    }
    return [
        Criterion(f"100 k: times as fast as {peer}", figure, limit, "x", at_least=True)
        for peer, (figure, limit) in times.items()
    ]


def _memory(sizes: dict[str, Measures]) -> list[Criterion]:
    limits = {LARGE: ("1 M", 2_000), MIDDLE: ("100 k", 500)}
    return [
        Criterion(f"{name}: peak memory", worse(sizes[size], "peak_mb"), limit, "MB")
        for size, (name, limit) in limits.items()
        if size in sizes
    ]


def _gentle(sizes: dict[str, Measures]) -> list[Criterion]:
    if not (large := sizes.get(LARGE)):
        return []
    allowed, statement = CwaSettings.model_fields["connections"].default, worse(large, "longest statement")
    return [
        Criterion("1 M: the longest that PCRT's server is at one statement", statement, 1, "s"),
        Criterion("1 M: at once to CWA", worse(large, "connections"), allowed, "connections"),
    ]


def floor_of(measures: Measures, pair: str, phase: str) -> float | None:
    """The floor of a phase; an empty Dagster job is the one of Dagster's own and the start-up together. None where there is none."""
    if phase in (DAGSTER, START_UP, WAITING):
        return None
    return measures["floors"].get(pair, {}).get(phase)
