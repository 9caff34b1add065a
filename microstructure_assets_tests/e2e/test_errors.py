"""A job that fails says what it could not make of which scan, and what a killed one left behind is swept away."""

from __future__ import annotations

from pathlib import Path

import pytest

from microstructure_assets.errors import InputError
from microstructure_assets.jobs import JobFailed
from microstructure_assets_tests.e2e.conftest import Lab


def test_a_bad_file_is_named_with_the_artifact_and_old_drafts_are_swept(lab: Lab, tmp_path: Path) -> None:
    left = lab.home.store / "drafts" / "left"
    left.mkdir(parents=True)
    bad = tmp_path / "bad.h5"
    bad.write_text("not HDF5")
    with pytest.raises(JobFailed) as failed:
        lab.characterize(bad, "s")
    cause = failed.value.__cause__
    assert isinstance(cause, InputError)
    assert str(cause).startswith("scan_manifest of scan s: ")
    assert "bad.h5" in str(cause)
    assert not left.exists()
    assert not list((lab.home.store / "drafts").iterdir())
