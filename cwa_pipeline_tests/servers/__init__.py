"""Private servers for the tests: found on the machine, started on a free loopback port, ended by their process id."""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

START_SECONDS = 60  # a cold start takes about two; a busy machine takes longer
POLL_SECONDS = 0.05


class ServerNotAvailable(Exception):  # noqa: N818 - no error: it is the reason for which tests are skipped
    """The server's programs are not on this machine."""


def free_port() -> int:
    """A loopback port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def program(name: str, folders: Iterable[Path], package: str) -> str:
    """The path of a program, from PATH or else from one of the folders."""
    found = shutil.which(name) or next(filter(None, (shutil.which(name, path=str(each)) for each in folders)), None)
    if found is None:
        raise ServerNotAvailable(f"{name} is not on this machine: tools/system-packages {package}")
    return found


def wait_until(connect: Callable[[], object], process: subprocess.Popen[bytes], log: Path) -> None:
    """Call `connect` until it raises nothing; RuntimeError if the server ended or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            connect()
            return
        except Exception as error:  # noqa: BLE001 - each driver has its own
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise RuntimeError(f"a server did not start: {error}\n{_end_of(log)}") from None
            time.sleep(POLL_SECONDS)


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:] if log.exists() else ""
