"""ConnectWise Automate (CWA) as typed frames: its clients, computers, groups and who is in which group.

What belongs here: which lists there are, which fields are read and what a record becomes. What must not: paging, log-in
and HTTP (`automate_paging`, `automate_session`, `automate_http`), and anything the rules decide (plans, serials,
matching). Nothing is ever written to CWA.
"""

from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import Any, Self

import pandas as pd

from cwa_pipeline.errors import IncompleteReadError
from cwa_pipeline.settings import CwaCredentials
from cwa_pipeline.systems.automate_http import Patience
from cwa_pipeline.systems.automate_paging import Listing, Row, frame_of, read_list
from cwa_pipeline.systems.automate_records import maybe_whole_number, moment, part, text, whole_number
from cwa_pipeline.systems.automate_session import AutomateSession

Record = Mapping[str, Any]

MEMBERS = {"computer_id": "int64", "cwa_group_id": "int64"}
NO_SUCH_LIST = frozenset({403, 404, 405})  # what servers without an endpoint answer to it


class Automate:
    """Reads CWA. Use it as a context manager; the first read logs in.

    All reads raise SettingsError (the account), UnreachableError (a later try can help), SourceError (an answer that
    cannot be used) and its kind IncompleteReadError; none returns fewer rows than CWA has.
    """

    def __init__(self, url: str, credentials: CwaCredentials, *, patience: Patience = Patience()) -> None:  # noqa: B008 - frozen
        self._session = AutomateSession(url, credentials, patience)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def log_in(self) -> None:
        """Log in now, to see whether the address and the account are right."""
        self._session.log_in()

    def clients(self) -> pd.DataFrame:
        """All clients: client_id, name, external_id (as text, as read)."""
        return self._all(CLIENTS)

    def computers(self) -> pd.DataFrame:
        """All computers: computer_id, name, client_id, serial_number, asset_tag, last_contact (UTC), last_user."""
        return self._all(COMPUTERS)

    def groups(self) -> pd.DataFrame:
        """All groups: cwa_group_id, name."""
        return self._all(GROUPS)

    def group_members(self, cwa_group_ids: Collection[int]) -> pd.DataFrame:
        """Who is in these groups: computer_id, cwa_group_id; by the first of three ways the server has."""
        wanted = sorted({int(group) for group in cwa_group_ids})
        if not wanted:
            return frame_of([], MEMBERS)
        members = self._from_group_computers(wanted)
        if members is None:
            members = self._from_each_group(wanted)
        if members is None:
            members = self._from_expanded_groups(wanted)
        members = members[members["cwa_group_id"].isin(wanted)].drop_duplicates()
        return members.sort_values(list(MEMBERS), ignore_index=True)

    def _all(self, listing: Listing) -> pd.DataFrame:
        listed = read_list(self._session, listing)
        assert listed is not None  # noqa: S101 - None stands for the statuses of `absent`, and none was given
        return listed.frame.sort_values(next(iter(listing.dtypes)), ignore_index=True)

    def _from_group_computers(self, wanted: list[int]) -> pd.DataFrame | None:
        """All memberships in one list; older servers do not have it."""
        listing = Listing(
            "v1/GroupComputers", "group members", MEMBERS, _take_membership, condition=f"GroupId in ({_listed(wanted)})"
        )
        listed = read_list(self._session, listing, NO_SUCH_LIST)
        return None if listed is None else listed.frame

    def _from_each_group(self, wanted: list[int]) -> pd.DataFrame | None:
        """Group by group. One group not found where another is found is a gap, not a server without this endpoint."""
        found = {group: read_list(self._session, _computers_of(group), NO_SUCH_LIST) for group in wanted}
        frames = [listed.frame for listed in found.values() if listed is not None]
        if not frames:
            return None
        if missing := [group for group, listed in found.items() if listed is None]:
            raise _gap("v2/Groups", missing)
        return pd.concat(frames, ignore_index=True)

    def _from_expanded_groups(self, wanted: list[int]) -> pd.DataFrame:
        """The groups' own records, with their computers in them."""

        def take(record: Record) -> tuple[Hashable, Iterable[Row]]:
            group = whole_number(record, "Id")
            if group not in wanted:  # the server may ignore the condition
                return group, []
            computers = record.get("Computers")
            if not isinstance(computers, list) or not all(isinstance(computer, dict) for computer in computers):
                raise ValueError("it has no Computers, so this server offers no way to read who is in a group")
            return group, [(whole_number(computer, "Id"), group) for computer in computers]

        listing = Listing(
            "v1/Groups",
            "groups with members",
            MEMBERS,
            take,
            condition=f"Id in ({_listed(wanted)})",
            expand="Computers",
        )
        listed = read_list(self._session, listing)
        assert listed is not None  # noqa: S101 - as in _all
        if missing := [group for group in wanted if group not in listed.ids]:
            raise _gap("v1/Groups", missing)
        return listed.frame


def _take_client(record: Record) -> tuple[Hashable, Iterable[Row]]:
    client = whole_number(record, "Id")
    return client, [(client, text(record, "Name"), text(record, "ExternalId"))]


def _take_computer(record: Record) -> tuple[Hashable, Iterable[Row]]:
    computer = whole_number(record, "Id")
    row = (
        computer,
        text(record, "ComputerName"),
        maybe_whole_number(part(record, "Client"), "Id"),
        text(record, "SerialNumber"),
        text(record, "AssetTag"),
        moment(record, "RemoteAgentLastContact"),
        text(record, "LastUserName"),
    )
    return computer, [row]


def _take_group(record: Record) -> tuple[Hashable, Iterable[Row]]:
    group = whole_number(record, "Id")
    return group, [(group, text(record, "Name"))]


def _take_membership(record: Record) -> tuple[Hashable, Iterable[Row]]:
    """A membership is told from others by its own id, or, without one, by what it ties."""
    pair = (whole_number(record, "ComputerId"), whole_number(record, "GroupId"))
    return maybe_whole_number(record, "Id") or pair, [pair]


def _computers_of(group: int) -> Listing:
    def take(record: Record) -> tuple[Hashable, Iterable[Row]]:
        computer = whole_number(record, "Id")
        return computer, [(computer, group)]

    return Listing(f"v2/Groups/{group}/Computers", f"members of group {group}", MEMBERS, take, fields=("Id",))


def _gap(where: str, missing: list[int]) -> IncompleteReadError:
    return IncompleteReadError(
        f"CWA group members ({where}): CWA does not show group {_listed(missing)}; check that it still exists in CWA "
        "and that the account may see it"
    )


def _listed(ids: Collection[int]) -> str:
    return ",".join(map(str, ids))


CLIENTS = Listing(
    "v1/Clients",
    "clients",
    {"client_id": "int64", "name": "str", "external_id": "str"},
    _take_client,
    fields=("Id", "Name", "ExternalId"),
)
COMPUTERS = Listing(
    "v1/Computers",
    "computers",
    {
        "computer_id": "int64",
        "name": "str",
        "client_id": "Int64",
        "serial_number": "str",
        "asset_tag": "str",
        "last_contact": "datetime64[us, UTC]",
        "last_user": "str",
    },
    _take_computer,
    fields=(
        "Id",
        "ComputerName",
        "Client",
        "SerialNumber",
        "AssetTag",
        "RemoteAgentLastContact",
        "LastUserName",
    ),
)
GROUPS = Listing("v1/Groups", "groups", {"cwa_group_id": "int64", "name": "str"}, _take_group, fields=("Id", "Name"))
