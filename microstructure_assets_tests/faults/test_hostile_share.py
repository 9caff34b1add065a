"""A share on which files grow, shrink, move, vanish and lie about their time, and whose taker is cut off at will.

Whatever happens, every scan of the home is a whole file that once stood on the share, none twice; and once the share
is left alone, every whole file on it has become a scan, or a person is told why not.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from microstructure_assets.acquisition.shares import intake
from microstructure_assets.store.home import Home, prepare_home
from microstructure_assets.store.scans import ScanRegistry
from microstructure_assets_tests.acquisition.conftest import ANG
from microstructure_assets_tests.acquisition.shares.conftest import SETTLE_S, Dock

NAMES = st.sampled_from(["a.ang", "b.ang", "day/a.ang", "day/c.ang"])
STEPS = ("_whole", "copy_files", "write_json", "sync_tree", "_publish")


class PowerCut(BaseException):
    """Ends a process as a power cut does."""


def whole_map(number: int) -> bytes:
    """A map of four points; the number makes it differ from others."""
    lines = [f" 1.0 0.5 2.0 {x:.5f} {y:.5f} {number}.0 0.5 0 1 1.0\n" for y in (0, 0.5) for x in (0, 0.25)]
    return (ANG.format(rows=2, columns=2) + "".join(lines)).encode()


class HostileShare(RuleBasedStateMachine):
    """Everything that may happen to a share, in any order."""

    @initialize(names=st.lists(NAMES, min_size=1, max_size=3, unique=True))
    def begin(self, names: list[str]) -> None:
        self.folder = Path(tempfile.mkdtemp())
        root = self.folder / "share"
        root.mkdir()
        self.dock = Dock(prepare_home(Home(self.folder / "home")), root)
        self.made = 0
        self.ever_whole: set[bytes] = set()
        for name in names:
            self.write(name, cut=0)

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.everything_whole_is_taken_or_told()
            shutil.rmtree(self.folder)

    def files(self) -> list[Path]:
        return [path for path in self.dock.root.rglob("*") if path.is_file()]

    @rule(name=NAMES, cut=st.integers(0, 40))
    def write(self, name: str, cut: int) -> None:
        """A file is written, whole (no cut) or in part; over another one of this name if there is one."""
        self.made += 1
        content = whole_map(self.made)
        self.ever_whole.add(content)
        path = self.dock.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if cut < 20 else content[: -cut * 3])

    @precondition(lambda self: self.files())
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        """The rest of a file arrives."""
        path = data.draw(st.sampled_from(sorted(self.files())))
        content = path.read_bytes()
        whole = next((one for one in self.ever_whole if one.startswith(content)), content)
        path.write_bytes(whole)

    @precondition(lambda self: self.files())
    @rule(data=st.data(), what=st.sampled_from(["past", "future", "delete", "rename", "copy", "shrink"]))
    def disturb(self, data: st.DataObject, what: str) -> None:
        """A person, or a synchronising program."""
        path = data.draw(st.sampled_from(sorted(self.files())))
        if what in ("past", "future"):
            os.utime(path, (1, 1) if what == "past" else (4e9, 4e9))
        elif what == "delete":
            path.unlink()
        elif what == "shrink":
            path.write_bytes(path.read_bytes()[:-30])
        else:
            target = self.dock.root / data.draw(NAMES)
            target.parent.mkdir(exist_ok=True)
            if target != path:
                (path.replace if what == "rename" else lambda to: shutil.copy2(path, to))(target)

    @rule(looks=st.integers(1, 3))
    def unplug_for_a_while(self, looks: int) -> None:
        """The share is not mounted while it is looked at and taken in from."""
        self.dock.root.rename(self.folder / "unplugged")
        for _ in range(looks):
            self.dock.look(after_s=SETTLE_S)
            self.dock.take_in()
        (self.folder / "unplugged").rename(self.dock.root)

    @rule(after_s=st.sampled_from([1.0, SETTLE_S, 1e5]), budget_s=st.sampled_from([0.0, 1e9]))
    def look(self, after_s: float, budget_s: float) -> None:
        self.dock.look(after_s, budget_s)

    @rule(step=st.sampled_from([None, *STEPS]), how=st.sampled_from(["cut before", "cut after", "disk full"]))
    def take_in(self, step: str | None, how: str) -> None:
        """To the end, or to a step at which the process ends or the disk is full."""
        if step is None:
            self.dock.take_in()
            return
        real = getattr(intake, step)

        def fail(*arguments: Any) -> Any:
            if how == "disk full":
                raise OSError(28, "No space left on device")
            if how == "cut after":
                real(*arguments)
            raise PowerCut

        with pytest.MonkeyPatch.context() as patch, contextlib.suppress(PowerCut):
            patch.setattr(intake, step, fail)
            if how != "disk full":
                patch.setattr(intake.shutil, "rmtree", lambda *_, **__: None)
            self.dock.take_in()

    @invariant()
    def every_scan_is_whole_and_none_is_there_twice(self) -> None:
        if not hasattr(self, "dock"):
            return
        registry = ScanRegistry(self.dock.home)
        held = [Path(registry.get(name).source).read_bytes() for name in registry.names()]
        assert set(held) <= self.ever_whole
        assert len(held) == len(set(held))

    def everything_whole_is_taken_or_told(self) -> None:
        """With the share left alone."""
        for _ in range(4):
            self.dock.settle()
            self.dock.take_in()
        self.every_scan_is_whole_and_none_is_there_twice()
        registry = ScanRegistry(self.dock.home)
        held = {Path(registry.get(name).source).read_bytes() for name in registry.names()}
        for path in self.files():
            arrival = self.dock.one(str(path.relative_to(self.dock.root)))
            assert arrival.state in ("taken", "quarantined"), arrival
            assert arrival.reason
            if arrival.state == "taken":
                assert path.read_bytes() in held
                assert Path(registry.get(str(arrival.scan)).source).read_bytes() == path.read_bytes()


HostileShare.TestCase.settings = settings(
    max_examples=40, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
TestHostileShare = HostileShare.TestCase
