from __future__ import annotations

import json
from pathlib import Path

import pytest

from microstructure_assets.store.contract import ARTIFACTS, BY_NAME
from microstructure_assets_tests.code_versions import RECORD, closure, code_hash, normalised, present


@pytest.mark.parametrize("name", [spec.name for spec in ARTIFACTS])
def test_code_that_decides_an_artifact_changes_together_with_its_version(name: str) -> None:
    recorded, now = json.loads(RECORD.read_text(encoding="utf-8"))["artifacts"][name], present()[name]
    assert now == recorded, (
        f"the code behind {name} changed: raise its code_version in store/contract.py if the numbers may change; then, "
        "or if they do not, run `python -m microstructure_assets_tests.code_versions accept 'why'`"
    )


def test_the_closure_follows_imports() -> None:
    names = {path.name for path in closure(("methods.mixture",))}
    assert {"mixture.py", "mixture_kernels.py"} <= names


def test_docstrings_and_comments_are_no_code_but_numbers_are(tmp_path: Path) -> None:
    files = [tmp_path / f"{index}.py" for index in range(3)]
    files[0].write_text('def f(x):\n    """Old."""\n    return x + 1\n')
    files[1].write_text('def f(x):  # a comment\n    """New words."""\n    return x + 1\n')
    files[2].write_text('def f(x):\n    """Old."""\n    return x + 2\n')
    assert normalised(files[0]) == normalised(files[1]) != normalised(files[2])


def test_artifacts_of_different_code_have_different_hashes() -> None:
    assert code_hash(BY_NAME["pca_scores"]) != code_hash(BY_NAME["anomalies"])
