"""The files of a source: what readers take is what is watched."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.formats import open_scan
from microstructure_assets.acquisition.settings import AcquisitionSettings
from microstructure_assets.store.recipes import source_fingerprint
from microstructure_assets_tests.acquisition.conftest import (
    random_patterns,
    write_ang,
    write_ctf,
    write_kikuchipy_h5,
    write_up,
)
from microstructure_assets_tests.acquisition.spectrum_images import random_spectra, write_spectra


def nordif(folder: Path) -> Path:
    import kikuchipy

    for file in (Path(kikuchipy.__file__).parent / "data" / "nordif").iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    return folder / "Pattern.dat"


def images(folder: Path) -> Path:
    (folder / "tiffs").mkdir()
    for point, pattern in enumerate(random_patterns(3, 4).reshape(12, 5, 7)):
        tifffile.imwrite(folder / "tiffs" / f"x{point % 4}y{point // 4}.tif", pattern)
    return folder / "tiffs"


def images_with_a_map_beside(folder: Path) -> Path:
    write_ang(folder / "tiffs.ang", 3, 4)
    return images(folder)


def images_with_a_map_inside(folder: Path) -> Path:
    write_ctf(images(folder) / "any.ctf", 3, 4)
    return folder / "tiffs"


def h5_with_a_map_of_other_case(folder: Path) -> Path:
    write_kikuchipy_h5(folder / "Case.h5", random_patterns(3, 4))
    write_ang(folder / "case.ang", 3, 4)
    return folder / "Case.h5"


def declared_background(folder: Path) -> Path:
    write_up(folder / "scan.up1", random_patterns(3, 4), version=3)
    (folder / "elsewhere").mkdir()
    tifffile.imwrite(folder / "elsewhere" / "image.tif", random_patterns(1, 1)[0, 0])
    return folder / "scan.up1"


def element_counts(folder: Path) -> Path:
    write_up(folder / "scan.up1", random_patterns(3, 4), version=3)
    np.savez(folder / "scan_eds.npz", Fe=np.ones((3, 4), "i4"))
    return folder / "scan.up1"


def element_counts_of_a_folder(folder: Path) -> Path:
    np.savez(folder / "tiffs_eds.npz", Fe=np.ones((3, 4), "i4"))
    return images(folder)


def spectra(folder: Path) -> Path:
    write_spectra(folder / "Scan_EDS.hspy", random_spectra(3, 4), elements=("Fe",))
    write_up(folder / "scan.up1", random_patterns(3, 4), version=3)
    return folder / "scan.up1"


def spectra_of_two_files(folder: Path) -> Path:
    signal = write_spectra(folder / "other.hspy", random_spectra(3, 4))
    signal.save(folder / "scan_EDS.rpl")
    write_up(folder / "scan.up1", random_patterns(3, 4), version=3)
    return folder / "scan.up1"


def declared_spectra(folder: Path) -> Path:
    (folder / "elsewhere").mkdir()
    write_spectra(folder / "elsewhere" / "map.hspy", random_spectra(3, 4), elements=("Fe",))
    write_up(folder / "scan.up1", random_patterns(3, 4), version=3)
    return folder / "scan.up1"


@pytest.mark.parametrize(
    ("make", "side"),
    [
        (nordif, "Setting.txt"),
        (nordif, "Background acquisition pattern.bmp"),
        (images, "tiffs/x0y0.tif"),
        (images_with_a_map_beside, "tiffs.ang"),
        (images_with_a_map_inside, "tiffs/any.ctf"),
        (h5_with_a_map_of_other_case, "case.ang"),
        (declared_background, "elsewhere/image.tif"),
        (element_counts, "scan_eds.npz"),
        (element_counts_of_a_folder, "tiffs_eds.npz"),
        (spectra, "Scan_EDS.hspy"),
        (spectra_of_two_files, "scan_EDS.rpl"),
        (spectra_of_two_files, "scan_EDS.raw"),
        (declared_spectra, "elsewhere/map.hspy"),
    ],
)
def test_what_readers_take_is_watched(tmp_path: Path, make: Callable[[Path], Path], side: str) -> None:
    source = make(tmp_path)
    settings = AcquisitionSettings(
        static_background=side if make is declared_background else None,
        eds_file=side if make is declared_spectra else None,
        eds_elements="Fe",
    )
    taken = {file.resolve() for file in open_scan(source, settings).files}
    assert (tmp_path / side).resolve() in taken
    assert taken <= {file.resolve() for file in settings.source_files(source)}
    before = source_fingerprint(settings.source_files(source))
    assert source_fingerprint(settings.source_files(source)) == before
    with (tmp_path / side).open("ab") as stream:
        stream.write(b" ")
    changed = source_fingerprint(settings.source_files(source))
    (tmp_path / side).unlink()
    assert len({before, changed, source_fingerprint(settings.source_files(source))}) == 3


def test_other_files_beside_do_not_count(tmp_path: Path) -> None:
    source, settings = element_counts(tmp_path), AcquisitionSettings()
    before = settings.source_files(source)
    for name in ("Setting.txt", "scan2.ang", "other_eds.npz", "scan.ang.old"):
        (tmp_path / name).write_text("x")
    assert settings.source_files(source) == before
    assert [file.name for file in before] == ["scan.up1", "scan_eds.npz"]


def test_a_share_that_is_not_connected_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScanFormatError, match="Connect the disk or the share"):
        AcquisitionSettings().source_files(tmp_path / "absent" / "scan.h5")


def test_what_no_reader_takes_is_not_watched(tmp_path: Path) -> None:
    scan = tmp_path / "scan.up1"
    write_up(scan, random_patterns(3, 4), version=3)
    for name in ("scan.log", "scan.png", "scan", "scan_notes.txt"):
        (tmp_path / name).write_text("running")
    assert AcquisitionSettings().source_files(scan) == [scan]
