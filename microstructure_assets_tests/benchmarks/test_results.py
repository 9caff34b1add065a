"""Results survive a kill, are not run twice and do not outlive the code that made them; tables give verdicts."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.accuracy import results as results_module
from benchmarks.accuracy.experiments import EXPERIMENTS, FINDINGS, ROUTINE
from benchmarks.accuracy.findings import FINDINGS as FINDINGS_TABLES
from benchmarks.accuracy.results import Case, Results
from benchmarks.accuracy.tables import TABLES, all_tables, write_document

CASE = Case("regions", {"nu": 0.7, "diameter": 14.0, "shape": [90, 120]}, 0)
ROW = {
    "map": "default, stitched", "tiling": 3, "pure": 0.999, "all": 0.98, "true": 9, "found": 9, "split": 0, "merged": 0,
}  # fmt: skip


def test_results_are_kept_and_a_broken_line_is_left_out(tmp_path: Path) -> None:
    results = Results(tmp_path)
    results.append(CASE, [ROW], 1.0)
    with (tmp_path / "regions.jsonl").open("a") as file:
        file.write('{"experiment": "regions", "para')
    assert results.present("regions") == {CASE.key}
    assert results.rows("regions") == [{**CASE.parameters, "seed": 0, **ROW}]


def test_a_case_is_found_again_whatever_the_order_of_its_parameters(tmp_path: Path) -> None:
    results = Results(tmp_path)
    results.append(CASE, [ROW], 1.0)
    turned = Case("regions", dict(reversed(CASE.parameters.items())), 0)
    assert turned.key in results.present("regions")
    assert Case("regions", CASE.parameters, 1).key not in results.present("regions")


def test_results_of_other_code_count_only_when_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Results(tmp_path).append(CASE, [ROW], 1.0)
    monkeypatch.setattr(results_module, "code_version", lambda experiment: "another")
    assert Results(tmp_path).present("regions") == set()
    assert Results(tmp_path, any_code=True).present("regions") == {CASE.key}


def test_table_gives_median_spread_and_verdict(tmp_path: Path) -> None:
    results = Results(tmp_path)
    for seed, value in enumerate((0.999, 0.990, 1.0)):
        results.append(Case("regions", CASE.parameters, seed), [{**ROW, "pure": value}], 1.0)
    table = all_tables(results, quick=True)["regions"]
    assert "0.9990 (0.9900 to 1.0000)" in table
    assert "≥ 0.995: reached (2 of 3)" in table
    assert "≥ 0.99: **missed** (0 of 3)" in table
    assert "3 seeds" in table
    assert "Quick run" in table


def test_document_takes_tables_between_its_markers(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- table: regions -->\nold\n<!-- end -->\nafter\n")
    write_document(page, {"regions": "new"})
    write_document(page, {"regions": "newer"})
    assert page.read_text() == "before\n<!-- table: regions -->\n\nnewer\n\n<!-- end -->\nafter\n"
    with pytest.raises(ValueError, match="no place for the table weights"):
        write_document(page, {"weights": "new"})


@pytest.mark.parametrize(("page", "names"), [("accuracy.md", (*TABLES,)), ("findings.md", FINDINGS)])
def test_the_page_has_a_place_for_every_table(page: str, names: tuple[str, ...]) -> None:
    text = (Path(__file__).parents[2] / "docs" / page).read_text(encoding="utf-8")
    assert [name for name in names if f"<!-- table: {name} -->" not in text] == []


@pytest.mark.parametrize("quick", [True, False])
def test_cases_differ_and_every_seed_comes_with_all_twins(quick: bool) -> None:
    for experiment in EXPERIMENTS.values():
        cases = experiment.cases(2, quick)
        assert len({case.key for case in cases}) == len(cases) > 0
        assert [case.seed for case in cases] == sorted(case.seed for case in cases)
    assert {table.experiment for table in TABLES.values()} == set(ROUTINE)
    assert {"length_scale", *FINDINGS_TABLES} == set(FINDINGS) == set(EXPERIMENTS) - set(ROUTINE)


@pytest.mark.parametrize(("found", "agrees"), [(ROW, True), ({**ROW, "pure": 0.998}, False)])
def test_results_of_other_code_are_taken_over_where_a_sample_agrees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: dict[str, object], agrees: bool
) -> None:
    results = Results(tmp_path)
    for seed in range(3):
        results.append(Case("regions", CASE.parameters, seed), [ROW], 1.0)
    monkeypatch.setattr(results_module, "code_version", lambda experiment: "another")
    measured = []

    def rerun(parameters: dict[str, object], seed: int) -> list[dict[str, object]]:
        measured.append(seed)
        return [found]

    assert results.confirm("regions", rerun, 2) is agrees
    assert len(measured) == (2 if agrees else 1)
    assert len(results.lines("regions")) == (3 if agrees else 0)
    assert all(line["confirmed_by"] == 2 for line in results.lines("regions"))
