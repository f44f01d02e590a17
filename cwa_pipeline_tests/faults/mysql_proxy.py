"""A TCP proxy on loopback between the pipeline and MariaDB. It counts the statements and makes the n-th fail.

It knows just enough of the protocol (packets, COM_QUERY, ERR). The driver and the server are real and unchanged.
"""

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

COM_QUERY = 0x03
HEADER = (
    4  # bytes: three of length, one of sequence; a command starts a new sequence, a log-in goes on with the server's
)
CHUNK = 65536

Loss = Literal["lost before", "lost after"]


@dataclass(frozen=True)
class ServerError:
    """An error that the server gives in place of carrying out the statement; a deadlock also ends the transaction."""

    code: int
    sqlstate: str
    message: str
    instead: str = "DO 0"

    def packet(self) -> bytes:
        """The error as the server would send it in answer to a command."""
        body = b"\xff" + struct.pack("<H", self.code) + b"#" + self.sqlstate.encode() + self.message.encode()
        return struct.pack("<I", len(body))[:3] + b"\x01" + body


StatementFault = Loss | ServerError


class MysqlProxy:
    """`with MysqlProxy(port) as proxy:` listens on `proxy.port`. Undisturbed until a fault is ordered."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.statements: list[str] = []
        self.injected = 0
        self._fault: StatementFault | None = None
        self._at = 0
        self._for_good = False
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()

    def order(self, fault: StatementFault | None, at: int = 0, *, for_good: bool = False) -> None:
        """Count anew from 0 and let statement `at` fail, and every later one too when it is `for_good`; None: no fault."""
        with self._lock:
            self.statements, self.injected = [], 0
            self._fault, self._at, self._for_good = fault, at, for_good

    def next_statement(self, sql: str) -> StatementFault | None:
        """Count a statement; the fault that was ordered for it."""
        with self._lock:
            number = len(self.statements)
            self.statements.append(sql)
            hit = number == self._at or (self._for_good and number > self._at)
            self.injected += hit and self._fault is not None
            return self._fault if hit else None

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed: the test is over
                return
            server = socket.create_connection(("127.0.0.1", self._server_port))
            _Connection(self, client, server).start()


class _Connection:
    """One connection of the driver's, and the one to the server that belongs to it."""

    def __init__(self, proxy: MysqlProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._on_answer: StatementFault | None = None

    def start(self) -> None:
        for pump in (self._to_server, self._to_client):
            threading.Thread(target=self._until_closed, args=(pump,), daemon=True).start()

    def _until_closed(self, pump: Callable[[], None]) -> None:
        try:
            with suppress(OSError):  # one of the two is gone
                pump()
        finally:
            for end in (self._client, self._server):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()

    def _to_server(self) -> None:
        while packet := self._next_packet():
            sequence, body = packet[HEADER - 1], packet[HEADER:]
            if sequence == 0 and body[:1] == bytes([COM_QUERY]):
                fault = self._proxy.next_statement(body[1:].decode(errors="replace"))
                if fault == "lost before":
                    return
                self._on_answer = fault
                if isinstance(fault, ServerError):
                    body = bytes([COM_QUERY]) + fault.instead.encode()
                    packet = struct.pack("<I", len(body))[:3] + b"\x00" + body
            self._server.sendall(packet)

    def _to_client(self) -> None:
        while answer := self._server.recv(CHUNK):
            if self._on_answer == "lost after":  # the server has answered, so it has carried the statement out
                return
            if isinstance(self._on_answer, ServerError):
                answer, self._on_answer = self._on_answer.packet(), None
            self._client.sendall(answer)

    def _next_packet(self) -> bytes:
        """The next packet of the driver's; nothing when it has closed."""
        header = self._exactly(HEADER)
        return header and header + self._exactly(int.from_bytes(header[: HEADER - 1], "little"))

    def _exactly(self, count: int) -> bytes:
        received = b""
        while len(received) < count:
            piece = self._client.recv(count - len(received))
            if not piece:
                return b""
            received += piece
        return received
