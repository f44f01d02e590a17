"""Invented worlds of any size for the speed benchmark: what CWA and PCRT hold, as columns, and a seed is a world.

What belongs here: how many of what, and the shares of what goes wrong. What must not: how it is served or stored
(`benchmarks.pages`, `benchmarks.databases`), objects one a computer (a million of them would take minutes).
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from benchmarks.serials import distinct_serials, extras, spelled_otherwise
from cwa_pipeline.config.settings import DEFAULT_PLANS

PCIDS_PER_COMPUTER = 1.2
CWA_GROUPS = 200  # the plans are six of them
PLAN_IDS = {plan: 850 + number for number, plan in enumerate(DEFAULT_PLANS)}
FIRST_PCID, FIRST_GROUP, FIRST_COMPUTER = 1000, 100, 1

# What became of a computer, in shares: 85 of 100 are matched by their serial.
KINDS = {"serial": 0.85, "tag": 0.04, "unknown tag": 0.005, "generic": 0.035, "duplicate": 0.02, "unknown": 0.05}
WRONG_GROUP, NO_GROUP = 0.02, 0.02  # of the PCIDs
NO_PLAN, SEVERAL_PLANS = 0.05, 0.02  # of the computers of a managed client
MANAGED = 0.85  # of the clients
GENERIC = np.array(["", "Default string", "To be filled by O.E.M.", "System Serial Number", "0123456789"], dtype=object)
MAKES = np.array(["Dell Inc.", "LENOVO", "HP", "Apple Inc.", "VMware, Inc."], dtype=object)
KINDS_OF_MACHINE = np.array(["LT", "PC", "SRV", "KIOSK"], dtype=object)


@dataclass
class World:
    """CWA's lists with the names of our tables, PCRT's tables with PCRT's; `serial` is the one inside pcextra."""

    clients: pd.DataFrame
    computers: pd.DataFrame
    groups: pd.DataFrame
    members: pd.DataFrame
    pc_group: pd.DataFrame
    pc_owner: pd.DataFrame
    subscriptions: pd.DataFrame

    def keep(self, folder: Path) -> None:
        """Write it into a folder, one Parquet file a table."""
        folder.mkdir(parents=True, exist_ok=True)
        for field in fields(self):
            getattr(self, field.name).to_parquet(folder / f"{field.name}.parquet")

    @classmethod
    def kept(cls, folder: Path) -> Self:
        """The world that `keep` wrote."""
        return cls(*(pd.read_parquet(folder / f"{field.name}.parquet") for field in fields(cls)))


def world(computers: int, seed: int = 1) -> World:
    """A world with so many computers; the lists in PCRT are all empty (`benchmarks.lists` fills them)."""
    rng = np.random.default_rng(seed)
    groups, pcids = computers // 10, int(computers * PCIDS_PER_COMPUTER)
    kind = rng.choice(list(KINDS), size=computers, p=list(KINDS.values()))
    client = np.sort(rng.integers(1, groups + 1, computers))
    serials = distinct_serials(pcids)
    owners = _owners(rng, kind, client, serials, groups)
    return World(
        clients=_clients(rng, groups),
        computers=_computers(rng, kind, client, serials),
        groups=_cwa_groups(),
        members=_members(rng, client, groups),
        pc_group=_pc_group(groups),
        pc_owner=owners,
        subscriptions=_subscriptions(rng, groups),
    )


def _clients(rng: np.random.Generator, groups: int) -> pd.DataFrame:
    """Client n is tied to group n; a few External IDs are missing, invalid, of no group, or another client's."""
    numbers = np.arange(1, groups + 1)
    external = (FIRST_GROUP - 1 + numbers).astype(str).astype(object)
    chance = rng.random(groups)
    for least, value in ((0.98, None), (0.985, "ask Ann"), (0.99, "99999999")):
        external[chance >= least] = value
    shared = np.flatnonzero(chance < 0.01)
    external[shared] = (FIRST_GROUP + np.maximum(shared - 1, 0)).astype(str)
    return pd.DataFrame({"client_id": numbers, "name": _named("Client ", numbers), "external_id": external})


