"""Results as a user reads them: xarray for arrays, DuckDB for tables, the files behind them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas
import pytest
import xarray

from microstructure_assets import results
from microstructure_assets.errors import InputError
from microstructure_assets.shell.showing import artifact_path
from microstructure_assets.store.catalogue import connect
from microstructure_assets.store.contract import artifact_spec
from microstructure_assets.store.draft import Draft
from microstructure_assets.store.home import HOME_VARIABLE
from microstructure_assets.store.memo import Recipe
from microstructure_assets.store.recipes import Recipes
from microstructure_assets.store.scans import NamedRegion, ScanRegistry
from microstructure_assets.store.store import Store
from microstructure_assets.store.tiles import TileUnknown
from microstructure_assets_tests.automation.conftest import make_tiling
from microstructure_assets_tests.e2e.conftest import BY_ITSELF, Lab
from microstructure_assets_tests.store.making import materialise


@pytest.fixture
def nickel(lab: Lab, vendor_file: Callable[[str], Path]) -> Lab:
    """A lab with the nickel scan."""
    lab.characterize(vendor_file("kikuchipy_h5ebsd/patterns.h5"), "nickel")
    return lab


def test_every_artifact_opens_and_holds_what_the_contract_promises(nickel: Lab) -> None:
    for spec in BY_ITSELF:
        for tile in Recipes(nickel.store, "nickel").tiles() if spec.per == "tile" else [None]:
            artifact = nickel.store.read("nickel", spec.name, tile)
            assert artifact.path.exists()
            for table in spec.tables:
                frame = pandas.read_parquet(artifact.folder / f"{table.name}.parquet")
                assert set(table.columns) <= set(frame.columns)
            if spec.form != "arrays":
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                dataset = xarray.open_zarr(artifact.path)
            for variable in spec.variables:
                assert dataset[variable.name].dims == variable.dimensions, variable.name
                assert dataset[variable.name].attrs["units"] == variable.units
            assert dataset["y"].attrs["units"] == "µm"
            thumbnail = artifact.thumbnail()
            assert thumbnail is not None
            assert len(thumbnail) <= 60_000


def test_the_catalogue_answers_over_all_scans(nickel: Lab) -> None:
    catalogue = connect(nickel.home.root)
    assert catalogue.sql("SELECT scan, count(*) FROM regions GROUP BY scan").fetchall() == [("nickel", 2)]
    assert catalogue.sql("SELECT sum(point_count) FROM regions").fetchall() == [(9,)]
    artifacts = catalogue.sql("SELECT artifact, tile, reason FROM artifacts").fetchall()
    assert len(artifacts) == len(BY_ITSELF)
    assert {reason for _, _, reason in artifacts} == {"computed: first time"}
    chosen = catalogue.sql("SELECT clusters FROM criteria WHERE scan = 'nickel' AND tile = 't00' AND chosen").fetchall()
    assert chosen == [(2,)]


def test_the_catalogue_of_an_empty_home_has_its_views(lab: Lab) -> None:
    assert connect(lab.home.root).sql("SELECT count(*) FROM crossings").fetchall() == [(0,)]


def test_the_five_lines_of_the_readme(nickel: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    lines = readme.split("```python\n")[1].split("```")[0].replace('"demo"', '"nickel"')
    assert len([line for line in lines.splitlines() if line]) <= 5
    monkeypatch.setenv(HOME_VARIABLE, str(nickel.home.root))
    names: dict[str, object] = {}
    exec(lines, names)
    region = names["region"]
    assert isinstance(region, xarray.DataArray)
    assert region.shape == (3, 3)


def test_results_of_a_tile_are_found_and_wrong_names_are_told(nickel: Lab) -> None:
    assert results.path("nickel", "pca_scores", "t00", home=nickel.home.root).exists()
    with pytest.raises(InputError, match="one per tile"):
        results.path("nickel", "pca_scores", home=nickel.home.root)
    with pytest.raises(InputError, match="leave the tile out"):
        results.path("nickel", "segmentation_map", "t00", home=nickel.home.root)


def test_only_tiles_and_regions_in_use_are_handed_out(store: Store, tmp_path: Path) -> None:
    (tmp_path / "s.h5").touch()
    registry, home = ScanRegistry(store.home), store.home

    def fill(draft: Draft) -> None:
        for variable in artifact_spec("pca_scores").variables:
            draft.array(variable.name, np.zeros((2,) * len(variable.dimensions), np.float32))

    registry.register("s", tmp_path / "s.h5")
    registry.set_region("s", NamedRegion("R1", 0, 5, 0, 5))
    make_tiling(store, "s", 3)
    for slot in ("r00", "t00", "t08"):
        materialise(store, "s", slot, Recipe("pca_scores", slot), fill)
    make_tiling(store, "s", 2)
    for tile in ("R1", "r00", "t00"):
        made = results.path("s", "pca_scores", tile, home=home.root)
        assert made == artifact_path(home, "s", "pca_scores", tile, None)
    registry.remove_region("s", "R1")
    for tile, message in (
        ("t08", "not in use"),
        ("r00", "not in use"),
        ("R1", "expected t00 to t63"),
        ("../../x", "expected t00 to t63"),
        ("", "expected t00 to t63"),
    ):
        with pytest.raises(TileUnknown, match=message):
            results.path("s", "pca_scores", tile, home=home.root)
        with pytest.raises(TileUnknown, match=message):
            artifact_path(home, "s", "pca_scores", tile, None)
