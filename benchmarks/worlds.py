"""Invented worlds of any size: what CWA and PCRT hold, as columns. A seed is a world.

A million computers as objects would take minutes, so everything is made by the column.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cwa_pipeline.config.settings import DEFAULT_PLANS

PCIDS_PER_COMPUTER = 1.2
CWA_GROUPS = 200  # beside those of the plans
PLAN_IDS = {plan: 850 + number for number, plan in enumerate(DEFAULT_PLANS)}
FIRST_PCID, FIRST_GROUP, FIRST_COMPUTER = 1000, 100, 1

# What becomes of a computer, as shares: 85 of 100 are matched by their serial.
KINDS = {"serial": 0.85, "tag": 0.04, "unknown tag": 0.005, "generic": 0.035, "duplicate": 0.02, "unknown": 0.05}
WRONG_GROUP, NO_GROUP = 0.02, 0.02  # of the PCIDs
NO_PLAN, SEVERAL_PLANS = 0.05, 0.02  # of the computers of a managed client
MANAGED = 0.85  # of the clients


def _texts(*texts: str) -> np.ndarray:
    return np.array(texts, dtype=object)


GENERIC = _texts("", "Default string", "To be filled by O.E.M.", "System Serial Number", "0123456789")
MAKES = _texts("Dell Inc.", "LENOVO", "HP", "Apple Inc.", "VMware, Inc.")
MACHINES = _texts("LT", "PC", "SRV", "KIOSK")

SCATTER = 11_400_714_819  # odd, so consecutive numbers become scattered but distinct serials
PREFIXES = _texts("", "", "PF", "5CD", "VMware-56 4d 3a 56 c9 55 ba 70-99 72 f4 7a ")
# How a shop describes a machine. The last note makes a parser that cuts at the quotes fail.
MEMORIES = _texts("16 GB", "8 GB", "32 GB DDR5", "64 GB")
NOTES = _texts("", "old battery", "Büro, 2. Stock", "left hinge is loose", 'monitor 24" with it')
NOTE_SHARES = [0.60, 0.15, 0.15, 0.09, 0.01]


@dataclass
class World:
    """CWA's lists with the names of our columns, PCRT's tables with PCRT's; `serial` is the one inside pcextra."""

    clients: pd.DataFrame
    computers: pd.DataFrame
    groups: pd.DataFrame
    members: pd.DataFrame
    pc_group: pd.DataFrame
    pc_owner: pd.DataFrame
    subscriptions: pd.DataFrame


