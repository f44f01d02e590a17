"""How long each phase of a sync took, told from the events that Dagster recorded of the run.

What belongs here: which table and step is of which phase, and reading the clock of the events. What must not: anything put into the
package to measure it, or a judgement.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import dagster as dg

READ_CWA, READ_PCRT = "read CWA", "read PCRT"
TABLES_OF = {
    "match": ("serial_blacklist", "client_groups", "computer_matches"),
    "suggestions": ("match_suggestions",),
    "issues": ("client_issues", "computer_issues", "group_issues", "issue_history", "open_issues"),
    "members": ("subscription_members", "members_plan"),
    "night's inputs": ("night_inputs",),
}
STEPS_OF = {"write PCRT": "additional_members", "page": "integration_page"}
WRITE_WAREHOUSE, WAITING = "write warehouse", "waiting, checks"
DAGSTER, START_UP = "Dagster's own", "start-up"
ORDER = (READ_CWA, READ_PCRT, *TABLES_OF, *STEPS_OF, WRITE_WAREHOUSE, WAITING, DAGSTER, START_UP)
_OF_TABLE = {table: phase for phase, tables in TABLES_OF.items() for table in tables}
_OF_SYSTEM = {"cwa": READ_CWA, "pcrt": READ_PCRT}
_OF_STEP = {step: phase for phase, step in STEPS_OF.items()}


def reading(phases: Mapping[str, float]) -> float:
    """Seconds until both systems were read: side by side, so as long as the one that took longer."""
    return max(phases.get(READ_CWA, 0.0), phases.get(READ_PCRT, 0.0))


def recorded_phases(home: Path, wall: float) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds of each phase and of each table and step of the last run recorded in a DAGSTER_HOME; `wall` is the whole process.

    CWA and PCRT are read side by side, and a table is stored while the next one is made: of the two reads the longer one and no
    "write warehouse" are in the sum of all; what a step takes beyond reading and making its tables is waiting, checks and events.
    `additional_members` writes ledger and lists by itself, so all of that is "write PCRT".
    """
    with dg.DagsterInstance.from_config(str(home)) as instance:
        [run] = instance.get_run_records(limit=1)
        logs = [entry for entry in instance.all_logs(run.dagster_run.run_id) if entry.dagster_event]
    phases: dict[str, float] = defaultdict(float)
    parts: dict[str, float] = {}
    when = {(entry.step_key, entry.dagster_event_type): entry.timestamp for entry in logs}
    for step in [step for step, kind in when if step and kind == dg.DagsterEventType.STEP_SUCCESS]:
        events = [entry for entry in logs if entry.step_key == step]
        parts[step] = when[step, dg.DagsterEventType.STEP_SUCCESS] - when[step, dg.DagsterEventType.STEP_START]
        made, read = _seconds_of_tables(events, parts)
        phases.update(read)
        for table, seconds in made.items():
            phases[_OF_TABLE[table]] += seconds
        phases[_OF_STEP.get(step, WAITING)] += parts[step] - sum(made.values()) - reading(read)
    phases[WRITE_WAREHOUSE] = sum(seconds for part, seconds in parts.items() if part.endswith(" (write)"))
    ran = when[None, dg.DagsterEventType.RUN_SUCCESS] - when[None, dg.DagsterEventType.RUN_START]
    beside = phases[WRITE_WAREHOUSE] + min(phases[READ_CWA], phases[READ_PCRT])
    phases[DAGSTER] = max(0.0, ran - sum(phases.values()) + beside)
    phases[START_UP] = wall - ran
    return dict(phases), parts


def _seconds_of_tables(
    events: Sequence[dg.EventLogEntry], parts: dict[str, float]
) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds that a step took to make each of its tables, and until the last of each system was read."""
    made: dict[str, float] = {}
    read: dict[str, float] = {}
    for entry in events:
        if (made_table := entry.asset_materialization) is None:
            continue
        table = made_table.asset_key.path[-1]
        seconds = {name: float(str(value.value)) for name, value in made_table.metadata.items() if "seconds" in name}
        if "seconds_to_make" in seconds:
            made[table] = parts[table] = seconds["seconds_to_make"]
        if "seconds_to_store" in seconds:
            parts[f"{table} (write)"] = seconds["seconds_to_store"]
        if "read_after_seconds" in seconds:
            phase = _OF_SYSTEM[table.partition("_")[0]]
            read[phase] = max(read.get(phase, 0.0), seconds["read_after_seconds"])
    return made, read
