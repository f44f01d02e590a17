"""The processes that are measured, what each one cost, and the server of prepared pages beside them."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from benchmarks.steps import Step, last_run

ROOT = Path(__file__).parent.parent
PROGRAMS = ROOT / ".venv" / "bin"  # the environment of `make install`, as a shop has it
# Without this every process would compile our modules again.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
ACCOUNT = {"CWA_USERNAME": "bench", "CWA_PASSWORD": "bench", "CWA_CLIENT_ID": "bench"}


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock, CPU seconds of all processes, and the peak memory in MB."""

    wall: float
    cpu: float
    peak_mb: float


@dataclass(frozen=True)
class Sync:
    """One sync: its cost, the seconds of its Dagster run, and its steps."""

    cost: Cost
    run_seconds: float
    steps: list[Step]

    def seconds_of(self, *tables: str) -> float:
        """The seconds of the steps that made these tables, or those with these prefixes (`cwa_`)."""
        return sum(step.seconds for step in self.steps if any(name.startswith(tables) for name in step.tables))

    @property
    def reading(self) -> float:
        """The seconds that it took to read both systems."""
        return self.seconds_of("cwa_", "pcrt_")


def sync(folder: Path, server: str, pcrt: sa.URL, warehouse: Path, toml: str = "") -> Sync:
    """Run `cwa-pipeline sync`; RuntimeError when it fails."""
    configuration = folder / "cwa_pipeline.toml"
    configuration.write_text(f'[cwa]\nurl = "{server}"\n{toml}')
    home = dagster_home(folder)
    places = {
        "CWA_PIPELINE_CONFIG": str(configuration),
        "PCRT_DATABASE_URL": pcrt.render_as_string(hide_password=False),
        "WAREHOUSE_URL": f"sqlite:///{warehouse}",
        "DAGSTER_HOME": str(home),
    }
    cost, _ = run([PROGRAMS / "cwa-pipeline", "sync"], {**ACCOUNT, **places}, folder)
    return Sync(cost, *last_run(home))


def empty_job(folder: Path) -> Cost:
    """Run a Dagster job of one trivial asset, with the same instance settings as a sync."""
    home = dagster_home(folder)
    return run([PROGRAMS / "python", "-P", ROOT / "benchmarks/empty_job.py"], {"DAGSTER_HOME": str(home)}, folder)[0]


def dagster_home(folder: Path) -> Path:
    """A DAGSTER_HOME with the checkout's dagster.yaml; it stays from run to run, as in a shop."""
    home = folder / "dagster_home"
    home.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "dagster.yaml", home)
    return home


def run(command: Sequence[str | Path], environment: Mapping[str, str], folder: Path) -> tuple[Cost, str]:
    """Run a command; what it cost and what it printed."""
    report, log = folder / "cost.json", folder / "output.log"
    os.sync()  # so that nothing waits for what was written to the disk before
    with log.open("wb") as output:
        ended = subprocess.run(
            [sys.executable, "-S", "-E", Path(__file__).with_name("launch.py"), report, *command],
            env={**ENVIRONMENT, **environment},
            cwd=folder,
            stdout=output,
            stderr=output,
            check=False,
        )
    printed = log.read_text(errors="replace")
    if ended.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} exited with {ended.returncode}:\n{printed[-4000:]}")
    return Cost(**json.loads(report.read_text())), printed


@contextmanager
def prepared_server(pages: Path, seconds_a_page: float = 0) -> Iterator[str]:
    """The URL of a CWA server that sends these pages."""
    command = [sys.executable, "-m", "benchmarks.prepared_server", str(pages), str(seconds_a_page)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()
