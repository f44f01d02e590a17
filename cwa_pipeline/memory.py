"""How the process asks the system for memory.

What belongs here: settings of the allocators, made before the first table is read. What must not: anything about a table.
"""

import ctypes
import os
import sys

_MIB = 1 << 20
# By the variable in which the environment may say otherwise: what malloc.h of the GNU C library calls the setting, and ours.
_SETTINGS = {
    # As many as there are threads that hold much: one reads CWA, the other PCRT.
    "MALLOC_ARENA_MAX": (-8, 2),
    # Bytes free at the end before they are given back, soon to be asked for again.
    "MALLOC_TRIM_THRESHOLD_": (-1, 128 * _MIB),
    # Bytes from which on a piece is asked for by itself; the library takes no more.
    "MALLOC_MMAP_THRESHOLD_": (-3, 32 * _MIB),
}


def share_freed_memory() -> None:
    """Let all threads, and Arrow, draw on the same freed memory: before the first thread starts and before Arrow is imported.

    Else each keeps what it freed from the others, Arrow all of its own from Python, and every page of a megabyte is asked for from the
    system, which fills it with zeros first: a fifth of the memory of a sync, and a tenth of its time. What the environment says
    (ARROW_DEFAULT_MEMORY_POOL, and the C library's own variables) goes first. Where the C library is another one there is nothing to set.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "mallopt"):
        for variable, (setting, value) in _SETTINGS.items():
            if variable not in os.environ:
                library.mallopt(setting, value)


def give_back_freed_memory() -> None:
    """Give the system what is free by now; without the GNU C library nothing is done."""
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "malloc_trim"):
        library.malloc_trim(0)
