"""Expectation-maximisation of many spherical mixtures at once in torch, on whatever device it is put.

Mixtures of any number of points, dimensions and components share padded arrays. A point x stands as the row
(x, |x|², 1), all zero for padding: one product with it gives the log-densities of all components, another the sums of
the next parameters, so that a step passes over the responsibilities a few times only. The squares cancel where
components are narrow; points are counted from their region's mean, and the regularisation keeps variances above a
millionth of the region's, so that about ten digits are left.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch
    from torch import Tensor

#: Numbers in the largest array of a batch, padding included; about five arrays of this many float64 are alive.
BATCH_NUMBERS = 1 << 23
# Steps between two looks at which mixtures are done: a look waits for the device.
_STEPS = 8
_TINY = 1e-12
_NEVER = -1e300  # Log-density of a component that is padding.


@dataclass(frozen=True)
class Spherical:
    """A mixture of K spherical components over the points of one region.

    Attributes
    ----------
    region : int
        Number of the region.
    weight : (K,) float64
    mean : (K, d) float64
    variance : (K,) float64
        Per dimension.
    log_likelihood : float
        Of these parameters, where they come out of the iterations.
    """

    region: int
    weight: NDArray[np.float64]
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    log_likelihood: float = -math.inf


@dataclass(frozen=True)
class _Batch:
    """Points, masks and parameters of J mixtures, padded to N points, D dimensions and K components.

    ``row`` (J, N, D + 2) of x, |x|² and 1, x from the region's mean; ``is_component`` (J, K) bool; ``points``,
    ``dimensions``, ``regularisation``, ``likelihood`` (J,), the last of the step before; ``weight``, ``variance``
    (J, K); ``mean`` (J, K, D); ``done`` (J,) bool.
    """

    row: Tensor
    is_component: Tensor
    points: Tensor
    dimensions: Tensor
    regularisation: Tensor
    weight: Tensor
    mean: Tensor
    variance: Tensor
    likelihood: Tensor
    done: Tensor

    def of(self, rows: Tensor) -> _Batch:
        """Some of the mixtures."""
        return _Batch(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def improve_spherical(
    scores: Sequence[NDArray[np.float64]],
    regularisation: Sequence[float],
    starts: Sequence[Spherical],
    tolerance: float,
    iterations: int,
    device: torch.device,
) -> list[Spherical]:
    """Improve spherical mixtures until their mean log-likelihood gains less than ``tolerance``.

    Parameters
    ----------
    scores
        Points of each region, (n, d) float64.
    regularisation
        Added to the variances of each region.
    starts
        Where to start from.
    tolerance
        Gain of the mean log-likelihood below which a mixture is done.
    iterations
        Most changes of the parameters.
    device
        Where to work.

    Returns
    -------
    list of Spherical
        In the order of the starts, each with the log-likelihood of the parameters that it holds.
    """
    import torch

    found: dict[int, Spherical] = {}
    with torch.inference_mode():
        for places in _batches(scores, starts):
            chosen = [starts[place] for place in places]
            centres = {start.region: scores[start.region].mean(axis=0) for start in chosen}
            batch = _padded(scores, regularisation, chosen, centres, device)
            for place, improved in zip(places, _iterated(batch, tolerance, iterations), strict=True):
                start = starts[place]
                k, d = start.mean.shape
                weight, mean, variance, likelihood = improved
                found[place] = Spherical(
                    start.region, weight[:k], mean[:k, :d] + centres[start.region], variance[:k], float(likelihood)
                )
    return [found[place] for place in range(len(starts))]


def _batches(scores: Sequence[NDArray[np.float64]], starts: Sequence[Spherical]) -> Iterator[list[int]]:
    """Places of starts that share arrays: alike in size, so that little is padding."""
    size = [(*start.mean.shape, len(scores[start.region])) for start in starts]
    batch: list[int] = []
    largest = (0, 0, 0)
    for place in sorted(range(len(starts)), key=lambda place: size[place]):
        grown = tuple(map(max, largest, size[place]))
        if batch and (len(batch) + 1) * max(grown[:2]) * grown[2] > BATCH_NUMBERS:
            yield batch
            batch, grown = [], size[place]
        batch.append(place)
        largest = grown
    if batch:
        yield batch


def _padded(
    scores: Sequence[NDArray[np.float64]],
    regularisation: Sequence[float],
    starts: Sequence[Spherical],
    centres: dict[int, NDArray[np.float64]],
    device: torch.device,
) -> _Batch:
    """The starts in shared arrays on the device; each region goes there once."""
    import torch

    regions = list(centres)
    place = {region: number for number, region in enumerate(regions)}
    most_points = max(len(scores[region]) for region in regions)
    most_components, dimensions = (max(start.mean.shape[axis] for start in starts) for axis in (0, 1))
    rows = np.zeros((len(regions), most_points, dimensions + 2))
    for region in regions:
        n, d = scores[region].shape
        score = scores[region] - centres[region]
        rows[place[region], :n, :d] = score
        rows[place[region], :n, -2] = (score**2).sum(axis=1)
        rows[place[region], :n, -1] = 1
    weight, variance = np.zeros((len(starts), most_components)), np.ones((len(starts), most_components))
    mean = np.zeros((len(starts), most_components, dimensions))
    for number, start in enumerate(starts):
        k, d = start.mean.shape
        weight[number, :k], variance[number, :k] = start.weight, start.variance
        mean[number, :k, :d] = start.mean - centres[start.region]

    def put(values: NDArray | list[int] | list[float]) -> Tensor:
        return torch.from_numpy(np.asarray(values)).to(device)

    own = put([place[start.region] for start in starts])
    return _Batch(
        row=put(rows)[own],
        is_component=put(np.arange(most_components) < np.array([[len(start.weight)] for start in starts])),
        points=put([float(len(scores[start.region])) for start in starts]),
        dimensions=put([float(start.mean.shape[1]) for start in starts]),
        regularisation=put([float(regularisation[start.region]) for start in starts]),
        weight=put(weight),
        mean=put(mean),
        variance=put(variance),
        likelihood=put(np.full(len(starts), -np.inf)),
        done=torch.zeros(len(starts), dtype=torch.bool, device=device),
    )


def _iterated(batch: _Batch, tolerance: float, iterations: int) -> Iterator[tuple[NDArray, ...]]:
    """Weights, means, variances and log-likelihood of each mixture at its end, padding included."""
    import torch

    results = [batch.weight.clone(), batch.mean.clone(), batch.variance.clone(), batch.likelihood.clone()]
    place = torch.arange(len(batch.done), device=batch.done.device)
    for first in range(0, iterations + 1, _STEPS):
        for iteration in range(first, min(first + _STEPS, iterations + 1)):
            batch = _step(batch, tolerance, iteration == iterations)
        for result, value in zip(results, (batch.weight, batch.mean, batch.variance, batch.likelihood), strict=True):
            result[place] = value
        running = torch.nonzero(~batch.done)[:, 0]
        if not len(running):
            break
        if len(running) < len(place):
            batch, place = batch.of(running), place[running]
    return zip(*(result.cpu().numpy() for result in results), strict=True)


def _step(batch: _Batch, tolerance: float, is_last: bool) -> _Batch:
    """One iteration of every mixture that is not done; those that gain too little, or all if asked, become so."""
    import torch

    share, likelihood = _expectation(batch)
    sums = share.mT @ batch.row
    first, second, count = sums[..., :-2], sums[..., -2], sums[..., -1]
    size = count + _TINY
    mean = first / size[..., None]
    scatter = (second - size * mean.square().sum(dim=2)).clamp(min=0)
    variance = scatter / size / batch.dimensions[:, None] + batch.regularisation[:, None]
    done = batch.done | (likelihood - batch.likelihood < tolerance * batch.points) | is_last
    held = done[:, None]
    return replace(
        batch,
        weight=torch.where(held, batch.weight, size / batch.points[:, None]),
        mean=torch.where(held[..., None], batch.mean, mean),
        variance=torch.where(held, batch.variance, variance),
        likelihood=torch.where(batch.done, batch.likelihood, likelihood),
        done=done,
    )


def _expectation(batch: _Batch) -> tuple[Tensor, Tensor]:
    """Responsibilities (J, N, K), of no meaning for padded points, and the log-likelihoods (J,)."""
    import torch

    normalisation = 0.5 * batch.dimensions[:, None] * (2 * math.pi * batch.variance).log()
    constant = batch.weight.clamp(min=1e-300).log() - normalisation
    constant = constant - 0.5 * batch.mean.square().sum(dim=2) / batch.variance
    # Not infinity, which would make NaN of a padded point's zeros.
    constant = constant.masked_fill(~batch.is_component, _NEVER)
    inverse = 1 / batch.variance
    form = torch.cat([batch.mean * inverse[..., None], -0.5 * inverse[..., None], constant[..., None]], dim=2)
    density = batch.row @ form.mT
    share = torch.log_softmax(density, dim=2)
    evidence = density.amax(dim=2) - share.amax(dim=2)
    return share.exp_(), (evidence * batch.row[..., -1]).sum(dim=1)
