from __future__ import annotations

import ast
import dataclasses
import json
from pathlib import Path

import pytest

from microstructure_assets.store.contract import ARTIFACTS, BY_NAME
from microstructure_assets.store.specs import ArtifactSpec
from microstructure_assets_tests import code_versions
from microstructure_assets_tests.code_versions import RECORD, Module, accept, closure, code_hash, libraries, present


@pytest.mark.parametrize("name", [spec.name for spec in ARTIFACTS])
def test_code_that_decides_an_artifact_changes_together_with_its_version(name: str) -> None:
    recorded, now = json.loads(RECORD.read_text(encoding="utf-8"))["artifacts"][name], present()[name]
    assert now == recorded, (
        f"the code behind {name} changed: raise its code_version in store/contract.py if the numbers may change and "
        "run `python -m microstructure_assets_tests.code_versions accept 'what changed'`; if they do not, "
        "`accept --no-numerical-change 'why'`"
    )


def reached(artifact: str) -> set[str]:
    """Modules below the package that an artifact's closure reaches."""
    return {name.module.partition(".")[2] for name in closure(BY_NAME[artifact])[0]}


@pytest.mark.parametrize(
    ("artifact", "modules"),
    [
        ("gmm_clusters", {"assets.tiles", "assets.views", "methods.mixture", "methods.mixture_kernels"}),
        ("preprocessed_patterns", {"assets.preprocessing", "acquisition.formats", "acquisition.vendor_hdf5"}),
        ("pattern_quality", {"assets.preprocessing", "acquisition.image_files", "methods.quality_kernels"}),
        ("scan_report", {"assets.reports", "figures.report", "figures.tilings", "figures.canvas"}),
    ],
)
def test_the_closure_follows_imports_from_what_fills_the_artifact(artifact: str, modules: set[str]) -> None:
    assert modules <= reached(artifact)


def test_no_closure_is_empty_and_each_differs_from_the_others_but_for_what_one_pass_makes() -> None:
    hashes = {spec.name: code_hash(spec) for spec in ARTIFACTS}
    assert all(closure(spec)[0] for spec in ARTIFACTS)
    assert hashes.pop("pattern_quality") == hashes["preprocessed_patterns"]
    assert hashes.pop("phase_map") == hashes["orientation_map"]
    assert len(set(hashes.values())) == len(hashes)


def test_pictures_are_content_of_pages_only() -> None:
    rooms = {spec.name: {module.partition(".")[0] for module in reached(spec.name)} for spec in ARTIFACTS}
    assert {name for name, own in rooms.items() if "figures" in own} == {"scan_report"}


@pytest.mark.parametrize("spec", ARTIFACTS, ids=lambda spec: spec.name)
def test_the_libraries_of_a_key_are_those_that_the_code_imports(spec: ArtifactSpec) -> None:
    if spec.form == "page":  # it also says what the other artifacts were made with
        assert libraries(spec) <= set(spec.libraries)
    else:
        assert libraries(spec) == set(spec.libraries)


def test_docstrings_and_comments_are_no_code_but_numbers_are(tmp_path: Path) -> None:
    files = [tmp_path / f"{index}.py" for index in range(3)]
    files[0].write_text('def f(x):\n    """Old."""\n    return x + 1\n')
    files[1].write_text('def f(x):  # a comment\n    """New words."""\n    return x + 1\n')
    files[2].write_text('def f(x):\n    """Old."""\n    return x + 2\n')
    first, second, third = (ast.unparse(Module(path).definitions["f"]) for path in files)
    assert first == second != third


def test_changed_code_is_accepted_with_a_raised_version_or_with_the_words_that_the_numbers_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, spec = tmp_path / "record.json", BY_NAME["anomalies"]
    accept("first", record=record)
    other = json.loads(record.read_text())
    other["artifacts"]["anomalies"]["code_hash"] = "other"
    record.write_text(json.dumps(other))
    with pytest.raises(SystemExit, match="anomalies changed, but no version was raised"):
        accept("tidied", record=record)
    accept("only tidied", no_numerical_change=True, record=record)
    assert json.loads(record.read_text())["accepted"][-1] == {
        "artifacts": ["anomalies"],
        "no_numerical_change": ["anomalies"],
        "why": "only tidied",
    }
    raised = [dataclasses.replace(item, code_version="raised") if item == spec else item for item in ARTIFACTS]
    monkeypatch.setattr(code_versions, "ARTIFACTS", raised)
    accept("another quantile", record=record)
    assert json.loads(record.read_text())["artifacts"]["anomalies"]["code_version"] == "raised"
