"""Processes of the benchmark: the prepared server, and whatever is measured as a process.

What belongs here: starting, ending, and what a process cost. What must not: what it was for.
"""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

# A shop's Python keeps what it has compiled; without that, each process would compile all of our modules anew.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
LAUNCHER = Path(__file__).with_name("launch.py")
ACCOUNT = {"CWA_USERNAME": "bench", "CWA_PASSWORD": secrets.token_urlsafe(), "CWA_CLIENT_ID": secrets.token_urlsafe()}


class Cost(NamedTuple):
    """What a process cost, its children included: seconds by the clock and of the processors, and the most memory in MB."""

    wall: float
    cpu: float
    peak_mb: float


class Ran(NamedTuple):
    """A process that ended well."""

    cost: Cost
    output: str


def settle_the_disk() -> None:
    """Wait until what was written before is on the disk: gigabytes of a world just made are not for what is measured next to wait for."""
    os.sync()


def run(command: Sequence[str | Path], environment: Mapping[str, str], folder: Path) -> Ran:
    """Run a command to its end and say what it cost; its own words are raised when it fails."""
    log, report = folder / "output.log", folder / "cost.json"
    settle_the_disk()
    with log.open("wb") as output:
        ended = subprocess.run(  # noqa: S603 - our own commands
            [sys.executable, "-S", "-E", LAUNCHER, report, *command],
            env={**ENVIRONMENT, **environment},
            cwd=folder,
            stdout=output,
            stderr=output,
            check=False,
        )
    text = log.read_text(encoding="utf-8", errors="replace")
    if ended.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {ended.returncode}:\n{text[-4000:]}")
    return Ran(Cost(**json.loads(report.read_text())), text)


def of_a_shop(program: str) -> Path:
    """A program of the environment that `make install` makes. This one has Polars, for the floors, which ADBC imports where it is."""
    return Path(__file__).parent.parent / ".venv" / "bin" / program


def most_connections(server: str) -> int:
    """How many connections to a prepared server's API were open at once, since this was asked last."""
    with urlopen(f"{server}/connections", timeout=10) as answer:  # noqa: S310 - our own
        return int(json.load(answer)["most"])


@contextmanager
def prepared_server(folder: Path, *options: str) -> Iterator[str]:
    """The address of a running server for the pages in `folder`."""
    process = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "benchmarks.prepared_server", str(folder), *options],
        env={**os.environ, **ACCOUNT},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None  # noqa: S101 - asked for above
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()
