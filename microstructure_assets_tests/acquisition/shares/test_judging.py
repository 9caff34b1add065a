"""Which candidates a whole share has, and the fingerprint that tells whether one changed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from microstructure_assets.acquisition.shares.judging import candidates_in, fingerprint
from microstructure_assets.acquisition.shares.listing import FileState
from microstructure_assets.acquisition.shares.settings import Share

STATES = st.dictionaries(
    st.text(min_size=1, max_size=3), st.builds(FileState, st.integers(0, 9), st.text("12", max_size=2)), max_size=4
)


@given(STATES, STATES)
def test_fingerprints_are_equal_only_for_equal_files(one: dict[str, FileState], other: dict[str, FileState]) -> None:
    assert (fingerprint(one.items()) == fingerprint(other.items())) == (one == other)
    assert fingerprint(reversed(one.items())) == fingerprint(one.items())


def test_a_map_beside_a_folder_of_images_is_no_scan_of_its_own() -> None:
    listing = {"": ["scan.ang", "b.ang", "photo.png"], "scan": ["1.tif", "scan.done"], "empty": []}
    found = candidates_in(listing, Share(name="sem", url="/data", sentinel=".done"), ())
    assert {one.path: one.members for one in found} == {"scan": ("scan.ang", "scan/1.tif"), "b.ang": ("b.ang",)}
