"""The benchmarks of the whole sync: `python -m benchmarks`, or a part of them with `--computers 10000 --only sync,floors --repeat 1`.

What belongs here: the command line, and the exit status: 1 when a criterion that was measured is missed, or when the package was
changed meanwhile. The quality of the suggested matches is a benchmark of its own (`benchmarks.suggestions`).
"""

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks import proof, results
from benchmarks.criteria import criteria
from benchmarks.databases import Databases
from benchmarks.measure import PARTS, Measures, measure, say

SIZES = (10_000, 100_000, 1_000_000)
RESULTS = Path(__file__).with_name("results")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="How fast a nightly sync is.")
    parser.add_argument("--computers", type=int, nargs="+", default=SIZES, metavar="N", help="sizes of the worlds")
    parser.add_argument(
        "--only", default=",".join(PARTS), help=f"parts, of {','.join(PARTS)}; sync is always among them"
    )
    parser.add_argument("--repeat", type=int, default=3, help="runs a figure is the median of")
    parser.add_argument(
        "--folder", type=Path, help="where worlds and databases go, removed afterwards; else a temporary one"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the tables go")
    options = parser.parse_args()
    parts = set(options.only.split(","))
    if not parts <= set(PARTS):
        parser.error(f"--only takes {', '.join(PARTS)}")

    proof.prepared_server_is_read_as_the_stand_in_is()
    sizes: dict[str, Measures] = {}
    with tempfile.TemporaryDirectory(prefix="cwa_bench_", dir=options.folder) as name:
        folder = Path(name)
        with Databases.running(folder) as databases:
            for computers in options.computers:
                sizes[str(computers)] = measure(computers, parts, options.repeat, folder / str(computers), databases)
                judged = criteria(sizes)
                results.write(options.results, sizes, judged, options.repeat)
    print(*results.criteria_lines(judged), sep="\n")
    say(f"The tables are in {options.results}")
    if len(results.packages(sizes)) > 1:
        say("The package was changed while it was measured: measure again")
        return 1
    return 0 if all(criterion.met for criterion in judged) else 1


if __name__ == "__main__":
    sys.exit(main())
