"""A figure becomes PNG bytes, a thumbnail of bounded size and a line of markdown."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

from microstructure_assets.figures.canvas import PIXELS_PER_INCH

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image

THUMBNAIL_LIMIT_BYTES = 60_000
THUMBNAIL_WIDTH_PX = 480
SMALLEST_LIMIT_BYTES = 200


def png(figure: Figure, dpi: int = PIXELS_PER_INCH) -> bytes:
    """The figure as an RGB PNG without metadata: the same figure gives the same bytes.

    Parameters
    ----------
    figure
        A matplotlib figure.
    dpi
        Pixels per inch; at the default 150 the maps of this package fall exactly on pixels.

    Returns
    -------
    bytes
        The PNG file.
    """
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picture = Image.fromarray(np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3]))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=2)
    return buffer.getvalue()


def _opened(png_bytes: bytes) -> Image:
    from PIL import Image

    picture = Image.open(io.BytesIO(png_bytes))
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture.convert("RGBA")).convert("RGB")
    return picture.convert("RGB")


def _resized(picture: Image, width: int, height_limit: int) -> Image:
    from PIL import Image

    share = min(width / picture.width, height_limit / picture.height)
    if share >= 1:
        return picture
    size = (max(1, round(picture.width * share)), max(1, round(picture.height * share)))
    if picture.width == 2 * size[0] and picture.height in (2 * size[1], 2 * size[1] - 1):
        return picture.reduce(2)
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def palette_png(picture: Image, colours: int, limit_bytes: int) -> bytes:
    """A PNG of at most `colours` colours, packed as tightly as the format allows where it nearly fits the limit."""
    from PIL import Image

    few = picture.quantize(colours, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    packed = b""
    for level in (6, 9):  # level 9 takes ten times as long for about 4 %
        buffer = io.BytesIO()
        few.save(buffer, "PNG", compress_level=level)
        packed = buffer.getvalue()
        if len(packed) <= limit_bytes or len(packed) > 1.08 * limit_bytes:
            break
    return packed


def shrunk(png_bytes: bytes, limit_bytes: int, width_px: int) -> bytes:
    """A palette PNG of at most `limit_bytes`: colours go first, then size.

    Parameters
    ----------
    png_bytes
        Any image that Pillow reads.
    limit_bytes
        Upper bound, at least 200 bytes.
    width_px
        Width of the first trial; smaller pictures are not enlarged.

    Returns
    -------
    bytes
        The PNG file, never longer than `limit_bytes`.

    Raises
    ------
    ValueError
        `limit_bytes` is below 200.
    """
    if limit_bytes < SMALLEST_LIMIT_BYTES:
        raise ValueError(
            f"limit_bytes is {limit_bytes}; a PNG needs at least {SMALLEST_LIMIT_BYTES} bytes: raise limit_bytes"
        )
    picture = _opened(png_bytes)
    width = float(max(1, min(width_px, picture.width)))
    while True:
        small = _resized(picture, max(1, int(width)), max(1, int(width * 1.5)))
        for colours in (256, 64, 24) if width > 1 else (2,):
            trial = palette_png(small, colours, limit_bytes)
            if len(trial) <= limit_bytes or width <= 1:
                return trial
            if len(trial) > 2 * limit_bytes:  # fewer colours will not save it: try a smaller size at once
                break
        # bytes go with the area: aim a little above what fits, but lose at least a twentieth of the width
        width = max(1.0, min(0.95 * width, 1.05 * width * (limit_bytes / len(trial)) ** 0.5))


def thumbnail(png_bytes: bytes, limit_bytes: int = THUMBNAIL_LIMIT_BYTES) -> bytes:
    """A palette PNG of at most `limit_bytes`, 480 pixels wide or as large as fits.

    Parameters
    ----------
    png_bytes
        Any image that Pillow reads.
    limit_bytes
        Upper bound, at least 200 bytes. The default keeps the event log small: an image is stored there several times.

    Returns
    -------
    bytes
        The PNG file, never longer than `limit_bytes`.

    Raises
    ------
    ValueError
        `limit_bytes` is below 200.
    """
    return shrunk(png_bytes, limit_bytes, THUMBNAIL_WIDTH_PX)


def data_uri(png_bytes: bytes) -> str:
    """The image as a ``data:`` address."""
    return "data:image/png;base64," + base64.b64encode(png_bytes).decode("ascii")


def as_markdown(thumbnail_bytes: bytes, alt: str) -> str:
    """A markdown image that carries its data.

    Parameters
    ----------
    thumbnail_bytes
        PNG file.
    alt
        What the picture shows; characters that mean something in markdown or HTML are taken out.

    Returns
    -------
    str
        ``![alt](data:image/png;base64,...)``
    """
    safe = " ".join("".join(" " if letter in "[]()<>!`\\*_\"'&|" else letter for letter in alt).split())
    return f"![{safe}]({data_uri(thumbnail_bytes)})"
