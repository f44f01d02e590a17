"""How the process asks the system for memory.

What belongs here: settings of the allocators, made before the first table is read. What must not: anything about a table.
"""

import ctypes
import os
import sys

_M_ARENA_MAX = -8  # as malloc.h of the GNU C library has it
_ARENAS = 2  # as many as there are threads that hold much: one reads CWA, the other PCRT


def share_freed_memory() -> None:
    """Let all threads, and Arrow, draw on the same freed memory: before the first thread starts and before Arrow is imported.

    Both else keep what one thread freed from the others, and Arrow all of its own from Python: a fifth of the memory of a sync, and
    the system's time for giving it anew. What the environment says (MALLOC_ARENA_MAX, ARROW_DEFAULT_MEMORY_POOL) goes first. Where the
    C library is another one there is nothing to set.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    if sys.platform == "linux" and "MALLOC_ARENA_MAX" not in os.environ:
        library = ctypes.CDLL(None)
        if hasattr(library, "mallopt"):
            library.mallopt(_M_ARENA_MAX, _ARENAS)
