"""How the process of a command begins and ends.

What belongs here: what Python and its libraries else spend on a process that lives for seconds, a third of the time in which a short
command answers. What must not: memory of the C library (`memory`), or a command (`cli`).
"""

import atexit
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from cwa_pipeline.memory import share_freed_memory

NEW_OBJECTS = 5_000  # between two looks for garbage; after 700, as Python would, a sync looks eight times as often for the same memory


def begin() -> None:
    """Set up what has to be before anything heavy is imported; garbage is looked for once all `is_imported`."""
    gc.disable()
    share_freed_memory()
    # NumPy's library for matrices, which nobody here multiplies, else starts a thread for each processor, and they wait by spinning.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def is_imported() -> None:
    """Look for garbage from here on, and not among the million objects that importing made, which last to the end."""
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)
    gc.enable()


@contextmanager
def quick_end() -> Iterator[None]:
    """End the process at once when what is within has exited and all is tidied up, without taking its objects apart one by one."""
    status: list[int] = []
    atexit.register(_end_at_once, status)  # first in, last out: after all that is registered from here on
    try:
        yield
    except SystemExit as end:
        if isinstance(end.code, int):
            status.append(end.code)
        raise


def _end_at_once(status: list[int]) -> None:
    """End the process with this status; without one, or when its last words cannot be written, Python ends it and says why."""
    if status:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status[0])
