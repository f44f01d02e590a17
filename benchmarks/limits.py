"""How fast a sync has to stay: each limit, and how its figure comes from the measures."""

import statistics
from collections.abc import Callable, Mapping
from typing import NamedTuple

from benchmarks import peers
from benchmarks.measure import CONNECTIONS, Measures, middle
from benchmarks.processes import Sync

SMALL, MIDDLE, LARGE = 1_000, 100_000, 1_000_000
ONE, MANY = CONNECTIONS
Sizes = Mapping[int, Measures]


class Limit(NamedTuple):
    """One limit. `figure` raises KeyError when the run did not measure what it needs."""

    text: str
    limit: float
    unit: str
    figure: Callable[[Sizes], float]
    at_least: bool = False

    def measured(self, sizes: Sizes) -> float | None:
        """The figure; None when it was not measured."""
        try:
            return self.figure(sizes)
        except KeyError:
            return None

    def margin(self, figure: float) -> float:
        """How far the figure is on the good side of the limit, as a share of it; below zero when it missed it."""
        return (figure / self.limit - 1) * (1 if self.at_least else -1)


def both_nights(measures: Measures) -> list[Sync]:
    """The median first and the median later night."""
    return [middle([sync for sync, _ in nights]) for nights in measures.nights.values()]


def more_than_an_empty_job(measures: Measures) -> float:
    """The seconds that a sync takes more than the empty job right after it; the worse of both nights."""
    return max(
        statistics.median(sync.cost.wall - empty.wall for sync, empty in nights) for nights in measures.nights.values()
    )


def wall(measures: Measures) -> float:
    """The seconds of a whole sync; the worse of both nights."""
    return max(sync.cost.wall for sync in both_nights(measures))


def peak(measures: Measures) -> float:
    """The peak memory in MB; the worst of all nights."""
    return max(sync.cost.peak_mb for nights in measures.nights.values() for sync, _ in nights)


def ours(measures: Measures, peer: str) -> float:
    """The seconds that we take for what a peer does; ours include Dagster's steps, checks and the storing of each table."""
    first, later = both_nights(measures)
    if peer == peers.DLT:
        return first.seconds_of("cwa_")  # dlt too fills an empty database
    if peer == peers.DIFFSYNC:
        return later.seconds_of("subscription_members", "members_plan")
    return wall(measures)


def times_as_fast(peer: str) -> Callable[[Sizes], float]:
    """How many times as fast as a peer we are at 100,000 computers."""
    return lambda sizes: sizes[MIDDLE].peers[peer] / ours(sizes[MIDDLE], peer)


def with_latency(sizes: Sizes, connections: int) -> Sync:
    """The median first night at 100,000 computers with 200 ms a page."""
    return middle(sizes[MIDDLE].latency[connections])


def parallel_reading(sizes: Sizes) -> float:
    """How many times as fast the reading is over eight connections as over one."""
    return with_latency(sizes, ONE).reading / with_latency(sizes, MANY).reading


def whole_in_readings(sizes: Sizes) -> float:
    """A whole sync with latency, in times of its reading."""
    return with_latency(sizes, MANY).cost.wall / with_latency(sizes, MANY).reading


def growth(sizes: Sizes) -> float:
    """The time per computer at a million, in times of that at 100,000."""
    return wall(sizes[LARGE]) / LARGE / (wall(sizes[MIDDLE]) / MIDDLE)


LIMITS = (
    Limit("1,000: more than an empty Dagster job", 2.5, "s", lambda sizes: more_than_an_empty_job(sizes[SMALL])),
    Limit("100,000: start to end", 10, "s", lambda sizes: wall(sizes[MIDDLE])),
    Limit("100,000: peak memory", 500, "MB", lambda sizes: peak(sizes[MIDDLE])),
    *(
        Limit(f"100,000: times as fast as {peer}", limit, "x", times_as_fast(peer), at_least=True)
        for peer, limit in {peers.INDEXED: 2.5, peers.OWN_SCHEMA: 100, peers.DIFFSYNC: 10, peers.DLT: 5}.items()
    ),
    Limit("200 ms a page, 8 connections: reading times as fast as over 1", 5, "x", parallel_reading, at_least=True),
    Limit("200 ms a page, 8 connections: the whole sync, in times of its reading", 1.25, "x", whole_in_readings),
    Limit("1,000,000: peak memory", 2_000, "MB", lambda sizes: peak(sizes[LARGE])),
    Limit("1,000,000: time per computer, in times of that at 100,000", 1, "x", growth),
)
