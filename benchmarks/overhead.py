"""Where the time of `microstructure characterize` goes on a small scan: `python -m benchmarks.overhead`.

Start-up, bookkeeping and pictures are told apart from arithmetic by timers around the functions that do them; the
import of the definitions is timed in processes of its own.
"""

from __future__ import annotations

import functools
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

IMPORT_RUNS = 5
IMPORT_CODE = """
import time
started = time.perf_counter()
import microstructure_assets.definitions
print(time.perf_counter() - started)
"""


def main() -> None:
    """Simulate 100 x 100 points, characterise them, print a table."""
    imports = [float(subprocess.check_output([sys.executable, "-c", IMPORT_CODE])) for _ in range(IMPORT_RUNS)]
    spread = f"{min(imports):.2f} to {max(imports):.2f}"
    print(f"import of the definitions: median {statistics.median(imports):.2f} s ({spread})")
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder))


def measure(folder: Path) -> None:
    """Characterise a twin of 10,000 points in a fresh home of `folder`."""
    from microstructure_assets import resources
    from microstructure_assets.assets import lane, writing
    from microstructure_assets.shell import running
    from microstructure_assets.simulation.settings import TwinSettings
    from microstructure_assets.simulation.twin import make_twin
    from microstructure_assets.store import draft
    from microstructure_assets.store.home import Home, prepare_home
    from microstructure_assets.store.store import Store

    path = make_twin(TwinSettings(rows=100, columns=100), folder / "twin.h5").path
    spent: dict[str, float] = defaultdict(float)
    watch(writing, "add_picture", "pictures", spent)
    watch(draft.Draft, "array", "store", spent)
    watch(draft.Draft, "table", "store", spent)
    watch(draft.Draft, "finish", "store", spent)
    watch(Store, "_write_head", "store", spent)
    watch(lane.Recorder, "record", "events", spent)
    watch(resources, "open_instance", "instance", spent)
    started = time.perf_counter()
    running.characterize_scan(prepare_home(Home(folder / "home")), path, "twin", None, {}, False)
    total = time.perf_counter() - started
    print(f"{'total':<12}{total:8.1f} s")
    for name, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        print(f"{name:<12}{seconds:8.1f} s")
    print(f"{'rest':<12}{total - sum(spent.values()):8.1f} s (arithmetic, reading, imports, Dagster's own steps)")


def watch(owner: Any, name: str, label: str, spent: dict[str, float]) -> None:
    """Add the time spent in a function, nested calls of the same label counted once, to `spent`."""
    original: Callable[..., Any] = getattr(owner, name)
    depth = [0]

    @functools.wraps(original)
    def timed(*args: Any, **kwargs: Any) -> Any:
        depth[0] += 1
        started = time.perf_counter()
        try:
            return original(*args, **kwargs)
        finally:
            depth[0] -= 1
            if not depth[0]:
                spent[label] += time.perf_counter() - started

    setattr(owner, name, timed)


if __name__ == "__main__":
    main()
