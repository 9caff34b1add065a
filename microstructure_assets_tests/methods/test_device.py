"""Names of devices, what loads torch, and the precision of products on them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from microstructure_assets.methods.device import COMPILED, TORCH_ON_PROCESSOR, exact_products, torch_device

METHODS = Path(__file__).parents[2] / "microstructure_assets" / "methods"


def test_names_of_the_processor() -> None:
    assert torch_device(COMPILED) is None
    assert torch_device(TORCH_ON_PROCESSOR) == torch.device("cpu")


def test_a_graphics_processor_that_is_there_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert torch_device("cuda") == torch.device("cuda")
    assert torch_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(RuntimeError, match=r"'cuda:2' was asked for, and torch .* finds 2"):
        torch_device("cuda:2")


def test_a_graphics_processor_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RuntimeError, match=r"'cuda' was asked for, and torch .* finds 0"):
        torch_device("cuda")


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "cpu:0", "", "torch-cuda"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="device: found"):
        torch_device(name)


def test_methods_do_not_load_torch(tmp_path: Path) -> None:
    names = [f"microstructure_assets.methods.{path.stem}" for path in sorted(METHODS.glob("*.py"))]
    code = (
        f"import importlib, sys\nfor name in {names}: importlib.import_module(name)\n"
        "from microstructure_assets.methods.device import torch_device\ntorch_device('cpu')\n"
        "print('torch' in sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(METHODS.parents[1])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "False"


def test_products_keep_float32_whatever_was_set_before() -> None:
    generator = np.random.default_rng(0)
    left, right = (generator.standard_normal((256, 256)).astype(np.float32) for _ in range(2))
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with exact_products():
            assert torch.backends.cuda.matmul.fp32_precision == "ieee"
            with exact_products():
                pass
            assert torch.backends.cuda.matmul.fp32_precision == "ieee"
            product = (torch.from_numpy(left) @ torch.from_numpy(right)).numpy()
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)
    np.testing.assert_allclose(product, left.astype(float) @ right.astype(float), atol=1e-4)
