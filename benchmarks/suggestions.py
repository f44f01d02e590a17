"""How good the suggested matches are, in invented shops whose truth is known: `python -m benchmarks.suggestions`.

What belongs here: counting. What must not: the shops (`benchmarks.mistyped_world`), the scoring (`rules.suggestions`).
Exits with 1 when a bound is missed: the right PCID first in 95 % of the cases that have one (every case counts, those that
nobody could tell too), and a `likely` suggestion for 2 % of the computers without a PCID at the most.
"""

import sys
import time
from collections.abc import Iterable

import pandas as pd

from benchmarks.mistyped_world import MistypedWorld, mistyped_world
from cwa_pipeline.rules.suggestions.suggestions import match_suggestions
from cwa_pipeline_tests.worlds import World

LEAST_RIGHT_FIRST = 0.95
MOST_LIKELY_BUT_NEW = 0.02
SEEDS = range(1, 6)
COMPUTERS = 2_000
LARGE = 20_000


def suggestions_of(world: World) -> pd.DataFrame:
    return match_suggestions(world.cwa_computers, world.computer_matches, world.pcrt_pcids, world.serial_blacklist)


def outcomes(made: MistypedWorld) -> pd.DataFrame:
    """One row per unmatched computer: case, has_pcid, first and among_three (the right PCID is), likely (a first one is)."""
    suggested = suggestions_of(made.world)
    first = suggested[suggested["rank"] == 1].set_index("computer_id")
    listed = set(zip(suggested["computer_id"].tolist(), suggested["pcid"].tolist(), strict=True))
    cases = pd.DataFrame({"computer_id": list(made.truth), "pcid": pd.array(list(made.truth.values()), dtype="Int64")})
    cases["case"] = cases["computer_id"].map(made.case)
    cases["has_pcid"] = cases["pcid"].notna()
    cases["first"] = (cases["computer_id"].map(first["pcid"]) == cases["pcid"]).fillna(False).astype("bool")
    cases["among_three"] = [pair in listed for pair in zip(cases["computer_id"], cases["pcid"], strict=True)]
    cases["likely"] = cases["computer_id"].map(first["confidence"]) == "likely"
    return cases


def right_first(cases: pd.DataFrame) -> float:
    """The share of the computers with a PCID to which the right one is suggested first."""
    return float(cases.loc[cases["has_pcid"], "first"].mean())


def likely_but_new(cases: pd.DataFrame) -> float:
    """The share of the computers without a PCID to which one is suggested as likely."""
    return float(cases.loc[~cases["has_pcid"], "likely"].mean())


def table(cases: pd.DataFrame) -> Iterable[str]:
    """The lines of the table: one a kind of case, and the sums."""
    with_pcid, new = cases[cases["has_pcid"]], cases[~cases["has_pcid"]]
    yield f"{'computers with a PCID':24}{'cases':>7}{'first':>9}{'of three':>10}{'likely':>9}{'likely, wrong':>15}"
    for case, of in [*with_pcid.groupby("case"), ("all", with_pcid)]:
        wrong = (of["likely"] & ~of["first"]).mean()
        figures = f"{of['first'].mean():9.1%}{of['among_three'].mean():10.1%}{of['likely'].mean():9.1%}{wrong:15.1%}"
        yield f"{case:24}{len(of):7}{figures}"
    yield f"\n{'without a PCID':24}{'cases':>7}{'likely':>9}"
    for case, of in [*new.groupby("case"), ("all", new)]:
        yield f"{case:24}{len(of):7}{of['likely'].mean():9.1%}"


def main() -> int:
    cases = pd.concat([outcomes(mistyped_world(seed, COMPUTERS)) for seed in SEEDS])
    print(f"{len(SEEDS)} shops of {COMPUTERS} computers\n", *table(cases), sep="\n")
    large = mistyped_world(0, LARGE).world
    tables = (large.cwa_computers, large.computer_matches, large.pcrt_pcids, large.serial_blacklist)
    start = time.perf_counter()
    match_suggestions(*tables)
    seconds = time.perf_counter() - start
    unmatched = int(large.computer_matches["pcid"].isna().sum())
    print(
        f"\n{len(large.computers)} computers, {unmatched} of them unmatched, {len(large.pcids)} PCIDs: {seconds:.2f} s"
    )
    good = right_first(cases) >= LEAST_RIGHT_FIRST and likely_but_new(cases) <= MOST_LIKELY_BUT_NEW
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
