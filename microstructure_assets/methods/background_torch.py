"""Background, 8-bit code and quality of a block of raw patterns in torch, on whatever device it is put.

The block goes to the device once, and codes and a few numbers per pattern come back once. The dynamic background is
always the exact one, two products with small matrices: on a graphics processor nothing is gained by block means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from microstructure_assets.methods.axis_filter import filter_matrix
from microstructure_assets.methods.background import (
    BackgroundCorrection,
    EncodedPatterns,
    centred_crop,
    native,
    refuse_not_finite,
)
from microstructure_assets.methods.binning import binned_shape, binning_factor
from microstructure_assets.methods.device import exact_products
from microstructure_assets.methods.noise import neighbour_lags, split_variance
from microstructure_assets.methods.quality import PatternQuality, quality_of

if TYPE_CHECKING:
    import torch
    from torch import Tensor

# The code's constants, as those of the compiled kernel.
_LARGEST_CODE = 255
_SMALLEST_STEP = 1e-35


@dataclass(frozen=True)
class TorchPass:
    """What the pass needs on the device; made by :meth:`prepare`, called on blocks of raw patterns.

    Attributes
    ----------
    correction : BackgroundCorrection
    binned : bool
        Whether binned patterns are encoded too.
    device : torch.device
    rows, columns : torch.Tensor or None
        ``(h, h)`` and ``(w, w)`` float32, the Gaussian filter along either axis; none without a dynamic background.
    static : torch.Tensor
        ``(h, w)`` float32, what is left of the static background.
    """

    correction: BackgroundCorrection
    binned: bool
    device: torch.device
    rows: Tensor | None
    columns: Tensor | None
    static: Tensor

    @classmethod
    def prepare(cls, correction: BackgroundCorrection, binned: bool, device: torch.device) -> TorchPass:
        """Put the filter and the static background on the device."""
        import torch

        def matrix(length: int) -> Tensor | None:
            exact = filter_matrix(length, correction.std_px) if correction.std_px else None
            return None if exact is None else torch.from_numpy(exact.astype(np.float32)).to(device)

        height, width = correction.cropped_shape
        static = torch.from_numpy(np.array(correction.static)).to(device)
        return cls(correction, binned, device, matrix(height), matrix(width), static)

    def __call__(self, raw: np.ndarray) -> tuple[EncodedPatterns, PatternQuality, EncodedPatterns | None]:
        """Codes, quality and codes of the binned patterns of ``(n, H, W)`` raw ones that have been checked."""
        import torch

        block, pedestal = native(raw)
        # A copy where the array is read-only, which torch does not know.
        inside = np.require(centred_crop(block, self.correction.cropped_shape), requirements=["C", "W"])
        with torch.inference_mode(), exact_products():
            crop = torch.from_numpy(inside).to(self.device).to(torch.float32)
            corrected, bad = self._correct(crop)
            codes = [_encoded(corrected)]
            if self.binned:
                codes.append(_encoded(_binned(corrected)))
            lags = neighbour_lags(*self.correction.cropped_shape)
            figures = torch.cat(
                [
                    torch.stack([bad.to(torch.float64), *_raw_scale(crop, corrected)]),
                    torch.stack([value.to(torch.float64) for _, gain, offset in codes for value in (gain, offset)]),
                    _autocovariances(corrected, lags.tolist()),
                ]
            )
            host = figures.cpu().numpy()
            refuse_not_finite(host[0] > 0)
            scales = host[3 : 3 + 2 * len(codes)].astype(np.float32)
            shared, _ = split_variance(np.ascontiguousarray(host[3 + 2 * len(codes) :].T), lags)
            quality = quality_of(shared, host[2], host[1] + pedestal)
            encoded = [
                EncodedPatterns(code.cpu().numpy(), scales[2 * number], scales[2 * number + 1])
                for number, (code, _, _) in enumerate(codes)
            ]
        return encoded[0], quality, encoded[1] if self.binned else None

    def _correct(self, crop: Tensor) -> tuple[Tensor, Tensor]:
        """Corrected patterns (n, h, w) of cropped ones, and which of them hold NaN or infinity (n,)."""
        import torch

        corrected = crop - self.static
        if self.rows is not None and self.columns is not None:
            corrected -= torch.matmul(self.rows, torch.matmul(crop, self.columns.T))
        low, high = torch.aminmax(crop.flatten(1), dim=1)
        constant = low == high
        total = _sum(corrected)
        bad = ~torch.isfinite(torch.where(constant, low.to(total.dtype), total))
        if self.correction.paper:
            low, high = torch.aminmax(corrected.flatten(1), dim=1)
            factor = torch.where(high > low, 1 / (high - low), 0)
            corrected = ((corrected - _each(low)) * _each(factor)).clamp_(0, 1)
        else:
            corrected -= _each((total / self.static.numel()).to(torch.float32))
        return corrected.masked_fill_(_each(constant), 0), bad


def _each(value: Tensor) -> Tensor:
    """One number per pattern, ready to meet ``(n, h, w)``."""
    return value[:, None, None]


def _sum(patterns: Tensor) -> Tensor:
    """Sum over each pattern, ``(n,)`` float64: float32 along rows, as the compiled kernels."""
    import torch

    return patterns.sum(dim=2).sum(dim=1, dtype=torch.float64)


def _encoded(corrected: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Code (n, h, w) uint8, gain and offset (n,) float32, each pattern between its own minimum and maximum."""
    import torch

    low, high = torch.aminmax(corrected.flatten(1), dim=1)
    step = (high - low) / _LARGEST_CODE
    step = torch.where(step < _SMALLEST_STEP, 0, step)
    inverse = torch.where(step > 0, 1 / step, 0)
    code = ((corrected - _each(low)) * _each(inverse)).add_(0.5).clamp_(max=_LARGEST_CODE)
    return code.to(torch.uint8), step, low


def _binned(corrected: Tensor) -> Tensor:
    """Means over blocks of pixels; what does not fill a block at the lower and right edge is left out."""
    shape = (corrected.shape[1], corrected.shape[2])
    factor, (height, width) = binning_factor(shape), binned_shape(shape)
    blocks = corrected[:, : height * factor, : width * factor].unflatten(2, (width, factor))
    return blocks.unflatten(1, (height, factor)).mean(dim=(2, 4))


def _raw_scale(crop: Tensor, corrected: Tensor) -> tuple[Tensor, Tensor]:
    """Mean intensity, and the regression of raw on corrected differences along the rows; (n,) float64."""
    import torch

    step = corrected.diff(dim=2)
    cross, norm = _sum(crop.diff(dim=2) * step), _sum(step * step)
    return _sum(crop) / crop[0].numel(), torch.where(norm > 0, cross / norm, 0)


def _autocovariances(corrected: Tensor, lags: list[list[int]]) -> Tensor:
    """Mean product of pixels at each lag (dy, dx), the pattern's mean removed: (lags, n) float64."""
    import torch

    height, width = corrected.shape[1:]
    centred = corrected - _each((_sum(corrected) / (height * width)).to(torch.float32))
    found = []
    for dy, dx in lags:
        start, size = max(0, -dx), width - abs(dx)
        first = centred[:, : height - dy, start : start + size]
        second = centred[:, dy:, start + dx : start + dx + size]
        found.append(_sum(first * second) / max(1, (height - dy) * size))
    return torch.stack(found)
