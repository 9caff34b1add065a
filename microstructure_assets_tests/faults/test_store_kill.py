"""A process killed at any moment leaves only whole artifacts behind, and its successor goes on."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from microstructure_assets.store.artifact import Artifact
from microstructure_assets.store.content import ArrayHasher
from microstructure_assets.store.store import Store

WRITER = """
import sys
import numpy as np
from pathlib import Path
from microstructure_assets.store.home import Home, prepare_home
from microstructure_assets.store.memo import Recipe
from microstructure_assets.store.store import Store
from microstructure_assets_tests.store.making import materialise

store = Store(prepare_home(Home(Path(sys.argv[1]))))
print("ready", flush=True)
for number in range(int(sys.argv[2]), 10**6):
    def fill(draft, number=number):
        stream = draft.stream("intensity", (8, 5, 16, 16), np.uint8)
        for row in range(8):
            stream.append(np.full((1, 5, 16, 16), (number + row) % 256, np.uint8))
        draft.array("gain", np.full((8, 5), number, np.float32))
        draft.array("offset", np.zeros((8, 5), np.float32))
    materialise(store, "s", None, Recipe("preprocessed_patterns", str(number)), fill)
"""


def rehash(artifact: Artifact) -> dict[str, str]:
    """Content hash of each array, read again from the disk."""
    hashes = {}
    for name in artifact.record["hashes"]:
        array = artifact.group[name]
        dimensions = array.metadata.dimension_names
        hasher = ArrayHasher(name, dimensions, array.shape, array.dtype, array.attrs["units"])
        hasher.update(np.asarray(array[...]))
        hashes[name] = hasher.hexdigest()
    return hashes


def test_kill_at_random_moments_leaves_nothing_half_readable(store: Store) -> None:
    moments = random.Random(7)
    place = store.home.store / "artifacts" / "preprocessed_patterns"
    whole = 0
    for attempt in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(store.home.root), str(whole)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        deadline = time.monotonic() + 60
        while _count(place) <= whole + 2 and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(moments.uniform(0, 0.06))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        artifacts = [Artifact.load(folder) for folder in place.iterdir()]
        assert all(artifact is not None for artifact in artifacts), f"a folder without a record after kill {attempt}"
        for artifact in artifacts:
            assert artifact is not None
            assert rehash(artifact) == artifact.record["hashes"]
        found = store.read("s", "preprocessed_patterns")
        head = store.head("s", "preprocessed_patterns")
        assert head is not None
        assert head.content_hash == found.content_hash
        assert len(artifacts) > whole
        whole = len(artifacts)


def _count(place: Path) -> int:
    return len(list(place.iterdir())) if place.is_dir() else 0


def test_two_processes_that_write_the_same_artifact_leave_one_whole_one(store: Store) -> None:
    commands = [[sys.executable, "-c", WRITER.replace("10**6", "3"), str(store.home.root), "0"] for _ in range(2)]
    processes = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for command in commands]
    assert [process.wait(120) for process in processes] == [0, 0]
    place = store.home.store / "artifacts" / "preprocessed_patterns"
    assert _count(place) == 3
    for folder in place.iterdir():
        artifact = Artifact.load(folder)
        assert artifact is not None
        assert rehash(artifact) == artifact.record["hashes"]
    assert not list((store.home.store / "drafts").iterdir())
