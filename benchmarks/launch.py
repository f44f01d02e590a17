"""Run the command given as arguments, and put on the file named first what it cost, as JSON.

A process of its own, and small: on Linux a child's peak memory begins with its parent's, so the benchmark itself would be counted.
It imports nothing of ours for the same reason, and is run as a file with `python -S`.

The peak is that of the process and its children together, looked at fifty times a second; libraries, which they share, count once.
Where /proc tells nothing of children it is that of the largest of them.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path

LOOK_SECONDS = 0.02
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def family(pid: int) -> list[tuple[int, int]]:
    """Bytes of memory of a process and each of its children, own and shared; nothing of one that has ended."""
    try:
        _, resident, shared, *_ = map(int, Path(f"/proc/{pid}/statm").read_text().split())
        tasks = [*Path(f"/proc/{pid}/task").iterdir()]
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []
    of_children = [found for child in children for found in family(child)]
    return [((resident - shared) * PAGE_BYTES, shared * PAGE_BYTES), *of_children]


def look(pid: int, ended: threading.Event, seen: list[int]) -> None:
    """Note the memory again and again until the process has ended."""
    while not ended.wait(LOOK_SECONDS):
        if found := family(pid):
            own, shared = zip(*found, strict=True)
            seen.append(sum(own) + max(shared))


report, *command = sys.argv[1:]
start = time.perf_counter()
child = os.posix_spawnp(command[0], command, os.environ)
has_ended, together = threading.Event(), [0]
looking = threading.Thread(target=look, args=(child, has_ended, together))
looking.start()
_, status, used = os.wait4(child, 0)
wall = time.perf_counter() - start
has_ended.set()
looking.join()
cost = {
    "wall": wall,
    "cpu": used.ru_utime + used.ru_stime,
    "peak_mb": max(used.ru_maxrss * 1024, *together) / 2**20,
}
with open(report, "w", encoding="utf-8") as file:
    json.dump(cost, file)
sys.exit(os.waitstatus_to_exitcode(status))
