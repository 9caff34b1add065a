"""A whole scan through the code of the graphics processor, run on the processor, beside the compiled kernels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from microstructure_assets.compute import DEVICE_VARIABLE
from microstructure_assets.jobs import JobFailed
from microstructure_assets.methods import background_torch, least_squares_torch, mixture_torch
from microstructure_assets.resources import open_instance
from microstructure_assets.store.home import Home, prepare_home
from microstructure_assets_tests.e2e.conftest import Lab

SETTINGS = {"tiling.n": "2", "scale.finest_tiling": "2"}
DEVICE_CODE: tuple[tuple[Any, str], ...] = (
    (background_torch.TorchPass, "__call__"),
    (mixture_torch, "improve_spherical"),
    (least_squares_torch, "nonnegative_weights"),
)


def spied(function: Callable[..., Any], name: str, used: list[str]) -> Callable[..., Any]:
    """The function, which leaves its name in `used`."""

    def call(*arguments: Any, **options: Any) -> Any:
        used.append(name)
        return function(*arguments, **options)

    return call


def test_a_device_gives_what_the_kernels_give(
    tmp_path: Path, small_twin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labs, used = [], []
    for owner, name in DEVICE_CODE:
        monkeypatch.setattr(owner, name, spied(getattr(owner, name), name, used))
    for device in ("cpu", "torch-cpu"):
        monkeypatch.setenv(DEVICE_VARIABLE, device)
        home = prepare_home(Home(tmp_path / device))
        with open_instance(home) as instance:
            lab = Lab(home, instance)
            lab.characterize(small_twin, "s", SETTINGS)
            labs.append(lab.store)
        assert set(used) == (set() if device == "cpu" else {name for _, name in DEVICE_CODE})
    kernels, device_store = labs
    codes = [store.read("s", "preprocessed_patterns").array("intensity").astype(int) for store in labs]
    assert abs(codes[0] - codes[1]).max() <= 1
    maps = [store.read("s", "segmentation_map").array("region").ravel() for store in labs]
    assert adjusted_rand_score(*maps) > 0.99
    curves = [store.read("s", "nmi_scale_curve").table("rois") for store in labs]
    np.testing.assert_allclose(curves[0]["nmi"], curves[1]["nmi"], atol=0.05)
    assert kernels.read("s", "preprocessed_patterns").notes["compute"] == "in one process"
    assert device_store.read("s", "preprocessed_patterns").notes["compute"] == "in one process, torch-cpu"


def test_a_device_that_is_not_there_is_named(lab: Lab, small_twin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DEVICE_VARIABLE, "cuda:7")
    with pytest.raises(JobFailed) as failed:
        lab.characterize(small_twin, "s", SETTINGS)
    assert "preprocessed_patterns" in str(failed.value.__cause__)
    assert "'cuda:7' was asked for, and torch" in str(failed.value.__cause__)
