"""What the tests of the CWA client share: a small invented MSP, quick patience, and faults to order."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr

from cwa_pipeline.commands.demo.stand_in import Behaviour, Client, Computer, CwaWorld, Fault, Group, Request, StandIn
from cwa_pipeline.config.environment import CwaCredentials
from cwa_pipeline.cwa.client import CwaClient, RetryPolicy

QUICK = RetryPolicy(tries=4, read_timeout=20, first_pause=0.001, longest_pause=0.01, longest_retry_after=0.3)

# A password that JSON, HTML and URLs each write differently.
CREDENTIALS = CwaCredentials(
    username="sync-account",
    password=SecretStr('pa"ss<w>&örd \\1'),
    client_id=SecretStr("0f1e2d3c-aaaa-bbbb-cccc-1234567890ab"),
    two_factor_passcode=SecretStr("918273"),
)


def small_world() -> CwaWorld:
    """Two customers, five computers, three groups."""
    return CwaWorld(
        clients=[Client(1, "Acme Dental", "100"), Client(2, "Bluebird Café", None)],
        computers=[
            Computer(11, "ACME-FRONT", 1, "SN-11", "1001", datetime(2026, 1, 7, 20, 16, 34, tzinfo=UTC), "ann"),
            Computer(12, "ACME-BACK", 1, "SN-12", ""),
            Computer(13, "BLUE-1", 2, None, None),
            Computer(14, "LOST", None, "SN-14"),
            Computer(15, "BLUE-2", 2, "SN-15"),
        ],
        groups=[Group(850, "BizCare Basic"), Group(851, "BizCare Plus"), Group(900, "Patch Tuesday")],
        memberships={(11, 850), (12, 850), (13, 851), (11, 851), (14, 900)},
    )


@contextmanager
def reading(
    world: CwaWorld | None = None,
    behaviour: Behaviour | None = None,
    retry: RetryPolicy = QUICK,
    connections: int = 1,
) -> Iterator[tuple[CwaClient, StandIn]]:
    """A client and the stand-in that it reads."""
    with (
        StandIn(world or small_world(), behaviour, credentials=CREDENTIALS) as server,
        CwaClient(server.url, server.credentials, retry=retry, connections=connections) as cwa,
    ):
        yield cwa, server


def first_gets(count: int, fault: Fault) -> Callable[[Request], Fault | None]:
    """Order a fault for the first few GETs."""
    left = [fault] * count
    return lambda request: left.pop() if request.method == "GET" and left else None


def every(method: str, fault: Fault) -> Callable[[Request], Fault | None]:
    """Order a fault for every request of one kind."""
    return lambda request: fault if request.method == method else None


def answer(content: Any, status: int = 200, total_count: int | str | None = None) -> Fault:
    """An answer with this JSON."""
    headers = {} if total_count is None else {"Total-Count": str(total_count)}
    return Fault(status=status, body=json.dumps(content), content_type="application/json", headers=headers)


def pages(*contents: list[Any], total_count: int | str | None = None) -> Behaviour:
    """A server whose lists all are these pages."""

    def page(request: Request) -> Fault | None:
        if request.method == "POST":
            return None
        number = int(request.query["page"]) - 1
        return answer(contents[number] if number < len(contents) else [], total_count=total_count)

    return Behaviour(faults=page)


def gets(server: StandIn) -> list[str]:
    """The paths that were read, without the log-ins."""
    return [request.path.removeprefix("/cwa/api/") for request in server.requests if request.method == "GET"]


def log_ins(server: StandIn) -> int:
    """How often someone logged in."""
    return sum(request.method == "POST" for request in server.requests)
