"""Private database servers for the tests: found on the machine, started on a free loopback port, ended by their process id."""

import socket


class ServerNotAvailable(Exception):  # noqa: N818 - it is no error: the tests that need the server are skipped with this reason
    """The server's programs are not on this machine."""


def free_port() -> int:
    """A loopback port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
