"""The command line in processes that a test can kill, forked from one that has the package loaded already."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path

from cwa_pipeline.commands.main import app
from cwa_pipeline.definitions import defs

defs.resolve_job_def("nightly_sync")  # Dagster keeps it, so no command has to resolve it again


@cache
def _forkserver() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    first = context.Process(target=os.getpid)
    first.start()
    first.join()  # now the package is loaded
    return context


class CommandProcess:
    """`cwa-pipeline` with these arguments; its output goes into a file."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], output: Path) -> None:
        output.touch()  # so that it can be read at once
        self._output = output
        self._process = _forkserver().Process(target=_run, args=([*arguments], {**environment}, str(output)))
        self._process.start()

    def kill(self) -> bool:
        """kill -9; whether it was still running. The process is gone when this returns."""
        self._process.kill()
        return self.wait() == -signal.SIGKILL

    def wait(self) -> int:
        """Wait for its end; the exit status, negative for a signal."""
        self._process.join()
        assert self._process.exitcode is not None
        return self._process.exitcode

    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.is_alive()

    def said(self) -> str:
        """All that it printed."""
        return self._output.read_text(encoding="utf-8", errors="replace")


def _run(arguments: list[str], environment: dict[str, str], output: str) -> None:
    os.environ |= environment
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    sys.argv = ["cwa-pipeline", *arguments]
    app()
