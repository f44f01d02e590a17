"""How the process asks for memory, seen from outside: what glibc says of itself in a process of its own."""

import os
import platform
import subprocess
import sys

import pytest

PIECE = 8 << 20  # bytes; a table's column of a million ids
ASKED_FOR_APART = f"""
import ctypes, sys
from cwa_pipeline.memory import share_freed_memory
if sys.argv[1] == "set":
    share_freed_memory()
piece = b"x" * {PIECE}
class Info(ctypes.Structure):  # malloc.h: struct mallinfo2
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]
library = ctypes.CDLL(None)
library.mallinfo2.restype = Info
print(library.mallinfo2().hblkhd)
"""

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the settings are those of the GNU C library")


def bytes_asked_for_apart(how: str, **environment: str) -> int:
    """How many bytes malloc has from the system in pieces of their own, which are given back and filled with zeros each time."""
    told = subprocess.run(
        [sys.executable, "-c", ASKED_FOR_APART, how],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(told.stdout)


def test_a_tables_column_is_not_asked_for_apart() -> None:
    assert bytes_asked_for_apart("not set") >= PIECE
    assert bytes_asked_for_apart("set") < PIECE


def test_what_the_environment_says_goes_first() -> None:
    assert bytes_asked_for_apart("set", MALLOC_MMAP_THRESHOLD_="1000000") >= PIECE
