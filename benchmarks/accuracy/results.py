"""Results as JSON lines, one per case, so that a run that was broken off goes on where it was."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

#: What a measurement depends on besides its parameters.
MEASURED_ROOMS = ("methods", "simulation")
#: Modules of the bench that only arrange or print.
UNMEASURED_MODULES = ("__init__", "__main__", "results", "running", "tables", "experiments")

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
def code_version() -> str:
    """Hash of the sources that a measurement depends on: the measured rooms of the package, and of the bench."""
    import microstructure_assets

    package = Path(microstructure_assets.__file__).parent
    files = [file for room in MEASURED_ROOMS for file in (package / room).rglob("*.py")]
    files += [file for file in Path(__file__).parent.glob("*.py") if file.stem not in UNMEASURED_MODULES]
    total = hashlib.sha256()
    for file in sorted(files):
        total.update(file.name.encode() + b"\0" + file.read_bytes())
    return total.hexdigest()[:12]


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
                if self.any_code or line["code"] == code_version():
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
            "code": code_version(),
            "seconds": round(seconds, 1),
            "rows": rows,
        }
        with (self.folder / f"{case.experiment}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def rows(self, experiment: str) -> list[Row]:
        """All rows of an experiment, each with its case's parameters and seed."""
        return [
            {**line["parameters"], "seed": line["seed"], **row}
            for line in self.lines(experiment)
            for row in line["rows"]
        ]
