"""What may change in one night without a person, and how a person releases the rest.

A guard never changes a list; it only stops one from being written.
"""

from collections.abc import Iterable, Sequence

import pandas as pd

from cwa_pipeline.config.settings import GuardSettings
from cwa_pipeline.rules.members.membership import spelled_pcids

ALL = "all"  # releases everything that is held, also by the two guards over all groups
STOPPING = ("source_drop", "total_removals")  # with one of these nothing at all is written, and the run fails
OF_A_GROUP = ("members_removed", "undone")  # with one of these a group is held and the others go on


def source_drops(counts: pd.DataFrame, counts_then: pd.DataFrame, guards: GuardSettings) -> list[str]:
    """A source that shrank by more than `max_source_drop` since the last sync that wrote, one line each.

    Both take table_name and rows_read: an account that lost its rights gets shorter lists without an error.
    """
    both = counts_then.merge(counts, on="table_name", suffixes=("_then", "_now"))
    limit = guards.max_source_drop
    return [
        f"{table} shrank from {then} to {now} rows, by {_share(then - now, then, limit)}"
        for table, then, now in zip(
            both["table_name"].tolist(), both["rows_read_then"].tolist(), both["rows_read_now"].tolist(), strict=True
        )
        if then - now > limit * then
    ]


def guarded(
    plan: pd.DataFrame,
    held_before: pd.DataFrame,
    undone_groups: pd.Series,
    drops: Sequence[str],
    release: Sequence[str],
    guards: GuardSettings,
) -> pd.DataFrame:
    """The plan, in which everything that a guard holds is `held`, with guard and reason.

    In this order: a group in which a subscription would lose more than `max_removed_share` of its members and at least
    `min_removed` is held whole, and so is one that was undone; when the removals over all groups pass `max_total_removed_share` and
    `min_total_removed`, or a source shrank, everything is held.
    `held_before` is the result of the last run: a person releases what was held then, not what came later.
    """
    released = _released(plan, held_before, release)
    plan = _hold_groups(plan, _losing_groups(plan, guards), "members_removed", released)
    undone = plan[plan["group_id"].isin(undone_groups)]
    because = pd.Series("was undone; look at it, then release it", index=undone["group_id"].unique(), dtype="str")
    plan = _hold_groups(plan, because, "undone", released)
    stops = {"source_drop": "; ".join(drops), "total_removals": _too_many_removals(plan[~released], plan, guards)}
    for guard, text in stops.items():
        if text:
            waiting = (plan["status"] == "planned") & ~released
            reason = f"{text}; nothing is written. Look at it, then: cwa-pipeline sync --release all"
            plan = _hold(plan, waiting, guard, pd.Series(reason, index=plan.index, dtype="str"))
    return plan


def stopped_by(plan: pd.DataFrame) -> str | None:
    """Why nothing at all may be written, or None."""
    stopped = plan.loc[plan["guard"].isin(STOPPING), "reason"]
    return None if stopped.empty else str(stopped.iloc[0])


def _losing_groups(plan: pd.DataFrame, guards: GuardSettings) -> pd.Series:
    """Each group to be held for what one of its subscriptions would lose: group_id -> why."""
    removed, listed = plan["removed"], plan["listed"]
    losing = plan[
        (plan["status"] == "planned")
        & (removed >= max(guards.min_removed, 1))
        & (removed > guards.max_removed_share * listed)
    ].drop_duplicates("group_id")
    why = [
        f"subscription {subscription_id} would lose {_share(removed, listed, guards.max_removed_share)} of its members"
        for subscription_id, removed, listed in zip(
            losing["subscription_id"].tolist(), losing["removed"].tolist(), losing["listed"].tolist(), strict=True
        )
    ]
    return pd.Series(why, index=losing["group_id"], dtype="str")


def _too_many_removals(counted: pd.DataFrame, plan: pd.DataFrame, guards: GuardSettings) -> str | None:
    """The numbers when the removals over all groups, held ones too, pass both limits; what a person released does not count."""
    waiting = counted["status"].isin(["planned", "held"])
    removed, listed = int(counted.loc[waiting, "removed"].sum()), int(plan["listed"].sum())
    if removed < max(guards.min_total_removed, 1) or removed <= guards.max_total_removed_share * listed:
        return None
    return f"all groups together would lose {_share(removed, listed, guards.max_total_removed_share)} of their members"


def _hold_groups(plan: pd.DataFrame, because: pd.Series, guard: str, released: pd.Series) -> pd.DataFrame:
    """Hold every planned list of the groups in `because`, unless the whole of what is planned for its group is released."""
    if because.empty:
        return plan
    let_go = released.groupby(plan["group_id"]).transform("all")
    held = (plan["status"] == "planned") & plan["group_id"].isin(because.index) & ~let_go
    why = plan["group_id"].map(because.to_dict())
    remedy = plan["group_id"].map(lambda group_id: f"look at it, then: cwa-pipeline sync --release {group_id}")
    return _hold(plan, held, guard, why.astype("str") + "; " + remedy.astype("str"))


def _hold(plan: pd.DataFrame, held: pd.Series, guard: str, reason: pd.Series) -> pd.DataFrame:
    return plan.assign(
        status=plan["status"].mask(held, "held"),
        guard=plan["guard"].mask(held, guard),
        reason=plan["reason"].mask(held, reason),
    )


def _released(plan: pd.DataFrame, held_before: pd.DataFrame, release: Sequence[str]) -> pd.Series:
    """Which lists a person released: those named, if they would change no more than what was held when the person looked.

    A list that is not `planned` has nothing to release and does not block the others of its group.
    """
    if not release:
        return pd.Series(False, index=plan.index)
    named = plan["group_id"].astype("str").isin([*release]) | (ALL in release)
    if not named.any():
        return named
    held = held_before[held_before["guard"].isin([*OF_A_GROUP, *STOPPING])].set_index("subscription_id")
    seen = pd.DataFrame(
        {
            name: plan["subscription_id"].map(spelled_pcids(held[f"{name}_pcids"]).to_dict())
            for name in ("added", "removed")
        }
    )
    no_more = pd.Series(True, index=plan.index)
    for name in ("added", "removed"):
        would = spelled_pcids(plan[f"{name}_pcids"])
        no_more &= pd.Series(
            [isinstance(then, frozenset) and now <= then for now, then in zip(would, seen[name], strict=True)],
            index=plan.index,
            dtype="bool",
        )
    return named & (no_more | (plan["status"] != "planned"))


def _share(part: int, whole: int, limit: float) -> str:
    """As in `62 % (5 of 8; 50 % is the limit)`."""
    return f"{part / whole:.0%} ({part} of {whole}; {limit:.0%} is the limit)".replace("%", " %")


def tables_of_other_runs(table_loads: pd.DataFrame, tables: Iterable[str], run_id: str) -> list[str]:
    """Which of the tables were not loaded by this run; table_loads has table_name and run_id."""
    loaded_now = set(table_loads.loc[table_loads["run_id"] == run_id, "table_name"])
    return [table for table in tables if table not in loaded_now]


def inputs_of_other_runs(table_loads: pd.DataFrame, tables: Iterable[str], run_id: str) -> str | None:
    """Why a write that rests on these tables has to wait: some were not loaded by this run. None if all were.

    A list that follows from older data could undo what the shop did since, so such a run only plans.
    """
    others = tables_of_other_runs(table_loads, tables, run_id)
    if not others:
        return None
    return f"{', '.join(others)} not read in this run; run the whole nightly_sync job to write"
