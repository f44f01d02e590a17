"""Invented worlds: what CWA and PCRT hold, as plain records, and the tables that the rules make of them."""

import inspect
import random
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from typing import Any, Literal

import pandas as pd
from hypothesis import strategies as st

from cwa_pipeline.config.settings import DEFAULT_PLANS
from cwa_pipeline.rules.frames import as_table
from cwa_pipeline.rules.issues import client_issues, computer_issues, group_issues
from cwa_pipeline.rules.matching import matches as matching
from cwa_pipeline.rules.matching import plans, serials
from cwa_pipeline.rules.members import membership
from cwa_pipeline.tables import (
    AdditionalMembersLedger,
    CwaClients,
    CwaComputers,
    CwaGroupMembers,
    MembersPlan,
    PcrtGroups,
    PcrtPcids,
    Table,
)

BLACKLIST = ("To Be Filled By O.E.M.", "Default string", "0123456789", "None", "")


@dataclass(frozen=True)
class Client:
    """A customer in CWA."""

    client_id: int
    external_id: str | None = None
    name: str | None = "A client"


@dataclass(frozen=True)
class Computer:
    """A machine with an agent in CWA."""

    computer_id: int
    client_id: int | None = None
    serial_number: str | None = None
    asset_tag: str | None = None
    name: str | None = "A computer"
    last_contact: str | None = "2026-01-07T20:16:34"
    last_user: str | None = None
    make: str | None = None


@dataclass(frozen=True)
class CwaGroup:
    """A group in CWA, a plan's or another one."""

    cwa_group_id: int
    name: str | None


@dataclass(frozen=True)
class PcrtGroup:
    """A customer in PCRT."""

    group_id: int
    name: str | None = "A group"


@dataclass(frozen=True)
class Pcid:
    """A machine in PCRT; group_id None is PCRT's 0."""

    pcid: int
    group_id: int | None = None
    serial_number: str | None = None
    name: str | None = "A machine"
    make: str | None = None


@dataclass(frozen=True)
class Subscription:
    """A subscription in PCRT; group_id and pcid None are PCRT's 0."""

    subscription_id: int
    group_id: int | None = None
    cwa_group: str | None = None
    pcid: int | None = None
    name: str | None = "A subscription"
    active: bool = True
    additional_members: str | None = ""


@dataclass
class World:
    """All that both systems hold, and what the shop configured. Each table is an attribute, made when it is first asked for.

    The tables of the rules have the rules' names; those of the records, `_TABLES_OF_RECORDS`.
    """

    clients: Sequence[Client] = ()
    computers: Sequence[Computer] = ()
    groups: Sequence[CwaGroup] = ()
    members: Sequence[tuple[int, int]] = ()  # (computer_id, cwa_group_id), of any CWA group
    pcrt_groups: Sequence[PcrtGroup] = ()
    pcids: Sequence[Pcid] = ()
    subscriptions: Sequence[Subscription] = ()
    blacklist: Sequence[str] = BLACKLIST
    plans: Sequence[str] = DEFAULT_PLANS
    bizcare_prefix: str = "BizCare"
    list_format: Literal["underscore", "comma", "php", "json"] = "underscore"
    mode: Literal["every_plan", "by_plan"] = "every_plan"

    def __getattr__(self, name: str) -> pd.DataFrame:
        if name in _TABLES_OF_RECORDS:
            table = _TABLES_OF_RECORDS[name](self)
        elif name in _RULES:
            table = self._decide(_RULES[name])
        else:
            raise AttributeError(name)
        self.__dict__[name] = table
        return table

    def _decide(self, rule: Callable[..., pd.DataFrame]) -> pd.DataFrame:
        """What a rule returns: its parameters are named after the tables and settings that it takes."""
        given: dict[str, Any] = {
            "members_plan": MembersPlan.empty(),  # no guard holds anything
            "last_written": AdditionalMembersLedger.empty()[["subscription_id", "after"]],
        }
        names = {
            name: "groups_of_pcrt" if name == "pcrt_groups" else name for name in inspect.signature(rule).parameters
        }
        return rule(**{name: given[name] if name in given else getattr(self, table) for name, table in names.items()})


def _cwa_computers(world: World) -> pd.DataFrame:
    computers = _frame(world.computers, Computer)
    computers["last_contact"] = pd.to_datetime(computers["last_contact"], utc=True)
    return as_table(serials.with_normalised_serial(computers), CwaComputers)


def _cwa_group_members(world: World) -> pd.DataFrame:
    of_plans = set(world.cwa_groups.loc[world.cwa_groups["plan"].notna(), "cwa_group_id"])
    pairs = [pair for pair in world.members if pair[1] in of_plans]
    return as_table(pd.DataFrame(pairs, columns=["computer_id", "cwa_group_id"]), CwaGroupMembers)


