"""Commands that change something: characterise a scan, change settings, name regions."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from microstructure_assets import progress
from microstructure_assets.shell.showing import print_latents, print_summary
from microstructure_assets.store.home import Home
from microstructure_assets.store.layers import SettingsLayers
from microstructure_assets.store.names import scan_name, slugify
from microstructure_assets.store.scans import NamedRegion, ScanRegistry


def characterize_scan(
    home: Home, path: Path, name: str | None, instrument: str | None, changes: Mapping[str, Any], verbose: bool
) -> None:
    """Register the scan at `path`, run the job on it, print what was found."""
    started = time.perf_counter()
    scan = scan_name(name) if name else slugify(path.resolve().stem)
    layers = SettingsLayers(home)
    from microstructure_assets.acquisition.formats import open_scan
    from microstructure_assets.jobs import register_scan
    from microstructure_assets.resources import open_instance

    registry = ScanRegistry(home)
    new = scan not in registry.names()
    if new or changes:
        used = instrument if new or instrument else registry.get(scan).instrument
        layers.check(scan, changes, used)
        # A file that cannot be read so is refused before anything is registered, or settings are stored.
        open_scan(path, layers.preview("acquisition", scan, changes, used))
    registry.register(scan, path, instrument)
    with open_instance(home, capture_output=verbose) as instance:
        register_scan(instance, scan)
        runs = _changed_and_run(home, instance, scan, changes, verbose, "characterize")
    print_summary(home, scan, runs, time.perf_counter() - started)


def make_latents(home: Home, scan: str, changes: Mapping[str, Any], verbose: bool) -> None:
    """Run the job of the latents on a scan that is known, print what was found."""
    from microstructure_assets.resources import open_instance

    started = time.perf_counter()
    registered = ScanRegistry(home).get(scan_name(scan))
    SettingsLayers(home).check(scan, changes, registered.instrument)
    with open_instance(home, capture_output=verbose) as instance:
        runs = _changed_and_run(home, instance, scan, changes, verbose, "latents")
    print_latents(home, scan, runs, time.perf_counter() - started)


def _changed_and_run(
    home: Home, instance: Any, scan: str, changes: Mapping[str, Any], verbose: bool, job: str
) -> frozenset[str]:
    """Store the settings, run a job with progress bars; the cause of a failure is raised."""
    from microstructure_assets.assets.settings import report_settings, settings_versions
    from microstructure_assets.jobs import JobFailed, root_cause, run_job

    if changes:
        known = settings_versions(home, scan)
        SettingsLayers(home).configure(scan, changes)
        report_settings(instance, home, scan, known)
    with progress.reporting(Bars()), _quiet(verbose):
        try:
            return run_job(instance, scan, "DEBUG" if verbose else "CRITICAL", name=job)
        except JobFailed as failure:
            cause = root_cause(failure)
            raise cause from cause.__cause__


def change_settings(home: Home, scan: str, slot: str | None, changes: Mapping[str, Any]) -> None:
    """Store settings and tell the graph, so that a daemon recomputes what depends on them."""
    from microstructure_assets.assets.settings import report_settings, settings_versions
    from microstructure_assets.resources import open_instance

    layers, registered = SettingsLayers(home), ScanRegistry(home).get(scan)
    before = layers.in_force(scan, slot, registered.instrument)
    # What cannot be told to the graph is not stored either.
    with open_instance(home) as instance:
        known = settings_versions(home, scan)
        layers.configure(scan, changes, slot)
        report_settings(instance, home, scan, known)
    after = layers.in_force(scan, slot, registered.instrument)
    for key in changes:
        click.echo(f"{key}: {before[key].value} → {after[key].value}")
    click.echo(
        "what depends on it is recomputed by the daemon, or now by "
        f"`microstructure characterize {registered.source} --name {scan}`"
    )


def change_instrument(home: Home, instrument: str, changes: Mapping[str, Any]) -> None:
    """Store settings of an instrument and tell the graph of all its scans."""
    from microstructure_assets.assets.settings import report_settings, settings_versions
    from microstructure_assets.resources import open_instance

    registry = ScanRegistry(home)
    scans = [scan for scan in registry.names() if registry.get(scan).instrument == instrument]
    with open_instance(home) as instance:
        known = {scan: settings_versions(home, scan) for scan in scans}
        SettingsLayers(home).configure_instrument(instrument, changes)
        for scan in scans:
            report_settings(instance, home, scan, known[scan])
    click.echo(f"instrument {instrument}: {len(scans)} scans ({', '.join(scans[:5]) or 'none yet'})")


def set_region(
    home: Home, scan: str, name: str, rows: tuple[int, int], columns: tuple[int, int], references_from: str | None
) -> None:
    """Add or move a named region and tell the graph."""
    from microstructure_assets.assets.settings import report_settings, settings_versions
    from microstructure_assets.resources import open_instance
    from microstructure_assets.store.store import Store

    manifest = Store(home).find(scan_name(scan), "scan_manifest")
    if manifest is not None:
        grid = manifest.document()["grid"]
        if rows[1] > grid["rows"] or columns[1] > grid["columns"]:
            raise click.UsageError(
                f"region {name!r}: found rows up to {rows[1]} and columns up to {columns[1]}, "
                f"the scan has {grid['rows']} x {grid['columns']} points"
            )
    with open_instance(home) as instance:
        known = settings_versions(home, scan)
        _, slot = ScanRegistry(home).set_region(scan, NamedRegion(name, *rows, *columns, references_from))
        report_settings(instance, home, scan, known)
    click.echo(f"region {name} of {scan} is tile {slot}")


class Bars:
    """Progress bars on the terminal; silent when the error stream is not one."""

    @contextlib.contextmanager
    def start(self, title: str, total: int) -> Iterator[progress.Bar]:
        """Open a bar."""
        from tqdm import tqdm

        with tqdm(total=total, desc=f"{title:<18}", disable=not sys.stderr.isatty(), leave=False, unit="") as bar:
            yield bar


@contextlib.contextmanager
def _quiet(verbose: bool) -> Iterator[None]:
    import warnings

    with warnings.catch_warnings():
        if not verbose:
            warnings.simplefilter("ignore")
        yield
