"""Run the command given as arguments and write what it cost to the file named first, as JSON.

A small process of its own, run with `python -S`: on Linux a child's peak memory starts with that of its parent.
"""

import json
import os
import sys
import time

report, *command = sys.argv[1:]
start = time.perf_counter()
child = os.posix_spawnp(command[0], command, os.environ)
_, status, used = os.wait4(child, 0)
cost = {
    "wall": time.perf_counter() - start,
    "cpu": used.ru_utime + used.ru_stime,  # the processes that it waited for included
    "peak_mb": used.ru_maxrss / 1024,
}
with open(report, "w", encoding="utf-8") as file:
    json.dump(cost, file)
sys.exit(os.waitstatus_to_exitcode(status))