def _pcrt_pcids(world: World) -> pd.DataFrame:
    pcids = serials.with_normalised_serial(_frame(world.pcids, Pcid))
    return as_table(pcids.assign(serial_problem=None), PcrtPcids)


def _pcrt_subscriptions(world: World) -> pd.DataFrame:
    subscriptions = _frame(world.subscriptions, Subscription)
    return plans.subscriptions_with_plans(
        subscriptions, world.pcrt_pcids, world.cwa_groups, world.plans, world.bizcare_prefix
    )


_TABLES_OF_RECORDS: dict[str, Callable[[World], pd.DataFrame]] = {
    "cwa_clients": lambda world: as_table(_frame(world.clients, Client), CwaClients),
    "cwa_computers": _cwa_computers,
    "cwa_groups": lambda world: plans.plans_of_groups(_frame(world.groups, CwaGroup), world.plans),
    "cwa_group_members": _cwa_group_members,
    "groups_of_pcrt": lambda world: as_table(_frame(world.pcrt_groups, PcrtGroup), PcrtGroups),
    "pcrt_pcids": _pcrt_pcids,
    "pcrt_subscriptions": _pcrt_subscriptions,
    "serial_blacklist": lambda world: serials.serial_blacklist(world.blacklist),
}
_RULES: dict[str, Callable[..., pd.DataFrame]] = {
    "client_groups": matching.client_groups,
    "computer_matches": matching.computer_matches,
    "client_issues": client_issues.client_issues,
    "computer_issues": computer_issues.computer_issues,
    "group_issues": group_issues.group_issues,
    "subscription_members": membership.subscription_members,
    "planned_members": membership.planned_members,
}


# The types that the systems' readers give.
_TYPES = {
    "client_id": "Int64",
    "external_id": "str",
    "computer_id": "int64",
    "cwa_group_id": "int64",
    "subscription_id": "int64",
    "group_id": "Int64",
    "pcid": "Int64",
    "name": "str",
    "make": "str",
    "serial_number": "str",
    "asset_tag": "str",
    "last_contact": "str",
    "last_user": "str",
    "cwa_group": "str",
    "additional_members": "str",
    "active": "bool",
}


def _frame(records: Sequence[object], kind: type) -> pd.DataFrame:
    columns = list(kind.__dataclass_fields__)
    rows = [astuple(record) for record in records]
    frame = pd.DataFrame(rows, columns=columns, dtype="object").astype({column: _TYPES[column] for column in columns})
    return frame.sort_values(columns[0], ignore_index=True)


def records_of(frame: pd.DataFrame, *columns: str) -> list[tuple[object, ...]]:
    """The rows of a frame as plain tuples of the columns asked for, None for null."""
    chosen = frame[list(columns)].astype("object")
    return list(chosen.where(chosen.notna(), None).itertuples(index=False, name=None))


def assert_is_table(frame: pd.DataFrame, table: type[Table]) -> None:
    """The frame is exactly the table: columns in order, types, a plain index, valid."""
    schema = table.to_schema()
    assert list(frame.columns) == list(schema.columns)
    assert frame.dtypes.to_dict() == {name: dtype.type for name, dtype in schema.dtypes.items()}
    assert frame.index.equals(pd.RangeIndex(len(frame)))
    schema.validate(frame)


# --- messy worlds -----------------------------------------------------------------------------------------------------

_GENERIC = ("", None, "  ", "Default string", "DEFAULT  STRING", " none", "To be filled by o.e.m.", "0123456789")
_GENERIC_BUT_NOT_LISTED = ("INVALID", "System Serial Number 2")
_NO_SUCH_GROUP = 9_999
_NO_SUCH_PCID = 8_888
_NO_SUCH_COMPUTER = 99_999
_TOO_LONG = "9" * 25


def messy_world(seed: int, clients: int = 20) -> World:
    """A world full of what goes wrong, from small pools of values so that collisions are common; a seed is a world."""
    rng = random.Random(seed)
    groups = [PcrtGroup(100 + number, rng.choice([f"Group {number}", "Group", None])) for number in range(clients)]
    pcids = _messy_pcids(rng, groups)
    cwa_groups = _messy_cwa_groups(rng)
    cwa_clients = [
        Client(number * 3 + 1, _messy_external_id(rng, number, clients), rng.choice([f"Client {number}", None]))
        for number in range(clients)
    ]
    computers = _messy_computers(rng, cwa_clients, pcids)
    unmanaged = {client.client_id for client in cwa_clients if rng.random() < 0.2}  # their computers are in no plan
    managed = [computer.computer_id for computer in computers if computer.client_id not in unmanaged]
    members = {
        (computer_id, group.cwa_group_id)
        for computer_id in [*managed, _NO_SUCH_COMPUTER]
        for group in rng.sample(cwa_groups, rng.choice([0, 1, 1, 1, 2, 3]))
    }
    return World(
        clients=cwa_clients,
        computers=computers,
        groups=cwa_groups,
        members=sorted(members),
        pcrt_groups=groups,
        pcids=pcids,
        subscriptions=_messy_subscriptions(rng, groups, pcids, cwa_groups),
    )


