"""Invented customers: their people, how they name things, and the machines they buy.

What belongs here: one customer. What must not: which of its machines the shop entered, and how (`benchmarks.mistyped_world`).
"""

import random
from dataclasses import dataclass

from benchmarks import typing_errors
from benchmarks.typing_errors import VENDORS, Vendor
from cwa_pipeline_tests.worlds import Pcid

_PEOPLE = """
    anna ben carla david emma frank grace henry ivy jack karen leo maria nora oscar paula quinn rosa sam tina ursula victor
    wendy xavier yara zoe alice bruno claire derek elena felix gina hugo irene james kate lucas mona nick
"""
_FAMILIES = "smith jones miller brown garcia lopez clark lewis young king hill green adams baker nelson carter"
PEOPLE, FAMILY_NAMES = _PEOPLE.split(), _FAMILIES.split()
ROLES = ["Front desk", "Reception", "Workshop", "Office", "Warehouse", "Till", "Meeting room", "Accounting", "Kitchen"]
SHARED_USERS = ["admin", "user", "office", "Administrator", "owner"]

FLEET_CUSTOMERS = 0.5  # customers that buy several machines at once, whose serials differ in one or two characters
FLEET_MACHINES = 0.6  # of their machines
OTHER_USER = 0.15  # computers whose last user is not who the shop named the machine after


@dataclass(frozen=True)
class Machine:
    """A real machine, as somebody who knows all would describe it."""

    vendor: Vendor
    serial: str
    name: str  # its computer name
    person: str
    role: str
    fleet: int | None


class Customer:
    """One customer: its people, its habits and the fleets it bought."""

    def __init__(self, rng: random.Random, number: int) -> None:
        self.rng, self.number, self.group_id = rng, number, 1_000 + number
        self.size = min(80, max(3, round(rng.lognormvariate(2.7, 0.9))))
        self.people = rng.sample(PEOPLE, min(len(PEOPLE), self.size))
        self.family = {person: rng.choice(FAMILY_NAMES) for person in self.people}
        self.name_style = rng.choice(["default", "default", "person", "role", "numbered", "serial"])
        self.user_style = rng.choice(["domain", "mail", "azure", "local"])
        self.prefix = "".join(rng.choices("ABCDEFGHKLMNPRST", k=3))
        has_fleets = rng.random() < FLEET_CUSTOMERS
        self.fleets = [typing_errors.fleet(rng) for _ in range(1 + self.size // 25)] if has_fleets else []
        self.machines_made = 0

    def machine(self, *, of_a_fleet: bool | None = None) -> Machine:
        rng = self.rng
        self.machines_made += 1
        person = rng.choice(self.people)
        if self.fleets and (of_a_fleet or (of_a_fleet is None and rng.random() < FLEET_MACHINES)):
            fleet = rng.randrange(len(self.fleets))
            vendor, serials = self.fleets[fleet]
            serial = next(serials)
        else:
            fleet, vendor = None, rng.choices(VENDORS, [vendor.share for vendor in VENDORS])[0]
            serial = vendor.serial(rng)
        name = self._computer_name(person, serial)
        return Machine(vendor, serial, name, person, f"{rng.choice(ROLES)} {rng.randint(1, 4)}", fleet)

    def _computer_name(self, person: str, serial: str) -> str:
        rng = self.rng
        windows = (
            f"{rng.choice(['DESKTOP', 'DESKTOP', 'LAPTOP'])}-{''.join(rng.choices(typing_errors.ALPHANUMERIC, k=7))}"
        )
        style = self.name_style if rng.random() < 0.8 else "default"
        return {
            "default": windows,
            "person": f"{person.upper()}-{rng.choice(['PC', 'LAPTOP', 'NB'])}",
            "role": f"{rng.choice(ROLES).upper().replace(' ', '')}{rng.randint(1, 9)}"[:15],
            "numbered": f"{self.prefix}-PC{self.machines_made:02}",
            "serial": f"{self.prefix}-{serial.replace(' ', '')[-7:]}",
        }[style]

    def last_user(self, machine: Machine) -> str | None:
        rng = self.rng
        chance = rng.random()
        if chance < 0.1:
            return None
        if chance < 0.25:
            return rng.choice(SHARED_USERS)
        person = rng.choice(self.people) if rng.random() < OTHER_USER else machine.person
        family = self.family[person]
        return {
            "domain": f"{self.prefix}\\{person}",
            "mail": f"{person}.{family}@{self.prefix.lower()}.example",
            "azure": f"AzureAD\\{person.title()}{family.title()}",
            "local": rng.choice([person, person.title(), f"{person[0]}{family}"]),
        }[self.user_style]

    def pcid_name(self, machine: Machine, *, telling: bool | None = None) -> str | None:
        """What the shop typed as the machine's name; telling: about this machine, and not just what every one is."""
        rng, vendor = self.rng, machine.vendor
        says_much = rng.random() < 0.6 if telling is None else telling
        person = machine.person.title()
        if says_much:
            return rng.choice(
                [
                    f"{person}'s {vendor.make} {rng.choice(['laptop', 'PC'])}",
                    f"{person}'s laptop",
                    f"{person} {self.family[machine.person].title()}",
                    machine.name,
                    machine.name,
                    f"{machine.name} ({person})",
                ]
            )
        return rng.choice(
            [f"{vendor.make} {rng.choice(vendor.models)}", rng.choice(vendor.models), machine.role, "PC", None]
        )

    def pcid(self, pcid: int, machine: Machine, serial: str | None, *, telling: bool | None = None) -> Pcid:
        make = f"{machine.vendor.make} {self.rng.choice(machine.vendor.models)}" if self.rng.random() < 0.7 else None
        return Pcid(pcid, self.group_id, serial, self.pcid_name(machine, telling=telling), make)
