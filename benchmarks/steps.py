"""How long each step of a run took, as Dagster recorded it, and the phase of a sync that it belongs to."""

from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import dagster as dg

START_UP, BETWEEN_STEPS = "start-up", "between steps"


class Step(NamedTuple):
    """The tables that a step made, and its seconds."""

    tables: tuple[str, ...]
    seconds: float


def last_run(home: Path) -> tuple[float, list[Step]]:
    """The seconds and the steps of the last run recorded in a DAGSTER_HOME."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        [record] = instance.get_run_records(limit=1)
        events = [entry for entry in instance.all_logs(record.dagster_run.run_id) if entry.dagster_event]
    at = {(entry.step_key, entry.dagster_event_type): entry.timestamp for entry in events}
    kinds = dg.DagsterEventType
    tables = defaultdict(list)
    for entry in events:
        if entry.asset_materialization:
            tables[entry.step_key].append(entry.asset_materialization.asset_key.path[-1])
    steps = [
        Step(tuple(tables[key]), moment - at[key, kinds.STEP_START])
        for (key, kind), moment in at.items()
        if kind == kinds.STEP_SUCCESS
    ]
    return at[None, kinds.RUN_SUCCESS] - at[None, kinds.RUN_START], steps


def phases(wall: float, run_seconds: float, steps: Sequence[Step]) -> dict[str, float]:
    """The seconds of a sync by lineage group; a step with tables of several groups is a phase of its own."""
    seconds: defaultdict[str, float] = defaultdict(float, {START_UP: wall - run_seconds})
    for step in steps:
        groups = dict.fromkeys(_groups()[table] for table in step.tables)
        seconds[" + ".join(groups)] += step.seconds
    seconds[BETWEEN_STEPS] = run_seconds - sum(step.seconds for step in steps)
    return dict(seconds)


@cache
def _groups() -> dict[str, str]:
    from cwa_pipeline.definitions import defs  # noqa: PLC0415 - it reads the configuration

    return {spec.key.path[-1]: spec.group_name or "other" for spec in defs.resolve_all_asset_specs()}
