"""Time and memory of a command, as the kernel accounts for it: ``python -m benchmarks.speed.account COMMAND``.

A small process starts the command, since the account of a process begins with the memory that its parent held.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time


def main() -> None:
    """Run the command and print its wall time, CPU time and peak memory with those of its children, as JSON."""
    clock = time.perf_counter()
    process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - clock
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(process.returncode)
    unit = 1 if sys.platform == "darwin" else 1024
    spent = {"wall_s": wall, "cpu_s": usage.ru_utime + usage.ru_stime, "peak_bytes": usage.ru_maxrss * unit}
    print(json.dumps(spent))


if __name__ == "__main__":
    main()
