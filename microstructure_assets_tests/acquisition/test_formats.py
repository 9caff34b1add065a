"""The table of formats and the door."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.formats import FORMATS, open_scan, recognise
from microstructure_assets.acquisition.scan import PatternSource
from microstructure_assets.acquisition.settings import AcquisitionSettings


def test_every_row_is_whole() -> None:
    assert len({row.name for row in FORMATS}) == len(FORMATS)
    for row in FORMATS:
        assert all(extension == extension.lower() and extension.startswith(".") for extension in row.extensions)
        assert row.carries or row.name == "HyperSpy zspy"
        shared = [other for other in FORMATS if set(other.extensions) & set(row.extensions)]
        assert len(shared) <= 1 or row.mark, f"{row.name} cannot be told from its likes"


def test_every_extension_that_kikuchipy_reads_as_patterns_is_in_the_table() -> None:
    from kikuchipy.io._io import PLUGINS

    plugins = [plugin for plugin in PLUGINS if "master_pattern" not in plugin["name"]]
    extensions = {extension for plugin in plugins for extension in plugin["file_extensions"]}
    known = {extension.strip(".") for row in FORMATS for extension in row.extensions} | {"tif", "tiff", "png", "bmp"}
    calibration_only = {"txt"}  # NORDIF's setting file as an entry to calibration patterns
    images_that_hold_no_raw_patterns = {"jpg", "jpeg", "gif", "webp"}
    assert extensions - known <= calibration_only | images_that_hold_no_raw_patterns


@pytest.mark.parametrize(
    ("file", "settings", "name"),
    [
        ("kikuchipy_h5ebsd/patterns.h5", {}, "kikuchipy h5"),
        ("edax_h5ebsd/patterns.h5", {}, "EDAX h5"),
        ("edax_binary/edax_binary.up1", {"rows": 3}, "EDAX up1 and up2"),
        ("oxford_binary/patterns.ebsp", {}, "Oxford ebsp"),
        ("nordif/Pattern.dat", {}, "NORDIF dat"),
    ],
)
def test_the_nine_patterns_are_the_same_in_every_format(
    wheel: Path, nickel: NDArray[np.uint8], file: str, settings: dict[str, int], name: str
) -> None:
    scan = open_scan(wheel / file, AcquisitionSettings(**settings))
    assert scan.format_name == name
    assert scan.grid.shape == (3, 3)
    assert isinstance(scan.patterns, PatternSource)
    np.testing.assert_array_equal(scan.patterns.read_rows(0, 3), nickel)
    assert scan.patterns.shape == (3, 3, 60, 60)


@pytest.mark.parametrize(
    ("name", "message"),
    [("map.osc", "Export it from OIM"), ("image.tif", "Give the folder"), ("scan.xyz", "one of"), ("scan", "one of")],
)
def test_unknown_extensions_say_what_is_known(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ScanFormatError, match=message):
        open_scan(tmp_path / name)


def test_path_that_leads_nowhere(tmp_path: Path) -> None:
    with pytest.raises(ScanFormatError, match="path: found nothing"):
        recognise(tmp_path / "absent.h5")


@pytest.mark.parametrize("suffix", ["h5", "h5oina", "up1", "up2", "ebsp", "dat", "hspy", "zspy", "ang", "ctf", "cpr"])
@pytest.mark.parametrize("content", [b"", b"x", b"\x00" * 64, bytes(range(256)) * 8])
def test_rubbish_in_any_format_is_the_one_error(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"scan.{suffix}"
    path.write_bytes(content)
    with pytest.raises(ScanFormatError):
        open_scan(path, AcquisitionSettings(rows=2, columns=2))


def test_the_door_opens_without_heavy_libraries() -> None:
    code = (
        "import sys; import microstructure_assets.acquisition.formats;"
        "heavy = {'kikuchipy', 'hyperspy', 'orix', 'sklearn', 'pandas', 'matplotlib', 'zarr', 'torch', 'dagster'};"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
