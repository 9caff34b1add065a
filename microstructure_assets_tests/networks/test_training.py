"""The loop on problems with a known answer: it learns, stops, and goes on as if it had not been stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from microstructure_assets.networks.training import History, Schedule, split, train

GIVEN = torch.tensor(np.random.default_rng(0).normal(size=(400, 5)), dtype=torch.float32)
SLOPE = torch.tensor([1.0, -2.0, 0.5, 0.0, 3.0])
Found = tuple[Tensor, dict[str, float]]
TARGET = GIVEN @ SLOPE + 0.7


def schedule(**values: float) -> Schedule:
    return replace(Schedule(60, 32, 0.05, 100, 0.1, 3), **values)  # type: ignore[arg-type]


def squared(model: nn.Module, items: np.ndarray, draws: torch.Generator, done: float) -> Found:
    found = model(GIVEN[items])[:, 0] + 0.01 * torch.randn(len(items), generator=draws)
    value = (found - TARGET[items]).square().mean()
    return value, {"mean_square": float(value.detach())}


def linear() -> nn.Module:
    torch.manual_seed(1)
    return nn.Linear(5, 1)


def weights(model: nn.Module) -> bytes:
    return b"".join(value.numpy().tobytes() for value in model.state_dict().values())


def test_a_straight_line_is_learned() -> None:
    model = linear()
    history = train(model, 400, squared, schedule())
    np.testing.assert_allclose(model.weight.detach()[0], SLOPE, atol=0.02)  # type: ignore[arg-type, index]
    assert history.epochs == 60
    assert history.held_out_loss[history.best] == min(history.held_out_loss)
    assert history.figures[-1]["mean_square"] == pytest.approx(history.held_out_loss[-1])


def test_a_stopped_run_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    whole, parts = linear(), linear()
    train(whole, 400, squared, schedule(epochs=6))
    with pytest.raises(KeyboardInterrupt):
        train(parts, 400, squared, schedule(epochs=6), tmp_path, told=stop_after(3))
    again = linear()
    history = train(again, 400, squared, schedule(epochs=6), tmp_path)
    assert history.epochs == 6
    assert weights(again) == weights(whole)
    assert len(list(tmp_path.glob("*.safetensors"))) == 1


def stop_after(epochs: int):  # type: ignore[no-untyped-def]
    def told(history: History) -> None:
        if history.epochs == epochs:
            raise KeyboardInterrupt

    return told


def test_it_stops_when_nothing_gets_better_and_keeps_the_best() -> None:
    model = linear()
    history = train(model, 400, squared, schedule(learning_rate=3.0, patience=4))
    assert history.epochs < 60
    assert history.epochs - 1 - history.best == 4


def test_a_loss_that_is_not_finite_is_told() -> None:
    def infinite(model: nn.Module, items: np.ndarray, draws: torch.Generator, done: float) -> Found:
        value, figures = squared(model, items, draws, done)
        return value * float("nan"), figures

    with pytest.raises(ValueError, match="not finite in epoch 1 of 60; lower the learning rate"):
        train(linear(), 400, infinite, schedule())


@pytest.mark.parametrize("count", [1, 2, 3, 1000])
def test_held_out_items_are_not_learned_from(count: int) -> None:
    learned, held = split(count, schedule())
    assert sorted([*learned, *held]) == list(range(count))
    assert len(learned) >= 1
    assert len(held) == (0 if count == 1 else max(1, round(0.1 * count)))
