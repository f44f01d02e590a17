"""How fast a nightly sync is: `python -m benchmarks`, or `python -m benchmarks --sizes 1000 --repeat 1 --results /tmp/bench`.

It exits with 1 when a limit that was measured is missed.
"""

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks import results
from benchmarks.limits import LIMITS
from benchmarks.measure import Measures, measure
from cwa_pipeline_tests.servers.mariadb import MariadbServer

SIZES = (1_000, 20_000, 100_000)
RESULTS = Path(__file__).with_name("results")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="How fast a nightly sync is.")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N", help="numbers of computers")
    parser.add_argument("--repeat", type=int, default=3, help="a figure is the median of so many runs")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder of table and chart")
    options = parser.parse_args()
    sizes: dict[int, Measures] = {}
    with tempfile.TemporaryDirectory(prefix="cwa_bench_") as name, ExitStack() as at_the_end:
        server = MariadbServer.start(Path(name))
        at_the_end.callback(server.stop)
        for computers in options.sizes:
            sizes[computers] = measure(computers, options.repeat, Path(name) / str(computers), server)
            results.write(options.results, sizes, options.repeat)
    print(*results.limits_table(sizes), f"\nTable and chart are in {options.results}", sep="\n")
    figures = ((limit, limit.measured(sizes)) for limit in LIMITS)
    return int(any(figure is not None and limit.margin(figure) < 0 for limit, figure in figures))


if __name__ == "__main__":
    sys.exit(main())
