"""Commands that only look: scans, states and reasons, settings, paths, the summary of a run."""

from __future__ import annotations

from pathlib import Path

import click

from microstructure_assets.checks.judging import standing_verdicts
from microstructure_assets.errors import InputError
from microstructure_assets.results import find_artifact
from microstructure_assets.store.contract import ARTIFACTS, artifact_spec
from microstructure_assets.store.home import Home
from microstructure_assets.store.layers import SettingsLayers
from microstructure_assets.store.recipes import Recipes
from microstructure_assets.store.scans import ScanRegistry
from microstructure_assets.store.store import Store


def show_scans(home: Home) -> None:
    """A line per scan."""
    registry, store = ScanRegistry(home), Store(home)
    names = registry.names()
    if not names:
        click.echo(f"no scan yet in {home.root}; `microstructure characterize PATH` makes the first")
    for name in names:
        report = store.find(name, "scan_report")
        click.echo(f"{name:<40} {'characterised' if report else 'not finished':<14} {registry.get(name).source}")


def show_scan(home: Home, scan: str, why: bool) -> None:
    """A line per artifact and tile: its state, and the reasons if asked for.

    ``stale``: what it uses has changed. ``unsettled``: something above it is stale, and may turn out equal.
    ``on request``: nobody asked for it.
    """
    recipes = Recipes(Store(home), scan)
    unsettled: set[tuple[str, str | None]] = set()
    for spec in ARTIFACTS:
        if not recipes.applies(spec.name):
            continue
        if not recipes.asked_for(spec.name):
            click.echo(f"{spec.name:<22}      on request")
            continue
        for tile in recipes.tiles() if spec.per == "tile" else [None]:
            head = recipes.store.head(scan, spec.name, tile)
            stale = recipes.why_stale(spec.name, tile)
            above = [name for name in spec.dependencies if _concerns(unsettled, name, tile)]
            state = "missing" if head is None else "stale" if stale else "unsettled" if above else "current"
            if state != "current":
                unsettled.add((spec.name, tile))
            content, created = (head.content_hash[:12], head.created) if head else ("", "")
            click.echo(f"{spec.name:<22} {tile or '':<4} {state:<10}{content:<13}{created}".rstrip())
            if why and head is not None:
                click.echo(f"    last: {head.reason}")
            if why and stale:
                click.echo(f"    now: {stale}")
            elif why and above:
                click.echo(f"    now: current unless {', '.join(above)} brings something else that it uses")
    _print_failed_checks(recipes)


def _print_failed_checks(recipes: Recipes) -> None:
    """A line for each check that says something against what stands."""
    for check, verdict in standing_verdicts(recipes):
        if verdict.passed is False:
            click.echo(f"check {check.name} of {check.artifact} did not pass: {verdict.words}")


def _concerns(unsettled: set[tuple[str, str | None]], name: str, tile: str | None) -> bool:
    """Whether an input of this name, for a tile or the whole scan, is among the artifacts that are not settled."""
    if artifact_spec(name).per == "tile" and tile is None:
        return any(known == name for known, _ in unsettled)
    return (name, tile if artifact_spec(name).per == "tile" else None) in unsettled


def show_settings(home: Home, scan: str, slot: str | None) -> None:
    """Every setting in force and the layer that it comes from."""
    instrument = ScanRegistry(home).get(scan).instrument
    for name, setting in SettingsLayers(home).in_force(scan, slot, instrument).items():
        click.echo(f"{name:<40} {'none' if setting.value is None else setting.value!s:<16} {setting.layer}")


def show_regions(home: Home, scan: str) -> None:
    """A line per named region."""
    for slot, region in ScanRegistry(home).get(scan).regions.items():
        source = f", references from {region.references_from}" if region.references_from else ""
        bounds = f"rows {region.row_start}:{region.row_stop}, columns {region.column_start}:{region.column_stop}"
        click.echo(f"{region.name:<16} {slot}  {bounds}{source}")


def show_instrument(home: Home, instrument: str) -> None:
    """What an instrument's layer says."""
    values = SettingsLayers(home).of_instrument(instrument)
    if not values:
        click.echo(f"instrument {instrument}: nothing is set")
    for name, value in sorted(values.items()):
        click.echo(f"{name:<40} {value}")


def artifact_path(home: Home, scan: str, asset: str, tile: str | None, part: str | None) -> Path:
    """Where an artifact, or a part of it, lies.

    Raises
    ------
    InputError
        If there is no such artifact, tile or part.
    """
    artifact = find_artifact(Store(home), scan, asset, tile)
    if part is None:
        return artifact.path
    parts = {
        "folder": artifact.folder,
        **{file.stem: file for file in sorted(artifact.folder.iterdir()) if file.is_file()},
    }
    if part not in parts:
        raise InputError(f"{asset}: no part {part!r}; there are {', '.join(parts)}")
    return parts[part]


