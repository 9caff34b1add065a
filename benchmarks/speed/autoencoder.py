"""Training of the autoencoder of patterns on 11,700 of them, beside principal components."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np

from benchmarks.speed.benchmark import Arrays, Benchmark, Equality
from benchmarks.speed.scans import Shape, corrected_scan
from microstructure_assets.methods.components import principal_components
from microstructure_assets.methods.knee import noise_edge
from microstructure_assets.methods.latents.reconstruction import component_error
from microstructure_assets.methods.latents.units import MOST_DIMENSIONS, active_units, suggested_dimensions
from microstructure_assets.methods.noise import noise_variance
from microstructure_assets.networks.autoencoding import train_autoencoder
from microstructure_assets.networks.settings import AutoencoderSettings

SHAPE, SMALL, SIDE_PX, DIAMETER = (90, 130), (16, 16), 60, 14.0
#: The paper's number of latents.
PAPER_LATENTS = 512


def prepare(small: bool) -> Arrays:
    """Corrected patterns (n, height, width), and how many latents are suggested for them."""
    shape: Shape = SMALL if small else SHAPE
    flat = corrected_scan(shape, (SIDE_PX, SIDE_PX), DIAMETER)["patterns"]
    noise = noise_variance(flat.reshape(*shape, -1)).variance
    variance = principal_components(flat, min(MOST_DIMENSIONS, len(flat) // 4 + 1)).explained_variance
    suggested = suggested_dimensions(variance, noise_edge(noise, *flat.shape))
    return {
        "patterns": flat.reshape(-1, SIDE_PX, SIDE_PX),
        "suggested": np.array(suggested),
        "noise": np.array(noise),
        "epochs": np.array(2 if small else AutoencoderSettings().epochs),
    }


def _trained(data: Arrays, latent: int) -> Arrays:
    settings = AutoencoderSettings(epochs=int(data["epochs"]), training_points=len(data["patterns"]))
    begun = time.perf_counter()
    trained = train_autoencoder(data["patterns"], latent, settings)
    seconds = time.perf_counter() - begun
    mean, _ = trained.autoencoder.encode(data["patterns"])
    left = data["patterns"][trained.held_out] - trained.autoencoder.reconstruct(mean[trained.held_out])
    return {
        "active": np.array(np.count_nonzero(active_units(mean))),
        "epochs": np.array(trained.history.epochs),
        "seconds": np.array(seconds),
        "error": np.array(np.einsum("ijk,ijk->", left, left, dtype=np.float64) / left.size),
        "learned": trained.learned,
        "held_out": trained.held_out,
    }


def suggested(data: Arrays) -> Arrays:
    """With the number of latents that the spectrum suggests, and the default settings."""
    return _trained(data, int(data["suggested"]))


def paper(data: Arrays) -> Arrays:
    """With 512 latents."""
    return _trained(data, PAPER_LATENTS)


def check(data: Arrays, results: Mapping[str, Arrays]) -> dict[str, Equality]:
    """Seconds of an epoch, active latents, and errors of what is held out beside those of principal components."""
    figures = {
        "suggested latents": Equality(float(data["suggested"])),
        "noise of a pixel, the least error that is no copy of it": Equality(float(data["noise"])),
    }
    for form, found in results.items():
        learned, held = data["patterns"][found["learned"]], data["patterns"][found["held_out"]]
        components = component_error(learned, held, max(1, int(found["active"])))
        figures |= {
            f"epochs, {form}": Equality(float(found["epochs"])),
            f"an epoch [s], {form}": Equality(float(found["seconds"] / found["epochs"])),
            f"active latents, {form}": Equality(float(found["active"]), least=1, is_goal=True),
            f"held-out mean square error, {form}": Equality(float(found["error"])),
            f"the same of as many principal components, {form}": Equality(components),
            f"variance of what is held out, {form}": Equality(component_error(learned, held, 0)),
        }
    return figures


BENCHMARKS = (
    Benchmark(
        name="autoencoder",
        step="Training of the autoencoder",
        size="11,700 × 60×60",
        data="corrected patterns of a twin, a tenth of them held out",
        goal=None,
        repeats=1,
        prepare=prepare,
        ours={"suggested latents": suggested, "512 latents": paper},
        peers={},
        check=check,
        warm=False,
    ),
)
