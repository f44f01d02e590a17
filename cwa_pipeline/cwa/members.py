"""Who is in which CWA group, read in the first of three ways that the server offers."""

from collections.abc import Collection
from typing import Any

import pandas as pd
import pyarrow as pa

from cwa_pipeline.cwa.client import CwaClient, RefusedError
from cwa_pipeline.cwa.pages import PagedList, WholeList, read_and_count, read_list
from cwa_pipeline.cwa.records import ID, OPTIONAL_ID, Column, Kind, paged_list, read_id
from cwa_pipeline.errors import IncompleteReadError, SourceError
from cwa_pipeline.rules.receipts import NOTHING_ASKED, Reading

DTYPES = {"computer_id": "int64", "cwa_group_id": "int64"}
NO_SUCH_LIST = frozenset({403, 404, 405})  # how a server says that it does not have an endpoint


def _read_computers(value: Any) -> list[int] | None:
    """The ids of a group's computers; null if the server does not expand them."""
    if not isinstance(value, list) or not all(isinstance(computer, dict) for computer in value):
        return None
    return [read_id(computer.get("Id")) for computer in value]


COMPUTER_IDS = Kind(_read_computers, pa.list_(pa.int64()), "object")


def read_group_members(client: CwaClient, cwa_group_ids: Collection[int]) -> Reading:
    """Who is in these groups: computer_id, cwa_group_id, each pair once, sorted. Raises what `read_list` raises."""
    wanted = sorted({int(group) for group in cwa_group_ids})
    if not wanted:
        return Reading(pd.DataFrame(columns=list(DTYPES)).astype(DTYPES), 0, NOTHING_ASKED)
    return read_and_count("group members", lambda: _members(client, wanted), lambda: _members(client, wanted).frame)


def _members(client: CwaClient, wanted: list[int]) -> WholeList:
    whole = (
        _from_group_computers(client, wanted)
        or _from_each_group(client, wanted)
        or _from_expanded_groups(client, wanted)
    )
    members = whole.frame[whole.frame["cwa_group_id"].isin(wanted)]
    members = members.drop_duplicates().sort_values(list(DTYPES), ignore_index=True)
    # A server may ignore the condition and count the rows of all groups. If all of those were read, we know exactly what
    # we left out ourselves; if not, its number stands.
    total = len(members) if whole.total == whole.records else whole.total
    return WholeList(members, len(members), total)


def _from_group_computers(client: CwaClient, wanted: list[int]) -> WholeList | None:
    """All memberships in one list; older servers do not have it. A membership may lack an Id of its own."""
    columns = {
        "computer_id": Column("ComputerId", ID),
        "cwa_group_id": Column("GroupId", ID),
    }
    memberships = paged_list(
        "v1/GroupComputers",
        "group members",
        columns,
        key=Column("Id", OPTIONAL_ID),
        include_fields=False,
        condition=f"GroupId in ({_listed(wanted)})",
    )
    return _read_if_there(client, memberships)


def _from_each_group(client: CwaClient, wanted: list[int]) -> WholeList | None:
    """Group by group. A group that is not found while another one is: a gap, not a server without this endpoint."""
    columns = {"computer_id": Column("Id", ID)}
    found = {
        group: _read_if_there(client, paged_list(f"v2/Groups/{group}/Computers", f"members of group {group}", columns))
        for group in wanted
    }
    lists = {group: whole for group, whole in found.items() if whole is not None}
    if not lists:
        return None
    _require_all(wanted, lists, "v2/Groups")
    totals = [whole.total for whole in lists.values() if whole.total is not None]
    return WholeList(
        pd.concat([whole.frame.assign(cwa_group_id=group) for group, whole in lists.items()]).astype(DTYPES),
        sum(whole.records for whole in lists.values()),
        sum(totals) if len(totals) == len(lists) else None,
    )


def _from_expanded_groups(client: CwaClient, wanted: list[int]) -> WholeList:
    """The groups' own records, with their computers in them; Total-Count counts the groups there, so it is left out."""
    columns = {
        "cwa_group_id": Column("Id", ID),
        "computer_id": Column("Computers", COMPUTER_IDS),
    }
    groups = paged_list(
        "v1/Groups",
        "groups with members",
        columns,
        include_fields=False,
        condition=f"Id in ({_listed(wanted)})",
        expand="Computers",
    )
    whole = read_list(client, groups)
    shown = whole.frame[whole.frame["cwa_group_id"].isin(wanted)]
    _require_all(wanted, shown["cwa_group_id"].tolist(), "v1/Groups")
    if without := shown.loc[shown["computer_id"].isna(), "cwa_group_id"].tolist():
        raise SourceError(
            f"CWA group members (v1/Groups): group {_listed(without)} comes without Computers, so this server offers no "
            "way to read who is in a group; check cwa.url and the rights of the CWA account"
        )
    members = shown.explode("computer_id").dropna()[list(DTYPES)].astype(DTYPES)
    return WholeList(members, whole.records, None)


def _read_if_there(client: CwaClient, wanted: PagedList) -> WholeList | None:
    """The whole list; None if the server does not have it."""
    try:
        return read_list(client, wanted)
    except RefusedError as refused:
        if refused.status in NO_SUCH_LIST:
            return None
        raise


def _require_all(wanted: list[int], shown: Collection[int], where: str) -> None:
    if missing := [group for group in wanted if group not in shown]:
        raise IncompleteReadError(
            f"CWA group members ({where}): CWA does not show group {_listed(missing)}; check that it still exists in "
            "CWA and that the account may see it"
        )


def _listed(ids: Collection[int]) -> str:
    return ",".join(map(str, ids))
