"""Every picture on normal and on hostile input."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest
from PIL import Image

from microstructure_assets.figures.gallery import DRAWERS
from microstructure_assets.figures.grid import Grid
from microstructure_assets.figures.inputs import UNDRAWN
from microstructure_assets.figures.render import png, thumbnail
from microstructure_assets_tests.figures.examples import Artifact, artifacts

GRID = Grid(0.05, 0.05)
NORMAL = artifacts()


def picture_of(name: str, artifact: Artifact, **options: Any) -> tuple[np.ndarray, str | None]:
    arrays, tables = artifact
    figure = DRAWERS[name](arrays, tables=tables, grid=options.pop("grid", GRID), **options)
    gid = figure.get_gid()
    image = png(figure)
    with Image.open(io.BytesIO(image)) as opened:
        assert opened.format == "PNG"
        pixels = np.asarray(opened.convert("RGB"))
    return pixels, gid


def hurt(artifact: Artifact, how: Any) -> Artifact:
    arrays, tables = artifact
    return {name: how(np.asarray(values)) for name, values in arrays.items()}, tables


def all_missing(values: np.ndarray) -> np.ndarray:
    return np.full(values.shape, np.nan)


def huge(values: np.ndarray) -> np.ndarray:
    return np.full(values.shape, 1e300) if values.dtype == float else values


def negative(values: np.ndarray) -> np.ndarray:
    return -1 - values if values.dtype.kind == "i" else values


FAR = [-(10**9), 10**9, 5]
WORDS = ("axis", "slot", "name", "source", "fallback")
HOSTILE: dict[str, Any] = {
    "all missing": lambda name: hurt(NORMAL[name], all_missing),
    "infinite": lambda name: hurt(NORMAL[name], lambda values: np.full(values.shape, np.inf)),
    "zeros": lambda name: hurt(NORMAL[name], np.zeros_like),
    "huge": lambda name: hurt(NORMAL[name], huge),
    "empty arrays": lambda name: hurt(NORMAL[name], lambda values: values[:0]),
    "wrong axes": lambda name: hurt(NORMAL[name], lambda values: values[None, None, None]),
    "text": lambda name: hurt(NORMAL[name], lambda values: values.astype(str)),
    "nothing": lambda name: ({}, {}),
    "none": lambda name: (dict.fromkeys(NORMAL[name][0]), {}),
    "no tables": lambda name: (NORMAL[name][0], {}),
    "empty tables": lambda name: (
        NORMAL[name][0],
        {table: {column: [] for column in columns} for table, columns in NORMAL[name][1].items()},
    ),
    "torn tables": lambda name: (
        NORMAL[name][0],
        {table: {column: list(values)[: 1 + place] for place, (column, values) in enumerate(columns.items())}
         for table, columns in NORMAL[name][1].items()},
    ),
    "missing in tables": lambda name: (
        NORMAL[name][0],
        {
            table: {column: ["?"] * 3 if column in WORDS else [np.nan] * 3 for column in columns}
            for table, columns in NORMAL[name][1].items()
        },
    ),
    "far in tables": lambda name: (
        NORMAL[name][0],
        {
            table: {column: ["x"] * 3 if column in WORDS else FAR for column in columns}
            for table, columns in NORMAL[name][1].items()
        },
    ),
    "one point": lambda name: artifacts(1, 1, clusters=1)[name],
    "one row": lambda name: artifacts(1, 400, clusters=3)[name],
    "one column": lambda name: artifacts(400, 1, clusters=3)[name],
    "three by three": lambda name: artifacts(3, 3, clusters=2)[name],
    "one cluster": lambda name: artifacts(clusters=1)[name],
    "forty clusters": lambda name: artifacts(30, 30, clusters=40)[name],
    "four rois": lambda name: artifacts(rois=4)[name],
    "negative labels": lambda name: hurt(NORMAL[name], negative),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWERS)
def test_picture_of_normal_input(name: str) -> None:
    pixels, gid = picture_of(name, NORMAL[name], heading="nickel · t03")
    assert gid is None
    assert pixels.shape[1] == 960
    assert 250 <= pixels.shape[0] <= 1200
    assert len(np.unique(pixels.astype(int) @ (65536, 256, 1))) > 20  # neither blank nor words alone
    assert (pixels[0] == 255).all()  # nothing runs over the upper and the left edge
    assert (pixels[:, 0] == 255).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("how", HOSTILE)
@pytest.mark.parametrize("name", DRAWERS)
def test_hostile_input_gives_a_picture_and_no_accident(name: str, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    accidents: list[str] = []
    from microstructure_assets.figures import inputs

    statement = inputs.statement

    def watched(title: str, text: str, heading: str, width_in: float) -> Any:
        if text.startswith("This picture could not be drawn"):
            accidents.append(text)
        return statement(title, text, heading, width_in)

    monkeypatch.setattr(inputs, "statement", watched)
    pixels, _ = picture_of(name, HOSTILE[how](name), heading="x" * 500)
    assert accidents == []
    assert pixels.shape[1] == 960
    assert 200 <= pixels.shape[0] <= 2000
    assert (pixels < 200).any()


@pytest.mark.parametrize(
    "grid", [Grid(), Grid(0, 0.1), Grid(float("nan"), 1), Grid(1e-9, 1e6), Grid(0.1, 0.1, 1e7, -5)]
)
@pytest.mark.parametrize("name", DRAWERS)
def test_any_step(name: str, grid: Grid) -> None:
    pixels, gid = picture_of(name, NORMAL[name], grid=grid)
    assert gid is None
    assert pixels.shape[1] == 960


@pytest.mark.parametrize("name", DRAWERS)
def test_what_nobody_foresaw_is_said_in_words_and_logged(name: str, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(dict):  # type: ignore[type-arg]
        def __contains__(self, key: object) -> bool:
            raise RuntimeError("disk on fire")

        def get(self, key: object, default: object = None) -> object:
            raise RuntimeError("disk on fire")

    pixels, gid = picture_of(name, (Broken(), Broken(some=1)))
    assert gid == UNDRAWN
    assert (pixels < 150).any()
    (record,) = [record for record in caplog.records if record.name == "microstructure_assets.figures.inputs"]
    assert record.levelname == "ERROR"
    assert record.exc_info is not None
    assert "disk on fire" in str(record.exc_info[1])


def test_the_shared_arguments_are_explained_once() -> None:
    from microstructure_assets.figures.inputs import Drawer

    for argument in ("grid", "heading", "width_in"):
        assert f"        {argument}\n" in (Drawer.__call__.__doc__ or "")
        for draw in DRAWERS.values():
            assert f"    {argument}\n" not in (draw.__doc__ or "")


@pytest.mark.parametrize("name", DRAWERS)
def test_width_is_the_one_asked_for(name: str) -> None:
    arrays, tables = NORMAL[name]
    for asked, found in ((8.0, 8.0), (float("nan"), 6.4), (1e9, 20.0), (-1.0, 4.0)):
        assert DRAWERS[name](arrays, tables=tables, width_in=asked).get_figwidth() == pytest.approx(found)


@pytest.mark.parametrize("name", DRAWERS)
def test_thumbnail_fits(name: str) -> None:
    arrays, tables = artifacts(60, 80, clusters=9)[name]
    small = thumbnail(png(DRAWERS[name](arrays, tables=tables, grid=GRID)))
    assert len(small) <= 60_000
    with Image.open(io.BytesIO(small)) as picture:
        assert picture.width == 480


def test_large_maps_are_decimated() -> None:
    labels = (np.arange(3000)[:, None] // 60 * 50 + np.arange(3000) // 60).astype(np.int32) + 1
    figure = DRAWERS["segmentation_map"](
        {"region": labels, "anomaly": labels % 7 == 0, "trusted": labels > 9}, grid=GRID
    )
    drawn = [artist.get_array() for artist in figure.artists if hasattr(artist, "get_array")]
    shapes = [values.shape for values in drawn if values is not None and values.ndim == 3]
    assert shapes
    assert max(max(shape) for shape in shapes) <= 1000


def test_threads_draw_the_same_bytes() -> None:
    alone = {name: png(DRAWERS[name](*NORMAL[name][:1], tables=NORMAL[name][1], grid=GRID)) for name in DRAWERS}
    drawn: list[dict[str, bytes]] = [{}, {}, {}]

    def work(place: int) -> None:
        for name in list(DRAWERS)[:: 1 if place % 2 else -1]:
            arrays, tables = NORMAL[name]
            drawn[place][name] = png(DRAWERS[name](arrays, tables=tables, grid=GRID))

    threads = [threading.Thread(target=work, args=(place,)) for place in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for pictures in drawn:
        assert pictures == alone


def test_importing_the_pictures_is_light() -> None:
    code = (
        "import sys, json, microstructure_assets.figures.gallery, microstructure_assets.figures.report;"
        "heavy = ('matplotlib', 'PIL', 'pandas', 'scipy', 'dagster', 'zarr');"
        "print(json.dumps([name for name in heavy if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_drawing_never_imports_pyplot() -> None:
    code = (
        "import sys\n"
        "from microstructure_assets.figures.gallery import DRAWERS\n"
        "from microstructure_assets.figures.render import png\n"
        "import numpy as np\n"
        "png(DRAWERS['pattern_quality']({'band_contrast': np.eye(4)}))\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
