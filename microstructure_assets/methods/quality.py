"""Band contrast and mean intensity of each pattern."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microstructure_assets.methods.noise import within_pattern_variances
from microstructure_assets.methods.parallel import block_bounds, map_blocks

BLOCK_BYTES = 2 << 20


@dataclass(frozen=True)
class PatternQuality:
    """Quality of each pattern.

    Attributes
    ----------
    band_contrast : numpy.ndarray
        ``(n,)`` float32, deviation of the bands over the mean raw intensity [1]; 0 for noise alone, for dead points and
        where the mean intensity is not positive.
    mean_intensity : numpy.ndarray
        ``(n,)`` float32, mean raw intensity inside the crop [raw grey levels].
    """

    band_contrast: np.ndarray
    mean_intensity: np.ndarray


def pattern_quality(raw: np.ndarray, corrected: np.ndarray) -> PatternQuality:
    """Measure how strong the bands of each pattern are.

    Band contrast is the standard deviation of the bands divided by the mean raw intensity. The variance of the bands
    is the part of the corrected pattern's variance that neighbouring pixels share
    (:func:`~microstructure_assets.methods.noise.within_pattern_variances`), so independent noise does not count; a
    detector that correlates its pixels lets part of the noise through. The scale of the corrected pattern is brought
    back to raw intensities by regressing the raw differences of neighbouring pixels on the corrected ones, so
    patterns rescaled to 0-1 give the same value as patterns with their gain kept. This is not the band contrast of
    any vendor, which rests on a Hough transform; it is monotone in the contrast of the bands.

    Parameters
    ----------
    raw : numpy.ndarray
        ``(n, H, W)`` of any real type.
    corrected : numpy.ndarray
        ``(n, h, w)`` float32, the same patterns corrected, cropped around the same centre.

    Raises
    ------
    ValueError
        If the shapes do not fit together.
    """
    if raw.ndim != 3 or corrected.ndim != 3 or len(raw) != len(corrected) or np.less(raw.shape, corrected.shape).any():
        raise ValueError(
            f"raw, corrected: found shapes {raw.shape} and {corrected.shape}, expected (n, H, W) and (n, h, w)"
        )
    contrast, intensity = np.empty(len(raw), np.float32), np.empty(len(raw), np.float32)

    def run(bound: tuple[int, int]) -> None:
        part = slice(*bound)
        contrast[part], intensity[part] = _measure(raw[part], corrected[part])

    map_blocks(run, block_bounds(len(raw), BLOCK_BYTES // (4 * corrected.shape[1] * corrected.shape[2])))
    return PatternQuality(contrast, intensity)


def _measure(raw: np.ndarray, corrected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from microstructure_assets.methods.quality_kernels import raw_scale

    (height, width), (inner_height, inner_width) = raw.shape[1:], corrected.shape[1:]
    top, left = (height - inner_height) // 2, (width - inner_width) // 2
    values = np.ascontiguousarray(corrected, np.float32)
    shared, _ = within_pattern_variances(values)
    intensity, scale = np.empty(len(raw)), np.empty(len(raw))
    source = raw if raw.dtype.name in ("uint8", "uint16") else raw.astype(np.float32)
    source = np.ascontiguousarray(source, source.dtype.newbyteorder("="))
    raw_scale(source, top, left, values, intensity, scale)
    quality = quality_of(shared, scale, intensity)
    return quality.band_contrast, quality.mean_intensity


def quality_of(shared: np.ndarray, scale: np.ndarray, intensity: np.ndarray) -> PatternQuality:
    """Quality from what is measured in each pattern.

    Parameters
    ----------
    shared : numpy.ndarray
        ``(n,)`` float64, variance of the bands in the corrected pattern [corrected intensity²].
    scale : numpy.ndarray
        ``(n,)`` float64, raw intensity per corrected one.
    intensity : numpy.ndarray
        ``(n,)`` float64, mean raw intensity inside the crop [raw grey levels].
    """
    deviation = np.sqrt(np.maximum(shared, 0)) * np.maximum(scale, 0)
    contrast = np.divide(deviation, intensity, out=np.zeros_like(intensity), where=intensity > 0)
    return PatternQuality(contrast.astype(np.float32), intensity.astype(np.float32))
