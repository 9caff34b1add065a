"""Compile everything once, in one process, before tests run in several: `python -m microstructure_assets_tests.warm`.

Two processes that compile a library's kernels at the same time can leave its cache on disk broken for good; every later
import then crashes.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def main() -> None:
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
    main()
