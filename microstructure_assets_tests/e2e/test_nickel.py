"""The real nickel scan, 3 x 3 patterns of two grains (column 0; columns 1 and 2), from file to report."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray

from microstructure_assets.store.home import HOME_VARIABLE, Home
from microstructure_assets_tests.e2e.conftest import Lab

FILES = {
    "kikuchipy h5": ("kikuchipy_h5ebsd/patterns.h5", {}),
    "EDAX h5": ("edax_h5ebsd/patterns.h5", {}),
    "EDAX up1": ("edax_binary/edax_binary.up1", {"acquisition.rows": "3", "acquisition.columns": "3"}),
    "Oxford ebsp": ("oxford_binary/patterns.ebsp", {}),
    "NORDIF dat": ("nordif/Pattern.dat", {}),
}


def command(home: Home, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `microstructure` as a user does."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home.root), HOME_VARIABLE: str(home.root)}
    line = [sys.executable, "-m", "microstructure_assets.cli", *words]
    return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=500)


def assert_two_grains(region: np.ndarray) -> None:
    assert region.shape == (3, 3)
    left, right = set(region[:, 0].tolist()), set(region[:, 1:].ravel().tolist())
    assert len(left) == 1
    assert len(right) == 1
    assert left != right


def test_the_command_goes_from_file_to_report(home: Home, vendor_file: Callable[[str], Path]) -> None:
    source = vendor_file("kikuchipy_h5ebsd/patterns.h5")
    done = command(home, "characterize", str(source), "--name", "nickel")
    assert done.returncode == 0, done.stderr
    assert "2 regions" in done.stdout
    dataset = xarray.open_zarr(command(home, "path", "nickel", "segmentation_map").stdout.strip())
    assert_two_grains(dataset["region"].values)
    report = Path(command(home, "path", "nickel", "scan_report").stdout.strip()).read_text(encoding="utf-8")
    assert "<html" in report
    assert "nickel" in report
    manifest = json.loads(
        Path(command(home, "path", "nickel", "scan_manifest").stdout.strip()).read_text(encoding="utf-8")
    )
    assert (manifest["grid"]["rows"], manifest["grid"]["columns"]) == (3, 3)
    states = command(home, "status", "nickel", "--why").stdout
    assert "stale" not in states
    assert "missing" not in states
    assert states.count("on request") == 6
    assert states.count("computed: first time") == 21
    again = command(home, "characterize", str(source), "--name", "nickel")
    assert again.returncode == 0
    assert "nothing was recomputed" in again.stdout


@pytest.mark.parametrize("name", list(FILES))
def test_the_nine_patterns_in_each_vendors_format(lab: Lab, vendor_file: Callable[[str], Path], name: str) -> None:
    path, settings = FILES[name]
    lab.characterize(vendor_file(path), "nickel", settings)
    assert_two_grains(lab.store.read("nickel", "segmentation_map").array("region"))


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["characterize", "absent.h5"], 2, "absent.h5"),
        (["status", "absent"], 2, "absent"),
        (["path", "absent", "segmentation_map"], 2, "absent"),
        (["path", "absent", "no_such_asset"], 2, "no_such_asset"),
        (["configure", "absent", "knee.minimum=3"], 2, "absent"),
        (["characterize", "--nonsense"], 2, "--nonsense"),
    ],
)
def test_wrong_input_ends_in_code_2_and_a_line_that_names_it(
    home: Home, words: list[str], code: int, message: str
) -> None:
    done = command(home, *words)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bad_file_is_refused_before_anything_is_registered(home: Home, tmp_path: Path) -> None:
    bad = tmp_path / "bad.h5"
    bad.write_text("not HDF5")
    done = command(home, "characterize", str(bad))
    assert done.returncode == 2
    assert "bad.h5" in done.stderr
    assert "no scan yet" in command(home, "status").stdout
