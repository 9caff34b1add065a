"""The one training loop: epochs over shuffled batches, held-out loss, early stop, checkpoints to go on from.

A run that was stopped goes on from its last checkpoint with the same batches and draws as one that was not: what is
random in an epoch follows from the seed and the epoch's number alone.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

WEIGHTS, STATE = "weights.safetensors", "training.json"


@dataclass(frozen=True)
class Schedule:
    """How long and how fast.

    Attributes
    ----------
    epochs : int
        At most.
    batch : int
    learning_rate : float
        Of Adam.
    patience : int
        Epochs without a better held-out loss after which it stops.
    held_out : float
        Share of the items that are not learned from.
    seed : int
        Of the split, the order of the batches and the draws.
    start : int
        Other values have other orders and draws, with the same items held out.
    least_epochs : int
        Before these it does not stop: a loss that is still being warmed up may rise first.
    """

    epochs: int
    batch: int
    learning_rate: float
    patience: int
    held_out: float
    seed: int
    start: int = 0
    least_epochs: int = 0


@dataclass
class History:
    """What happened so far, by epoch.

    Attributes
    ----------
    loss, held_out_loss : list of float
    best : int
        Epoch (from 0) of the least held-out loss; -1 before the first.
    figures : list of dict
        What the task reported of the held-out items.
    """

    loss: list[float] = field(default_factory=list)
    held_out_loss: list[float] = field(default_factory=list)
    best: int = -1
    figures: list[dict[str, float]] = field(default_factory=list)

    @property
    def epochs(self) -> int:
        """Epochs that are done."""
        return len(self.loss)


#: Loss of a batch, from the model, items of these numbers, a generator and the share of the run that is done.
BatchLoss = Callable[[nn.Module, NDArray[np.int64], torch.Generator, float], tuple[Tensor, Mapping[str, float]]]


def split(count: int, schedule: Schedule) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of the items to learn from and of those held out, at least one of each where there are two."""
    order = np.random.default_rng(schedule.seed).permutation(count)
    held = min(max(1, round(schedule.held_out * count)), count - 1) if count > 1 else 0
    return np.sort(order[held:]), np.sort(order[:held])


def train(
    model: nn.Module,
    count: int,
    loss: BatchLoss,
    schedule: Schedule,
    folder: Path | None = None,
    told: Callable[[History], object] | None = None,
) -> History:
    """Train a model in place, to the weights of the least held-out loss.

    Parameters
    ----------
    model : Module
    count : int
        Number of items.
    loss : callable
        As `BatchLoss`.
    schedule : Schedule
    folder : Path, optional
        Where checkpoints lie, one per epoch in place of the last; a run goes on from what is there.
    told : callable, optional
        Called after each epoch.

    Raises
    ------
    ValueError
        If there are no items, or the loss is not finite: the message says in which epoch.
    """
    if count < 1:
        raise ValueError("count: found no items to learn from")
    learned, held = split(count, schedule)
    optimiser = torch.optim.Adam(model.parameters(), lr=schedule.learning_rate)
    history, best = _resumed(model, optimiser, folder)
    best = best or _copied(model)
    while not _ended(history, schedule):
        epoch = history.epochs
        history.loss.append(_epoch(model, learned, loss, schedule, epoch, optimiser))
        value, figures = _held_out(model, held if len(held) else learned, loss, schedule)
        history.held_out_loss.append(value)
        history.figures.append(figures)
        if history.best < 0 or value < history.held_out_loss[history.best]:
            history.best, best = epoch, _copied(model)
        if folder is not None:
            _keep(model, optimiser, best, history, folder)
        if told is not None:
            told(history)
    model.load_state_dict(best)
    return history


def _ended(history: History, schedule: Schedule) -> bool:
    if history.epochs >= schedule.epochs:
        return True
    return history.epochs >= schedule.least_epochs and history.epochs - 1 - history.best >= schedule.patience


def _epoch(
    model: nn.Module,
    items: NDArray[np.int64],
    loss: BatchLoss,
    schedule: Schedule,
    epoch: int,
    optimiser: torch.optim.Optimizer,
) -> float:
    model.train()
    random = np.random.default_rng([schedule.seed, schedule.start, 1 + epoch])
    order = random.permutation(items)
    generator = torch.Generator().manual_seed(int(random.integers(2**62)))
    batches = math.ceil(len(order) / schedule.batch)
    total = 0.0
    for place, batch in enumerate(_batches(order, schedule.batch)):
        done = (epoch + place / batches) / schedule.epochs
        value, _ = loss(model, batch, generator, done)
        if not torch.isfinite(value):
            raise ValueError(
                f"the loss is not finite in epoch {epoch + 1} of {schedule.epochs}; lower the learning rate "
                f"(found {schedule.learning_rate:g})"
            )
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        optimiser.step()
        total += float(value.detach()) * len(batch)
    return total / len(order)


def _held_out(
    model: nn.Module, items: NDArray[np.int64], loss: BatchLoss, schedule: Schedule
) -> tuple[float, dict[str, float]]:
    """Loss at its final form, always with the same draws."""
    model.eval()
    generator = torch.Generator().manual_seed(schedule.seed)
    total, sums = 0.0, dict[str, float]()
    with torch.no_grad():
        for batch in _batches(items, schedule.batch):
            value, figures = loss(model, batch, generator, 1.0)
            total += float(value) * len(batch)
            for name, figure in figures.items():
                sums[name] = sums.get(name, 0.0) + figure * len(batch)
    return total / len(items), {name: own / len(items) for name, own in sums.items()}


def _batches(items: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _copied(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}


def _keep(
    model: nn.Module, optimiser: torch.optim.Optimizer, best: Mapping[str, Tensor], history: History, folder: Path
) -> None:
    """Write the checkpoint beside the last one, then take its place: a power cut leaves one of the two."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"model.{name}": value for name, value in _copied(model).items()}
    tensors |= {f"best.{name}": value for name, value in best.items()}
    for number, state in optimiser.state_dict()["state"].items():
        for name, value in state.items():
            tensors[f"optimiser.{number}.{name}"] = torch.as_tensor(value).detach().cpu().clone()
    # The state names its weights: of two files that are renamed one after the other a cut may leave one.
    save_file(tensors, folder / f"{history.epochs}-{WEIGHTS}")
    temporary = folder / f".{STATE}"
    temporary.write_text(json.dumps(asdict(history)), encoding="utf-8")
    os.replace(temporary, folder / STATE)
    for old in folder.glob(f"*-{WEIGHTS}"):
        if old.name != f"{history.epochs}-{WEIGHTS}":
            old.unlink()


def _resumed(
    model: nn.Module, optimiser: torch.optim.Optimizer, folder: Path | None
) -> tuple[History, dict[str, Tensor] | None]:
    if folder is None or not (folder / STATE).is_file():
        return History(), None
    history = History(**json.loads((folder / STATE).read_text(encoding="utf-8")))
    tensors = load_file(folder / f"{history.epochs}-{WEIGHTS}")
    model.load_state_dict(_part(tensors, "model"))
    state: dict[int, dict[str, Any]] = {}
    for name, value in _part(tensors, "optimiser").items():
        number, _, key = name.partition(".")
        state.setdefault(int(number), {})[key] = value
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
    return history, _part(tensors, "best")


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{prefix}."): value for name, value in tensors.items() if name.startswith(f"{prefix}.")}
