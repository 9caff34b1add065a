"""`microstructure`: the same jobs as in the web UI, from a shell.

Exit codes: 0 done, 1 failed, 2 wrong input, 130 stopped by the user (what was finished is kept).
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import click

from microstructure_assets.errors import InputError
from microstructure_assets.shell.options import home_option, known_home, made_home, pairs, verbose_option
from microstructure_assets.shell.share_commands import inbox, shares

WRONG_INPUT, INTERRUPTED = 2, 130


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="microstructure-assets")
def commands() -> None:
    """Turn microscope scans into characterised microstructures."""


@commands.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--name", help="Name of the scan; default: made of the file's name.")
@click.option("--instrument", help="Instrument whose settings layer holds.")
@click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE", help="A setting of the scan, e.g. tiling.n=6; it is kept."
)
@home_option
@verbose_option
def characterize(
    path: Path,
    name: str | None,
    instrument: str | None,
    changes: tuple[str, ...],
    home_path: Path | None,
    verbose: bool,
) -> None:
    """Characterise the scan at PATH: read it, make every artifact, print what was found."""
    from microstructure_assets.shell.running import characterize_scan

    characterize_scan(made_home(home_path), path, name, instrument, pairs(changes), verbose)


@commands.command()
@click.argument("scan")
@click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE", help="A setting, e.g. autoencoder.repeats=1; it is kept."
)
@home_option
@verbose_option
def latents(scan: str, changes: tuple[str, ...], home_path: Path | None, verbose: bool) -> None:
    """Train the autoencoder on the patterns of SCAN and make its latents: minutes to hours, so never by itself."""
    from microstructure_assets.shell.running import make_latents

    make_latents(known_home(home_path), scan, pairs(changes), verbose)


@commands.command()
@click.argument("scan", required=False)
@click.option("--why", is_flag=True, help="Say why each artifact was last made, and why it would be made again.")
@home_option
def status(scan: str | None, why: bool, home_path: Path | None) -> None:
    """List the scans, or what stands of SCAN and whether it is current."""
    from microstructure_assets.shell.showing import show_scan, show_scans

    show_scan(known_home(home_path), scan, why) if scan else show_scans(known_home(home_path))


@commands.command()
@click.argument("words", nargs=-1, metavar="SCAN [KEY=VALUE]...")
@click.option("--tile", help="A tile (t03) or a named region; default: the whole scan.")
@click.option("--instrument", help="Instead of SCAN: an instrument, for all its scans that say nothing else.")
@home_option
def configure(words: tuple[str, ...], tile: str | None, instrument: str | None, home_path: Path | None) -> None:
    """Change settings of SCAN (KEY=default takes a value back), or list them when none is given."""
    from microstructure_assets.results import slot_of
    from microstructure_assets.shell.running import change_instrument, change_settings
    from microstructure_assets.shell.showing import show_instrument, show_settings

    home = made_home(home_path)
    if instrument is not None:
        if tile is not None:
            raise click.UsageError("--tile and --instrument: give one of them")
        change_instrument(home, instrument, pairs(words)) if words else show_instrument(home, instrument)
        return
    if not words:
        raise click.UsageError("SCAN is missing: which scan's settings? (`microstructure status` lists the scans)")
    scan, *changes = words
    slot = slot_of(home, scan, tile)
    if changes:
        change_settings(home, scan, slot, pairs(tuple(changes)))
    else:
        show_settings(home, scan, slot)


@commands.command()
@click.argument("scan")
@click.argument("asset")
@click.option("--tile", help="A tile (t03) or a named region.")
@click.option(
    "--part", help="A table or file of the artifact instead, e.g. criteria or figure; `folder` for its folder."
)
@home_option
def path(scan: str, asset: str, tile: str | None, part: str | None, home_path: Path | None) -> None:
    """Print where an artifact of SCAN lies."""
    from microstructure_assets.shell.showing import artifact_path

    click.echo(artifact_path(known_home(home_path), scan, asset, tile, part))


@commands.command()
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option(
    "--form",
    type=click.Choice(["h5", "tiff"]),
    default="h5",
    show_default=True,
    help="kikuchipy h5, or a TIFF per point.",
)
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="A setting of the twin; --list shows all.")
@click.option("--list", "list_settings", is_flag=True, help="List the twin's settings and stop.")
@click.option("--overwrite", is_flag=True, help="Replace a twin that is there.")
def twin(
    path: Path | None, form: Literal["h5", "tiff"], changes: tuple[str, ...], list_settings: bool, overwrite: bool
) -> None:
    """Simulate a scan with known truth and write it to PATH."""
    from microstructure_assets.shell.twins import show_twin_settings, write_twin

    if list_settings:
        show_twin_settings()
    elif path is None:
        raise click.UsageError("PATH is missing: where is the twin to be written? (--list shows the settings)")
    else:
        write_twin(path, form, pairs(changes), overwrite=overwrite)


@commands.group()
def regions() -> None:
    """Named regions of a scan: rectangles that are analysed like a tile."""


@regions.command("add")
@click.argument("scan")
@click.argument("name")
@click.option("--rows", required=True, metavar="START:STOP", help="Rows in points, the stop excluded.")
@click.option("--columns", required=True, metavar="START:STOP", help="Columns in points, the stop excluded.")
@click.option("--references-from", help="Region whose reference patterns this one takes.")
@home_option
def add_region(
    scan: str, name: str, rows: str, columns: str, references_from: str | None, home_path: Path | None
) -> None:
    """Add the region NAME to SCAN, or move it."""
    from microstructure_assets.shell.running import set_region

    set_region(made_home(home_path), scan, name, _range(rows, "--rows"), _range(columns, "--columns"), references_from)


@regions.command("remove")
@click.argument("scan")
@click.argument("name")
@home_option
def remove_region(scan: str, name: str, home_path: Path | None) -> None:
    """Forget the region NAME of SCAN."""
    from microstructure_assets.store.scans import ScanRegistry

    ScanRegistry(made_home(home_path)).remove_region(scan, name)


@regions.command("list")
@click.argument("scan")
@home_option
def list_regions(scan: str, home_path: Path | None) -> None:
    """List the named regions of SCAN."""
    from microstructure_assets.shell.showing import show_regions

    show_regions(known_home(home_path), scan)


@commands.command()
@click.argument("scan")
@home_option
def verify(scan: str, home_path: Path | None) -> None:
    """Hash raw files and artifacts of SCAN again, and name what is not as it was written."""
    from microstructure_assets.shell.verifying import verify_scan

    verify_scan(known_home(home_path), scan)


@commands.command()
@click.argument("sql")
@home_option
def query(sql: str, home_path: Path | None) -> None:
    """Run SQL on the catalogue of all scans; `show tables` lists its views."""
    import duckdb

    from microstructure_assets.store.catalogue import connect

    try:
        click.echo(str(connect(known_home(home_path).root).sql(sql) or ""))
    except duckdb.Error as error:
        raise InputError(str(error)) from error


@commands.command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="The UI has no log-in: keep it on this machine or behind a proxy.",
)
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True)
@home_option
def ui(host: str, port: int, home_path: Path | None) -> None:
    """Start the web UI and the daemon."""
    from microstructure_assets.resources import open_instance
    from microstructure_assets.servers import serve

    home = made_home(home_path)
    open_instance(home).dispose()
    click.echo(f"web UI: http://{host}:{port} (home {home.root}); Ctrl-C stops it")
    sys.exit(serve(home, host, port))


for group in (shares, inbox):
    commands.add_command(group)


def main() -> None:
    """Entry point."""
    with _plain_errors("-v" in sys.argv or "--verbose" in sys.argv):
        commands(standalone_mode=False)


@contextlib.contextmanager
def _plain_errors(verbose: bool) -> Iterator[None]:
    try:
        yield
    except click.exceptions.Exit as leave:
        sys.exit(leave.exit_code)
    except click.Abort:
        _leave("stopped; what was finished is kept, run the command again to go on", INTERRUPTED)
    except KeyboardInterrupt:
        _leave("stopped; what was finished is kept, run the command again to go on", INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (InputError, FileNotFoundError, PermissionError) as error:
        if verbose:
            raise
        _leave(f"error: {error}", WRONG_INPUT)
    except Exception as error:
        if verbose:
            raise
        hint = " (-v shows where)" if sys.argv[1:2] == ["characterize"] else ""
        _leave(f"failed: {type(error).__name__}: {error}{hint}", 1)


def _leave(message: str, code: int) -> None:
    click.echo(message, err=True)
    sys.exit(code)


def _range(text: str, option: str) -> tuple[int, int]:
    start, colon, stop = text.partition(":")
    if not (colon and start.strip().isdecimal() and stop.strip().isdecimal()):
        raise click.UsageError(f"{option} {text!r}: expected START:STOP in points, e.g. 10:30")
    return int(start), int(stop)


if __name__ == "__main__":
    main()