def print_summary(home: Home, scan: str, runs: frozenset[str], seconds: float) -> None:
    """What was found, and what these runs computed, in a few lines."""
    store, recipes = Store(home), Recipes(Store(home), scan)
    manifest = store.read(scan, "scan_manifest").document()
    grid = manifest["grid"]
    unit = "µm" if grid["step_x_um"] is not None else "points (no step known)"
    click.echo(f"scan {scan}: {grid['rows']} x {grid['columns']} points, {manifest['format']}")
    if recipes.applies("segmentation_map"):
        _print_regions(store, scan, recipes, unit)
    _print_grains(store, scan, unit)
    click.echo(f"  {_what_was_done(recipes, runs)}; {seconds:.1f} s")
    click.echo(f"report: {store.read(scan, 'scan_report').path}")
    click.echo("web UI: make ui, or microstructure ui")


def print_latents(home: Home, scan: str, runs: frozenset[str], seconds: float) -> None:
    """What the autoencoder came to, in a few lines."""
    store, recipes = Store(home), Recipes(Store(home), scan)
    if not recipes.applies("pattern_vae"):
        click.echo(f"scan {scan}: holds maps but no patterns, so that there are no latents")
        return
    found, clusters = (store.read(scan, name).attributes for name in ("pattern_vae", "latent_clusters"))
    again = (
        "trained once, so that none is known to come back"
        if found["stable_latents"] is None
        else f"{found['stable_latents']} found again in other trainings (correlation 0.9 or more)"
    )
    click.echo(f"scan {scan}: {found['latent']} latents, {found['active_latents']} in use, {again}")
    click.echo(
        f"  held-out patterns: mean square error {found['held_out_error']:.4g}; of as many principal components as "
        f"latents are in use {found['held_out_error_of_components']:.4g}; variance {found['held_out_variance']:.4g}"
    )
    click.echo(f"  {clusters['clusters']} clusters of latents; {100 * clusters['pore_share']:.0f} % of points as pores")
    click.echo(f"  {_what_was_done(recipes, runs)}; {seconds:.1f} s")


def _print_grains(store: Store, scan: str, unit: str) -> None:
    """The grains; nothing where the scan brings no orientations."""
    found = store.read(scan, "grain_statistics").attributes
    if found["grains"]:
        click.echo(
            f"  {found['grains']} grains; mean diameter {found['diameter_number_mean_um']:.3g} {unit}, "
            f"area-weighted {found['diameter_area_mean_um']:.3g} {unit}"
        )


def _print_regions(store: Store, scan: str, recipes: Recipes, unit: str) -> None:
    """What was found on the patterns."""
    tiling, found = (store.read(scan, name).attributes for name in ("analysis_tiling", "segmentation_map"))
    tiles = recipes.tiles(regions=False)
    clusters = [store.read(scan, "gmm_clusters", tile).attributes["clusters_mean"] for tile in tiles]
    anomalies = [store.read(scan, "anomalies", tile).attributes["anomaly_share"] for tile in tiles]
    click.echo(
        f"  analysed in {tiling['n']} x {tiling['n']} ROIs of {sum(clusters) / len(clusters):.1f} clusters on average"
    )
    if found["regions"]:
        click.echo(
            f"  {found['regions']} regions; mean diameter {found['mean_diameter_um']:.3g} {unit}, "
            f"area-weighted {found['area_weighted_diameter_um']:.3g} {unit}"
        )
    else:
        click.echo("  no regions: no two neighbouring patterns have more in common than their noise")
    share = 100 * sum(anomalies) / len(anomalies)
    click.echo(f"  anomalies {share:.1f} % of points (where 5 % are expected inside grains, and most at boundaries)")
    click.echo(f"  {100 * found['trusted_share']:.1f} % of points surely lie in their region rather than in the next")


def _what_was_done(recipes: Recipes, runs: frozenset[str]) -> str:
    """How many of the artifacts that stand were made by these runs."""
    made = [
        recipes.store.read(recipes.scan.name, name, tile).record["origin"].get("run_id")
        for name, tile, _ in recipes.standing(pages=True)
    ]
    computed = sum(run in runs for run in made)
    if not computed:
        return "nothing was recomputed, everything is current"
    return f"{computed} {'artifact' if computed == 1 else 'artifacts'} computed, {len(made) - computed} reused"
