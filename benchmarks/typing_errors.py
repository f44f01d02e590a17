"""Serial numbers as vendors make them, and as people mistype them.

What belongs here: the forms of serials, fleets bought together, and the kinds of typing error with their shares. What must
not: a shop (`benchmarks.mistyped_world`), anything of `cwa_pipeline`.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

DIGITS, LETTERS = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ALPHANUMERIC = DIGITS + LETTERS
DELL = DIGITS + "BCDFGHJKLMNPQRSTVWXYZ"  # Dell's service tags do without vowels

# The kinds of error and their shares, as the task states them.
ERRORS = {"look-alike": 0.30, "one wrong": 0.20, "missing": 0.15, "extra": 0.10, "swapped": 0.15, "prefix": 0.10}
LOOK_ALIKES = ["O0", "I1L", "S5", "B8", "Z2", "G6"]


@dataclass(frozen=True)
class Vendor:
    """A maker of machines: what its BIOS calls it, what a shop calls it, its serials."""

    bios_make: str
    make: str
    models: tuple[str, ...]
    serial: Callable[[random.Random], str]
    prefix: str  # the part of a serial that people leave out
    share: int  # of the machines, in percent
    in_front: tuple[str, ...]  # what a sticker or scanner puts in front, vendor's part numbers among them


def _dell(rng: random.Random) -> str:
    return "".join(rng.choices(DELL, k=7))


def _lenovo(rng: random.Random) -> str:
    return "PF" + "".join(rng.choices(ALPHANUMERIC, k=6))


def _hp(rng: random.Random) -> str:
    return "5CD" + "".join(rng.choices(DIGITS, k=4)) + "".join(rng.choices(ALPHANUMERIC, k=3))


def _apple(rng: random.Random) -> str:
    return "C02" + "".join(rng.choices(ALPHANUMERIC, k=9))


def _vmware(rng: random.Random) -> str:
    pairs = ["".join(rng.choices("0123456789abcdef", k=2)) for _ in range(14)]
    return f"VMware-56 4d {' '.join(pairs[:6])}-{' '.join(pairs[6:])}"


_STICKER = ("S/N ", "SN: ", "S/N", "1S")
VENDORS = (
    Vendor(
        "Dell Inc.",
        "Dell",
        ("Optiplex", "Latitude 5420", "OptiPlex 7090", "Vostro"),
        _dell,
        "",
        25,
        (*_STICKER, "DP/N0XK72P"),
    ),
    Vendor("Dell Inc.", "Dell", ("Precision", "Latitude 7430", "XPS 13"), _dell, "", 20, _STICKER),
    Vendor(
        "LENOVO", "Lenovo", ("ThinkPad T14", "ThinkCentre", "IdeaPad"), _lenovo, "PF", 22, (*_STICKER, "1S20XW0000US")
    ),
    Vendor("HP", "HP", ("ProBook 450", "EliteDesk", "Pavilion"), _hp, "5CD", 12, (*_STICKER, "4B9T1EA#ABA ")),
    Vendor("Hewlett-Packard", "HP", ("EliteBook 840", "Compaq"), _hp, "5CD", 8, _STICKER),
    Vendor("Apple Inc.", "Apple", ("MacBook Air", "iMac"), _apple, "C02", 10, ("S/N ", "S")),
    Vendor("VMware, Inc.", "VMware", ("Server", "virtual machine"), _vmware, "VMware-", 3, ("S/N ", "SN: ")),
)


def fleet(rng: random.Random) -> tuple[Vendor, Iterator[str]]:
    """A vendor and serials of machines bought together: counted up, or differing in one or two places, all distinct."""
    vendor = rng.choice(VENDORS[:-1])
    base = vendor.serial(rng)
    alphabet = rng.choice([DIGITS, ALPHANUMERIC])
    if rng.random() < 0.5:  # counted up in the last two places, now and then by more than one
        start = rng.randrange(len(alphabet) ** 2)
        places, step = [len(base) - 2, len(base) - 1], rng.choice([1, 1, 2, 3])
        numbers = [(start + step * number) % len(alphabet) ** 2 for number in range(len(alphabet) ** 2)]
    else:
        places = sorted(rng.sample(range(len(vendor.prefix), len(base)), 2))
        numbers = rng.sample(range(len(alphabet) ** 2), len(alphabet) ** 2)
    return vendor, _counted(rng, base, places, list(dict.fromkeys(numbers)), alphabet, vendor)


def _counted(
    rng: random.Random, base: str, places: list[int], numbers: list[int], alphabet: str, vendor: Vendor
) -> Iterator[str]:
    for number in numbers:
        serial = list(base)
        serial[places[0]], serial[places[1]] = alphabet[number // len(alphabet)], alphabet[number % len(alphabet)]
        yield "".join(serial)
    while True:  # a fleet larger than its two places can tell apart
        yield vendor.serial(rng)


def mistype(rng: random.Random, serial: str, error: str, vendor: Vendor) -> str:
    """The serial with one error of that kind. Where it cannot have that error (no O to look like a 0), another kind."""
    places = [place for place, letter in enumerate(serial) if letter.isalnum()]
    place = rng.choice(places)
    if error == "look-alike":
        likeable = [place for place in places if _look_alikes(serial[place])]
        if likeable:
            place = rng.choice(likeable)
            return serial[:place] + rng.choice(_look_alikes(serial[place])) + serial[place + 1 :]
        error = "one wrong"
    if error == "swapped":
        swappable = [place for place in places if place + 1 in places and serial[place] != serial[place + 1]]
        if swappable:
            place = rng.choice(swappable)
            return serial[:place] + serial[place + 1] + serial[place] + serial[place + 2 :]
        error = "one wrong"
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
