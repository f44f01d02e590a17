"""The whole `cwa-pipeline sync` as a process, an empty Dagster job beside it, and the command that only prints its help.

What belongs here: setting the scene for one process and measuring it. What must not: what the figures ought to be.
"""

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from benchmarks import running
from benchmarks.phases import recorded_phases
from benchmarks.running import Cost

DAGSTER_YAML = "telemetry:\n  enabled: false\n"
NO_TELEMETRY = {"DAGSTER_DISABLE_TELEMETRY": "1"}


@dataclass(frozen=True)
class SyncRun:
    """One sync: what it cost, and seconds of each phase and step."""

    cost: Cost
    phases: dict[str, float]
    steps: dict[str, float]


def sync(folder: Path, server: str, pcrt: sa.URL, warehouse: sa.URL, toml: str = "") -> SyncRun:
    """Run `cwa-pipeline sync` once; it has to succeed."""
    _have_its_files_at_hand(folder)
    home = _home(folder)
    (folder / "cwa_pipeline.toml").write_text(f'[cwa]\nurl = "{server}"\n{toml}', encoding="utf-8")
    environment = running.ACCOUNT | {
        "CWA_PIPELINE_CONFIG": str(folder / "cwa_pipeline.toml"),
        "PCRT_DATABASE_URL": pcrt.render_as_string(hide_password=False),
        "WAREHOUSE_URL": warehouse.render_as_string(hide_password=False),
        "DAGSTER_HOME": str(home),
    }
    cost = running.run([running.of_a_shop("cwa-pipeline"), "sync"], environment, folder).cost
    return SyncRun(cost, *recorded_phases(home, cost.wall))


def empty_job(folder: Path) -> Cost:
    """A process that runs a job of one trivial asset, with the same executor and a DAGSTER_HOME."""
    home = _home(folder)
    return running.run(
        [running.of_a_shop("python"), "-m", "benchmarks.empty_job"], {"DAGSTER_HOME": str(home)}, folder
    ).cost


def help_command(folder: Path) -> Cost:
    """`cwa-pipeline --help`."""
    return running.run([running.of_a_shop("cwa-pipeline"), "--help"], {}, folder).cost


def _have_its_files_at_hand(folder: Path) -> None:
    """Run a small sync first: what a sync imports then comes from memory, as what the floors read does, and not from the disk.

    There it is again after a minute in which nobody touched it, where the host of a virtual machine has it take back such pages.
    """
    running.run([running.of_a_shop("cwa-pipeline"), "demo", "--folder", folder / "demo"], {}, folder)


def _home(folder: Path) -> Path:
    """A DAGSTER_HOME; it stays from run to run, as on a real machine."""
    home = folder / "dagster_home"
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_text(DAGSTER_YAML, encoding="utf-8")
    return home
