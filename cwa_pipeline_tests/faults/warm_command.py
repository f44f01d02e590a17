"""The command line in processes of its own that cost no start: forked from one that has the whole package loaded.

What belongs here: starting `cwa-pipeline` with an environment, killing it, and its exit status. What must not: what a sync ought to do.
Run as a module, this file is that loaded process: it reads orders on standard input, one JSON text a line.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True)
class Command:
    """A running command line."""

    commands: "WarmCommands"
    pid: int
    output: Path

    def kill(self) -> bool:
        """kill -9; whether it was still running then. The process is gone when this returns."""
        os.kill(self.pid, signal.SIGKILL)  # it stays a zombie until it is waited for, so the id is still its own
        return self.wait() == -signal.SIGKILL

    def wait(self) -> int:
        """Wait for its end: the exit status, negative for a signal."""
        return self.commands.order({"do": "wait", "pid": self.pid})["status"]

    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self.commands.order({"do": "look", "pid": self.pid})["running"]

    def said(self) -> str:
        """All that it printed."""
        return self.output.read_text(encoding="utf-8", errors="replace")


class WarmCommands:
    """The loaded process, as the tests see it."""

    def __init__(self, server: subprocess.Popen[str]) -> None:
        self._server = server

    @classmethod
    @contextmanager
    def ready(cls) -> Iterator[Self]:
        """Load the package once; the process ends with the block."""
        with subprocess.Popen(
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as server:
            commands = cls(server)
            assert commands.order({"do": "look", "pid": None}) == {"running": False}
            yield commands
            assert server.stdin
            server.stdin.close()

    def start(self, arguments: Sequence[str], environment: Mapping[str, str], output: Path) -> Command:
        """Run `cwa-pipeline` with the arguments; what it prints goes into a file."""
        output.touch()  # so that it can be read at once
        order = {"do": "start", "arguments": [*arguments], "environment": {**environment}, "output": str(output)}
        return Command(self, self.order(order)["pid"], output)

    def order(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Give one order and read its answer."""
        assert self._server.stdin
        assert self._server.stdout
        print(json.dumps(order), file=self._server.stdin, flush=True)
        return json.loads(self._server.stdout.readline())


def serve() -> None:
    """Carry out the orders until there are no more."""
    from cwa_pipeline import definitions
    from cwa_pipeline.commands import printing  # noqa: F401 - what a command would load first

    definitions.defs.resolve_job_def("nightly_sync")  # Dagster keeps it, so no command has to work it out again
    ended: dict[int, int] = {}
    for line in sys.stdin:
        order = json.loads(line)
        pid = order.get("pid")
        if order["do"] == "start":
            answer: dict[str, Any] = {
                "pid": _start(**{name: order[name] for name in ("arguments", "environment", "output")})
            }
        else:
            if pid is not None and pid not in ended:
                found, status = os.waitpid(pid, os.WNOHANG if order["do"] == "look" else 0)
                if found:
                    ended[pid] = os.waitstatus_to_exitcode(status)
            answer = (
                {"running": pid is not None and pid not in ended} if order["do"] == "look" else {"status": ended[pid]}
            )
        print(json.dumps(answer), flush=True)


def _start(arguments: list[str], environment: dict[str, str], output: str) -> int:
    pid = os.fork()
    if pid:
        return pid
    from cwa_pipeline.commands.main import app

    status = 1
    try:
        os.environ |= environment
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        for standard in (1, 2):
            os.dup2(descriptor, standard)
        sys.argv = ["cwa-pipeline", *arguments]
        app()
        status = 0
    except SystemExit as end:
        status = int(end.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    serve()
