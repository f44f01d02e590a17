"""What the last sync left in the warehouse that may have to be told: the groups that are held, and how many issues are open.

What belongs here: reading that. What must not: a name; ids and counts are enough to find it on the page.
"""

from typing import NamedTuple

import pandas as pd

from cwa_pipeline.errors import PipelineError
from cwa_pipeline.rules.guards import STOPPING
from cwa_pipeline.warehouse.store import Warehouse

HELD = "members_held"  # told as held already, so never as a jump


class Left(NamedTuple):
    """The run that left it so, the groups held, and of each kind of issue how many are open."""

    run_id: str
    held: list[int]
    counts: dict[str, int]


def left_by_the_last_sync(warehouse: Warehouse | None, judged_run: str | None, *, dry_run_counts: bool) -> Left | None:
    """None while there is nothing new: no sync since `judged_run`, or only one that was not to write, or nothing that can be read."""
    if warehouse is None:
        return None
    try:
        runs = warehouse.read("sync_runs").sort_values("finished_at").tail(1)
        if runs.empty or runs["run_id"].item() == judged_run or not (runs["wrote"].item() or dry_run_counts):
            return None
        lists, issues = (
            warehouse.read("additional_members", or_empty=True),
            warehouse.read("open_issues", or_empty=True),
        )
    except PipelineError:
        return None
    counts = issues.loc[issues["issue"] != HELD, "issue"].value_counts()
    return Left(runs["run_id"].item(), held_groups(lists), {str(issue): int(count) for issue, count in counts.items()})


def held_groups(additional_members: pd.DataFrame) -> list[int]:
    """The groups of which a list is held for itself; a guard over all groups fails the run, which is told as that."""
    held = (additional_members["status"] == "held") & ~additional_members["guard"].isin(STOPPING)
    return sorted({int(group) for group in additional_members.loc[held, "group_id"]})
