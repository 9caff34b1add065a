"""Crop, static and dynamic background, intensity scale, and the 8-bit code in which corrected patterns are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from microstructure_assets.methods.axis_filter import AxisFilter, axis_filter, coarse_block_px, filter_matrix
from microstructure_assets.methods.parallel import block_bounds, map_blocks, single_blas_thread

if TYPE_CHECKING:
    from microstructure_assets.methods.settings import PreprocessingSettings

BLOCK_BYTES = 2 << 20
_NATIVE = ("uint8", "uint16", "float32")


@dataclass(frozen=True)
class BackgroundCorrection:
    """Removes the background of patterns of one detector; made by :meth:`prepare`, called on blocks of patterns.

    Every step but the rescaling is linear, so the static background's own high-pass is computed once and subtracted
    at the end, which equals subtracting the static background first.

    Attributes
    ----------
    detector_shape, cropped_shape : tuple of int
        Height and width before and after the centred crop [px].
    std_px : float
        Standard deviation of the Gaussian of the dynamic background [px]; 0 where none is removed.
    block_px : int
        Side of the blocks whose means stand for their pixels in the dynamic background; 1 = exact.
    paper : bool
        Whether patterns are brought to 0-1.
    static : numpy.ndarray
        ``(h, w)`` float32, what the dynamic background leaves of the static one; zero where none is removed.

    Notes
    -----
    The dynamic background is the one of ``kikuchipy.signals.EBSD.remove_dynamic_background(filter_domain="frequency")``
    with ``operation="subtract"``: a Gaussian window of ``int(4 std)`` pixels, thus cut at two standard deviations, with
    the edge pixels repeated. That window is separable, so it is applied as two products with small matrices. Where
    its deviation is at least 22.5 px, block means stand for the pixels under it, with the first and last row and column
    apart because they carry the weight of the repeated edge, and the background is evaluated at nodes as coarse as
    the blocks and interpolated by cubics.

    Deviations from kikuchipy: everything is done in float32 and nothing is rescaled to the integer range in between; a
    constant pattern gives zeros instead of NaN; the mean is removed and the gain kept by default, since a rescaling
    to 0-1 depends on the noise of two pixels (``intensity="paper"`` does it, as Reference [1]_, section 2.2.1).

    References
    ----------
    .. [1] Q. Zhang, S. Benito, S. Weber, M. Stricker, Multi-modal data-driven microstructure characterization.
    """

    detector_shape: tuple[int, int]
    cropped_shape: tuple[int, int]
    std_px: float
    block_px: int
    paper: bool
    static: np.ndarray
    _rows: AxisFilter
    _columns: AxisFilter

    @classmethod
    def prepare(
        cls, detector_shape: tuple[int, int], settings: PreprocessingSettings, static_background: np.ndarray | None
    ) -> BackgroundCorrection:
        """Set up the correction for one detector.

        Parameters
        ----------
        detector_shape : tuple of int
            Height and width of the raw patterns [px].
        settings : PreprocessingSettings
        static_background : numpy.ndarray or None
            Of the detector's shape, in the raw patterns' intensity units.

        Raises
        ------
        ValueError
            If a shape is wrong or the static background holds NaN or infinity.
        """
        height, width = (int(side) for side in detector_shape)
        if height < 1 or width < 1:
            raise ValueError(f"detector_shape: found {detector_shape}, expected two positive numbers of pixels")
        cropped = _cropped_shape((height, width), settings.crop_height_px, settings.crop_width_px)
        std = 0.0
        if settings.dynamic_background != "none":
            std = settings.dynamic_std_px if settings.dynamic_std_px is not None else cropped[1] / 8
        block = coarse_block_px(cropped, std)
        rows, columns = axis_filter(cropped[0], std, block), axis_filter(cropped[1], std, block)
        static = np.zeros(cropped, np.float32)
        if static_background is not None and settings.static_background != "none":
            crop = centred_crop(_checked_static(static_background, (height, width)), cropped).astype(np.float64)
            smooth = filter_matrix(cropped[0], std) @ crop @ filter_matrix(cropped[1], std).T if std else 0.0
            static = (crop - smooth).astype(np.float32)
        paper = settings.intensity == "paper"
        return cls((height, width), cropped, float(std), block, paper, static, rows, columns)

    def __call__(self, patterns: np.ndarray) -> np.ndarray:
        """Correct a block of patterns.

        Parameters
        ----------
        patterns : numpy.ndarray
            ``(n, H, W)`` of any real type, raw intensities.

        Returns
        -------
        numpy.ndarray
            ``(n, h, w)`` float32. Patterns that are constant inside the crop (dead points, pores) are zero.

        Raises
        ------
        TypeError
            If the patterns are not of a real type.
        ValueError
            If the shape is not the detector's, or a pattern holds NaN or infinity inside the crop.
        """
        patterns = self.checked(patterns)
        out = np.empty((len(patterns), *self.cropped_shape), np.float32)
        state = np.zeros(len(patterns), np.int8)
        bounds = block_bounds(len(patterns), BLOCK_BYTES // (4 * self.static.size))
        with single_blas_thread():
            map_blocks(lambda bound: self._correct(patterns, slice(*bound), state, out), bounds)
        refuse_not_finite(state == _not_finite())
        return out

    def checked(self, patterns: np.ndarray) -> np.ndarray:
        """The patterns as an array, if they are of a real type and of the detector's shape; errors as of a call."""
        patterns = np.asarray(patterns)
        if patterns.dtype.kind not in "buif":
            raise TypeError(f"patterns: found values of type {patterns.dtype}, expected a real type")
        if patterns.ndim != 3 or patterns.shape[1:] != self.detector_shape:
            raise ValueError(
                f"patterns: found shape {patterns.shape}, expected (n, {', '.join(map(str, self.detector_shape))})"
            )
        return patterns

    def _correct(self, patterns: np.ndarray, part: slice, state: np.ndarray, out: np.ndarray) -> None:
        from microstructure_assets.methods import background_kernels as kernels

        block, result, marks = native(patterns[part])[0], out[part], state[part]
        top, left = _corner(self.detector_shape, self.cropped_shape)
        height, width = self.cropped_shape
        kernels.classify(block, top, left, height, width, marks)
        if self.block_px > 1:
            rows, columns = self._rows.coarse, self._columns.coarse
            kernels.smooth_and_subtract(block, top, left, rows, columns, self.static, self.paper, marks, result)
            return
        if self.std_px:
            # Pattern by pattern, not as one tall matrix: the bytes of a pattern must not depend on its neighbours.
            crop = centred_crop(block, self.cropped_shape).astype(np.float32)
            with np.errstate(invalid="ignore", over="ignore"):
                np.matmul(self._rows.dense, np.matmul(crop, self._columns.dense_t), out=result)
        else:
            result[:] = 0
        kernels.subtract_background(block, top, left, self.static, self.paper, marks, result)


