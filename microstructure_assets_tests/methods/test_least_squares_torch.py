"""Non-negative least squares in torch against scipy, the compiled kernels and the optimality conditions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import nnls

from microstructure_assets.methods import least_squares, least_squares_torch
from microstructure_assets.methods.device import TORCH_ON_PROCESSOR
from microstructure_assets.methods.factorization import constrained_weights
from microstructure_assets.methods.least_squares import nonnegative_least_squares
from microstructure_assets.methods.settings import FactorizationSettings

PROCESSOR = torch.device("cpu")


def problem(seed: int, n: int, r: int, p: int, common: float) -> tuple[np.ndarray, np.ndarray]:
    """References that share a part, and patterns of few of them with noise."""
    generator = np.random.default_rng(seed)
    basis = generator.normal(size=(r, p)) + common * generator.normal(size=p)
    weight = generator.random((n, r)) * (generator.random((n, r)) < 0.4)
    return basis, weight @ basis + generator.normal(size=(n, p))


def optimality(gram: np.ndarray, projection: np.ndarray, weight: np.ndarray) -> float:
    """Largest violation of w ≥ 0, G w − f ≥ 0, w (G w − f) = 0, relative to the largest entry of f."""
    return float(np.abs(np.minimum(weight, weight @ gram - projection)).max() / np.abs(projection).max())


@pytest.mark.parametrize("common", [0.0, 1.0, 10.0])
@pytest.mark.parametrize("r", [1, 2, 9, 30])
def test_solution_is_scipys_and_meets_the_optimality_conditions(r: int, common: float) -> None:
    basis, patterns = problem(r, 150, r, 60, common)
    gram, projection = basis @ basis.T, patterns @ basis.T
    found = nonnegative_least_squares(gram, projection, device=TORCH_ON_PROCESSOR)
    assert optimality(gram, projection, found) <= 1e-10
    expected = np.stack([nnls(basis.T, pattern)[0] for pattern in patterns])
    np.testing.assert_allclose(found, expected, atol=1e-8 * max(1.0, expected.max()))
    np.testing.assert_allclose(found, nonnegative_least_squares(gram, projection), atol=1e-9)
    assert nonnegative_least_squares(gram, projection).max() > 0.5


@pytest.mark.parametrize("common", [0.0, 3.0])
def test_independent_references_are_never_left_to_the_kernels(common: float) -> None:
    basis, patterns = problem(7, 5000, 12, 80, common)
    gram = basis @ basis.T
    scale = 1 / np.sqrt(np.diag(gram))
    scaled = gram * scale * scale[:, None]
    everything = np.ones((5000, 12), dtype=bool)
    _, solved = least_squares_torch.nonnegative_weights(scaled, patterns @ basis.T * scale, everything, PROCESSOR)
    assert solved.all()


def test_references_that_are_not_allowed_have_no_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    basis, patterns = problem(3, 60, 8, 40, 1.0)
    allowed = np.random.default_rng(0).random((60, 8)) < 0.5
    allowed[5] = False
    expected = np.zeros((60, 8))
    for weight, used, pattern in zip(expected, allowed, patterns, strict=True):
        if used.any():
            weight[used] = nnls(basis[used].T, pattern)[0]
    gram, projection = basis @ basis.T, patterns @ basis.T
    for device in ("cpu", TORCH_ON_PROCESSOR):
        found = nonnegative_least_squares(gram, projection, allowed, device)
        assert not found[~allowed].any()
        np.testing.assert_allclose(found, expected, atol=1e-9)
    monkeypatch.setattr(least_squares_torch, "BLOCK_ENTRIES", 7 * 64)
    parts = nonnegative_least_squares(gram, projection, allowed, TORCH_ON_PROCESSOR)
    np.testing.assert_allclose(parts, expected, atol=1e-9)


@pytest.mark.parametrize("exponent", [-12, 12])
def test_units_carry_over(exponent: int) -> None:
    basis, patterns = problem(4, 40, 6, 30, 1.0)
    basis = basis * (10.0 ** np.linspace(0, exponent, 6))[:, None]
    gram, projection = basis @ basis.T, patterns @ basis.T
    found = nonnegative_least_squares(gram, projection, device=TORCH_ON_PROCESSOR)
    np.testing.assert_allclose(found, nonnegative_least_squares(gram, projection), rtol=1e-7, atol=1e-12)


def test_dependent_references_are_left_to_the_kernels() -> None:
    basis, patterns = problem(5, 100, 4, 30, 0.0)
    basis = np.concatenate([basis, basis[:2], basis[:1] + basis[1:2], np.zeros((1, 30))])
    gram, projection = basis @ basis.T, patterns @ basis.T
    found = nonnegative_least_squares(gram, projection, device=TORCH_ON_PROCESSOR)
    assert optimality(gram, projection, found) <= 1e-10
    assert not found[:, -1].any()
    misfit = [nnls(basis.T, pattern)[1] for pattern in patterns]
    np.testing.assert_allclose(np.linalg.norm(patterns - found @ basis, axis=1), misfit, rtol=1e-10)


def test_what_does_not_settle_is_left_to_the_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    basis, patterns = problem(6, 30, 5, 30, 1.0)
    gram, projection = basis @ basis.T, patterns @ basis.T
    expected = nonnegative_least_squares(gram, projection)
    given = []

    def half(gram: np.ndarray, projection: np.ndarray, *_: object) -> tuple[np.ndarray, np.ndarray]:
        solved = np.arange(len(projection)) % 2 == 0
        given.append(solved)
        scale = least_squares.unit_scale(basis @ basis.T)
        return np.where(solved[:, None], expected / scale, np.nan), solved

    monkeypatch.setattr(least_squares_torch, "nonnegative_weights", half)
    found = nonnegative_least_squares(gram, projection, device=TORCH_ON_PROCESSOR)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert len(given) == 1


def test_single_exchanges_end_where_whole_sets_do_not_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(least_squares_torch, "_PATIENCE", 0)
    basis, patterns = problem(8, 300, 20, 60, 10.0)
    gram, projection = basis @ basis.T, patterns @ basis.T
    found = nonnegative_least_squares(gram, projection, device=TORCH_ON_PROCESSOR)
    assert optimality(gram, projection, found) <= 1e-10


@pytest.mark.parametrize("shape", [(0, 3), (4, 0), (0, 0), (3, 2)])
def test_nothing_fits_gives_nought(shape: tuple[int, int]) -> None:
    gram, projection = np.eye(shape[1]), -np.ones(shape)
    found = nonnegative_least_squares(gram, projection, device=TORCH_ON_PROCESSOR)
    assert found.shape == shape
    assert not found.any()


@pytest.mark.parametrize("form", ["paper", "noise_corrected"])
def test_weights_of_the_product_are_the_same(form: str) -> None:
    generator = np.random.default_rng(9)
    reference = generator.normal(size=(5, 400)).astype(np.float32)
    share = np.repeat(generator.dirichlet(np.full(5, 0.2), 24), 4, axis=0)
    patterns = (share @ reference + generator.normal(size=(96, 400))).astype(np.float32)
    settings = FactorizationSettings(form=form)
    compiled, own = (
        constrained_weights(patterns, reference, np.full(5, 0.05), 1.0, settings, (8, 12), device=device)
        for device in ("cpu", TORCH_ON_PROCESSOR)
    )
    np.testing.assert_allclose(own.weight, compiled.weight, atol=1e-6)
    np.testing.assert_allclose(own.weight_std, compiled.weight_std, rtol=1e-5)
    np.testing.assert_allclose(own.residual, compiled.residual, rtol=1e-6)
    assert compiled.weight.max() > 0.5


def test_wrong_shape_of_what_is_allowed_is_named() -> None:
    with pytest.raises(ValueError, match="allowed: found shape"):
        nonnegative_least_squares(np.eye(3), np.ones((4, 3)), np.ones((3, 3), dtype=bool))
