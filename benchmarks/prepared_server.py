"""A CWA server that answers with prepared pages and does next to nothing for it: `python -m benchmarks.prepared_server FOLDER`.

What belongs here: the log-in, one page a request out of a file, a latency that all connections wait out at once, and a count of those
that are open. What must not: the records (`benchmarks.pages`). It is a process of its own, so that its work is not part of the measure.
It prints its port, and takes the account from CWA_USERNAME, CWA_PASSWORD and CWA_CLIENT_ID. What it was not prepared for it refuses
with 501, never guesses.
"""

import argparse
import asyncio
import json
import os
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from benchmarks.pages import IDS, PAGE

API = "/cwa/api/"
CONNECTIONS = "/connections"  # how many were open at once, of those that ever asked the API, since this was asked last
TOKEN = secrets.token_urlsafe(32)
LISTS = {f"v1/{name}": name for name in ("clients", "computers", "groups", "groupcomputers")}


class Pages:
    """The files, and where the pages are in them."""

    def __init__(self, folder: Path) -> None:
        self.index: dict[str, dict[str, Any]] = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        self.files = {name: (folder / f"{name}.pages").open("rb") for name in self.index}

    def place(self, name: str, number: int) -> tuple[int, int]:
        """Where a page begins and how long it is; beyond the last one nothing."""
        ends = self.index[name]["ends"]
        if number > len(ends):
            return 0, 0
        start = ends[number - 2] if number > 1 else 0
        return start, ends[number - 1] - start


def head(status: str, length: int, total: int | None = None) -> bytes:
    count = "" if total is None else f"Total-Count: {total}\r\n"
    return f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{count}Content-Length: {length}\r\n\r\n".encode()


class Server:
    """One listening server."""

    def __init__(self, folder: Path, latency: float, total_count: bool) -> None:
        self.pages, self.latency, self.total_count = Pages(folder), latency, total_count
        self.account = {"Username": os.environ["CWA_USERNAME"], "Password": os.environ["CWA_PASSWORD"]}
        self.client_id = os.environ["CWA_CLIENT_ID"]
        self.connections: set[asyncio.StreamWriter] = set()
        self.most_connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection, one after the other."""
        try:
            while True:
                request, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {name.casefold(): value for name, _, value in (line.partition(": ") for line in lines)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                await self._answer(writer, request.split(" "), headers, body)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.connections.discard(writer)
            writer.close()

    async def _answer(
        self, writer: asyncio.StreamWriter, request: list[str], headers: dict[str, str], body: bytes
    ) -> None:
        method, target = request[0], urlsplit(request[1])
        if target.path == CONNECTIONS:
            most, self.most_connections = self.most_connections, len(self.connections)
            await _send(writer, "200 OK", {"most": most})
            return
        self.connections.add(writer)
        self.most_connections = max(self.most_connections, len(self.connections))
        path = target.path.removeprefix(API).casefold()
        if method == "POST" and path == "v1/apitoken":
            await _send(writer, *self._log_in(json.loads(body)))
        elif headers.get("authorization") != f"Bearer {TOKEN}" or headers.get("clientid") != self.client_id:
            await _send(writer, "401 Unauthorized", {"Message": "Authorization has been denied for this request."})
        elif path not in LISTS:
            await _send(writer, "404 Not Found", {"Message": f"No HTTP resource was found that matches {path}"})
        else:
            query = {name.casefold(): value for name, value in parse_qsl(target.query)}
            if self.latency:
                await asyncio.sleep(self.latency)
            await self._send_page(writer, LISTS[path], query)

    async def _send_page(self, writer: asyncio.StreamWriter, name: str, query: dict[str, str]) -> None:
        if int(query.get("pagesize", 0)) < PAGE or query.get("orderby", "").casefold() != "id asc":
            await _send(writer, "501 Not Implemented", {"Message": f"pages of {PAGE} by Id were prepared, not {query}"})
            return
        if query.get("includefields", "").casefold() == "id":
            name += IDS
        start, length = self.pages.place(name, int(query.get("page", 1)))
        total = self.pages.index[name]["total"] if self.total_count else None
        if not length:
            writer.write(head("200 OK", 2, total) + b"[]")
            return
        writer.write(head("200 OK", length, total))
        await writer.drain()
        loop = asyncio.get_running_loop()
        await loop.sendfile(writer.transport, self.pages.files[name], start, length)

    def _log_in(self, account: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        if {name: account.get(name) for name in self.account} != self.account:
            return "401 Unauthorized", {"Message": "The user name or password is not valid"}
        expires = (datetime.now(UTC) + timedelta(hours=4)).replace(tzinfo=None).isoformat(timespec="seconds")
        granted = {"AccessToken": TOKEN, "TokenType": "Bearer", "ExpirationDate": expires}
        return "200 OK", granted | {"IsTwoFactorRequired": False, "IsInternalTwoFactorRequired": False}


async def _send(writer: asyncio.StreamWriter, status: str, answer: dict[str, Any]) -> None:
    content = json.dumps(answer).encode()
    writer.write(head(status, len(content)) + content)
    await writer.drain()


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--latency", type=float, default=0, metavar="SECONDS", help="before each page")
    parser.add_argument("--no-total-count", action="store_true", help="as servers that send no such header")
    options = parser.parse_args()
    server = Server(options.folder, options.latency, not options.no_total_count)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
