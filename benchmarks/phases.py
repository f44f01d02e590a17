"""How long each phase of a sync took, told from the events that Dagster recorded of the run.

What belongs here: which step is of which phase, and reading the clock of the events. What must not: anything put into the package to
measure it, or a judgement.
"""

from collections import defaultdict
from pathlib import Path

import dagster as dg

READ = "read CWA and PCRT"
PHASES = {
    READ: ("source_tables",),
    "match": ("serial_blacklist", "client_groups", "computer_matches"),
    "suggestions": ("match_suggestions",),
    "issues": ("client_issues", "computer_issues", "group_issues", "issue_history", "open_issues"),
    "members": ("subscription_members", "members_plan"),
    "write PCRT": ("additional_members",),
    "page": ("integration_page",),
}
WRITE_WAREHOUSE, CHECKS, DAGSTER, START_UP = "write warehouse", "checks", "Dagster's own", "start-up"
ORDER = (*PHASES, WRITE_WAREHOUSE, CHECKS, DAGSTER, START_UP)
_OF_STEP = {step: phase for phase, steps in PHASES.items() for step in steps}


def recorded_phases(home: Path, wall: float) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds of each phase and of each step of the last run recorded in a DAGSTER_HOME; `wall` is the whole process.

    A step's own time ends with its output, what follows until the output is handled is the warehouse's. `additional_members` writes
    ledger and lists by itself, so all of that is "write PCRT". Where steps run side by side, the phases add up to more than the run.
    """
    with dg.DagsterInstance.from_config(str(home)) as instance:
        [run] = instance.get_run_records(limit=1)
        logs = instance.all_logs(run.dagster_run.run_id)
    phases: dict[str, float] = defaultdict(float)
    steps: dict[str, float] = defaultdict(float)
    since: dict[str, float] = {}
    begun = ended = 0.0
    for entry in logs:
        event = entry.dagster_event
        if event is None:
            continue
        if event.event_type == dg.DagsterEventType.RUN_START:
            begun = entry.timestamp
        elif event.event_type == dg.DagsterEventType.RUN_SUCCESS:
            ended = entry.timestamp
        step = event.step_key
        if step is None:
            continue
        phase = _OF_STEP.get(step, CHECKS if step not in _OF_STEP else step)
        took = entry.timestamp - since.get(step, entry.timestamp)
        match event.event_type:
            case dg.DagsterEventType.STEP_START:
                since[step] = entry.timestamp
            case dg.DagsterEventType.LOADED_INPUT | dg.DagsterEventType.STEP_OUTPUT | dg.DagsterEventType.STEP_SUCCESS:
                phases[phase] += took
                steps[step] += took
                since[step] = entry.timestamp
            case dg.DagsterEventType.HANDLED_OUTPUT:
                phases[WRITE_WAREHOUSE] += took
                steps[f"{step} (write)"] += took
                since[step] = entry.timestamp
            case _:
                pass
    phases[DAGSTER] = max(0.0, ended - begun - sum(phases.values()))
    phases[START_UP] = wall - (ended - begun)
    return dict(phases), dict(steps)
