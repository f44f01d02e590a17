"""How fast a nightly sync is: `python -m benchmarks`, or `python -m benchmarks --sizes 1000 --repeat 1 --results /tmp/bench`.

It exits with 1 when a limit that was measured is missed.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks import results
from benchmarks.databases import mariadb
from benchmarks.limits import LIMITS
from benchmarks.measure import Measures, measure

SIZES = (1_000, 20_000, 100_000)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="How fast a nightly sync is.")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N", help="numbers of computers")
    parser.add_argument("--repeat", type=int, default=3, help="a figure is the median of so many runs")
    parser.add_argument(
        "--results", type=Path, default=Path(__file__).with_name("results"), help="the folder of table and chart"
    )
    options = parser.parse_args()
    sizes: dict[int, Measures] = {}
    with tempfile.TemporaryDirectory(prefix="cwa_bench_") as name, mariadb(Path(name) / "mariadb") as server:
        for computers in options.sizes:
            sizes[computers] = measure(computers, options.repeat, Path(name) / str(computers), server)
            results.write(options.results, sizes, options.repeat)
    print(*results.limits_table(sizes), f"\nTable and chart are in {options.results}", sep="\n")
    figures = ((limit, limit.measured(sizes)) for limit in LIMITS)
    return int(any(figure is not None and limit.margin(figure) < 0 for limit, figure in figures))


if __name__ == "__main__":
    sys.exit(main())