def worlds(most_clients: int = 12) -> st.SearchStrategy[World]:
    """Messy worlds for property tests; a failure shrinks to few clients."""
    return st.builds(messy_world, seed=st.integers(0, 2**32), clients=st.integers(0, most_clients))


def _messy_external_id(rng: random.Random, number: int, clients: int) -> str | None:
    own, other = str(100 + number), str(100 + rng.randrange(clients + 1))  # the other may be one that does not exist
    if rng.random() < 0.85:
        return rng.choice([own, own, own, own, f" {own}\t", f"0{own}", other])
    return rng.choice(
        [None, "", "0", " 0 ", "00", "  ", f"-{own}", f"+{own}", f"{own}.0", "1_00", "١٠٠", "Ann", _TOO_LONG]
    )


def _messy_serial(rng: random.Random, machines: int) -> str | None:
    chance = rng.random()
    if chance < 0.15:
        return rng.choice(_GENERIC)
    if chance < 0.25:
        return rng.choice(_GENERIC_BUT_NOT_LISTED)
    serial = f"SN {rng.randrange(machines * 2)} Straße"
    return rng.choice([serial, serial, serial.lower(), serial.upper(), f"  {serial}", serial.replace(" ", " \t ")])


def _messy_pcids(rng: random.Random, groups: list[PcrtGroup]) -> list[Pcid]:
    pcids = []
    for number in range(len(groups) * 4):
        own, other = groups[number // 4].group_id, rng.choice(groups).group_id
        group_id = rng.choice([own, own, own, own, other, None, _NO_SUCH_GROUP])
        name = rng.choice([f"Machine {number}", None])
        pcids.append(Pcid(1000 + number, group_id, _messy_serial(rng, len(groups) * 4), name))
    return pcids


def _messy_cwa_groups(rng: random.Random) -> list[CwaGroup]:
    odd = [DEFAULT_PLANS[0].upper(), f"  {DEFAULT_PLANS[1].replace(' ', '   ')}", "Servers", None]
    names = [*DEFAULT_PLANS[:3], *odd]
    return [CwaGroup(850 + number, name) for number, name in enumerate(rng.sample(names, rng.randint(3, len(names))))]


def _messy_computers(rng: random.Random, clients: list[Client], pcids: list[Pcid]) -> list[Computer]:
    computers = []
    for number, near in enumerate(pcids):
        client_id = rng.choice([None, 2, 77_777]) if rng.random() < 0.15 else clients[number // 4].client_id
        good_tags = [str(near.pcid), f" {near.pcid} ", str(rng.choice(pcids).pcid)]
        bad_tags = ["1", "0123456789", "none", " ", "front desk", "1.000", _TOO_LONG]
        tag = rng.choice([*good_tags * 3, *bad_tags]) if rng.random() < 0.3 else None
        serial = near.serial_number if rng.random() < 0.6 else _messy_serial(rng, len(pcids))
        computers.append(Computer(number * 2 + 5, client_id, serial, tag, rng.choice([f"PC-{number}", None])))
    return computers


def _messy_subscriptions(
    rng: random.Random, groups: list[PcrtGroup], pcids: list[Pcid], cwa_groups: list[CwaGroup]
) -> list[Subscription]:
    subscriptions = []
    for number in range(len(groups) * 2):
        own = groups[number // 2].group_id
        plan, plan_id = rng.choice(DEFAULT_PLANS[:3]), str(rng.choice(cwa_groups).cwa_group_id)
        valid_fields = [plan, plan, f" {plan.lower()}", plan.replace(" ", "  "), plan_id]
        other_fields = [None, "", "  ", "0", "Servers", "BizCare", "12345", _TOO_LONG]
        listed = "_".join(str(pcid.pcid) for pcid in rng.sample(pcids, rng.choice([1, 2, 3])))
        subscriptions.append(
            Subscription(
                number + 1,
                group_id=rng.choice([own, own, own, None, _NO_SUCH_GROUP]),
                cwa_group=rng.choice(valid_fields if rng.random() < 0.75 else other_fields),
                pcid=rng.choice([None, rng.choice(pcids).pcid, _NO_SUCH_PCID]),
                name=rng.choice(["BizCare Gold", "bizcare", "Backup", "A BizCare plan", None]),
                active=rng.random() < 0.85,
                additional_members=rng.choice([None, "", "_", *[f"_{listed}_"] * 4, "1001,1002", "call Ann"]),
            )
        )
    return subscriptions