def _computers(rng: np.random.Generator, kind: np.ndarray, client: np.ndarray, serials: np.ndarray) -> pd.DataFrame:
    count = len(kind)
    serial = serials[:count].copy()
    generic = kind == "generic"
    serial[generic] = rng.choice(GENERIC, generic.sum())
    tag = np.full(count, None, dtype=object)
    tagged, unknown = np.flatnonzero(kind == "tag"), kind == "unknown tag"
    tag[tagged] = (FIRST_PCID + tagged).astype(str)
    tag[unknown] = "987654321"  # no such PCID
    contact = np.datetime64("2026-01-07T20:16:34") - rng.integers(0, 30 * 86_400, count).astype("timedelta64[s]")
    text = np.datetime_as_string(contact).astype(object)
    text[rng.random(count) < 0.01] = "0001-01-01T00:00:00"
    machine = KINDS_OF_MACHINE[rng.integers(0, len(KINDS_OF_MACHINE), count)]
    numbers = np.arange(FIRST_COMPUTER, FIRST_COMPUTER + count)
    user = _named("user.", rng.integers(0, count // 2 + 1, count))
    user[rng.random(count) < 0.02] = "Jörg.Müller"
    return pd.DataFrame(
        {
            "computer_id": numbers,
            "name": "C" + pd.Series(client).astype(str) + "-" + machine + pd.Series(numbers).astype(str),
            "client_id": client,
            "serial_number": serial,
            "asset_tag": tag,
            "last_contact": text,
            "last_user": user,
            "make": MAKES[numbers % len(MAKES)],
        }
    )


def _owners(
    rng: np.random.Generator, kind: np.ndarray, client: np.ndarray, serials: np.ndarray, groups: int
) -> pd.DataFrame:
    """A PCID for each computer in its client's group, and a fifth as many old machines."""
    count, computers = len(serials), len(kind)
    group = np.concatenate([client, rng.integers(1, groups + 1, count - computers)]) + FIRST_GROUP - 1
    chance = rng.random(count)
    wrong = chance < WRONG_GROUP
    group[wrong] = rng.integers(FIRST_GROUP, FIRST_GROUP + groups, wrong.sum())
    group[(chance >= WRONG_GROUP) & (chance < WRONG_GROUP + NO_GROUP)] = 0
    serial = spelled_otherwise(rng, serials)
    serial[: len(kind)][kind == "unknown"] = ""  # the shop never typed it
    serial[: len(kind)][(kind == "tag") | (kind == "generic")] = ""
    duplicate = np.flatnonzero(kind == "duplicate")
    old = rng.choice(np.arange(computers, count), size=len(duplicate), replace=False)
    serial[old] = serials[duplicate]
    pcids = np.arange(FIRST_PCID, FIRST_PCID + count)
    machine = pd.DataFrame(
        {"pcid": pcids, "pcname": _named("Machine ", pcids), "pcmake": MAKES[(pcids + 1) % len(MAKES)]}
    )
    return machine.assign(pcgroupid=group, pcextra=extras(rng, serial), serial=serial)


def _pc_group(groups: int) -> pd.DataFrame:
    numbers = np.arange(FIRST_GROUP, FIRST_GROUP + groups)
    return pd.DataFrame({"pcgroupid": numbers, "pcgroupname": _named("Customer ", numbers)})


def _cwa_groups() -> pd.DataFrame:
    names = {number: f"Patching ring {number}" for number in range(1, CWA_GROUPS + 1 - len(PLAN_IDS))}
    names |= {number: plan for plan, number in PLAN_IDS.items()}
    return pd.DataFrame({"cwa_group_id": list(names), "name": list(names.values())})


def _plan_of_client(groups: int) -> np.ndarray:
    """For each client the number of its plan, -1 for one that is not managed; subscriptions follow it."""
    rng = np.random.default_rng(groups)
    plan = rng.integers(0, len(DEFAULT_PLANS), groups)
    return np.where(rng.random(groups) < MANAGED, plan, -1)


def _members(rng: np.random.Generator, client: np.ndarray, groups: int) -> pd.DataFrame:
    """Who is in a plan: most computers of a managed client in the client's own, a few in none or in two."""
    plan, chance = _plan_of_client(groups)[client - 1], rng.random(len(client))
    numbers = np.arange(FIRST_COMPUTER, FIRST_COMPUTER + len(client))
    inside, twice = (plan >= 0) & (chance >= NO_PLAN), (plan >= 0) & (chance > 1 - SEVERAL_PLANS)
    first_id = min(PLAN_IDS.values())
    other = (plan[twice] + 1) % len(PLAN_IDS)
    pairs = pd.DataFrame(
        {
            "computer_id": np.concatenate([numbers[inside], numbers[twice]]),
            "cwa_group_id": first_id + np.concatenate([plan[inside], other]),
        }
    )
    return pairs.sort_values(["computer_id", "cwa_group_id"], ignore_index=True)


def _subscriptions(rng: np.random.Generator, groups: int) -> pd.DataFrame:
    """One a group, and a second one for a quarter of them; most name the plan of the group's client."""
    group = np.concatenate([np.arange(groups), rng.choice(groups, groups // 4, replace=False)])
    count, plan = len(group), _plan_of_client(groups)[group]
    plans = np.array([*DEFAULT_PLANS, ""], dtype=object)  # the last, -1: not managed
    ids = np.array([*map(str, PLAN_IDS.values()), ""], dtype=object)
    chance = rng.random(count)
    field = np.where(chance < 0.6, plans[plan], ids[plan])
    field[chance > 0.98] = "BizCare Gold"
    field[(chance > 0.95) & (chance <= 0.98)] = DEFAULT_PLANS[0]
    return pd.DataFrame(
        {
            "subid": np.arange(1, count + 1),
            "subname": np.where(plan >= 0, "BizCare, monthly", "Backup, monthly"),
            "pcgroupid": FIRST_GROUP + group,
            "pcid": 0,
            "cwagroup": field,
            "additionalmembers": "",
            "subactive": (rng.random(count) < 0.95).astype("int64"),
        }
    )


def _named(prefix: str, numbers: np.ndarray) -> np.ndarray:
    return (prefix + pd.Series(numbers).astype(str)).to_numpy(dtype=object)
