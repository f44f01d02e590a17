"""What a CWA stand-in answers, without HTTP: its log-in, its lists with paging, conditions and fields, and its deviations."""

import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

from cwa_pipeline.commands.demo.stand_in_records import (
    MEMBERSHIP_ID_FACTOR,
    CwaWorld,
    Row,
    client_row,
    computer_row,
    group_row,
    membership_row,
    zoneless,
)
from cwa_pipeline.config.environment import CwaCredentials

DEFAULT_PAGE_SIZE = 30  # CWA's, if a request names no pageSize
CONDITION = re.compile(r"(Id|GroupId) (?:in \(([0-9]+(?:,[0-9]+)*)\)|> ([0-9]+))", re.IGNORECASE)
COMPUTERS_OF_A_GROUP = re.compile(r"v2/groups/([0-9]+)/computers")


@dataclass(frozen=True)
class Request:
    """A request to the stand-in; the first has number 1. Headers are not stored, so no secret is."""

    number: int
    method: str
    path: str
    query: Mapping[str, str]
    time: float


@dataclass(frozen=True)
class Fault:
    """What to do in place of a proper answer."""

    action: Literal["answer", "reset", "cut", "cut_json", "hang"] = "answer"
    status: int = 500
    body: str = "<html><body>Something went wrong</body></html>"
    content_type: str = "text/html"
    headers: Mapping[str, str] = field(default_factory=dict)


MembershipEndpoint = Literal["GroupComputers", "v2", "expand"]


@dataclass
class Behaviour:
    """How this server differs from a well-behaved one. Can be changed while it runs."""

    page_cap: int | None = None
    total_count: bool = True
    ids: Literal["text", "numbers", "mixed"] = "text"
    membership_ids: bool = True  # whether rows of GroupComputers have an Id
    include_fields: Literal["honoured", "ignored", "refused"] = "honoured"
    ignore_condition: bool = False
    ignore_page: bool = False
    membership: frozenset[MembershipEndpoint] = frozenset({"GroupComputers", "v2", "expand"})
    no_such_endpoint: int = 404  # the status for an endpoint that it does not have
    overlap: int = 0  # how many rows of the previous page each page repeats
    visible_computers: int | None = None  # an account that lost rights sees only this many, without an error
    two_factor: bool = False
    token_lifetime: float = 3600  # seconds
    latency: float = 0  # seconds a request
    before_answer: Callable[[CwaWorld, Request], None] | None = None  # can change the world between pages
    faults: Callable[[Request], Fault | None] | None = None


