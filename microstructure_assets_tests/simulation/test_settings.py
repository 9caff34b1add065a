"""Settings of a twin."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from microstructure_assets.simulation.settings import TwinSettings


def test_every_field_has_a_default_and_a_description_and_is_flat() -> None:
    for name, field in TwinSettings.model_fields.items():
        assert not field.is_required(), name
        assert field.description, name
    for value in TwinSettings().model_dump().values():
        items = value if isinstance(value, tuple) else (value,)
        assert all(item is None or isinstance(item, int | float | str | bool) for item in items)


def test_texts_with_commas_are_tuples() -> None:
    made = TwinSettings.model_validate(
        {"master_pattern": "kinematical", "phases": "ferrite, magnetite", "phase_yields": "1,0.8", "phase_contrasts": 2}
    )
    assert made.phases == ("ferrite", "magnetite")
    assert made.per_phase("phase_yields") == (1.0, 0.8)
    assert made.per_phase("phase_contrasts") == (2.0, 2.0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sub_points": 4}, "odd"),
        ({"phases": "a,b", "phase_yields": "1,2,3"}, "phase_yields has 3 values"),
        ({"phase_yields": -1}, "zero or more"),
        ({"phase_yields": 0}, "pore"),
        ({"phase_contrasts": 0}, "no meaning"),
        ({"phases": "a,b", "phase_fractions": "1"}, "phase_fractions"),
        ({"microstructure": "map"}, "map_path"),
        ({"master_pattern": "sht"}, "sht_folder"),
        ({"eds_formulas": "Fe,O"}, "eds_formulas"),
        ({"noise_nu": -1}, "noise_nu"),
        ({"pattern_centre_x": "nan"}, "pattern_centre_x"),
        ({"step_um": "inf"}, "step_um"),
        ({"colour": 1}, "colour"),
    ],
)
def test_contradictions_are_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TwinSettings.model_validate(values)


def test_settings_import_without_heavy_packages() -> None:
    heavy = ("kikuchipy", "orix", "numpy", "scipy", "h5py", "dagster", "torch")
    program = (
        f"import sys, microstructure_assets.simulation.settings; print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_twin_module_imports_without_heavy_packages() -> None:
    heavy = ("kikuchipy", "orix", "dagster", "torch", "sklearn", "pandas", "matplotlib", "zarr")
    program = f"import sys, microstructure_assets.simulation.twin; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
