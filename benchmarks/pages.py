"""The answers of a CWA server, prepared as bytes: one file a list, and where in it each page of 1000 records ends.

What belongs here: records shaped by `demo.stand_in_records`, written by the million. What must not: serving them
(`benchmarks.prepared_server`).
"""

import json
from collections.abc import Callable, Iterable
from json.encoder import encode_basestring_ascii
from pathlib import Path

import pandas as pd

from benchmarks.worlds import World
from cwa_pipeline.commands.demo.stand_in_records import (
    MEMBERSHIP_ID_FACTOR,
    Client,
    Computer,
    Group,
    client_row,
    computer_row,
    group_row,
    membership_row,
)

PAGE = 1000
LISTS = ("clients", "computers", "groups", "groupcomputers")
IDS = (
    ".ids"  # the same list for a client that asks for includeFields=Id: its second read, where there is no Total-Count
)
NEVER = "0001-01-01T00:00:00"


def prepare(world: World, folder: Path) -> None:
    """Write every page of every list, `<list>.pages`, and `index.json`: the end of each page, and how many records there are."""
    index: dict[str, dict[str, object]] = {}
    shapes = {"clients": _clients, "computers": _computers, "groups": _groups, "groupcomputers": _memberships}
    for name, shape in shapes.items():
        frame, write = shape(world)
        index[name] = {"ends": _write(folder / f"{name}.pages", write(frame), len(frame)), "total": len(frame)}
    for name in ("clients", "computers", "groups"):
        ids = world_ids(world, name)
        records = (f'{{"Id": "{number}"}}' for number in ids)
        index[name + IDS] = {"ends": _write(folder / f"{name}{IDS}.pages", records, len(ids)), "total": len(ids)}
    (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")


def world_ids(world: World, name: str) -> list[int]:
    """The ids of one of the lists, ascending."""
    return getattr(world, name).iloc[:, 0].tolist()


def _write(path: Path, records: Iterable[str], count: int) -> list[int]:
    """Write the pages one behind the other; returns where each ends."""
    ends, waiting, at = [], iter(records), 0
    with path.open("wb") as file:
        for first in range(0, count, PAGE):
            page = f"[{','.join(next(waiting) for _ in range(min(PAGE, count - first)))}]".encode()
            at += file.write(page)
            ends.append(at)
    return ends


Shaped = tuple[pd.DataFrame, Callable[[pd.DataFrame], Iterable[str]]]


def _template(row: dict[str, object], *places: str) -> str:
    """The JSON of a record with `%s` where each of the placeholders is."""
    text = json.dumps(row).replace("%", "%%")
    for place in places:
        text = text.replace(place, "%s")
    return text


def _computers(world: World) -> Shaped:
    # Numbers that occur nowhere else in a record mark the places of what differs from computer to computer.
    computer = Computer(71_717_171, "@name", 92_929_292, "@serial", "@tag", None, "@user", "@make")
    template = _template(
        computer_row(str, computer, "@client"),
        *(
            '"71717171"',
            '"@name"',
            '"92929292"',
            '"@client"',
            '"@serial"',
            '"@tag"',
            f'"{NEVER}"',
            '"@user"',
            '"@make"',
        ),
    )
    names = world.clients.set_index("client_id")["name"]

    def write(frame: pd.DataFrame) -> Iterable[str]:
        user, contact = _texts(frame["last_user"]), _texts(frame["last_contact"])
        return map(
            template.__mod__,
            zip(
                *(_ids(frame["computer_id"]), _texts(frame["name"]), _ids(frame["client_id"])),
                *(_texts(frame["client_id"].map(names)), _texts(frame["serial_number"]), _texts(frame["asset_tag"])),
                *(contact, contact, user, user, _texts(frame["make"])),
                strict=True,
            ),
        )

    return world.computers, write


def _clients(world: World) -> Shaped:
    def write(frame: pd.DataFrame) -> Iterable[str]:
        external = frame["external_id"].astype("object").where(frame["external_id"].notna(), None)
        rows = zip(frame["client_id"].tolist(), frame["name"].tolist(), external.tolist(), strict=True)
        return (json.dumps(client_row(str, Client(*row))) for row in rows)

    return world.clients, write


def _groups(world: World) -> Shaped:
    def write(frame: pd.DataFrame) -> Iterable[str]:
        rows = zip(frame["cwa_group_id"].tolist(), frame["name"].tolist(), strict=True)
        return (json.dumps(group_row(str, Group(*row), None)) for row in rows)

    return world.groups, write


def _memberships(world: World) -> Shaped:
    template = _template(membership_row(str, 717_171, 292_929, True), '"717171292929"', '"292929"', '"717171"')
    assert MEMBERSHIP_ID_FACTOR == 1_000_000  # noqa: S101 - the id in the template is made with it

    def write(frame: pd.DataFrame) -> Iterable[str]:
        computer, group = frame["computer_id"], frame["cwa_group_id"]
        return map(
            template.__mod__,
            zip(_ids(computer * MEMBERSHIP_ID_FACTOR + group), _ids(group), _ids(computer), strict=True),
        )

    return world.members, write


def _texts(column: pd.Series) -> list[str]:
    """Each text as JSON; null for none."""
    return ["null" if pd.isna(text) else encode_basestring_ascii(text) for text in column.tolist()]


def _ids(column: pd.Series) -> list[str]:
    return [f'"{number}"' for number in column.tolist()]
