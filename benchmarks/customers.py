"""Invented customers of a shop: their people, the machines they buy, and how people name machines and mistype serials.

The shares are the author's estimate of how a shop works; they are not measured at one.
"""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

from cwa_pipeline_tests.worlds import Pcid

DIGITS = "0123456789"
ALPHANUMERIC = DIGITS + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
WITHOUT_VOWELS = DIGITS + "BCDFGHJKLMNPQRSTVWXYZ"  # as Dell's service tags
CHARACTERS = {"#": DIGITS, "*": ALPHANUMERIC, "?": WITHOUT_VOWELS, "~": DIGITS + "abcdef"}

ERRORS = {"look-alike": 0.30, "one wrong": 0.20, "missing": 0.15, "extra": 0.10, "swapped": 0.15, "prefix": 0.10}
LOOK_ALIKES = ["O0", "I1L", "S5", "B8", "Z2", "G6"]

_PEOPLE = """
    anna ben carla david emma frank grace henry ivy jack karen leo maria nora oscar paula quinn rosa sam tina ursula victor
    wendy xavier yara zoe alice bruno claire derek elena felix gina hugo irene james kate lucas mona nick
"""
_FAMILIES = "smith jones miller brown garcia lopez clark lewis young king hill green adams baker nelson carter"
PEOPLE, FAMILY_NAMES = _PEOPLE.split(), _FAMILIES.split()
ROLES = ["Front desk", "Reception", "Workshop", "Office", "Warehouse", "Till", "Meeting room", "Accounting", "Kitchen"]
SHARED_USERS = ["admin", "user", "office", "Administrator", "owner"]

FLEET_CUSTOMERS = 0.5  # customers that buy several machines at once; their serials differ in one or two characters
FLEET_MACHINES = 0.6  # of their machines
OTHER_USER = 0.15  # computers whose last user is not the person the shop named the machine after


@dataclass(frozen=True)
class Vendor:
    """A maker of machines: its names, its serials, and what people leave out of them or put in front."""

    bios_make: str
    make: str
    models: tuple[str, ...]
    pattern: str  # of its serials: a literal, or a key of CHARACTERS for any of those
    prefix: str  # the part of a serial that people leave out
    share: int  # of the machines, in percent
    in_front: tuple[str, ...]  # what a sticker or scanner puts in front of it, part numbers among them

    def serial(self, rng: random.Random) -> str:
        return "".join(rng.choices(CHARACTERS[one])[0] if one in CHARACTERS else one for one in self.pattern)


DELLS, MORE_DELLS = ("Optiplex", "Latitude 5420", "OptiPlex 7090", "Vostro"), ("Precision", "Latitude 7430", "XPS 13")
LENOVOS, HPS = ("ThinkPad T14", "ThinkCentre", "IdeaPad"), ("ProBook 450", "EliteDesk", "Pavilion")
STICKER = ("S/N ", "SN: ", "S/N", "1S")
VMWARE = "VMware-56 4d ~~ ~~ ~~ ~~ ~~ ~~-~~ ~~ ~~ ~~ ~~ ~~ ~~ ~~"
VENDORS = (
    Vendor("Dell Inc.", "Dell", DELLS, "???????", "", 25, (*STICKER, "DP/N0XK72P")),
    Vendor("Dell Inc.", "Dell", MORE_DELLS, "???????", "", 20, STICKER),
    Vendor("LENOVO", "Lenovo", LENOVOS, "PF******", "PF", 22, (*STICKER, "1S20XW0000US")),
    Vendor("HP", "HP", HPS, "5CD####***", "5CD", 12, (*STICKER, "4B9T1EA#ABA ")),
    Vendor("Hewlett-Packard", "HP", ("EliteBook 840", "Compaq"), "5CD####***", "5CD", 8, STICKER),
    Vendor("Apple Inc.", "Apple", ("MacBook Air", "iMac"), "C02*********", "C02", 10, ("S/N ", "S")),
    Vendor("VMware, Inc.", "VMware", ("Server", "virtual machine"), VMWARE, "VMware-", 3, ("S/N ", "SN: ")),
)


