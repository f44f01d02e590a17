"""What a server sends is taken in at once, and given out in its order, wherever it pauses or seems to end."""

import io
from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cwa_pipeline.pcrt.intake import PAUSE_SECONDS, Intake

PAUSE = None
LOST = b"lost"  # the connection, at this place
END = b"\x05\0\0\x07\xfe\0\0\x02\0"  # as after the last row; a row's own bytes may end so too


class Socket:
    """A server's pieces and pauses, as a socket has them."""

    def __init__(self, comes: list[bytes | None]) -> None:
        self.comes, self.patience = deque(comes), 60.0

    def gettimeout(self) -> float:
        return self.patience

    def settimeout(self, seconds: float) -> None:
        self.patience = seconds

    def recv(self, _: int) -> bytes:
        while self.comes:
            if (piece := self.comes.popleft()) is LOST:
                raise ConnectionResetError
            if piece is not PAUSE:
                return piece
            if self.patience == PAUSE_SECONDS:
                raise TimeoutError("timed out")
        return b""


class Received(io.RawIOBase):
    """What the driver's own reader reads a socket by."""

    def __init__(self, socket: Socket) -> None:
        self.socket = socket

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        piece = self.socket.recv(len(into))
        into[: len(piece)] = piece
        return len(piece)


pieces = st.binary(min_size=1, max_size=30) | st.sampled_from([END, b"x" + END, END + b"x"])


@given(
    comes=st.lists(st.just(PAUSE) | pieces, min_size=1, max_size=8),
    buffered=st.integers(0, 20),
    sizes=st.lists(st.integers(0, 50), max_size=8),
    at_once=st.booleans(),
)
def test_whatever_ends_and_pauses_lie_among_them_the_bytes_come_in_their_order(
    comes: list[bytes | None], buffered: int, sizes: list[int], at_once: bool
) -> None:
    socket = Socket(comes)
    rest = io.BufferedReader(Received(socket))
    before = rest.read(buffered)
    intake = Intake(socket, rest)
    intake.at_once = at_once
    reader = io.BufferedReader(intake, 64)
    assert before + b"".join([*map(reader.read, sizes), reader.read()]) == b"".join(filter(None, comes))
    assert socket.patience == 60.0


@given(before=st.lists(st.binary(min_size=1, max_size=8), min_size=1), behind=st.lists(st.just(PAUSE) | pieces))
def test_all_that_comes_before_a_pause_or_an_end_is_taken_in_before_any_is_given_out(
    before: list[bytes], behind: list[bytes | None]
) -> None:
    for stop in (PAUSE, END):
        socket = Socket([*before, stop, *behind])
        intake = Intake(socket, io.BufferedReader(Received(socket)))
        intake.at_once = True
        io.BufferedReader(intake).read(1)
        assert list(socket.comes) == behind


@given(before=st.lists(pieces))
def test_a_connection_that_is_lost_meanwhile_is_told_and_not_taken_for_a_pause(before: list[bytes | None]) -> None:
    socket = Socket([*before, LOST, b"never sent"])
    intake = Intake(socket, io.BufferedReader(Received(socket)))
    intake.at_once = True
    with pytest.raises(ConnectionResetError):
        io.BufferedReader(intake).read()
    assert socket.patience == 60.0
