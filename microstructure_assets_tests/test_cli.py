from __future__ import annotations

import pytest
from click.testing import CliRunner

from microstructure_assets.cli import commands
from microstructure_assets.store.home import Home


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
    done = shell.invoke(commands, ["twin", "unused.h5", "--list"])
    assert done.exit_code == 0
    assert "noise_nu" in done.output


def test_every_command_has_a_help_text(shell: CliRunner) -> None:
    for name, command in commands.commands.items():
        assert command.help, name
        assert shell.invoke(commands, [name, "--help"]).exit_code == 0
