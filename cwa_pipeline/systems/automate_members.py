"""Who is in which CWA group, read by the first of the three ways that the server has.

What belongs here: those three ways, and making one list of memberships of them. What must not: paging (`automate_paging`), counting
(`automate_counts`), which groups are wanted (`rules`).
"""

from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import Any

import pandas as pd

from cwa_pipeline.errors import IncompleteReadError
from cwa_pipeline.systems.automate_counts import read_and_count
from cwa_pipeline.systems.automate_paging import Listed, Listing, Row, frame_of, read_known_list, read_list
from cwa_pipeline.systems.automate_records import maybe_whole_number, whole_number
from cwa_pipeline.systems.automate_session import AutomateSession
from cwa_pipeline.systems.reading import NOTHING_ASKED, Reading

Record = Mapping[str, Any]

MEMBERS = {"computer_id": "int64", "cwa_group_id": "int64"}
NO_SUCH_LIST = frozenset({403, 404, 405})  # what servers without an endpoint answer to it


def read_members(session: AutomateSession, cwa_group_ids: Collection[int]) -> Reading:
    """Who is in these groups: computer_id, cwa_group_id, each pair once, sorted."""
    wanted = sorted({int(group) for group in cwa_group_ids})
    if not wanted:
        return Reading(frame_of([], MEMBERS), 0, NOTHING_ASKED)
    return read_and_count("group members", lambda: _members(session, wanted), lambda: _members(session, wanted).ids)


def _members(session: AutomateSession, wanted: list[int]) -> Listed:
    """The memberships of the wanted groups; the pairs are their ids."""
    listed = _from_group_computers(session, wanted)
    if listed is None:
        listed = _from_each_group(session, wanted)
    if listed is None:
        listed = _from_expanded_groups(session, wanted)
    frame = listed.frame[listed.frame["cwa_group_id"].isin(wanted)].drop_duplicates()
    frame = frame.sort_values(list(MEMBERS), ignore_index=True)
    # A server may ignore the condition and count the rows of all groups. When all of those were read, what we left out
    # ourselves is known exactly; when not, its number stands as it is.
    total = len(frame) if listed.total == len(listed.ids) else listed.total
    return Listed(frame, set(frame.itertuples(index=False, name=None)), total)


def _from_group_computers(session: AutomateSession, wanted: list[int]) -> Listed | None:
    """All memberships in one list; older servers do not have it."""
    listing = Listing(
        "v1/GroupComputers",
        "group members",
        MEMBERS,
        _take_membership,
        keys=("Id", "ComputerId", "GroupId"),
        condition=f"GroupId in ({_listed(wanted)})",
    )
    return read_list(session, listing, NO_SUCH_LIST)


def _from_each_group(session: AutomateSession, wanted: list[int]) -> Listed | None:
    """Group by group. One group not found where another is found is a gap, not a server without this endpoint."""
    found = {group: read_list(session, _computers_of(group), NO_SUCH_LIST) for group in wanted}
    lists = {group: listed for group, listed in found.items() if listed is not None}
    if not lists:
        return None
    if missing := [group for group in wanted if group not in lists]:
        raise _gap("v2/Groups", missing)
    totals = [listed.total for listed in lists.values() if listed.total is not None]
    return Listed(
        frame=pd.concat([listed.frame for listed in lists.values()], ignore_index=True),
        ids={(computer, group) for group, listed in lists.items() for computer in listed.ids},
        total=sum(totals) if len(totals) == len(lists) else None,
    )


def _from_expanded_groups(session: AutomateSession, wanted: list[int]) -> Listed:
    """The groups' own records, with their computers in them; Total-Count counts the groups there, so it is left out."""

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
        keys=("Id", "Computers"),
        condition=f"Id in ({_listed(wanted)})",
        expand="Computers",
    )
    listed = read_known_list(session, listing)
    if missing := [group for group in wanted if group not in listed.ids]:
        raise _gap("v1/Groups", missing)
    return listed._replace(total=None)


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
