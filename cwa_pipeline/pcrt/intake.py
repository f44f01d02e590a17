"""What MariaDB or MySQL sends, taken in as fast as it comes, before anything is looked at in it.

What belongs here: the bytes of a driver's connection, in their order. What must not: what they mean (`packets`).

A server keeps a MyISAM table locked against writing until it has sent the last row. Whoever looks at the rows as they come makes it wait.
"""

import io
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

PIECE_BYTES = 65_536  # asked of the socket at once
PAUSE_SECONDS = 1.0  # in which nothing comes: then what is there is looked at, for it may end in an error; a busy server pauses for less
FIRST_NO_ROW = 0xFE  # a packet that starts so may be the end or an error, which are the driver's to read


@contextmanager
def taking_in(connection: Any, at_hand: int) -> Iterator[None]:
    """Have what the server sends taken in at once; the driver's reader has up to so many bytes of it at hand."""
    if not isinstance(connection._rfile.raw, Intake):
        connection._rfile = io.BufferedReader(Intake(connection._sock, connection._rfile), at_hand)
    intake: Intake = connection._rfile.raw
    intake.at_once = True
    try:
        yield
    finally:
        intake.at_once = False


class Intake(io.RawIOBase):
    """A connection's bytes in their order; while `at_once`, all that may belong to the answer is taken in before any is given out.

    It need not know where the answer ends: what has not come by then comes when it is asked for.
    """

    def __init__(self, socket: Any, rest: io.BufferedReader) -> None:
        """`rest` is the driver's own reader; it may hold bytes that have come already."""
        self.at_once = False
        self._socket, self._rest = socket, rest
        self._receive = rest.read1  # for the first time
        self._pieces: deque[memoryview] = deque()

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, into: Any) -> int:
        """Raises what the socket raises: OSError."""
        if not self._pieces:
            self._take_in()
        size = 0
        while self._pieces and size < len(into):
            piece = self._pieces.popleft()
            fits = min(len(piece), len(into) - size)
            into[size : size + fits] = piece[:fits]
            size += fits
            if fits < len(piece):
                self._pieces.appendleft(piece[fits:])
        return size

    def close(self) -> None:
        """Close the driver's own reader too."""
        super().close()
        self._rest.close()

    def _take_in(self) -> None:
        piece = self._receive(PIECE_BYTES)  # waits as long as the driver would
        self._receive = self._socket.recv
        self._pieces.append(memoryview(piece))
        if not self.at_once:
            return
        patience = self._socket.gettimeout()
        self._socket.settimeout(PAUSE_SECONDS)
        try:
            with suppress(TimeoutError):  # a pause: the rest comes when it is asked for
                while piece and not _may_end_rows(piece):
                    piece = self._socket.recv(PIECE_BYTES)
                    self._pieces.append(memoryview(piece))
        finally:
            self._socket.settimeout(patience)


def _may_end_rows(piece: bytes) -> bool:
    """Whether the last bytes look like the packet after the last row: five bytes long, of any number, and the first says so."""
    return piece[-9:-6] == b"\x05\0\0" and piece[-5] == FIRST_NO_ROW
