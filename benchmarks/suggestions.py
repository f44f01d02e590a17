"""How good the suggested matches are, in invented shops whose truth is known: `python -m benchmarks.suggestions`.

It exits with 1 when a bound is missed. Every case counts, even one that nobody could tell.
"""

import sys

import pandas as pd

from benchmarks.mistyped_world import MistypedWorld, mistyped_world
from cwa_pipeline.rules.suggestions.suggestions import match_suggestions
from cwa_pipeline_tests.worlds import World

LEAST_RIGHT_FIRST = 0.95  # of the computers that have a PCID
MOST_LIKELY_BUT_NEW = 0.02  # of those that have none
SEEDS = range(1, 6)
COMPUTERS = 2_000


def suggestions_of(world: World) -> pd.DataFrame:
    return match_suggestions(world.cwa_computers, world.computer_matches, world.pcrt_pcids, world.serial_blacklist)


def outcomes(made: MistypedWorld) -> pd.DataFrame:
    """One row per unmatched computer: case, has_pcid, first (the right PCID is), likely (the first one is called so)."""
    suggested = suggestions_of(made.world)
    first = suggested[suggested["rank"] == 1].set_index("computer_id")
    cases = pd.DataFrame({"computer_id": list(made.truth), "pcid": pd.array(list(made.truth.values()), dtype="Int64")})
    cases["case"] = cases["computer_id"].map(made.case)
    cases["has_pcid"] = cases["pcid"].notna()
    cases["first"] = (cases["computer_id"].map(first["pcid"]) == cases["pcid"]).fillna(False).astype("bool")
    cases["likely"] = cases["computer_id"].map(first["confidence"]) == "likely"
    return cases


def right_first(cases: pd.DataFrame) -> float:
    """The share of the computers with a PCID to which the right one is suggested first."""
    return float(cases.loc[cases["has_pcid"], "first"].mean())


def likely_but_new(cases: pd.DataFrame) -> float:
    """The share of the computers without a PCID to which one is suggested as likely."""
    return float(cases.loc[~cases["has_pcid"], "likely"].mean())


def table(cases: pd.DataFrame) -> pd.DataFrame:
    """Of each kind of case: how many, and the shares that are right, called likely, and called likely but wrong."""
    wrong = cases.assign(wrong=cases["likely"] & ~cases["first"])
    groups = pd.concat([wrong, wrong.assign(case="all")]).groupby(["has_pcid", "case"])
    return groups[["first", "likely", "wrong"]].mean().mul(100).round(1).assign(cases=groups.size())


def main() -> int:
    cases = pd.concat([outcomes(mistyped_world(seed, COMPUTERS)) for seed in SEEDS])
    print(f"{len(SEEDS)} shops of {COMPUTERS} computers, shares in %\n{table(cases)}")
    good = right_first(cases) >= LEAST_RIGHT_FIRST and likely_but_new(cases) <= MOST_LIKELY_BUT_NEW
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