@dataclass(frozen=True)
class EncodedPatterns:
    """Patterns as 8-bit codes, each with its own scale: ``offset + gain * code``.

    Attributes
    ----------
    code : numpy.ndarray
        ``(n, h, w)`` uint8.
    gain, offset : numpy.ndarray
        ``(n,)`` float32, in the intensity units of the patterns; the gain of a constant pattern is 0.
    """

    code: np.ndarray
    gain: np.ndarray
    offset: np.ndarray


def encode(corrected: np.ndarray) -> EncodedPatterns:
    """Encode corrected patterns between their own minimum and maximum.

    The error is at most half the gain, for every pixel and whatever the pattern, and its deviation is gain / sqrt(12).
    Nothing is clipped: a hot pixel is kept, and widens the step of its pattern. For raw patterns of 8 bits that step
    stays near one raw grey level, thus no coarser than the detector's own; for 16 bits one saturated pixel can make
    it 257 raw levels, so such a detector wants its static background removed, which holds the same pixel.

    Parameters
    ----------
    corrected : numpy.ndarray
        ``(n, h, w)`` float32, finite.

    Raises
    ------
    ValueError
        If the shape is wrong or a value is not finite.
    """
    from microstructure_assets.methods import background_kernels as kernels

    if corrected.ndim != 3 or 0 in corrected.shape[1:]:
        raise ValueError(f"corrected: found shape {corrected.shape}, expected (n, h, w)")
    flat = np.ascontiguousarray(corrected, np.float32).reshape(len(corrected), corrected.shape[1] * corrected.shape[2])
    code = np.empty(flat.shape, np.uint8)
    gain, offset = np.empty(len(flat), np.float32), np.empty(len(flat), np.float32)
    state = np.zeros(len(flat), np.int8)

    def run(bound: tuple[int, int]) -> None:
        part = slice(*bound)
        kernels.encode_patterns(flat[part], code[part], gain[part], offset[part], state[part])

    map_blocks(run, block_bounds(len(flat), BLOCK_BYTES // (4 * flat.shape[1])))
    if state.any():
        raise ValueError(
            f"corrected: found NaN or infinity in pattern {np.flatnonzero(state)[0]}, expected finite intensities"
        )
    return EncodedPatterns(code.reshape(corrected.shape), gain, offset)


def decode(code: np.ndarray, gain: np.ndarray, offset: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Patterns of their 8-bit codes, ``offset + gain * code``.

    Parameters
    ----------
    code : numpy.ndarray
        ``(n, h, w)`` uint8.
    gain, offset : numpy.ndarray
        ``(n,)`` float32.
    out : numpy.ndarray, optional
        ``(n, h, w)`` float32, C-contiguous, to be filled and returned.

    Returns
    -------
    numpy.ndarray
        ``(n, h, w)`` float32.

    Raises
    ------
    ValueError
        If shapes or types do not fit together.
    """
    from microstructure_assets.methods import background_kernels as kernels

    if code.dtype != np.uint8 or code.ndim != 3:
        raise ValueError(f"code: found {code.dtype} of shape {code.shape}, expected uint8 (n, h, w)")
    if gain.shape != (len(code),) or offset.shape != (len(code),):
        raise ValueError(f"gain, offset: found shapes {gain.shape} and {offset.shape}, expected ({len(code)},)")
    if out is None:
        out = np.empty(code.shape, np.float32)
    elif out.shape != code.shape or out.dtype != np.float32 or not out.flags.c_contiguous:
        raise ValueError(f"out: found {out.dtype} of shape {out.shape}, expected C-contiguous float32 {code.shape}")
    pixels = code.shape[1] * code.shape[2]
    flat, target = np.ascontiguousarray(code).reshape(len(code), pixels), out.reshape(len(code), pixels)
    gain, offset = np.ascontiguousarray(gain, np.float32), np.ascontiguousarray(offset, np.float32)

    def run(bound: tuple[int, int]) -> None:
        part = slice(*bound)
        kernels.decode_patterns(flat[part], gain[part], offset[part], target[part])

    map_blocks(run, block_bounds(len(flat), BLOCK_BYTES // (4 * max(1, pixels))))
    return out


def centred_crop(patterns: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """View of the central `shape` pixels of the last two axes."""
    top, left = _corner((patterns.shape[-2], patterns.shape[-1]), shape)
    return patterns[..., top : top + shape[0], left : left + shape[1]]


def _cropped_shape(detector: tuple[int, int], height: int, width: int) -> tuple[int, int]:
    """The crop, where the detector is at least that large along both axes; 0 leaves an axis as it is."""
    wanted = (height or detector[0], width or detector[1])
    return wanted if wanted[0] <= detector[0] and wanted[1] <= detector[1] else detector


def _corner(shape: tuple[int, int], cropped: tuple[int, int]) -> tuple[int, int]:
    return (shape[0] - cropped[0]) // 2, (shape[1] - cropped[1]) // 2


def _checked_static(background: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    background = np.asarray(background)
    if background.shape != shape:
        raise ValueError(f"static_background: found shape {background.shape}, expected the detector's {shape}")
    if not np.isfinite(background).all():
        raise ValueError(
            "static_background: found NaN or infinity, expected finite intensities; "
            "set preprocessing.static_background=none to go on without it"
        )
    return background


def native(block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The block in a type that the kernels are compiled for, and what was taken off each pattern for it.

    Wide types lose their pedestal, the intensity of the first pixel, before precision.

    Parameters
    ----------
    block : numpy.ndarray
        ``(n, H, W)`` of any real type.

    Returns
    -------
    block : numpy.ndarray
        ``(n, H, W)`` uint8, uint16 or float32, C-contiguous, in the machine's byte order.
    pedestal : numpy.ndarray
        ``(n,)`` float64; 0 for types that need none.
    """
    pedestal = np.zeros(len(block))
    if block.dtype.name not in _NATIVE and block.dtype.itemsize > 2:
        pedestal = block[:, 0, 0].astype(np.float64)
        with np.errstate(invalid="ignore", over="ignore"):
            block = (block - pedestal[:, None, None]).astype(np.float32)
    elif block.dtype.name not in _NATIVE:
        block = block.astype(np.float32)
    return np.ascontiguousarray(block, block.dtype.newbyteorder("=")), pedestal


def refuse_not_finite(bad: np.ndarray) -> None:
    """Raise ValueError where a pattern of a block is marked, ``(n,)`` bool, to hold NaN or infinity."""
    if bad.any():
        raise ValueError(
            f"patterns: found NaN or infinity in {bad.sum()} of {len(bad)} patterns (first: number {bad.argmax()} of "
            "this block), expected finite intensities; mask these points or repair the file"
        )


def _not_finite() -> int:
    from microstructure_assets.methods.background_kernels import NOT_FINITE

    return NOT_FINITE