def fleet(rng: random.Random) -> tuple[Vendor, Iterator[str]]:
    """A vendor and the serials of machines bought together: distinct, and different in two places at the most."""
    vendor = rng.choice(VENDORS[:-1])
    base = vendor.serial(rng)
    pairs = list(itertools.product(rng.choice([DIGITS, ALPHANUMERIC]), repeat=2))
    first, second = len(base) - 2, len(base) - 1  # counted up
    if rng.random() < 0.5:
        first, second = sorted(rng.sample(range(len(vendor.prefix), len(base)), 2))
        rng.shuffle(pairs)
    start = rng.randrange(len(pairs))
    serials = (
        base[:first] + a + base[first + 1 : second] + b + base[second + 1 :] for a, b in pairs[start:] + pairs[:start]
    )
    return vendor, serials


def mistype(rng: random.Random, serial: str, error: str, vendor: Vendor) -> str:
    """The serial with one error of that kind, or of another kind where it cannot have that one (no O that looks like a 0)."""
    places = [place for place, letter in enumerate(serial) if letter.isalnum()]
    place = rng.choice(places)
    if error == "look-alike" and (alike := [place for place in places if _look_alikes(serial[place])]):
        place = rng.choice(alike)
        return serial[:place] + rng.choice(_look_alikes(serial[place])) + serial[place + 1 :]
    if error == "swapped" and (unlike := [at for at in places if at + 1 in places and serial[at] != serial[at + 1]]):
        place = rng.choice(unlike)
        return serial[:place] + serial[place + 1] + serial[place] + serial[place + 2 :]
    if error == "prefix":
        drops = vendor.prefix and serial.startswith(vendor.prefix) and rng.random() < 0.4
        return serial.removeprefix(vendor.prefix) if drops else rng.choice(vendor.in_front) + serial
    if error == "missing":
        return serial[:place] + serial[place + 1 :]
    if error == "extra":
        letter = serial[place] if rng.random() < 0.6 else rng.choice(ALPHANUMERIC)
        return serial[:place] + letter + serial[place:]
    alphabet = DIGITS if serial[place].isdigit() and rng.random() < 0.7 else ALPHANUMERIC
    return serial[:place] + rng.choice(alphabet.replace(serial[place].upper(), "")) + serial[place + 1 :]


def _look_alikes(letter: str) -> str:
    return "".join(set_.replace(letter.upper(), "") for set_ in LOOK_ALIKES if letter.upper() in set_)


@dataclass(frozen=True)
class Machine:
    """A real machine."""

    vendor: Vendor
    serial: str
    name: str  # its computer name
    person: str
    role: str


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
        self.fleets = [fleet(rng) for _ in range(1 + self.size // 25)] if rng.random() < FLEET_CUSTOMERS else []
        self.machines_made = 0

    def machine(self, *, of_a_fleet: bool | None = None) -> Machine:
        rng = self.rng
        self.machines_made += 1
        person = rng.choice(self.people)
        if self.fleets and (of_a_fleet or (of_a_fleet is None and rng.random() < FLEET_MACHINES)):
            vendor, serials = self.fleets[rng.randrange(len(self.fleets))]
            serial = next(serials, None) or vendor.serial(rng)
        else:
            vendor = rng.choices(VENDORS, [vendor.share for vendor in VENDORS])[0]
            serial = vendor.serial(rng)
        name = self._computer_name(person, serial)
        return Machine(vendor, serial, name, person, f"{rng.choice(ROLES)} {rng.randint(1, 4)}")

    def _computer_name(self, person: str, serial: str) -> str:
        rng = self.rng
        windows = f"{rng.choice(['DESKTOP', 'DESKTOP', 'LAPTOP'])}-{''.join(rng.choices(ALPHANUMERIC, k=7))}"
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

    def pcid(self, pcid: int, machine: Machine, serial: str | None, *, telling: bool | None = None) -> Pcid:
        """The machine as the shop entered it. `telling`: its name says which machine this is, not just what kind."""
        rng, vendor, person = self.rng, machine.vendor, machine.person.title()
        models = [f"{vendor.make} {rng.choice(vendor.models)}", rng.choice(vendor.models)]
        owners = [f"{person}'s {vendor.make} {rng.choice(['laptop', 'PC'])}", f"{person}'s laptop"]
        full_name = f"{person} {self.family[machine.person].title()}"
        says_which = rng.random() < 0.6 if telling is None else telling
        names = [*owners, full_name, machine.name, machine.name, f"{machine.name} ({person})"]
        name = rng.choice(names if says_which else [*models, machine.role, "PC", None])
        return Pcid(pcid, self.group_id, serial, name, models[0] if rng.random() < 0.7 else None)
