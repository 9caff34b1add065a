"""What `microstructure twin` says about settings and paths that it cannot use."""

from __future__ import annotations

from pathlib import Path

import pytest

from microstructure_assets.errors import InputError
from microstructure_assets.settings import SettingsError
from microstructure_assets.shell.twins import _expected, write_twin
from microstructure_assets.simulation.settings import TwinSettings

SMALL = {"rows": "2", "columns": "2", "detector_height_px": "8", "detector_width_px": "8"}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("rws", "3", "unknown twin setting 'rws'; nearest: rows"),
        ("zzzz", "3", "unknown twin setting 'zzzz'; nearest: none"),
        ("noise_nu", "nan", "noise_nu: found 'nan', expected a finite number of at least 0 and at most 50"),
        ("step_um", "inf", "step_um: found 'inf', expected a finite number of more than 0"),
        ("gain", "-1", "gain: found '-1', expected a finite number of more than 0, or none"),
        ("rows", "x", "rows: found 'x', expected a whole number of at least 1 and at most 20000"),
        ("bit_depth", "9", "bit_depth: found '9', expected one of 8, 16"),
        ("eds_maps", "maybe", "eds_maps: found 'maybe', expected true or false"),
        ("phase_yields", "a,b", "phase_yields: found 'a,b', expected one finite number or several with commas"),
        ("sub_points", "4", "sub_points: found 4, expected an odd number"),
        ("phase_yields", "1,2", "twin settings: phase_yields has 2 values for 1 phases"),
    ],
)
def test_wrong_settings_are_explained(tmp_path: Path, name: str, value: str, said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        write_twin(tmp_path / "twin.h5", "h5", {name: value}, overwrite=False)
    assert said in str(refused.value)
    assert "Input" not in str(refused.value)
    assert "Value error" not in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_it_can_be_said_what_every_setting_may_be() -> None:
    for info in TwinSettings.model_fields.values():
        assert _expected(info)


@pytest.mark.parametrize("name", ["bad.txt", "bad", "bad.hspy"])
def test_hdf5_is_not_written_under_a_name_that_would_not_open(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"expected \.h5 or \.hdf5.*bad\.h5"):
        write_twin(tmp_path / name, "h5", SMALL, overwrite=False)
    assert not list(tmp_path.iterdir())


def test_both_endings_of_hdf5_and_any_folder_are_written(tmp_path: Path) -> None:
    for name in ("one.H5", "two.hdf5"):
        write_twin(tmp_path / name, "h5", SMALL, overwrite=False)
        assert (tmp_path / name).is_file()
    write_twin(tmp_path / "three.txt", "tiff", SMALL, overwrite=False)
    assert (tmp_path / "three.txt").is_dir()
