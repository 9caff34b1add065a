"""Scans to open: those in kikuchipy's wheel, real maps where they are present, and small ones made here."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "ebsd_maps"


@pytest.fixture(scope="session")
def wheel() -> Path:
    """The nine nickel patterns in the formats that kikuchipy's wheel holds."""
    import kikuchipy

    return Path(kikuchipy.__file__).parent / "data"


@pytest.fixture(scope="session")
def nickel(wheel: Path) -> NDArray[np.uint8]:
    """The nine patterns (3, 3, 60, 60) as h5py reads them from kikuchipy's own file."""
    with h5py.File(wheel / "kikuchipy_h5ebsd" / "patterns.h5") as file:
        return file["Scan 1/EBSD/Data/patterns"][()].reshape(3, 3, 60, 60)


@pytest.fixture
def shared() -> Path:
    """Real maps; skips where they are not present."""
    if not SHARED.is_dir():
        pytest.skip(f"real maps are not present at {SHARED}")
    return SHARED


@pytest.fixture
def oxford_file(tmp_path: Path) -> Path:
    """The nine patterns as kikuchipy's developers write them in Oxford's layout (processed, and unprocessed + 1)."""
    from kikuchipy.data._dummy_files.oxford_h5ebsd import create_dummy_oxford_h5ebsd_file

    path = tmp_path / "scan.h5oina"
    create_dummy_oxford_h5ebsd_file(path)
    return path


@pytest.fixture
def bruker_file(tmp_path: Path) -> Path:
    """The nine patterns in Bruker's layout."""
    from kikuchipy.data._dummy_files.bruker_h5ebsd import create_dummy_bruker_h5ebsd_file

    path = tmp_path / "scan.h5"
    create_dummy_bruker_h5ebsd_file(path)
    return path


def write_kikuchipy_h5(path: Path, patterns: NDArray[np.generic], **header: float) -> None:
    """The least that kikuchipy's layout needs; `header` overrides its numbers."""
    rows, columns, height, width = patterns.shape
    entries = {"n_rows": rows, "n_columns": columns, "pattern_height": height, "pattern_width": width}
    with h5py.File(path, "w") as file:
        file["manufacturer"], file["version"] = np.bytes_("kikuchipy"), np.bytes_("0.13.1")
        scan = file.create_group("Scan 1")
        scan["EBSD/Data/patterns"] = patterns.reshape(-1, height, width)
        for name, value in {**entries, "step_y": 0.5, "step_x": 0.25, **header}.items():
            scan[f"EBSD/Header/{name}"] = value


def write_up(path: Path, patterns: NDArray[np.generic], version: int = 1, **header: float) -> None:
    """EDAX's binary layout; `header` may set columns, rows, hexagonal, step_x, step_y."""
    rows, columns, height, width = patterns.shape
    fields = {"columns": columns, "rows": rows, "hexagonal": 0, "step_x": 0.25, "step_y": 0.5, **header}
    with path.open("wb") as stream:
        np.array([version, width, height, 16 if version == 1 else 42], "<u4").tofile(stream)
        if version > 1:
            np.array([0], "u1").tofile(stream)
            np.array([fields["columns"], fields["rows"]], "<u4").tofile(stream)
            np.array([fields["hexagonal"]], "u1").tofile(stream)
            np.array([fields["step_x"], fields["step_y"]], "<f8").tofile(stream)
        patterns.tofile(stream)


def random_patterns(rows: int, columns: int, height: int = 5, width: int = 7, dtype: str = "u1") -> NDArray[np.generic]:
    """Patterns that all differ."""
    return np.random.default_rng(7).integers(0, 255, (rows, columns, height, width)).astype(dtype)


CTF = """Channel Text File
Prj\tmade.cpr
Author\t
JobMode\tGrid
XCells\t{columns}
YCells\t{rows}
XStep\t0.25
YStep\t0.5
AcqE1\t0
AcqE2\t0
AcqE3\t0
Euler angles refer to Sample Coordinate system (CS0)!\tMag\t200\tDevice\t0\tKV\t15\tTiltAngle\t70
Phases\t2
2.866;2.866;2.866\t90;90;90\tFerrite\t11\t229\t\t\tmade
3.66;3.66;3.66\t90;90;90\tAustenite\t11\t225\t\t\tmade
Phase\tX\tY\tBands\tError\tEuler1\tEuler2\tEuler3\tMAD\tBC\tBS
"""

ANG = """# TEM_PIXperUM          1.000000
# x-star                0.500000
# y-star                0.700000
# z-star                0.600000
#
# Phase 1
# MaterialName      Nickel
# Formula           Ni
# Symmetry          43
# LatticeConstants  3.520 3.520 3.520  90.000  90.000  90.000
#
# GRID: SqrGrid
# XSTEP: 0.25
# YSTEP: 0.5
# NCOLS_ODD: {columns}
# NCOLS_EVEN: {columns}
# NROWS: {rows}
#
"""


def write_ctf(path: Path, rows: int, columns: int) -> None:
    """A map whose band contrast counts the points, with phases 0, 1, 2, 0, ..."""
    points = np.arange(rows * columns)
    lines = [
        f"{n % 3}\t{n % columns * 0.25:.4f}\t{n // columns * 0.5:.4f}\t8\t0\t{n}\t{n % 90}\t10\t0.5\t{n % 256}\t0\r\n"
        for n in points
    ]
    path.write_bytes((CTF.format(rows=rows, columns=columns).replace("\n", "\r\n") + "".join(lines)).encode())


def write_ang(path: Path, rows: int, columns: int) -> None:
    """A map whose image quality counts the points; the second point is not indexed."""
    lines = []
    for n in range(rows * columns):
        x, y, confidence = n % columns * 0.25, n // columns * 0.5, -1 if n == 1 else 0.5
        lines.append(f" 1.0 {n % 3 * 0.5} 2.0 {x:.5f} {y:.5f} {n}.0 {confidence} 0 1 1.0\n")
    path.write_text(ANG.format(rows=rows, columns=columns) + "".join(lines))
