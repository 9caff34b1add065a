"""The report of a scan: one page with the maps, what was found, what to distrust and where it comes from."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from microstructure_assets.assets.lane import Maker, lane
from microstructure_assets.assets.views import ScanView
from microstructure_assets.figures.gallery import DRAWERS
from microstructure_assets.figures.render import png
from microstructure_assets.figures.report import ArtifactRow, Fact, ScanReport, Section, Table, render_report
from microstructure_assets.settings import settings_groups
from microstructure_assets.store.draft import Draft
from microstructure_assets.store.recipes import Recipes
from microstructure_assets.store.tiles import tiling_tiles

RAW_FILES_SHOWN = 20
LARGEST_REGIONS_SHOWN = 10


def fill_scan_report(view: ScanView, drafts: Mapping[str, Draft]) -> None:
    """Collect what stands and render the page."""
    facts, rows = collect_facts(view), provenance(view)
    report = ScanReport(
        scan=view.scan_name,
        created=datetime.datetime.fromisoformat(max(row.made for row in rows)).strftime("%-d %B %Y, %H:%M UTC"),
        headline=headline(facts),
        summary=summary(facts),
        sections=sections(view, facts),
        distrust=distrust(facts),
        artifacts=rows,
        raw_files=raw_files(view),
        software=tuple(view.recipes[0].libraries.items()),
        about=about(view.read("scan_manifest").document(), facts),
    )
    drafts["scan_report"].page(render_report(report))


def collect_facts(view: ScanView) -> dict[str, Any]:
    """Every figure that the sentences use, gathered from the artifacts."""
    tiles = list(tiling_tiles(view.read("analysis_tiling")))
    gathered = {
        name: [view.read(artifact, tile).attributes[name] for tile in tiles]
        for artifact, name in (
            ("pca_scores", "components_mean"),
            ("gmm_clusters", "clusters_mean"),
            ("gmm_clusters", "rois_limited"),
            ("anomalies", "anomaly_share"),
            ("anomalies", "excess_mean"),
            ("reference_windows", "fallbacks"),
            ("reference_windows", "references"),
            ("cnmf_weights", "residual_median"),
        )
    }
    noise = np.concatenate([view.read("pca_scores", tile).array("noise_variance") for tile in tiles])
    return {
        **view.read("segmentation_map").attributes,
        **{name: float(np.mean(values)) for name, values in gathered.items()},
        "rois_limited": int(sum(gathered["rois_limited"])),
        "fallbacks": int(sum(gathered["fallbacks"])),
        "references": int(sum(gathered["references"])),
        "noise_deviation": float(np.sqrt(np.median(noise))),
        "static_background": view.read("preprocessed_patterns").attributes["static_background"],
        "tiling": view.read("analysis_tiling").document(),
        "band_contrast_source": view.read("pattern_quality").attributes["band_contrast_source"],
        "subspace": view.read("pattern_subspace").attributes,
        "points": int(np.prod(view.grid_shape)),
        "unit": view.grid.unit,
    }


def headline(facts: Mapping[str, Any]) -> tuple[Fact, ...]:
    """Five numbers."""
    return (
        Fact(f"{facts['points']:,}", "points"),
        Fact(f"{facts['regions']:,}", "regions"),
        Fact(f"{facts['mean_diameter_um']:.3g}", "mean diameter", facts["unit"]),
        Fact(f"{facts['area_weighted_diameter_um']:.3g}", "area-weighted diameter", facts["unit"]),
        Fact(f"{100 * facts['trusted_share']:.1f}", "trusted points", "%"),
    )


def summary(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """What was found, in plain sentences."""
    n, unit = facts["tiling"]["n"], facts["unit"]
    return (
        f"The map holds {facts['regions']} regions with a mean equivalent diameter of "
        f"{facts['mean_diameter_um']:.3g} {unit} ({facts['area_weighted_diameter_um']:.3g} {unit} weighted by area).",
        f"It was analysed in {n} × {n} regions of interest (ROIs), with {facts['clusters_mean']:.1f} clusters per ROI "
        f"on average, found on {facts['components_mean']:.1f} principal components.",
        f"{100 * facts['anomaly_share']:.1f} % of the points lie beyond the 95 % quantile of their cluster: 5 % of "
        "the pure points by chance, and most of those that the beam mixes at boundaries.",
    )


def sections(view: ScanView, facts: Mapping[str, Any]) -> tuple[Section, ...]:
    """The maps first, then how they came about."""
    quality, tiling, segmentation = view.read("pattern_quality"), facts["tiling"], view.read("segmentation_map")
    subspace = facts["subspace"]
    parts = [
        Section(
            "Regions",
            (
                "Touching clusters with the same pattern were joined across the seams, and every point was "
                "held against the regions near it.",
            ),
            segmentation.figure(),
            "Regions in colours, boundaries, anomalies, and the distribution of region sizes",
            _largest_regions(segmentation.table("regions"), facts["unit"]),
        ),
        Section(
            "Pattern quality",
            (f"Band contrast: {facts['band_contrast_source']}.",),
            quality.figure(),
            "Band contrast and mean intensity",
        ),
        Section(
            "Regions of interest",
            (str(tiling["why"]),),
            _tiling_picture(view),
            "Tiles and named regions over the band contrast",
            _named_regions(view),
        ),
    ]
    parts += [_example(view, *item) for item in EXAMPLES]
    parts.append(
        Section(
            "Whole-scan subspace",
            (
                f"{subspace['components']} components hold {100 * subspace['explained_variance']:.1f} % of the "
                "variance, noise included.",
            ),
            view.read("pattern_subspace").figure(),
            "Leading components and the energy that they leave out",
        )
    )
    return tuple(parts)


def _tiling_picture(view: ScanView) -> bytes:
    arrays = {"band_contrast": view.read("pattern_quality").array("band_contrast")}
    tables = {"tiles": view.read("analysis_tiling").table("tiles"), "regions": _regions_table(view)}
    return png(DRAWERS["analysis_tiling"](arrays, tables=tables, grid=view.grid))


def _regions_table(view: ScanView) -> dict[str, np.ndarray]:
    regions = list(view.facts["regions"].items())
    bounds = ("row_start", "row_stop", "column_start", "column_stop")
    return {
        "slot": np.asarray([slot for slot, _ in regions], dtype=object),
        "name": np.asarray([region["name"] for _, region in regions], dtype=object),
        **{name: np.asarray([region[name] for _, region in regions], dtype=np.int64) for name in bounds},
    }


def _named_regions(view: ScanView) -> Table | None:
    rows = tuple(
        (
            region["name"],
            slot,
            f"{region['row_start']}:{region['row_stop']}",
            f"{region['column_start']}:{region['column_stop']}",
            region["references_from"] or "itself",
        )
        for slot, region in view.facts["regions"].items()
    )
    return Table(("named region", "slot", "rows", "columns", "references from"), rows) if rows else None


EXAMPLES = (
    ("pca_scores", "Principal components", "How many components are kept"),
    ("gmm_clusters", "Clusters", "Clusters and the criteria over their number"),
    ("anomalies", "Anomalies", "Mahalanobis distance, anomalies, centres and windows"),
    ("reference_windows", "References", "Reference pattern of each cluster"),
    ("cnmf_weights", "Weights", "Weights of the references and the residual"),
    ("weight_boundaries", "Boundaries", "Crossings of the dominant weights"),
)


def _example(view: ScanView, artifact: str, title: str, caption: str) -> Section:
    tiles = list(tiling_tiles(view.read("analysis_tiling")))
    side = math.isqrt(len(tiles))
    tile = tiles[side // 2 * side + side // 2]
    where = f"Tile {tile}, in the middle of {len(tiles)}; the others are in the web UI." if len(tiles) > 1 else ""
    return Section(title, (where,) if where else (), view.read(artifact, tile).figure(), f"{caption} (tile {tile})")


def distrust(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """What a reader should hold back from believing, with its figure."""
    warnings = []
    if facts["unit"] != "µm":
        warnings.append(
            "The file gives no step size: lengths are in points. Set acquisition.step_x_um and acquisition.step_y_um."
        )
    if not facts["static_background"].startswith("the scan's"):
        warnings.append(
            f"Static background {facts['static_background']}. What is left of the detector's fixed pattern makes all "
            "patterns alike; a measured one is better (acquisition.static_background)."
        )
    if facts["points"] < 100:
        warnings.append(
            f"{facts['points']} points are too few for statistics of clusters; only the grossest contrast can be found."
        )
    if facts["trusted_share"] < 0.95:
        warnings.append(
            f"{100 * (1 - facts['trusted_share']):.1f} % of the points are not trusted: mixed, dark or between regions."
        )
    if facts["rois_limited"]:
        warnings.append(
            f"In {facts['rois_limited']} of {facts['tiling']['roi_count']} ROIs the number of points "
            "limited the number of clusters."
        )
    if facts["fallbacks"]:
        warnings.append(
            f"{facts['fallbacks']} of {facts['references']} references come from a fallback, as no window qualified."
        )
    if facts["residual_median"] > 1.2:
        warnings.append(
            f"Half of the patterns leave residuals above {facts['residual_median']:.2f} noise deviations: the "
            "references do not hold all of the signal."
        )
    warnings.append(
        "Regions are found from the likeness of patterns, without indexing: boundaries of less than about 1° may be "
        "missed, and two touching grains of nearly equal pattern are one region."
    )
    return tuple(warnings)


def provenance(view: ScanView) -> tuple[ArtifactRow, ...]:
    """A row per artifact that stands, as the fact `provenance` of the recipe has it."""
    rows = []
    for name, tile, head in Recipes(view.store, view.scan_name).standing():
        settings = head.recipe["settings"].items()
        changed = tuple(f"{key} = {value}" for key, value in settings if value != default(key))
        made = str(view.store.read(view.scan_name, name, tile).record["created"])
        version = str(head.recipe["code_version"])
        rows.append(ArtifactRow(name, head.content_hash, version, made, head.reason, changed, tile or ""))
    return tuple(rows)


def default(setting: str) -> Any:
    """The default of a setting, by its full name; none of one that there is no more."""
    group, _, field = setting.partition(".")
    known = getattr(settings_groups().get(group), "model_fields", {}).get(field)
    return known.default if known else None


def raw_files(view: ScanView) -> tuple[tuple[str, str], ...]:
    """Path and hash of the raw files; the rest of a long list is counted."""
    table = view.read("scan_manifest").table("files")
    rows = [(str(path), str(digest)) for path, digest in zip(table["path"], table["sha256"], strict=True)]
    more = len(rows) - RAW_FILES_SHOWN
    digest = view.read("scan_manifest").document()["raw_files"]["hash"]
    rest = [(f"and {more:,} more, listed in the manifest", digest)] if more > 0 else []
    return tuple(rows[:RAW_FILES_SHOWN] + rest)


def about(manifest: Mapping[str, Any], facts: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Facts of the scan."""
    grid = manifest["grid"]
    step = (
        "not known"
        if facts["unit"] != "µm"
        else f"{grid['step_x_um']:.4g} µm along x, {grid['step_y_um']:.4g} µm along y"
    )
    known = [
        (
            "file",
            f"{manifest['format']}, {manifest['raw_files']['count']:,} files, "
            f"{manifest['raw_files']['bytes'] / 1e6:,.1f} MB",
        ),
        ("grid", f"{grid['rows']} rows × {grid['columns']} columns"),
        ("step", step),
        ("phases", ", ".join(phase["name"] for phase in manifest.get("phases", [])) or "not given"),
        ("noise", f"{facts['noise_deviation']:.3g} per pixel, in the intensity of the corrected patterns"),
    ]
    return tuple(known)


def _largest_regions(table: Mapping[str, np.ndarray], unit: str) -> Table:
    order = np.argsort(-np.asarray(table["point_count"]), kind="stable")[:LARGEST_REGIONS_SHOWN]
    rows = tuple(
        (
            str(int(table["region"][row])),
            f"{int(table['point_count'][row]):,}",
            f"{table['equivalent_diameter_um'][row]:.3g}",
            f"{table['centroid_x_um'][row]:.3g}, {table['centroid_y_um'][row]:.3g}",
        )
        for row in order
    )
    return Table(("region", "points", f"diameter [{unit}]", f"centre x, y [{unit}]"), rows)


MAKERS = (Maker(("scan_report",), fill_scan_report),)

report_lane = lane("reports", "reports", MAKERS)
