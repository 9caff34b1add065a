from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from microstructure_assets.cli import commands
from microstructure_assets.definitions import build_defs
from microstructure_assets.errors import InputError
from microstructure_assets.jobs import register_scan
from microstructure_assets.resources import HomeResource, open_instance
from microstructure_assets.settings import SettingsError
from microstructure_assets.store.home import Home
from microstructure_assets.store.layers import SettingsLayers
from microstructure_assets.store.scans import ScanRegistry


@pytest.fixture
def shell(home: Home) -> CliRunner:
    """A shell whose environment points at a fresh home."""
    return CliRunner()


def test_an_empty_home_says_how_to_begin(shell: CliRunner) -> None:
    done = shell.invoke(commands, ["status"])
    assert done.exit_code == 0
    assert "microstructure characterize PATH" in done.output


@pytest.mark.parametrize(
    "words", [["status", "a/b"], ["configure", "absent", "knee.minimum=2"], ["path", "absent", "nothing"]]
)
def test_wrong_names_raise_declared_errors(shell: CliRunner, words: list[str]) -> None:
    done = shell.invoke(commands, words)
    assert done.exit_code != 0
    assert type(done.exception).__name__ in {"InvalidName", "ScanUnknown", "ArtifactUnknown"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["configure", "s", "knee.minimum"], "KEY=VALUE"),
        (["regions", "add", "s", "R", "--rows", "1-2", "--columns", "0:3"], "START:STOP"),
        (["regions", "add", "s", "R", "--rows", "1:2", "--columns", "a:3"], "START:STOP"),
    ],
)
def test_malformed_words_are_usage_errors_that_show_the_form(shell: CliRunner, words: list[str], message: str) -> None:
    done = shell.invoke(commands, words)
    assert done.exit_code == 2
    assert message in done.output


def test_the_twins_settings_are_listed(shell: CliRunner) -> None:
    done = shell.invoke(commands, ["twin", "--list"])
    assert done.exit_code == 0
    assert "noise_nu" in done.output


def test_a_file_that_is_no_twin_is_never_overwritten(shell: CliRunner, tmp_path: Path) -> None:
    scan = tmp_path / "precious.h5"
    scan.write_bytes(b"measured")
    for words in (["twin", str(scan)], ["twin", str(scan), "--overwrite"]):
        done = shell.invoke(commands, words)
        assert isinstance(done.exception, InputError)
        assert "is no twin" in str(done.exception)
    assert scan.read_bytes() == b"measured"
    assert shell.invoke(commands, ["twin"]).exit_code == 2


def test_a_twin_is_overwritten_on_demand_only(shell: CliRunner, tmp_path: Path) -> None:
    path = tmp_path / "twin.h5"
    words = ["twin", str(path), "--set", "rows=3", "--set", "columns=4", "--set", "detector_height_px=8"]
    words += ["--set", "detector_width_px=8"]
    assert shell.invoke(commands, words).exit_code == 0
    first = path.read_bytes()
    assert "--overwrite" in str(shell.invoke(commands, words).exception)
    assert path.read_bytes() == first
    assert shell.invoke(commands, [*words, "--set", "seed=5", "--overwrite"]).exit_code == 0
    assert path.read_bytes() != first


def test_a_home_that_cannot_be_is_told(shell: CliRunner, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("no folder")
    done = shell.invoke(commands, ["characterize", str(file), "--home", str(file)])
    assert isinstance(done.exception, InputError)
    assert "cannot be made or written" in str(done.exception)
    absent = tmp_path / "typo"
    done = shell.invoke(commands, ["status", "--home", str(absent)])
    assert "there is no home" in str(done.exception)
    assert not absent.exists()


def test_every_command_has_a_help_text(shell: CliRunner) -> None:
    for name, command in commands.commands.items():
        assert command.help, name
        assert shell.invoke(commands, [name, "--help"]).exit_code == 0


def test_settings_that_contradict_each_other_are_refused_before_anything_is_registered(
    shell: CliRunner, home: Home, tmp_path: Path
) -> None:
    path = tmp_path / "twin.h5"
    words = ["twin", str(path), "--set", "rows=3", "--set", "columns=4", "--set", "detector_height_px=8"]
    assert shell.invoke(commands, [*words, "--set", "detector_width_px=8"]).exit_code == 0
    assert shell.invoke(commands, ["configure", "--instrument", "sem-1", "knee.maximum=3"]).exit_code == 0
    done = shell.invoke(commands, ["characterize", str(path), "--instrument", "sem-1", "--set", "knee.minimum=5"])
    assert isinstance(done.exception, SettingsError)
    assert "scan twin: settings knee" in str(done.exception)
    assert ScanRegistry(home).names() == []


def test_the_ui_refuses_what_contradicts_the_instrument_as_the_shell_does(home: Home, tmp_path: Path) -> None:
    (tmp_path / "s.h5").touch()
    ScanRegistry(home).register("s", tmp_path / "s.h5", "sem-1")
    SettingsLayers(home).configure_instrument("sem-1", {"knee.maximum": "3"})
    job = build_defs({"home": HomeResource(root=str(home.root))}).get_job_def("configure")
    with open_instance(home) as instance:
        register_scan(instance, "s")
        form = {"ops": {"change_settings": {"config": {"knee__minimum": "5"}}}}
        with pytest.raises(SettingsError, match="scan s: settings knee"):
            job.execute_in_process(run_config=form, instance=instance, partition_key="s")


def test_a_phase_that_nobody_knows_is_wrong_input(shell: CliRunner, tmp_path: Path) -> None:
    words = ["twin", str(tmp_path / "twin.h5"), "--set", "phases=unobtainium", "--set", "rows=4", "--set", "columns=4"]
    found = shell.invoke(commands, words)
    assert isinstance(found.exception, InputError)
    assert "unobtainium" in str(found.exception)


def test_settings_that_the_file_contradicts_are_not_kept(shell: CliRunner, home: Home, tmp_path: Path) -> None:
    raw = tmp_path / "raw.dat"
    raw.write_bytes(bytes(range(200)) * 2)
    grid = ["--set", "acquisition.pattern_height_px=10", "--set", "acquisition.pattern_width_px=10"]
    ScanRegistry(home).register("raw", raw, None)
    SettingsLayers(home).configure("raw", {"acquisition.rows": "2", "acquisition.columns": "2"})
    words = [
        "characterize",
        str(raw),
        "--name",
        "raw",
        "--home",
        str(home.root),
        *grid,
        "--set",
        "acquisition.rows=100",
    ]
    found = shell.invoke(commands, words)
    assert isinstance(found.exception, InputError)
    assert SettingsLayers(home).in_force("raw")["acquisition.rows"].value == 2