class Refusal(Exception):  # noqa: N818 - the API's way of saying no, not a failure of the stand-in
    """An answer with another status than 200."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Entry(NamedTuple):
    """A record of a list: its ids, and what its JSON is made from. Small, because each page makes a list of 20,000."""

    id: int
    make: Callable[..., Row]
    parts: tuple[Any, ...]
    group_id: int | None = None


class StandInApi:
    """The API of one server."""

    def __init__(self, world: CwaWorld, behaviour: Behaviour, credentials: CwaCredentials) -> None:
        self.world = world
        self.behaviour = behaviour
        self.credentials = credentials
        self._tokens: dict[str, datetime] = {}
        self._json: dict[tuple[Any, ...], str] = {}

    def log_in(self, account: Mapping[str, Any]) -> Row:
        """The answer of apitoken. Like a real server, it does not check the clientId."""
        known = (self.credentials.username, self.credentials.password.get_secret_value())
        if (account.get("Username"), account.get("Password")) != known:
            raise Refusal(401, "The user name or password is not valid")
        passcode = self.credentials.two_factor_passcode
        wanted = passcode.get_secret_value() if passcode else None
        if self.behaviour.two_factor and (wanted is None or account.get("TwoFactorPasscode") != wanted):
            return {"AccessToken": "", "IsTwoFactorRequired": True, "IsInternalTwoFactorRequired": True}
        token = secrets.token_urlsafe(32)
        expires = datetime.now(UTC) + timedelta(seconds=self.behaviour.token_lifetime)
        self._tokens[token] = expires
        return {
            "UserId": "17",
            "AccessToken": token,
            "TokenType": "Bearer",
            "ExpirationDate": zoneless(expires),
            "AbsoluteExpirationDate": zoneless(expires + timedelta(days=7)),
            "IsTwoFactorRequired": False,
            "IsInternalTwoFactorRequired": False,
        }

    def accept_token(self, token: str) -> None:
        """Accept this token too, for a log-in that a fault answers."""
        self._tokens[token] = datetime.now(UTC) + timedelta(seconds=self.behaviour.token_lifetime)

    def forget_tokens(self) -> None:
        """Forget all tokens, as a restart of the server does."""
        self._tokens.clear()

    def may_read(self, authorization: str, client_id: str) -> bool:
        """Whether a data call has a valid token and the clientId."""
        expires = self._tokens.get(authorization.removeprefix("Bearer "))
        return (
            expires is not None
            and datetime.now(UTC) < expires
            and client_id == self.credentials.client_id.get_secret_value()
        )

    def page(self, request: Request) -> tuple[str, int]:
        """One page of a list as JSON, and the total number of records."""
        entries = self._ordered(request.query.get("orderby", ""), self._entries(request))
        entries = self._matching(request.query.get("condition", ""), entries)
        size = int(request.query.get("pagesize", DEFAULT_PAGE_SIZE))
        size = min(size, self.behaviour.page_cap or size)
        number = 1 if self.behaviour.ignore_page else int(request.query.get("page", 1))
        start = (number - 1) * size
        shown = entries[max(0, start - self.behaviour.overlap) : start + size] if start < len(entries) else []
        fields = self._fields(request.query.get("includefields", ""), shown)
        return f"[{','.join(self._as_json(entry, fields) for entry in shown)}]", len(entries)

    def _entries(self, request: Request) -> list[Entry]:
        path = request.path.casefold().removeprefix("/cwa/api/")
        exists = self.behaviour.membership
        if path == "v1/clients":
            return [Entry(client.id, client_row, (client,)) for client in self.world.clients]
        if path == "v1/computers":
            return self._computers()
        if path == "v1/groups":
            return self._groups(
                expanded=request.query.get("expand", "").casefold() == "computers" and "expand" in exists
            )
        if path == "v1/groupcomputers" and "GroupComputers" in exists:
            return self._memberships()
        if (match := COMPUTERS_OF_A_GROUP.fullmatch(path)) and "v2" in exists:
            return self._computers_of(int(match[1]))
        raise Refusal(self.behaviour.no_such_endpoint, f"No HTTP resource was found that matches {path}")

    def _computers(self) -> list[Entry]:
        names = {client.id: client.name for client in self.world.clients}
        visible = self.world.computers[: self.behaviour.visible_computers]
        return [
            Entry(computer.id, computer_row, (computer, names.get(computer.client_id or 0))) for computer in visible
        ]

    def _groups(self, *, expanded: bool) -> list[Entry]:
        inside: dict[int, list[int]] = {}
        for computer, group in sorted(self.world.memberships):
            inside.setdefault(group, []).append(computer)
        return [
            Entry(group.id, group_row, (group, tuple(inside.get(group.id, ())) if expanded else None))
            for group in self.world.groups
        ]

    def _memberships(self) -> list[Entry]:
        with_id = self.behaviour.membership_ids
        return [
            Entry(computer * MEMBERSHIP_ID_FACTOR + group, membership_row, (computer, group, with_id), group)
            for computer, group in self.world.memberships
        ]

    def _computers_of(self, group: int) -> list[Entry]:
        if group not in {known.id for known in self.world.groups}:
            raise Refusal(404, f"Group {group} was not found")
        inside = {computer for computer, of_group in self.world.memberships if of_group == group}
        return [entry for entry in self._computers() if entry.id in inside]

    def _as_id(self, number: int) -> str | int:
        as_text = self.behaviour.ids == "text" or (self.behaviour.ids == "mixed" and number % 2)
        return str(number) if as_text else number

    def _ordered(self, order: str, entries: list[Entry]) -> list[Entry]:
        if order.casefold() not in {"", "id asc"}:
            raise Refusal(400, f"Invalid field in orderBy: {order}")
        return sorted(entries, key=lambda entry: entry.id) if order else entries

    def _matching(self, condition: str, entries: list[Entry]) -> list[Entry]:
        if not condition or self.behaviour.ignore_condition:
            return entries
        parsed = CONDITION.fullmatch(condition)
        by_group = parsed is not None and parsed[1].casefold() == "groupid"
        if not parsed or (by_group and entries and entries[0].group_id is None):
            raise Refusal(400, f"Invalid condition: {condition}")
        asked = [(entry.group_id if by_group else entry.id, entry) for entry in entries]
        if above := parsed[3]:
            return [entry for number, entry in asked if number is not None and number > int(above)]
        wanted = set(map(int, parsed[2].split(",")))
        return [entry for number, entry in asked if number in wanted]

    def _fields(self, asked: str, entries: list[Entry]) -> tuple[str, ...] | None:
        """The requested fields; None for all."""
        if not asked or self.behaviour.include_fields == "ignored":
            return None
        fields = tuple(asked.split(","))
        if self.behaviour.include_fields == "refused" or (entries and not set(fields) <= self._row(entries[0]).keys()):
            raise Refusal(400, f"Invalid field in includeFields: {asked}")
        return fields

    def _as_json(self, entry: Entry, fields: tuple[str, ...] | None) -> str:
        """The JSON of a record, cached. Records are immutable, so a changed one has another key."""
        key = (entry.make, entry.parts, self.behaviour.ids, fields)
        if (known := self._json.get(key)) is None:
            row = self._row(entry)
            known = json.dumps(row if fields is None else {name: row[name] for name in fields})
            self._json[key] = known
        return known

    def _row(self, entry: Entry) -> Row:
        return entry.make(self._as_id, *entry.parts)
