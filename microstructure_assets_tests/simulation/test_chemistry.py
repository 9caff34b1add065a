"""Composition maps."""

from __future__ import annotations

import numpy as np
import pytest

from microstructure_assets.simulation.chemistry import atomic_fractions
from microstructure_assets.simulation.settings import TwinSettings
from microstructure_assets.simulation.twin import simulate


def test_formulas() -> None:
    assert atomic_fractions("Fe3O4") == pytest.approx({"Fe": 3 / 7, "O": 4 / 7})
    assert atomic_fractions("Fe0.5NiO") == pytest.approx({"Fe": 0.2, "Ni": 0.4, "O": 0.4})
    assert atomic_fractions("FeFe") == {"Fe": 1.0}
    for wrong in ("", "iron", "Fe-O", "3Fe"):
        with pytest.raises(ValueError, match="formula"):
            atomic_fractions(wrong)


def test_counts_are_poisson_about_the_phases_composition() -> None:
    settings = TwinSettings(
        master_pattern="kinematical",
        phases=("magnetite", "ferrite"),
        rows=60,
        columns=60,
        mean_grain_diameter_points=40,
        detector_height_px=8,
        detector_width_px=8,
        eds_maps=True,
        eds_fwhm_um=0.1,
        eds_counts=140,
    )
    twin = simulate(settings)
    assert set(twin.eds_counts) == {"Fe", "O"}
    total = sum(twin.eds_expected.values())
    np.testing.assert_allclose(total, 140, rtol=1e-5)
    oxygen, expected = twin.eds_counts["O"], twin.eds_expected["O"]
    pure = twin.truth.own_fraction > 0.9999
    np.testing.assert_allclose(expected[pure & (twin.truth.phase == 0)].max(), 80, rtol=1e-3)
    assert expected[pure & (twin.truth.phase == 1)].min() < 0.5
    strong = expected > 20
    deviation = (oxygen - expected)[strong] / np.sqrt(expected[strong])
    assert abs(deviation.mean()) < 0.15
    assert deviation.std() == pytest.approx(1, abs=0.08)
    none = simulate(settings.model_copy(update={"eds_maps": False}))
    assert none.eds_counts == {}
