"""Latents against the maps that are known: what goes with what, beyond chance and beyond the plain figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from microstructure_assets.assets.crystallography import point_groups, stored_grains
from microstructure_assets.assets.views import ScanView
from microstructure_assets.store.draft import Draft

if TYPE_CHECKING:
    from microstructure_assets.methods.association_maps import AssociationMaps


def fill_latent_correlations(view: ScanView, drafts: Mapping[str, Draft]) -> None:
    """A row per latent and map."""
    from microstructure_assets.assets.writing import add_picture
    from microstructure_assets.methods.association import REAL, latent_correlations

    draft = drafts["latent_correlations"]
    maps, unit = _maps(view)
    found = latent_correlations(view.read("vae_latents").group["latent"], maps, view.settings("association"))
    stability = view.read("pattern_vae").table("latents")["stability"]
    table = {
        **found.table,
        "latent": found.table["latent"] + 1,
        "stability": stability[found.table["latent"]],
    }
    real = table["verdict"] == REAL
    facts: dict[str, Any] = {
        "unit_of_comparison": unit,
        "compared_units": found.grains,
        "compared_latents": int(found.active.sum()),
        "maps": ", ".join(dict.fromkeys(str(name) for name in table["map"])),
        "real_pairs": int(real.sum()),
        "real_latents": len(np.unique(table["latent"][real])),
        "baseline_functions": found.baseline_functions,
    }
    draft.table("correlations", table)
    draft.document(facts)
    draft.attributes.update(facts)
    add_picture(draft, {}, {"correlations": table}, view.grid)


def _maps(view: ScanView) -> tuple[AssociationMaps, str]:
    """The maps, and what they are compared by: grains of the indexing, or regions where there is none."""
    from microstructure_assets.methods.association_maps import AssociationMaps

    quality = view.read("pattern_quality")
    contrast, intensity = (quality.array(name).astype(np.float64) for name in ("band_contrast", "mean_intensity"))
    numbers: dict[str, np.ndarray] = {"band contrast": contrast}
    categories: dict[str, np.ndarray] = {}
    phase, grains = view.read("phase_map").array("phase"), stored_grains(view)
    grain, excluded = grains.grain, view.read("latent_clusters").array("cluster") == 0
    orientation: np.ndarray | None = None
    groups: tuple[str, ...] = ()
    unit = "grains"
    if grain.any():
        numbers["kernel average misorientation"] = view.read("kernel_average_misorientation").array("kam_degrees")
        statistics = view.read("grain_statistics").table("grain_statistics")
        orientation = np.stack([statistics[f"quaternion_{axis}"] for axis in "wxyz"], axis=1)
        excluded |= ~grains.measured  # their orientation or phase is another one, or none
        groups = tuple(point_groups(view.read("phase_map").table("phases")))
        if len(np.unique(phase[grain > 0])) > 1:
            categories["phase"] = phase - 1
    else:
        grain, unit = view.read("segmentation_map").array("region"), "regions"
        phase = np.ones_like(grain)
    if view.has("element_maps"):
        elements = view.read("element_maps")
        lines = (str(line) for line in elements.table("elements")["line"])
        numbers |= dict(zip(lines, elements.array("counts").astype(np.float64), strict=True))
    step_y, step_x = view.steps_um
    maps = AssociationMaps(
        grain=grain,
        phase=phase,
        numbers=numbers,
        categories=categories,
        baseline={"band contrast": contrast, "mean intensity": intensity},
        orientation=orientation,
        point_groups=groups,
        excluded=excluded,
        step_y_um=step_y,
        step_x_um=step_x,
    )
    return maps, unit
