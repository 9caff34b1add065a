"""Maps of hexagonal grids as pictures show them."""

from __future__ import annotations

import numpy as np

from microstructure_assets.figures.grid import Grid, on_raster


def test_points_of_a_hexagonal_grid_have_two_cells_and_odd_rows_are_shifted_by_one() -> None:
    maps = {"grain": np.array([[1, 2], [3, 4], [5, 6]]), "rgb": np.arange(18).reshape(3, 2, 3), "shape": np.arange(2)}
    shown, grid = on_raster(maps, Grid(0.866, 1.0, kind="hexagonal"))
    np.testing.assert_array_equal(shown["grain"], [[1, 1, 2, 2], [3, 3, 3, 4], [5, 5, 6, 6]])
    assert shown["rgb"].shape == (3, 4, 3)
    np.testing.assert_array_equal(shown["rgb"][1, :, 0], [6, 6, 6, 9])
    np.testing.assert_array_equal(shown["shape"], [0, 1])
    assert (grid.step_y_um, grid.step_x_um, grid.kind) == (0.866, 0.5, "square")


def test_maps_of_a_square_grid_stay_as_they_are() -> None:
    maps = {"grain": np.array([[1, 2], [3, 4]])}
    shown, grid = on_raster(maps, Grid(1.0, 1.0))
    assert shown["grain"] is maps["grain"]
    assert grid == Grid(1.0, 1.0)
