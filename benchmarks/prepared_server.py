"""A CWA server that sends prepared pages: `python -m benchmarks.prepared_server FOLDER [SECONDS A PAGE]`.

It is a process of its own, so its work is not part of the measure. It prints its port. Any account may log in.
A request that the pages were not prepared for is refused with 501.
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from benchmarks.pages import PAGE

API = "/cwa/api/v1/"
# The condition asks for the members of the plans; the world has no others.
PREPARED = {"pagesize", "orderby", "page", "includefields", "condition"}


class Handler(BaseHTTPRequestHandler):
    """The log-in, and one page a request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    folder: Path
    seconds_a_page: float

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._send(200, json.dumps({"AccessToken": "token", "ExpirationDate": "2999-01-01T00:00:00"}).encode())

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name.casefold(): value for name, value in parse_qsl(url.query)}
        pages = self.folder / url.path.removeprefix(API).casefold()
        known = pages.is_dir() and query.keys() <= PREPARED
        if not known or int(query.get("pagesize", 0)) < PAGE or query.get("orderby") != "Id asc":
            self._send(501, f'{{"Message": "Only pages of {PAGE} by Id were prepared"}}'.encode())
        else:
            time.sleep(self.seconds_a_page)
            page = pages / f"{query.get('page', 1)}.json"
            self._send(200, page.read_bytes() if page.exists() else b"[]", (pages / "total").read_text())

    def _send(self, status: int, body: bytes, total: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if total is not None:
            self.send_header("Total-Count", total)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """A log line a page would only cost time."""


if __name__ == "__main__":
    Handler.folder = Path(sys.argv[1])
    Handler.seconds_a_page = float(sys.argv[2]) if len(sys.argv) > 2 else 0
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        print(server.server_port, flush=True)
        server.serve_forever()
