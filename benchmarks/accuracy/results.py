"""Results as JSON lines, one per case, so that a run that was broken off goes on where it was."""

from __future__ import annotations

import ast
import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

#: Modules of the bench that measure; the others arrange and print.
MEASURING_MODULES = ("boundaries", "edges", "lane", "length_scale", "metrics", "regions", "rivals", "twins", "weights")
#: Modules that only one experiment measures with: a change to them is nothing to the results of the others.
OWN_MODULES = {"association": ("association",), "best_tiling": ("best_tiling",), "routes": ("routes", "twin_patterns")}
#: Rooms of the package whose modules decide what is measured.
MEASURED_ROOMS = ("methods", "simulation")

Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One twin and what is measured on it.

    Attributes
    ----------
    experiment : str
    parameters : dict
        JSON types only.
    seed : int
    """

    experiment: str
    parameters: dict[str, Any]
    seed: int

    @property
    def key(self) -> str:
        """The same for the same experiment, parameters and seed."""
        return json.dumps([self.experiment, self.parameters, self.seed], sort_keys=True)


@lru_cache
def code_version(experiment: str) -> str:
    """Hash of what an experiment depends on: the statements of the bench and of all methods that it imports."""
    total = hashlib.sha256()
    for file in sorted(_measured_files((*MEASURING_MODULES, *OWN_MODULES.get(experiment, ())))):
        total.update(file.name.encode() + b"\0" + _statements(file).encode())
    return total.hexdigest()[:12]


def _measured_files(modules: Sequence[str]) -> set[Path]:
    """These modules of the bench and, of the measured rooms, what they import, directly or not."""
    import microstructure_assets

    package = Path(microstructure_assets.__file__).parent
    waiting = [Path(__file__).with_name(f"{module}.py") for module in modules]
    found: set[Path] = set()
    while waiting:
        file = waiting.pop()
        if file in found:
            continue
        found.add(file)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("microstructure_assets."):
                continue
            parts = (node.module or "").split(".")[1:]
            names = [parts, *([*parts, alias.name] for alias in node.names)]
            places = [package.joinpath(*name).with_suffix(".py") for name in names if name[0] in MEASURED_ROOMS]
            waiting += [place for place in places if place.is_file()]
    return found


def _statements(file: Path) -> str:
    """What a module does, whatever its comments and docstrings say and however it is laid out."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            body[0].value.value = ""
    return ast.dump(tree)


def _agree(first: list[Row], second: list[Row]) -> bool:
    """Whether two measurements have the same rows, figures alike to a millionth."""

    def alike(one: Any, other: Any) -> bool:
        if isinstance(one, float) and isinstance(other, float):
            return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9) or (math.isnan(one) and math.isnan(other))
        return bool(one == other)

    return len(first) == len(second) and all(
        one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
        for one, other in zip(first, second, strict=True)
    )


class Results:
    """The results folder.

    Parameters
    ----------
    folder : Path
        Holds one ``<experiment>.jsonl`` per experiment.
    any_code : bool
        Whether results of other versions of the code count as present.
    """

    def __init__(self, folder: Path, *, any_code: bool = False) -> None:
        self.folder = folder
        self.any_code = any_code

    def lines(self, experiment: str) -> list[dict[str, Any]]:
        """What is kept of an experiment; the last of equal cases counts. A line broken off by a kill is left out."""
        path = self.folder / f"{experiment}.jsonl"
        kept: dict[str, dict[str, Any]] = {}
        if path.is_file():
            for text in path.read_text(encoding="utf-8").splitlines():
                try:
                    line = json.loads(text)
                except json.JSONDecodeError:
                    continue
                if self.any_code or line["code"] == code_version(experiment):
                    kept[Case(line["experiment"], line["parameters"], line["seed"]).key] = line
        return list(kept.values())

    def present(self, experiment: str) -> set[str]:
        """Keys of the cases that need not be run again."""
        return {Case(line["experiment"], line["parameters"], line["seed"]).key for line in self.lines(experiment)}

    def append(self, case: Case, rows: list[Row], seconds: float) -> None:
        """Keep the rows of a case."""
        self.folder.mkdir(parents=True, exist_ok=True)
        line = {
            "experiment": case.experiment,
            "parameters": case.parameters,
            "seed": case.seed,
            "code": code_version(case.experiment),
            "seconds": round(seconds, 1),
            "rows": rows,
        }
        with (self.folder / f"{case.experiment}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def confirm(self, experiment: str, rerun: Callable[[dict[str, Any], int], list[Row]], sample: int) -> bool:
        """Measure a few cases of other versions of the code again; where all agree, all count as of this version.

        Parameters
        ----------
        experiment
        rerun
            Rows of a case, given its parameters and seed.
        sample
            How many cases, spread evenly over those there are.

        Returns
        -------
        bool
            Whether every figure agreed to a millionth. Each line keeps how many cases stood for it (``confirmed_by``).
        """
        every = Results(self.folder, any_code=True).lines(experiment)
        other = [line for line in every if line["code"] != code_version(experiment)]
        for line in other[:: max(1, len(other) // max(1, sample))][:sample]:
            if not _agree(line["rows"], rerun(line["parameters"], line["seed"])):
                return False
        for line in other:
            line.update(code=code_version(experiment), confirmed_by=min(sample, len(other)))
        path = self.folder / f"{experiment}.jsonl"
        draft = path.with_suffix(".draft")
        draft.write_text("".join(json.dumps(line) + "\n" for line in every), encoding="utf-8")
        draft.replace(path)
        return True

    def rows(self, experiment: str) -> list[Row]:
        """All rows of an experiment, each with its case's parameters and seed."""
        return [
            {**line["parameters"], "seed": line["seed"], **row}
            for line in self.lines(experiment)
            for row in line["rows"]
        ]
