"""The twins of the bench: what is fixed in all of them, and the frontier where things get harder."""

from __future__ import annotations

from typing import Any

from microstructure_assets.simulation.settings import TwinSettings

#: Mixed points are those whose own grain holds less than this of their interaction volume.
PURE = 0.9

STEP_UM = 0.05
#: 1.6 points across: about a quarter of the points is mixed at grains of 14 points.
BEAM_FWHM_UM = 0.08
GAIN_SPREAD = 0.03

#: The interaction volume of the published scan: 72 nm at a step of 26.3 nm, three times longer down the tilt.
PUBLISHED_BEAM: dict[str, Any] = {"step_um": 0.0263, "beam_fwhm_x_um": 0.072, "beam_fwhm_y_um": 0.216}

THREE_PHASES: dict[str, Any] = {
    "master_pattern": "kinematical",
    "phases": ("ferrite", "magnetite", "wustite"),
    "phase_yields": (1.0, 0.8, 0.7),
    "phase_contrasts": (1.0, 0.6, 0.8),
}

FRONTIER: dict[str, dict[str, Any]] = {
    "published beam, diameter 14": {**PUBLISHED_BEAM, "mean_grain_diameter_points": 14.0},
    "published beam, diameter 5": {**PUBLISHED_BEAM, "mean_grain_diameter_points": 5.0},
    "three phases of unequal yield and contrast": THREE_PHASES,
    "three phases, a third of the grains cube on cube": {**THREE_PHASES, "cube_on_cube_fraction": 0.5},
    "gradients of 0.15° a point": {"orientation_gradient_deg_per_um": 3.0},
    "gradients of 0.3° a point": {"orientation_gradient_deg_per_um": 6.0},
    "sub-grains of 1° in half of the grains": {"sub_grain_misorientation_deg": 1.0},
    "intensity varies by 15 % from point to point": {"gain_spread": 0.15},
    "pores, a tenth of the area": {"pore_fraction": 0.1},
    "pattern centre drifts by 0.02": {
        "pattern_centre_drift_x": 0.02,
        "pattern_centre_drift_y": 0.02,
        "pattern_centre_drift_z": 0.02,
    },
}


def twin_settings(shape: tuple[int, int], diameter: float, nu: float, seed: int, **changes: Any) -> TwinSettings:
    """A twin of the bench.

    Parameters
    ----------
    shape
        Rows and columns of the scan [points].
    diameter
        Mean grain diameter [points].
    nu
        Noise deviation per pixel over band-signal deviation per pixel.
    seed
        Of the microstructure and the noise.
    changes
        Further fields of `TwinSettings`; they win.
    """
    fields: dict[str, Any] = {
        "rows": shape[0],
        "columns": shape[1],
        "step_um": STEP_UM,
        "beam_fwhm_x_um": BEAM_FWHM_UM,
        "beam_fwhm_y_um": BEAM_FWHM_UM,
        "gain_spread": GAIN_SPREAD,
        "mean_grain_diameter_points": diameter,
        "noise_nu": nu,
        "seed": seed,
    }
    return TwinSettings(**{**fields, **changes})
