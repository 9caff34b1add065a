"""The one pass over raw patterns: background, 8-bit code and quality of a block, on the processor or a device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from microstructure_assets.methods.background import BackgroundCorrection, EncodedPatterns, encode
from microstructure_assets.methods.binning import bin_patterns, binned_shape
from microstructure_assets.methods.device import COMPILED, torch_device
from microstructure_assets.methods.parallel import block_bounds
from microstructure_assets.methods.quality import PatternQuality, pattern_quality

if TYPE_CHECKING:
    from microstructure_assets.methods.background_torch import TorchPass

#: Bytes of corrected patterns at once; on a device about six times as much is in use.
BLOCK_BYTES = 64 << 20

_Part = tuple[EncodedPatterns, PatternQuality, EncodedPatterns | None]


@dataclass(frozen=True)
class ProcessedPatterns:
    """What the pass leaves of raw patterns.

    Attributes
    ----------
    encoded : EncodedPatterns
        Codes of the corrected patterns.
    quality : PatternQuality
    binned : EncodedPatterns or None
        Codes of the corrected patterns binned to at most 8,192 pixels, where they were asked for.
    """

    encoded: EncodedPatterns
    quality: PatternQuality
    binned: EncodedPatterns | None


@dataclass(frozen=True)
class PatternPass:
    """Corrects, encodes and measures blocks of raw patterns; made by :meth:`prepare`.

    Attributes
    ----------
    correction : BackgroundCorrection
    binned : bool
        Whether binned patterns are encoded too.

    Notes
    -----
    On a device, sums have another order than in the compiled kernels, and detectors whose background the kernels take
    from block means get the exact one: codes differ by at most one grey level, gain and offset as much as the
    backgrounds do. The same patterns may give another code in a block of another size, since the libraries of a
    device choose a product's form by its size; the compiled kernels do not.
    """

    correction: BackgroundCorrection
    binned: bool
    _on_device: TorchPass | None

    @classmethod
    def prepare(cls, correction: BackgroundCorrection, *, binned: bool = False, device: str = COMPILED) -> PatternPass:
        """Set up the pass.

        Parameters
        ----------
        correction : BackgroundCorrection
        binned : bool
            Whether binned patterns are encoded too.
        device : str
            As :func:`~microstructure_assets.methods.device.torch_device` takes it.

        Raises
        ------
        ValueError
            If there is no device of that name.
        RuntimeError
            If torch does not find it.
        """
        found = torch_device(device)
        if found is None:
            return cls(correction, binned, None)
        from microstructure_assets.methods.background_torch import TorchPass

        return cls(correction, binned, TorchPass.prepare(correction, binned, found))

    @property
    def block_points(self) -> int:
        """Patterns that are worked on at once; the results of no more than these are handed on without a copy."""
        height, width = self.correction.cropped_shape
        return max(1, BLOCK_BYTES // (4 * height * width))

    def __call__(self, raw: np.ndarray) -> ProcessedPatterns:
        """Process raw patterns.

        Parameters
        ----------
        raw : numpy.ndarray
            ``(n, H, W)`` of any real type, raw intensities.

        Returns
        -------
        ProcessedPatterns
            Patterns that are constant inside the crop have code, gain and offset 0.

        Raises
        ------
        TypeError
            If the patterns are not of a real type.
        ValueError
            If the shape is not the detector's, or a pattern holds NaN or infinity inside the crop; its number counts
            from the start of the part of `raw` that is worked on at once.
        """
        raw = self.correction.checked(raw)
        height, width = self.correction.cropped_shape
        process = self._on_device or self._compiled
        bounds = block_bounds(len(raw), self.block_points)
        parts = [process(raw[start:stop]) for start, stop in bounds]
        quality = PatternQuality(
            np.concatenate([np.empty(0, np.float32), *(part[1].band_contrast for part in parts)]),
            np.concatenate([np.empty(0, np.float32), *(part[1].mean_intensity for part in parts)]),
        )
        encoded = _joined([part[0] for part in parts], (height, width))
        small = [part[2] for part in parts if part[2] is not None]
        return ProcessedPatterns(
            encoded, quality, _joined(small, binned_shape((height, width))) if self.binned else None
        )

    def _compiled(self, raw: np.ndarray) -> _Part:
        corrected = self.correction(raw)
        binned = None
        if self.binned:
            height, width = self.correction.cropped_shape
            means, _ = bin_patterns(corrected.reshape(-1, height * width), (height, width))
            binned = encode(means.reshape(-1, *binned_shape((height, width))))
        return encode(corrected), pattern_quality(raw, corrected), binned


def _joined(parts: list[EncodedPatterns], shape: tuple[int, int]) -> EncodedPatterns:
    """Encoded patterns one after the other; a single part as it is, without a copy."""
    if len(parts) == 1:
        return parts[0]
    none = np.empty(0, np.float32)
    return EncodedPatterns(
        np.concatenate([np.empty((0, *shape), np.uint8), *(part.code for part in parts)]),
        np.concatenate([none, *(part.gain for part in parts)]),
        np.concatenate([none, *(part.offset for part in parts)]),
    )
