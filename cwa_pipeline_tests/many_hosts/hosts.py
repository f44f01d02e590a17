"""Hosts for code servers: network namespaces with names of their own where possible, else this machine on loopback.

The namespaces are wired to a bridge only if this process has a private network (`make many-hosts` as root sees to that), so that no
packet leaves it.
"""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

NETWORK = "10.213.77"
GATEWAY = f"{NETWORK}.1"
BRIDGE = "cwatest0"


@dataclass(eq=False)
class Host:
    """One host, or without namespaces this machine under another name."""

    number: int
    isolated: bool
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"cwatest{self.number}"

    @property
    def address(self) -> str:
        return f"{NETWORK}.{10 + self.number}" if self.isolated else "127.0.0.1"

    def start(self, command: Sequence[str], environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
        """Start a process here, at the head of a group of its own, as a service manager would."""
        there = ["ip", "netns", "exec", self.name, "unshare", "--uts", "sh", "-c"] if self.isolated else []
        there += ['hostname "$0" && exec "$@"', self.name] if self.isolated else []
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*there, *command],
                env={**os.environ, **environment},
                cwd=log.parent,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def cut_off(self) -> None:
        """No packet goes in or out any more; without a namespace, nothing here runs any more."""
        if self.isolated:
            _ip("link", "set", self.name, "down")
        else:
            self._signal(signal.SIGSTOP)

    def mend(self) -> None:
        """The way back is there again."""
        if self.isolated:
            _ip("link", "set", self.name, "up")
        else:
            self._signal(signal.SIGCONT)

    def stop(self) -> None:
        for process in self.processes:
            kill_group(process)

    def _signal(self, number: int) -> None:
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, number)


def in_a_network_of_our_own() -> bool:
    """Whether there is nothing but loopback around us, as `unshare --net` leaves it."""
    return os.geteuid() == 0 and [name for _, name in socket.if_nameindex()] == ["lo"]


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all below it, as the service manager does with what a dead service left behind."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def hosts(count: int) -> Iterator[tuple[str, list[Host]]]:
    """So many hosts, and the address at which they reach this machine."""
    isolated = in_a_network_of_our_own() and all(map(shutil.which, ("ip", "unshare", "hostname")))
    made = [Host(number, isolated) for number in range(1, count + 1)]
    try:
        if isolated:
            _remove(made)  # a namespace's name outlives a test that was killed
            _ip("link", "set", "lo", "up")
            _ip("link", "add", BRIDGE, "type", "bridge")
            _ip("addr", "add", f"{GATEWAY}/24", "dev", BRIDGE)
            _ip("link", "set", BRIDGE, "up")
            for host in made:
                _wire(host)
        yield (GATEWAY if isolated else "127.0.0.1"), made
    finally:
        for host in made:
            host.stop()
        if isolated:
            _remove(made)


def _wire(host: Host) -> None:
    inside = f"{host.name}i"
    _ip("netns", "add", host.name)
    _ip("link", "add", host.name, "type", "veth", "peer", "name", inside, "netns", host.name)
    _ip("link", "set", host.name, "master", BRIDGE, "up")
    for command in (
        ("addr", "add", f"{host.address}/24", "dev", inside),
        ("link", "set", inside, "up"),
        ("link", "set", "lo", "up"),
    ):
        _ip("-netns", host.name, *command)


def _remove(made: Sequence[Host]) -> None:
    for command in (*(("netns", "del", host.name) for host in made), ("link", "del", BRIDGE)):
        subprocess.run(["ip", *command], check=False, capture_output=True)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
