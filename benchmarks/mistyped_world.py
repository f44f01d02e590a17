"""Invented shops in which people mistyped serials, and the truth: which PCID each unmatched computer really is.

Nothing here knows how `rules.suggestions` scores. The shares are the author's estimate; they are not measured at a shop.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from benchmarks.customers import ERRORS, Customer, Machine, mistype
from cwa_pipeline_tests.worlds import Client, Computer, Pcid, PcrtGroup, World

GENERIC = ["Default string", "To be filled by O.E.M.", "System Serial Number", None]
BLACKLIST = ("To Be Filled By O.E.M.", "System Serial Number", "Default string", "0123456789", "None", "")

MATCHED = 0.85  # of all computers
HAS_A_PCID = 0.6  # of the unmatched ones
OLD_MACHINES = 0.35  # PCIDs without an agent, per computer
OLD_OF_A_FLEET = 0.3  # of those, if the customer has a fleet: bought with machines that are still there
WRONG_GROUP = 0.06  # of the unmatched computers' PCIDs: half of them in no group

# Why a computer that has a PCID is not matched. When its serial is left blank, the name says which machine it is in nine of
# ten entries. Nobody could tell the tenth; it counts as a miss.
CASES = {"mistyped": 0.8, "no serial in PCRT": 0.07, "generic serial": 0.04, "duplicate": 0.04, "wrong Asset Tag": 0.05}
TELLING_NAME = 0.9
# Computers without a PCID: one more of a fleet, one that took over the name and user of an old machine, or just a new one.
NEW_MACHINES = {"of a fleet": 0.5, "replacement": 0.2, "unrelated": 0.3}


@dataclass
class MistypedWorld:
    """A world, the true PCID of each unmatched computer (None if it has none), and its case."""

    world: World
    truth: dict[int, int | None]
    case: dict[int, str]


def _pick(rng: random.Random, shares: dict[str, float]) -> str:
    return rng.choices(list(shares), weights=list(shares.values()))[0]


class _Shop:
    """The world while it is being made."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.computers: list[Computer] = []
        self.pcids: list[Pcid] = []
        self.customers: list[Customer] = []
        self.truth: dict[int, int | None] = {}
        self.case: dict[int, str] = {}
        self.numbers: Iterator[int] = iter(rng.sample(range(10_000, 990_000), 400_000))

    def fill(self, customer: Customer) -> None:
        """Add one customer's machines. The old ones come first, because a new machine may take over their names."""
        self.customers.append(customer)
        old = [
            customer.machine(of_a_fleet=self.rng.random() < OLD_OF_A_FLEET)
            for _ in range(sum(self.rng.random() < OLD_MACHINES for _ in range(customer.size)))
        ]
        for machine in old:
            serial = machine.serial if self.rng.random() < 0.85 else None
            self.pcids.append(customer.pcid(next(self.numbers), machine, serial))
        for _ in range(customer.size):
            if self.rng.random() < MATCHED:
                self._matched(customer, customer.machine())
            elif self.rng.random() < HAS_A_PCID:
                self._with_a_pcid(customer, customer.machine(), _pick(self.rng, CASES))
            else:
                self._new_machine(customer, old, _pick(self.rng, NEW_MACHINES))

    def _computer(self, customer: Customer, machine: Machine, serial: str | None, tag: str | None = None) -> int:
        number, user, make = len(self.computers) + 1, customer.last_user(machine), machine.vendor.bios_make
        self.computers.append(Computer(number, customer.number, serial, tag, machine.name, last_user=user, make=make))
        return number

    def _matched(self, customer: Customer, machine: Machine) -> None:
        pcid = next(self.numbers)
        self.pcids.append(customer.pcid(pcid, machine, machine.serial))
        number = self._computer(customer, machine, machine.serial)
        # A typing error in another machine's serial can make this one a duplicate. Else it is matched.
        self.truth[number], self.case[number] = pcid, "duplicate"

    def _with_a_pcid(self, customer: Customer, machine: Machine, case: str) -> None:
        rng, pcid = self.rng, next(self.numbers)
        serial: str | None = machine.serial
        typed, tag, telling = machine.serial, None, None
        if case == "mistyped":
            case = _pick(rng, ERRORS)
            typed = mistype(rng, machine.serial, case, machine.vendor)
        elif case == "no serial in PCRT":
            typed, telling = "", rng.random() < TELLING_NAME
        elif case == "generic serial":
            serial, telling = rng.choice(GENERIC), rng.random() < TELLING_NAME
        elif case == "wrong Asset Tag":
            tag = mistype(rng, str(pcid), rng.choice(["one wrong", "swapped"]), machine.vendor)
        entry = customer.pcid(pcid, machine, typed, telling=telling)
        if case == "duplicate":  # entered a second time, for the same customer, for another one or for none
            again = customer.pcid(next(self.numbers), machine, typed, telling=False)
            self.pcids.append(again if rng.random() < 0.5 else replace(again, group_id=self._another_group(customer)))
        elif rng.random() < WRONG_GROUP:
            entry = replace(entry, group_id=self._another_group(customer))
        self.pcids.append(entry)
        number = self._computer(customer, machine, serial, tag)
        self.truth[number], self.case[number] = pcid, case

    def _new_machine(self, customer: Customer, old: list[Machine], case: str) -> None:
        machine = customer.machine(of_a_fleet=case == "of a fleet")
        if case == "replacement" and old:
            before = self.rng.choice(old)
            machine = replace(machine, name=before.name, person=before.person)
        serial = machine.serial if self.rng.random() < 0.95 else self.rng.choice(GENERIC)
        number = self._computer(customer, machine, serial)
        self.truth[number], self.case[number] = None, f"new: {case}"

    def _another_group(self, customer: Customer) -> int | None:
        others = [other.group_id for other in self.customers if other is not customer]
        return self.rng.choice(others) if others and self.rng.random() < 0.5 else None


def mistyped_world(seed: int, computers: int = 2_000) -> MistypedWorld:
    """A shop with at least so many computers. A seed is a world."""
    rng = random.Random(seed)
    shop = _Shop(rng)
    while len(shop.computers) < computers:
        shop.fill(Customer(rng, len(shop.customers) + 1))
    world = World(
        clients=[Client(customer.number, str(customer.group_id)) for customer in shop.customers],
        computers=shop.computers,
        pcrt_groups=[PcrtGroup(customer.group_id) for customer in shop.customers],
        pcids=shop.pcids,
        blacklist=BLACKLIST,
    )
    matched = set(world.computer_matches.loc[world.computer_matches["pcid"].notna(), "computer_id"])
    truth = {computer_id: pcid for computer_id, pcid in shop.truth.items() if computer_id not in matched}
    return MistypedWorld(world, truth, shop.case)
