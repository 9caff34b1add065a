from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from microstructure_assets.store.content import ArrayHasher, hash_columns, hash_json


def digest(values: np.ndarray, *, name: str = "a", units: str = "1", cuts: tuple[int, ...] = ()) -> str:
    hasher = ArrayHasher(name, [f"d{axis}" for axis in range(values.ndim)], values.shape, values.dtype, units)
    for block in np.split(values, cuts) if cuts else [values]:
        hasher.update(block)
    return hasher.hexdigest()


arrays = hnp.arrays(
    np.float32, hnp.array_shapes(min_dims=1, max_dims=4, max_side=6), elements=st.floats(-5, 5, width=32)
)


@given(arrays, st.integers(0, 5))
def test_the_hash_does_not_depend_on_blocks(values: np.ndarray, cut: int) -> None:
    assert digest(values) == digest(values, cuts=(min(cut, len(values)),))


@given(arrays)
def test_the_hash_does_not_depend_on_memory_layout_or_byte_order(values: np.ndarray) -> None:
    assert digest(values) == digest(np.asfortranarray(values)) == digest(values.astype(">f4"))


@given(arrays)
def test_a_changed_value_name_unit_or_type_changes_the_hash(values: np.ndarray) -> None:
    changed = values.copy()
    changed.flat[0] += 1
    others = [digest(changed), digest(values, name="b"), digest(values, units="µm"), digest(values.astype(np.float64))]
    assert digest(values) not in others


def test_shape_is_content() -> None:
    assert digest(np.zeros((2, 3, 1))) != digest(np.zeros((3, 2, 1)))


def test_json_order_is_no_content_but_values_are() -> None:
    assert hash_json({"a": 1, "b": 2}) == hash_json({"b": 2, "a": 1}) != hash_json({"a": 1, "b": 3})


def test_columns_hash_their_texts_and_numbers() -> None:
    table = {"n": np.arange(3), "t": np.array(["a", "b", "c"], dtype=object)}
    same = {"n": np.arange(3), "t": np.array(["a", "b", "c"])}
    other = {"n": np.arange(3), "t": np.array(["a", "b", "d"], dtype=object)}
    assert hash_columns("x", table) == hash_columns("x", same) != hash_columns("x", other)
