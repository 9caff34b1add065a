"""A map without patterns: what is made of orientations is made, what is made of patterns is not missed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray

from microstructure_assets.store.catalogue import connect
from microstructure_assets.store.contract import ARTIFACTS, needs
from microstructure_assets.store.home import Home
from microstructure_assets_tests.acquisition.conftest import CTF
from microstructure_assets_tests.acquisition.hexagonal_maps import STEP_UM, write_hexagonal
from microstructure_assets_tests.acquisition.spectrum_images import write_spectra
from microstructure_assets_tests.e2e.test_nickel import command

ROWS, COLUMNS = 12, 20


def write_map(path: Path) -> np.ndarray:
    """Two grains of ferrite 30 degrees apart and one of austenite; a wild point, a hole and a pore; the true grains."""
    truth = np.ones((ROWS, COLUMNS), int)
    truth[:, 8:] = 2
    truth[8:, 8:] = 3
    angle, phase = np.array([0, 10, 40, 10])[truth], np.array([0, 1, 1, 2])[truth]
    angle[3, 3] = 25
    phase[5, 5] = 0
    phase[2:8, 14:19] = 0
    truth[2:8, 14:19] = 0
    lines = [
        f"{own}\t{n % COLUMNS * 0.25:.4f}\t{n // COLUMNS * 0.5:.4f}\t8\t0\t{turn}\t0\t0\t0.5\t9\t0\r\n"
        for n, (own, turn) in enumerate(zip(phase.ravel(), angle.ravel(), strict=True))
    ]
    path.write_bytes((CTF.format(rows=ROWS, columns=COLUMNS).replace("\n", "\r\n") + "".join(lines)).encode())
    return truth


def test_a_map_goes_from_file_to_report(home: Home, tmp_path: Path) -> None:
    truth = write_map(tmp_path / "map.ctf")
    done = command(home, "characterize", str(tmp_path / "map.ctf"))
    assert done.returncode == 0, done.stderr
    assert "3 grains" in done.stdout
    grains = xarray.open_zarr(command(home, "path", "map", "grains").stdout.strip())
    np.testing.assert_array_equal(grains["grain"].values, truth)
    assert not grains["measured"].values[[3, 5], [3, 5]].any()
    kam = xarray.open_zarr(command(home, "path", "map", "kernel_average_misorientation").stdout.strip())["kam_degrees"]
    assert kam.attrs["units"] == "degrees"
    assert float(kam[6, 2]) == 0
    report = Path(command(home, "path", "map", "scan_report").stdout.strip()).read_text(encoding="utf-8")
    assert "3 grains at 2°" in report
    assert "Inverse pole figure along z" in report
    *states, failed = command(home, "status", "map").stdout.splitlines()
    assert failed.startswith("check unindexed_share of orientation_map did not pass: 12.9 % of the points")
    listed = {line.split()[0]: line.split()[1] for line in states}
    assert listed == {spec.name: "current" for spec in ARTIFACTS if not needs(spec.name)}
    again = command(home, "characterize", str(tmp_path / "map.ctf"))
    assert "nothing was recomputed" in again.stdout


def test_the_table_of_grains_is_a_view_over_all_scans(home: Home, tmp_path: Path) -> None:
    write_map(tmp_path / "map.ctf")
    assert command(home, "characterize", str(tmp_path / "map.ctf")).returncode == 0
    with connect(home.root) as connection:
        rows = connection.sql(
            "SELECT scan, grain, phase_name, point_count, touches_edge, neighbours FROM grain_statistics ORDER BY grain"
        ).fetchall()
    assert rows == [
        ("map", 1, "Ferrite", 96, True, 2),
        ("map", 2, "Ferrite", 66, True, 2),
        ("map", 3, "Austenite", 48, True, 2),
    ]


def test_verify_names_what_rotted_in_the_store_and_on_the_share(home: Home, tmp_path: Path) -> None:
    write_map(tmp_path / "map.ctf")
    assert command(home, "characterize", str(tmp_path / "map.ctf")).returncode == 0
    sound = command(home, "verify", "map")
    assert sound.returncode == 0, sound.stderr
    assert "raw files and 8 artifacts are what was written" in sound.stdout
    group = Path(command(home, "path", "map", "grains").stdout.strip())
    (chunk,) = [path for path in (group / "grain" / "c").rglob("*") if path.is_file()]
    chunk.write_bytes(chunk.read_bytes()[:-1])
    (tmp_path / "map.ctf").write_text((tmp_path / "map.ctf").read_text() + "\n")
    rotten = command(home, "verify", "map")
    assert rotten.returncode == 2
    assert "grains: grain: " in rotten.stdout
    assert f"raw file {tmp_path / 'map.ctf'}: its content changed" in rotten.stdout
    assert "2 parts of scan map are not what was written" in rotten.stderr


def test_another_threshold_makes_the_grains_again_and_not_the_orientations(home: Home, tmp_path: Path) -> None:
    write_map(tmp_path / "map.ctf")
    assert command(home, "characterize", str(tmp_path / "map.ctf")).returncode == 0
    changed = command(
        home, "characterize", str(tmp_path / "map.ctf"), "--set", "crystallography.grain_threshold_deg=35"
    )
    assert "2 grains" in changed.stdout
    why = command(home, "status", "map", "--why").stdout
    assert "setting `crystallography.grain_threshold_deg` 2.0 → 35.0" in why


def test_a_spectrum_image_beside_a_map_gives_element_maps(home: Home, tmp_path: Path) -> None:
    """Iron at the left and aluminium at the right, in channels of 0.05 keV."""
    write_map(tmp_path / "map.ctf")
    counts = np.zeros((ROWS, COLUMNS, 200), np.uint16)
    counts[:, :8, 128] = 1 + np.arange(ROWS)[:, None]  # 6.40 keV
    counts[:, 8:, 30] = 7  # 1.50 keV
    write_spectra(tmp_path / "map_EDS.hspy", counts)
    refused = command(home, "characterize", str(tmp_path / "map.ctf"))
    assert refused.returncode != 0
    assert "acquisition.eds_elements" in refused.stderr
    asked = ("--set", "acquisition.eds_elements=Fe Al O")
    done = command(home, "characterize", str(tmp_path / "map.ctf"), *asked)
    assert done.returncode == 0, done.stderr
    maps = xarray.open_zarr(command(home, "path", "map", "element_maps").stdout.strip())
    np.testing.assert_array_equal(maps["counts"].values, [counts[..., 128], counts[..., 30], 0 * counts[..., 0]])
    assert maps["counts"].attrs["units"] == "counts"
    assert (maps["rgb"].values[:, 8:, 1] == 255).all()
    with connect(home.root) as connection:
        rows = connection.sql("SELECT line, element, unit FROM elements ORDER BY line").fetchall()
    assert rows == [("Al_Ka", "Al", "counts"), ("Fe_Ka", "Fe", "counts"), ("O_Ka", "O", "counts")]
    before = command(home, "path", "map", "orientation_map").stdout
    again = command(home, "characterize", str(tmp_path / "map.ctf"), "--set", "acquisition.eds_elements=Fe")
    assert again.returncode == 0, again.stderr
    assert command(home, "path", "map", "orientation_map").stdout == before
    maps = xarray.open_zarr(command(home, "path", "map", "element_maps").stdout.strip())
    np.testing.assert_array_equal(maps["counts"].values, [counts[..., 128]])


def test_a_spectrum_image_that_lands_later_leaves_the_orientations_as_they_are(home: Home, tmp_path: Path) -> None:
    write_map(tmp_path / "map.ctf")
    assert command(home, "characterize", str(tmp_path / "map.ctf")).returncode == 0
    before = command(home, "path", "map", "orientation_map").stdout
    counts = np.random.default_rng(0).poisson(5, (ROWS, COLUMNS, 200)).astype(np.uint16)
    write_spectra(tmp_path / "map_EDS.hspy", counts)
    elements = ("--set", "acquisition.eds_elements=Fe Al O")
    done = command(home, "characterize", str(tmp_path / "map.ctf"), *elements)
    assert done.returncode == 0, done.stderr
    assert command(home, "path", "map", "element_maps").returncode == 0
    assert command(home, "path", "map", "orientation_map").stdout == before
    # One of other counts under its name is another image, and still nothing but its maps is made again.
    maps = command(home, "path", "map", "element_maps").stdout
    (tmp_path / "map_EDS.hspy").unlink()
    write_spectra(tmp_path / "map_EDS.hspy", counts + 1)
    assert command(home, "characterize", str(tmp_path / "map.ctf"), *elements).returncode == 0
    assert command(home, "path", "map", "element_maps").stdout != maps
    assert command(home, "path", "map", "orientation_map").stdout == before


def test_a_hexagonal_map_has_its_own_neighbours_areas_and_picture(home: Home, tmp_path: Path) -> None:
    """Two grains with a straight boundary at x = 2.4 µm; the cells that are no points belong to neither."""
    write_hexagonal(tmp_path / "hexagonal.ang", 20, 24, 23, lambda x, y: 0.0 if x < 2.4 else 30.0)
    done = command(home, "characterize", str(tmp_path / "hexagonal.ang"))
    assert done.returncode == 0, done.stderr
    assert "2 grains" in done.stdout
    grain = xarray.open_zarr(command(home, "path", "hexagonal", "grains").stdout.strip())["grain"].values
    row, column = np.indices(grain.shape)
    truth = np.where((column + 0.5 * (row % 2)) * STEP_UM < 2.4, 1, 2)
    truth[1::2, -1] = 0
    np.testing.assert_array_equal(grain, truth)
    with connect(home.root) as connection:
        areas, boundaries = zip(
            *connection.sql("SELECT area_um2, boundary_above_15deg_um FROM grain_statistics ORDER BY grain").fetchall(),
            strict=True,
        )
    cell = STEP_UM**2 * np.sqrt(3) / 2
    np.testing.assert_allclose(areas, np.bincount(truth.ravel())[1:] * cell, rtol=1e-5)
    # Along a straight line each row crosses two sides of a cell, but the first and the last one one.
    np.testing.assert_allclose(boundaries, (2 * 20 - 1) * STEP_UM / np.sqrt(3), rtol=1e-5)
    states = command(home, "status", "hexagonal").stdout
    assert "did not pass" not in states
