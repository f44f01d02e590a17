"""Serial numbers by the million, and PCRT's `pcextra` around them, as columns.

What belongs here: distinct serials in the forms vendors use, other spellings of them, and PHP's serialize() of a machine's fields.
What must not: which machine has which (`benchmarks.worlds`). `benchmarks.typing_errors` makes serials one by one for another purpose.
"""

import numpy as np
import pandas as pd

ALPHABET = np.frombuffer(b"0123456789BCDFGHJKLMNPQRSTVWXYZ", dtype="uint8")  # Dell's service tags do without vowels
PLACES = 7
SCATTER = 11_400_714_819  # shares no factor with 31, so that consecutive numbers become scattered but distinct serials
PREFIXES = np.array(["", "", "PF", "5CD", "VMware-56 4d 3a 56 c9 55 ba 70-99 72 f4 7a "], dtype=object)
# How a shop describes a machine; the last makes the cheap way of cutting at the quotes fail.
MEMORIES = np.array(["16 GB", "8 GB", "32 GB DDR5", "64 GB"], dtype=object)
NOTES = np.array(["", "old battery", "Büro, 2. Stock", "left hinge is loose", 'monitor 24" with it'], dtype=object)
NOTE_SHARES = [0.60, 0.15, 0.15, 0.09, 0.01]


def distinct_serials(count: int) -> np.ndarray:
    """So many serials, no two alike."""
    number = (np.arange(count, dtype="int64") * SCATTER + 12_345) % len(ALPHABET) ** PLACES
    places = [ALPHABET[number // len(ALPHABET) ** place % len(ALPHABET)] for place in range(PLACES)]
    texts = np.ascontiguousarray(np.stack(places, axis=1)).view(f"S{PLACES}").ravel().astype(f"U{PLACES}")
    return PREFIXES[np.arange(count) % len(PREFIXES)] + texts.astype(object)


def spelled_otherwise(rng: np.random.Generator, serials: np.ndarray) -> np.ndarray:
    """The same serials as another tool writes them: one in ten in small letters, one in fifty padded."""
    column, chance = pd.Series(serials), rng.random(len(serials))
    column = column.where(chance >= 0.10, column.str.lower())
    return column.where(chance <= 0.98, "  " + column + " ").to_numpy(dtype=object, copy=True)


def extras(rng: np.random.Generator, serials: np.ndarray) -> list[str]:
    """PHP's serialize() of each machine's memory, note and serial number; lengths are those of the UTF-8 bytes."""
    memories = MEMORIES[rng.integers(0, len(MEMORIES), len(serials))].tolist()
    notes = rng.choice(NOTES, size=len(serials), p=NOTE_SHARES).tolist()
    size = {text: len(text.encode()) for text in [*MEMORIES, *NOTES]}
    return [
        f'a:3:{{i:100;s:{size[memory]}:"{memory}";i:103;s:{size[note]}:"{note}";i:104;s:{len(serial)}:"{serial}";}}'
        for memory, note, serial in zip(memories, notes, serials.tolist(), strict=True)
    ]