def world(computers: int, seed: int = 1) -> World:
    """A world with so many computers, a tenth as many groups, an eighth as many subscriptions, and empty lists."""
    rng = np.random.default_rng(seed)
    groups, pcids = computers // 10, int(computers * PCIDS_PER_COMPUTER)
    kind = rng.choice(list(KINDS), size=computers, p=list(KINDS.values()))
    client = np.sort(rng.integers(1, groups + 1, computers))
    plan = np.where(rng.random(groups) < MANAGED, rng.integers(0, len(DEFAULT_PLANS), groups), -1)  # of each client
    scattered = (np.arange(pcids, dtype="int64") * SCATTER % 2**36).tolist()
    serials = PREFIXES[np.arange(pcids) % len(PREFIXES)] + _texts(*(f"{number:09X}" for number in scattered))
    numbers = np.arange(FIRST_GROUP, FIRST_GROUP + groups)
    names = {number: f"Patching ring {number}" for number in range(1, CWA_GROUPS + 1)}
    names |= {number: plan for plan, number in PLAN_IDS.items()}
    return World(
        clients=_clients(rng, groups),
        computers=_computers(rng, kind, client, serials),
        groups=pd.DataFrame({"cwa_group_id": list(names), "name": list(names.values())}),
        members=_members(rng, plan[client - 1]),
        pc_group=pd.DataFrame({"pcgroupid": numbers, "pcgroupname": _named("Customer ", numbers)}),
        pc_owner=_owners(rng, kind, client, serials, groups),
        subscriptions=_subscriptions(rng, plan),
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
    tagged = np.flatnonzero(kind == "tag")
    tag[tagged] = (FIRST_PCID + tagged).astype(str)
    tag[kind == "unknown tag"] = "987654321"  # no such PCID
    seconds_ago = rng.integers(0, 30 * 86_400, count).astype("timedelta64[s]")
    contact = pd.Series(np.datetime64("2026-01-07T20:16:34") - seconds_ago).dt.tz_localize("UTC")
    machine = MACHINES[rng.integers(0, len(MACHINES), count)]
    numbers = np.arange(FIRST_COMPUTER, FIRST_COMPUTER + count)
    return pd.DataFrame(
        {
            "computer_id": numbers,
            "name": "C" + pd.Series(client).astype(str) + "-" + machine + pd.Series(numbers).astype(str),
            "client_id": client,
            "serial_number": serial,
            "asset_tag": tag,
            "last_contact": contact.mask(rng.random(count) < 0.01),
            "last_user": _named("user.", rng.integers(0, count // 2 + 1, count)),
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
    chance, serial = rng.random(count), pd.Series(serials)
    serial = serial.where(chance >= 0.10, serial.str.lower())  # another tool writes some in lower case or padded
    serial = serial.where(chance <= 0.98, "  " + serial + " ").to_numpy(dtype=object, copy=True)
    serial[:computers][np.isin(kind, ["unknown", "tag", "generic"])] = ""  # the shop never typed it
    duplicate = np.flatnonzero(kind == "duplicate")
    serial[rng.choice(np.arange(computers, count), len(duplicate), replace=False)] = serials[duplicate]
    pcids = np.arange(FIRST_PCID, FIRST_PCID + count)
    make, extra = MAKES[(pcids + 1) % len(MAKES)], _extras(rng, serial)
    columns = {"pcid": pcids, "pcname": _named("Machine ", pcids), "pcmake": make}
    return pd.DataFrame(columns | {"pcgroupid": group, "pcextra": extra, "serial": serial})


def _extras(rng: np.random.Generator, serials: np.ndarray) -> list[str]:
    """PHP's serialize() of each machine's memory, note and serial number; lengths are those of the UTF-8 bytes."""
    memories = MEMORIES[rng.integers(0, len(MEMORIES), len(serials))].tolist()
    notes = rng.choice(NOTES, size=len(serials), p=NOTE_SHARES).tolist()
    size = {text: len(text.encode()) for text in [*MEMORIES, *NOTES]}
    return [
        f'a:3:{{i:100;s:{size[memory]}:"{memory}";i:103;s:{size[note]}:"{note}";i:104;s:{len(serial)}:"{serial}";}}'
        for memory, note, serial in zip(memories, notes, serials.tolist(), strict=True)
    ]


def _members(rng: np.random.Generator, plan: np.ndarray) -> pd.DataFrame:
    """Most computers of a managed client are in the client's plan, a few in none or in two."""
    chance, numbers = rng.random(len(plan)), np.arange(FIRST_COMPUTER, FIRST_COMPUTER + len(plan))
    inside, twice = (plan >= 0) & (chance >= NO_PLAN), (plan >= 0) & (chance > 1 - SEVERAL_PLANS)
    groups = np.concatenate([plan[inside], (plan[twice] + 1) % len(PLAN_IDS)]) + min(PLAN_IDS.values())
    pairs = pd.DataFrame({"computer_id": np.concatenate([numbers[inside], numbers[twice]]), "cwa_group_id": groups})
    return pairs.sort_values(["computer_id", "cwa_group_id"], ignore_index=True)


def _subscriptions(rng: np.random.Generator, plan_of_client: np.ndarray) -> pd.DataFrame:
    """One for each group, and a second one for a quarter of them; most name the plan of the group's client."""
    groups = len(plan_of_client)
    group = np.concatenate([np.arange(groups), rng.choice(groups, groups // 4, replace=False)])
    plan, chance = plan_of_client[group], rng.random(len(group))
    field = np.where(chance < 0.6, _texts(*DEFAULT_PLANS, "")[plan], _texts(*map(str, PLAN_IDS.values()), "")[plan])
    field[chance > 0.98] = "BizCare Gold"
    field[(chance > 0.95) & (chance <= 0.98)] = DEFAULT_PLANS[0]
    return pd.DataFrame(
        {
            "subid": np.arange(1, len(group) + 1),
            "subname": np.where(plan >= 0, "BizCare, monthly", "Backup, monthly"),
            "pcgroupid": FIRST_GROUP + group,
            "pcid": 0,
            "cwagroup": field,
            "additionalmembers": "",
            "subactive": (rng.random(len(group)) < 0.95).astype("int64"),
        }
    )


def _named(prefix: str, numbers: np.ndarray) -> np.ndarray:
    return (prefix + pd.Series(numbers).astype(str)).to_numpy(dtype=object)
