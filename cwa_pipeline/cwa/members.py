"""Who is in which CWA group, read by the first of the three ways that the server has.

What belongs here: those three ways, and making one list of memberships of them. What must not: paging (`automate_paging`), counting
(`automate_counts`), which groups are wanted (`rules`).
"""

from collections.abc import Collection

import numpy as np
import pandas as pd

from cwa_pipeline.cwa.counts import read_and_count
from cwa_pipeline.cwa.kinds import ID, MAYBE_ID
from cwa_pipeline.cwa.listing import Listed, Listing, Record, Taken, Value
from cwa_pipeline.cwa.paging import read_known_list, read_list
from cwa_pipeline.cwa.records import whole_number
from cwa_pipeline.cwa.session import AutomateSession
from cwa_pipeline.errors import IncompleteReadError
from cwa_pipeline.rules.receipts import NOTHING_ASKED, Reading

MEMBERS = {"computer_id": "int64", "cwa_group_id": "int64"}
NO_SUCH_LIST = frozenset({403, 404, 405})  # what servers without an endpoint answer to it


def read_members(session: AutomateSession, cwa_group_ids: Collection[int]) -> Reading:
    """Who is in these groups: computer_id, cwa_group_id, each pair once, sorted."""
    wanted = sorted({int(group) for group in cwa_group_ids})
    if not wanted:
        return Reading(pd.DataFrame(columns=list(MEMBERS)).astype(MEMBERS), 0, NOTHING_ASKED)
    return read_and_count("group members", lambda: _members(session, wanted), lambda: _members(session, wanted).frame)


def _members(session: AutomateSession, wanted: list[int]) -> Listed:
    """The memberships of the wanted groups, each pair once, sorted."""
    listed = _from_group_computers(session, wanted)
    if listed is None:
        listed = _from_each_group(session, wanted)
    if listed is None:
        listed = _from_expanded_groups(session, wanted)
    is_wanted = listed.frame["cwa_group_id"].isin(wanted)
    frame = each_once(listed.frame if is_wanted.all() else listed.frame[is_wanted])
    # A server may ignore the condition and count the rows of all groups. When all of those were read, what we left out
    # ourselves is known exactly; when not, its number stands as it is.
    total = len(frame) if listed.total == listed.records else listed.total
    return Listed(frame, len(frame), total)


def each_once(pairs: pd.DataFrame) -> pd.DataFrame:
    """The pairs sorted, each once; at once when they come so, as there may be millions."""
    computers, groups = (pairs[name].to_numpy() for name in MEMBERS)
    goes_on = computers[1:] == computers[:-1]
    if np.where(goes_on, groups[1:] > groups[:-1], computers[1:] > computers[:-1]).all():
        return pairs.reset_index(drop=True)
    return pairs.drop_duplicates().sort_values(list(MEMBERS), ignore_index=True)


def _from_group_computers(session: AutomateSession, wanted: list[int]) -> Listed | None:
    """All memberships in one list; older servers do not have it. One without an id of its own is known by what it ties."""
    listing = Listing(
        "v1/GroupComputers",
        "group members",
        {"computer_id": Value(ID, "ComputerId"), "cwa_group_id": Value(ID, "GroupId")},
        key=Value(MAYBE_ID, "Id"),
        asks_for_fields=False,
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
        frame=pd.concat([listed.frame.assign(cwa_group_id=group) for group, listed in lists.items()]).astype(MEMBERS),
        records=sum(listed.records for listed in lists.values()),
        total=sum(totals) if len(totals) == len(lists) else None,
    )


def _computers_of(group: int) -> Listing:
    return Listing(f"v2/Groups/{group}/Computers", f"members of group {group}", {"computer_id": Value(ID, "Id")})


def _from_expanded_groups(session: AutomateSession, wanted: list[int]) -> Listed:
    """The groups' own records, with their computers in them; Total-Count counts the groups there, so it is left out."""

    def take(record: Record) -> Taken:
        group = whole_number(record, "Id")
        if group not in wanted:  # the server may ignore the condition
            return group, []
        computers = record.get("Computers")
        if not isinstance(computers, list) or not all(isinstance(computer, dict) for computer in computers):
            raise ValueError("it has no Computers, so this server offers no way to read who is in a group")
        # The row without a computer tells that the group was shown, if nobody is in it.
        return group, [(None, group), *((whole_number(computer, "Id"), group) for computer in computers)]

    listing = Listing(
        "v1/Groups",
        "groups with members",
        {"computer_id": Value(MAYBE_ID, "Id"), "cwa_group_id": Value(ID, "Id")},
        asks_for_fields=False,
        condition=f"Id in ({_listed(wanted)})",
        expand="Computers",
        taken_apart=take,
    )
    listed = read_known_list(session, listing)
    shown = set(listed.frame["cwa_group_id"])
    if missing := [group for group in wanted if group not in shown]:
        raise _gap("v1/Groups", missing)
    return listed._replace(frame=listed.frame.dropna().astype(MEMBERS), total=None)


def _gap(where: str, missing: list[int]) -> IncompleteReadError:
    return IncompleteReadError(
        f"CWA group members ({where}): CWA does not show group {_listed(missing)}; check that it still exists in CWA "
        "and that the account may see it"
    )


def _listed(ids: Collection[int]) -> str:
    return ",".join(map(str, ids))
