"""ConnectWise Automate (CWA) as typed frames with their counts: its clients, computers, groups and who is in which group.

What belongs here: which lists there are, which fields are read and what a record becomes. What must not: counting, paging,
log-in and HTTP (`automate_counts`, `automate_paging`, `automate_session`, `automate_http`), and anything the rules decide
(plans, serials, matching). Nothing is ever written to CWA.
"""

import copy
from collections.abc import Collection
from typing import Self

from cwa_pipeline.config.environment import CwaCredentials
from cwa_pipeline.cwa.counts import ids_of, read_and_count
from cwa_pipeline.cwa.http import Patience
from cwa_pipeline.cwa.kinds import ID, MAYBE_ID, MOMENT, TEXT
from cwa_pipeline.cwa.listing import Listing, Value
from cwa_pipeline.cwa.members import read_members
from cwa_pipeline.cwa.paging import read_known_list
from cwa_pipeline.cwa.session import Answer, AutomateSession
from cwa_pipeline.cwa.shared_pages import PageRequest, SharedPages, fetch_pages
from cwa_pipeline.rules.receipts import Reading


class Automate:
    """Reads CWA. Use it as a context manager; the first read logs in.

    All reads raise SettingsError (the account), UnreachableError (a later try can help), SourceError (an answer that
    cannot be used) and its kind IncompleteReadError; none returns fewer rows than Total-Count. Where the server sends no
    Total-Count, a second read of the ids is the count, and a list that keeps changing comes back with both numbers.
    """

    def __init__(
        self,
        url: str,
        credentials: CwaCredentials,
        *,
        patience: Patience = Patience(),  # noqa: B008 - frozen
        connections: int = 1,
    ) -> None:
        """Nothing is asked for yet; at most `connections` pages are on their way at once, each over a connection of its own."""
        self._session = AutomateSession(url, credentials, patience, connections)

    @property
    def connections(self) -> int:
        """How many pages are on their way at once, at most."""
        return self._session.connections

    def split(self) -> Self:
        """Another reader, for another process: it gets the log-in and half of the connections, of which there have to be two or more."""
        other = copy.copy(self)
        other._session = self._session.split()
        return other

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def log_in(self) -> None:
        """Log in now, to see whether the address and the account are right."""
        self._session.log_in()

    def clients(self) -> Reading:
        """All clients: client_id, name, external_id (as text, as read)."""
        return self._all(CLIENTS)

    def computers(self, shared: SharedPages | None = None) -> Reading:
        """All computers: computer_id, name, client_id, serial_number, asset_tag, last_contact (UTC), last_user, make.

        Their pages may be `shared` with a helper.
        """
        return self._all(COMPUTERS, shared)

    def groups(self) -> Reading:
        """All groups: cwa_group_id, name."""
        return self._all(GROUPS)

    def group_members(self, cwa_group_ids: Collection[int]) -> Reading:
        """Who is in these groups: computer_id, cwa_group_id; by the first of three ways the server has."""
        return read_members(self._session, cwa_group_ids)

    def pages(self, request: PageRequest, pages: range) -> list[Answer]:
        """As the helper of another reader: the answers to pages of a list that it reads."""
        return fetch_pages(self._session, request, pages)

    def _all(self, listing: Listing, shared: SharedPages | None = None) -> Reading:
        reading = read_and_count(
            listing.what,
            lambda: read_known_list(self._session, listing, shared),
            lambda: read_known_list(self._session, ids_of(listing)).frame,
        )
        own_id = next(iter(listing.columns))
        if reading.frame[own_id].is_monotonic_increasing:  # as asked for; sorting what is sorted still takes its time
            return reading
        return reading._replace(frame=reading.frame.sort_values(own_id, ignore_index=True))


CLIENTS = Listing(
    "v1/Clients",
    "clients",
    {"client_id": Value(ID, "Id"), "name": Value(TEXT, "Name"), "external_id": Value(TEXT, "ExternalId")},
)
COMPUTERS = Listing(
    "v1/Computers",
    "computers",
    {
        "computer_id": Value(ID, "Id"),
        "name": Value(TEXT, "ComputerName"),
        "client_id": Value(MAYBE_ID, "Id", within="Client"),
        "serial_number": Value(TEXT, "SerialNumber"),
        "asset_tag": Value(TEXT, "AssetTag"),
        "last_contact": Value(MOMENT, "RemoteAgentLastContact"),
        "last_user": Value(TEXT, "LastUserName"),
        "make": Value(TEXT, "BiosManufacturer"),
    },
)
GROUPS = Listing("v1/Groups", "groups", {"cwa_group_id": Value(ID, "Id"), "name": Value(TEXT, "Name")})
