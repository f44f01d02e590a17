"""Run the command given as arguments, and put on the file named first what it cost, as JSON.

A process of its own, and small: on Linux a child's peak memory begins with its parent's, so the benchmark itself would be counted.
It imports nothing of ours for the same reason, and is run as a file with `python -S`.
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
    "cpu": used.ru_utime + used.ru_stime,
    "peak_mb": used.ru_maxrss / 1024,
}
with open(report, "w", encoding="utf-8") as file:
    json.dump(cost, file)
sys.exit(os.waitstatus_to_exitcode(status))
