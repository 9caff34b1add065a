"""Our side on a graphics processor, where the machine has one; elsewhere nothing is measured and nothing is loaded."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from benchmarks.speed.benchmark import Side

GRAPHICS = "ours on the graphics processor"
#: Device files of drivers: NVIDIA's, AMD's, and the one of Linux under Windows.
_DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")


@lru_cache(maxsize=1)
def has_graphics() -> bool:
    """Whether torch can use a graphics processor; asked in another process, since loading torch is itself measured."""
    if not any(Path(driver).exists() for driver in _DRIVERS):
        return False
    code = "import sys, torch; sys.exit(not torch.cuda.is_available())"
    return subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def graphics_sides(side: Callable[[str], Side]) -> dict[str, Side]:
    """The side for a device, under its name in the tables; none without a graphics processor."""
    return {GRAPHICS: side("cuda")} if has_graphics() else {}
