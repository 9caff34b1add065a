"""The report of a scan: one page with the maps, what was found, what to distrust and where it comes from."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from microstructure_assets.assets.lane import lane
from microstructure_assets.assets.making import Maker
from microstructure_assets.assets.report_grains import grain_facts, grain_sections
from microstructure_assets.assets.report_lanes import agreement_sections, element_sections, latent_sections
from microstructure_assets.assets.views import ScanView
from microstructure_assets.checks.judging import CHECKS
from microstructure_assets.figures.gallery import DRAWERS
from microstructure_assets.figures.grain_sentences import grain_distrust, grain_summary, map_headline
from microstructure_assets.figures.render import png
from microstructure_assets.figures.report import ArtifactRow, ScanReport, Section, Table, render_report
from microstructure_assets.figures.sentences import about, distrust, headline, summary
from microstructure_assets.settings import settings_groups
from microstructure_assets.store.draft import Draft
from microstructure_assets.store.recipes import Recipes
from microstructure_assets.store.tiles import tiling_tiles

RAW_FILES_SHOWN = 20
LARGEST_REGIONS_SHOWN = 10


def fill_scan_report(view: ScanView, drafts: Mapping[str, Draft]) -> None:
    """Collect what stands and render the page."""
    rows, grains = provenance(view), grain_facts(view)
    of_patterns = view.has("segmentation_map")
    facts = collect_facts(view) if of_patterns else grains
    report = ScanReport(
        scan=view.scan_name,
        created=datetime.datetime.fromisoformat(max(row.made for row in rows)).strftime("%-d %B %Y, %H:%M UTC"),
        headline=headline(facts) if of_patterns else map_headline(grains),
        summary=summary(facts) if of_patterns else grain_summary(grains),
        sections=(*(sections(view, facts) if of_patterns else ()), *grain_sections(view, grains), *_further(view)),
        distrust=(*(distrust(facts) if of_patterns else ()), *grain_distrust(grains), *failed_checks(view)),
        artifacts=rows,
        raw_files=raw_files(view),
        software=tuple(view.recipes[0].libraries.items()),
        about=about(view.read("scan_manifest").document(), facts),
    )
    drafts["scan_report"].page(render_report(report))


def _further(view: ScanView) -> tuple[Section, ...]:
    return element_sections(view) + agreement_sections(view) + latent_sections(view)


def failed_checks(view: ScanView) -> tuple[str, ...]:
    """What the checks say against the artifacts, a sentence each."""
    judged = {check: view.read(check.artifact).attributes for check in CHECKS if view.has(check.artifact)}
    verdicts = [check.judge(facts, view.settings("checks")) for check, facts in judged.items()]
    return tuple(_sentence(verdict.words) for verdict in verdicts if verdict.passed is False)


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
    grains = view.read("grain_statistics").attributes
    return {
        **view.read("segmentation_map").attributes,
        **{name: float(np.mean(values)) for name, values in gathered.items()},
        "rois_limited": int(sum(gathered["rois_limited"])),
        "fallbacks": int(sum(gathered["fallbacks"])),
        "references": int(sum(gathered["references"])),
        "noise_deviation": float(np.sqrt(np.median(noise))),
        "static_background": view.read("preprocessed_patterns").attributes["static_background"],
        "tiling": view.read("analysis_tiling").document(),
        "length_scale": view.read("nmi_scale_curve").document(),
        "grain_diameters_um": (grains["diameter_number_mean_um"], grains["diameter_area_mean_um"]),
        "band_contrast_source": view.read("pattern_quality").attributes["band_contrast_source"],
        "subspace": view.read("pattern_subspace").attributes,
        "points": int(np.prod(view.grid_shape)),
        "unit": view.grid.unit,
    }


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
            (_sentence(tiling["why"]),),
            _tiling_picture(view),
            "Tiles and named regions over the band contrast",
            _named_regions(view),
        ),
    ]
    parts.append(
        Section(
            "Length scale",
            (
                _sentence(facts["length_scale"]["why"]),
                *_offsets(view),
                _sentence(facts["length_scale"]["limit"]),
            ),
            view.read("nmi_scale_curve").figure(),
            "Agreement of the clusters of scores and of weights, and the number of clusters, over the tilings",
        )
    )
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


def _sentence(words: object) -> str:
    """Words with a capital in front and a full stop behind."""
    text = str(words).rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."


def _offsets(view: ScanView) -> tuple[str, ...]:
    """How the agreement around the recommended tiling changes where the grid of ROIs is shifted by half a ROI."""
    table = view.read("nmi_scale_curve").table("offsets")
    if not len(table["n"]):
        return ()
    ranges = []
    for n in np.unique(table["n"]):
        values = table["nmi_mean"][table["n"] == n]
        ranges.append(f"{np.nanmin(values):.3f} to {np.nanmax(values):.3f} for n = {n}")
    return (f"With the grid of ROIs at four places half a ROI apart the mean NMI is {', '.join(ranges)}.",)


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
