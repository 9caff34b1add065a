"""Processes that compile variants of one function at the same time."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

VARIANTS = ("1", "1.5", "1j", "True")

# Between reading the index and writing it back lies, in this process, a time in which others do the same.
CODE = """
import sys, time
import microstructure_assets
from numba.core import caching

slow = caching.IndexDataCacheFile._save_index
def save_index(self, overloads):
    time.sleep(0.5)
    slow(self, overloads)
caching.IndexDataCacheFile._save_index = save_index

sys.path.insert(0, sys.argv[2])
import doubled
print("ready", flush=True)
input()
print(doubled.twice(eval(sys.argv[1])))
"""
FUNCTION = """
from numba import njit

@njit(cache=True)
def twice(value):
    return value + value
"""


def test_variants_that_are_compiled_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    (tmp_path / "doubled.py").write_text(FUNCTION, encoding="utf-8")
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    answers = run_together(tmp_path, environment)
    assert answers == ["2", "3.0", "2j", "2"]
    (index,) = (tmp_path / "cache").rglob("*.nbi")
    with index.open("rb") as file:
        pickle.load(file)
        _, names = pickle.loads(file.read())
    assert len(names) == len(set(names.values())) == len(VARIANTS)
    assert len(list(index.parent.glob("*.nbc"))) == len(VARIANTS)
    # What was kept is what each variant needs.
    assert run_together(tmp_path, environment) == answers


def run_together(folder: Path, environment: dict[str, str]) -> list[str]:
    """Answers of one process for each variant, which all begin when all are ready."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CODE, variant, str(folder)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for variant in VARIANTS
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return [process.communicate(timeout=60)[0].strip() for process in processes]
