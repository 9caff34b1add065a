"""Compile everything once before tests run in several processes: `python -m microstructure_assets_tests.warm`.

Two processes that compile the same kernels of a library at the same time can leave its cache on disk broken for good;
every later import then crashes. The kernels of PyEBSDIndex, which take minutes, are compiled beside all others.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

INDEXING = "indexing"


def main() -> None:
    """Everything; in a process of its own what only indexing needs."""
    with subprocess.Popen([sys.executable, "-m", "microstructure_assets_tests.warm", INDEXING]) as other:
        warm_lanes()
    if other.returncode:
        raise SystemExit("PyEBSDIndex could not be compiled, see above")


def warm_indexing() -> None:
    """Index a pattern."""
    import numpy as np

    from microstructure_assets.acquisition.scan import Phase
    from microstructure_assets.indexing.geometry import PatternGeometry
    from microstructure_assets.indexing.hough import HoughIndexer
    from microstructure_assets.indexing.phases import indexed_phases
    from microstructure_assets.indexing.settings import IndexingSettings

    nickel = indexed_phases((Phase("nickel", "m-3m", 225, (3.52,) * 3, (90.0,) * 3),), IndexingSettings())
    HoughIndexer(nickel, PatternGeometry(60, 60, (0.5, 0.25, 0.55), 70.0)).index(np.eye(60)[None])


def warm_lanes() -> None:
    """Import what compiles at import, and characterise the nickel scan in a throw-away home."""
    import kikuchipy.data
    import kikuchipy.signals

    from microstructure_assets.shell.running import characterize_scan
    from microstructure_assets.simulation.settings import TwinSettings
    from microstructure_assets.simulation.twin import make_twin
    from microstructure_assets.store.home import Home, prepare_home

    assert kikuchipy.signals.EBSD
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MICROSTRUCTURE_HOME"] = str(Path(folder) / "home")
        make_twin(TwinSettings(rows=12, columns=12), Path(folder) / "twin.h5")
        source = Path(kikuchipy.data.__file__).parent / "kikuchipy_h5ebsd" / "patterns.h5"
        characterize_scan(prepare_home(Home(Path(folder) / "home")), source, "nickel", None, {}, False)


if __name__ == "__main__":
    if sys.argv[1:] == [INDEXING]:
        warm_indexing()
    else:
        main()
