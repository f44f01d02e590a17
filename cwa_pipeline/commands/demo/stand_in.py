"""A stand-in for ConnectWise Automate: its REST API over real HTTP on loopback, with the faults on the wire of a real server.

`make demo` and the tests use it. What it answers is in `stand_in_api`, the records are in `stand_in_records`.
"""

import itertools
import json
import secrets
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import SecretStr

from cwa_pipeline.commands.demo.stand_in_api import Behaviour, Fault, Refusal, Request, StandInApi
from cwa_pipeline.commands.demo.stand_in_records import Client, Computer, CwaWorld, Group
from cwa_pipeline.config.environment import CwaCredentials

__all__ = ["Behaviour", "Client", "Computer", "CwaWorld", "Fault", "Group", "Request", "StandIn"]

SHUTDOWN_POLL = 0.02  # seconds; the library's default of 0.5 would be most of a short test


class StandIn(StandInApi):
    """A running stand-in: `with StandIn(world) as server:` serves it at `server.url` to `server.credentials`."""

    def __init__(
        self,
        world: CwaWorld,
        behaviour: Behaviour | None = None,
        *,
        credentials: CwaCredentials | None = None,
        port: int = 0,
    ) -> None:
        credentials = credentials or CwaCredentials(
            username="stand-in-account",
            password=SecretStr(secrets.token_urlsafe()),
            client_id=SecretStr(secrets.token_urlsafe()),
        )
        super().__init__(world, behaviour or Behaviour(), credentials)
        self.requests: list[Request] = []
        self.stopping = threading.Event()
        self._numbers = itertools.count(1)
        self._server = _Server(("127.0.0.1", port), self)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(SHUTDOWN_POLL,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop the server and close all its connections. Can be called twice."""
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def connections(self) -> list[Any]:
        """The open connections."""
        return list(self._server.open_connections)

    def record(self, method: str, target: str) -> Request:
        """Store a request, and call `before_answer`."""
        parts = urlsplit(target)
        query = {name.casefold(): value for name, value in parse_qsl(parts.query)}
        request = Request(next(self._numbers), method, parts.path, query, time.monotonic())
        self.requests.append(request)
        if self.behaviour.before_answer:
            self.behaviour.before_answer(self.world, request)
        return request


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], stand_in: StandIn) -> None:
        self.stand_in = stand_in
        self.open_connections: set[Any] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open_connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open_connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        for connection in list(self.open_connections):  # kept-alive ones would still be served
            self.shutdown_request(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that went away; show every other error."""
        if not isinstance(sys.exception(), ConnectionError) and not self.stand_in.stopping.is_set():
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body leave in one go

    def do_POST(self) -> None:
        account = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = self.server.stand_in.record("POST", self.path)
        if self._went_wrong(request, lambda: ("{}", {})):
            return
        if request.path.casefold() != "/cwa/api/v1/apitoken":
            self._refuse(Refusal(404, "No such address"))
            return
        try:
            self._answer(200, json.dumps(self.server.stand_in.log_in(json.loads(account))))
        except Refusal as refusal:
            self._refuse(refusal)

    def do_GET(self) -> None:
        stand_in = self.server.stand_in
        request = stand_in.record("GET", self.path)
        stand_in.stopping.wait(stand_in.behaviour.latency)

        def proper() -> tuple[str, dict[str, str]]:
            body, total = stand_in.page(request)
            return body, {"Total-Count": str(total)} if stand_in.behaviour.total_count else {}

        if self._went_wrong(request, proper):
            return
        if not stand_in.may_read(self.headers.get("Authorization", ""), self.headers.get("clientId", "")):
            self._refuse(Refusal(401, "Authorization has been denied for this request."))
            return
        try:
            body, headers = proper()
        except Refusal as refusal:
            self._refuse(refusal)
        else:
            self._answer(200, body, headers=headers)

    def _went_wrong(self, request: Request, proper: Callable[[], tuple[str, dict[str, str]]]) -> bool:
        """Carry out the fault for this request, if there is one."""
        fault = self.server.stand_in.behaviour.faults and self.server.stand_in.behaviour.faults(request)
        if not fault:
            return False
        match fault.action:
            case "answer":
                self._answer(fault.status, fault.body, fault.content_type, fault.headers)
            case "cut":
                body, headers = proper()
                self._answer(200, body, headers=headers, sent=len(body.encode()) // 2)
                self.close_connection = True
            case "cut_json":
                body, headers = proper()
                self._answer(200, body[: len(body) // 2], headers=headers)
            case "reset":
                # With a linger time of zero, close sends a reset.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                self.close_connection = True
            case "hang":
                self.server.stand_in.stopping.wait()
                self.close_connection = True
        return True

    def _refuse(self, refusal: Refusal) -> None:
        self._answer(refusal.status, json.dumps({"Message": str(refusal)}))

    def _answer(
        self,
        status: int,
        body: str,
        content_type: str = "application/json; charset=utf-8",
        headers: Mapping[str, str] | None = None,
        sent: int | None = None,
    ) -> None:
        content = body.encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": content_type,
            "Content-Length": str(len(content)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content[:sent])

    def log_message(self, *_: Any) -> None:
        """Log nothing: `requests` has everything."""
