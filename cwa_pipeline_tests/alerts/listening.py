"""Where alerts arrive in a test: a real SMTP server and a real HTTP server on loopback, which may also be silent, slow or broken."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from aiosmtpd import smtp
from aiosmtpd.controller import Controller

from cwa_pipeline_tests.servers import free_port


@dataclass
class Mailbox:
    """An SMTP server that keeps what it takes; with `refuses` it takes nothing."""

    port: int
    mails: list[EmailMessage] = field(default_factory=list)
    refuses: bool = False

    @property
    def address(self) -> str:
        return f"mailto://cwa:swordfish@127.0.0.1:{self.port}?from=cwa@shop.example&to=it@shop.example&format=text"

    async def handle_DATA(self, server: smtp.SMTP, session: smtp.Session, envelope: smtp.Envelope) -> str:  # noqa: N802, ARG002 - aiosmtpd's names
        if self.refuses:
            return "451 try again later"
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        return "250 OK"


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox(free_port())

    def known(
        server: smtp.SMTP, session: smtp.Session, envelope: smtp.Envelope, mechanism: str, data: Any
    ) -> smtp.AuthResult:
        return smtp.AuthResult(success=(data.login, data.password) == (b"cwa", b"swordfish"), handled=False)

    controller = Controller(box, "127.0.0.1", box.port, authenticator=known, auth_require_tls=False)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


@dataclass
class Hook:
    """An HTTP server that keeps what is posted to it and counts who calls; `status` is what it answers, None for nothing at all."""

    port: int = 0
    status: int | None = 200
    posts: list[dict[str, str]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"json://127.0.0.1:{self.port}/hook/swordfish"

    @property
    def ping(self) -> str:
        return f"http://127.0.0.1:{self.port}/ping/swordfish"

    @property
    def titles(self) -> list[str]:
        return [post["title"] for post in self.posts]


@contextmanager
def hook(status: int | None = 200) -> Iterator[Hook]:
    found = Hook(status=status)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.calls.append(self.path)
            self._answer()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if found.status == 200:
                found.posts.append(json.loads(body))
            found.calls.append(self.path)
            self._answer()

        def _answer(self) -> None:
            if found.status is None:
                self.rfile.read(1)  # until the caller gives up
                return
            self.send_response(found.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        found.port = server.server_address[1]
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield found
        server.shutdown()
        thread.join()


@contextmanager
def silent() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=16)) as listening:
        yield listening.getsockname()[1]
