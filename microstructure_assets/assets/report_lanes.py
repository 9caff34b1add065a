"""What the report takes from the further lanes: elements, latents, and how far all lanes agree."""

from __future__ import annotations

import numpy as np

from microstructure_assets.assets.views import ScanView
from microstructure_assets.figures.report import Section, Table


def element_sections(view: ScanView) -> tuple[Section, ...]:
    """The element maps, where the scan brings some."""
    if not view.has("element_maps"):
        return ()
    maps = view.read("element_maps")
    units = sorted({str(unit) for unit in maps.table("elements")["unit"]})
    words = (f"Lines of {maps.attributes['elements']}, in {' and '.join(units)}; intensities, no concentrations.",)
    return (
        Section(
            "Elements", words, maps.figure(), f"{maps.attributes['colours']} as red, green and blue, and each line"
        ),
    )


def agreement_sections(view: ScanView) -> tuple[Section, ...]:
    """How far the lanes agree, where the scan has patterns."""
    if not view.has("lane_agreement"):
        return ()
    found = view.read("lane_agreement")
    facts, words = found.attributes, ["Means over the ROIs, weighted by points; grains and phases are the indexing's."]
    if not facts["indexed"]:
        words = ["The scan brings no indexing: only lanes of the patterns can be compared."]
    elif facts["anomalies_at_boundaries"] is not None:
        words.append(
            f"{100 * facts['anomalies_at_boundaries']:.0f} % of the anomalies lie beside a grain or phase boundary of "
            f"the indexing, as {100 * facts['points_at_boundaries']:.0f} % of all points do."
        )
    if facts["indexed"] and facts["crossings_at_boundaries"] is not None:
        words.append(
            f"{100 * facts['crossings_at_boundaries']:.0f} % of the points where weights cross lie beside one."
        )
    table = found.table("partitions")
    rows = tuple(
        (str(first), str(second), *(f"{value:.2f}" for value in values))
        for first, second, over, *values in zip(
            *(table[name] for name in ("lane_a", "lane_b", "over", "nmi", "ami", "ari")), strict=True
        )
        if over == "ROIs" and np.isfinite(values[0])
    )
    return (
        Section(
            "Agreement of the lanes",
            tuple(words),
            found.figure(),
            "Adjusted mutual information of each pair, the share of the boundaries that each lane finds, and what the "
            "pattern lane marks on the maps of the indexing",
            Table(("lane", "lane", "NMI", "AMI", "ARI"), rows) if rows else None,
        ),
    )


def latent_sections(view: ScanView) -> tuple[Section, ...]:
    """The latents, once somebody asked for them."""
    if not view.has("latent_bands"):
        return ()
    network, clusters = view.read("pattern_vae"), view.read("latent_clusters")
    facts = network.attributes
    ratio = facts["held_out_error"] / max(facts["held_out_error_of_components"], 1e-300)
    again = (
        "the network was trained once, so that none is known to come back"
        if facts["stable_latents"] is None
        else f"{facts['stable_latents']} of them come back with a correlation of 0.9 or more when the network is "
        "trained again"
    )
    words = (
        f"{facts['active_latents']} of {facts['latent']} latents are in use; {again}.",
        f"On patterns that it was not trained on the autoencoder's error is {ratio:.2f} times that of as many "
        "principal components as latents are in use.",
        f"{clusters.attributes['clusters']} clusters of latents.",
    )
    return (
        Section("Latents", words, network.figure(), "Training, and what each latent says"),
        _correlations(view),
        Section(
            "Clusters of latents", (), clusters.figure(), "Clusters of latents, and the criterion over their number"
        ),
        Section("Plane of latents", (), view.read("latent_embedding").figure(), "The latents in a plane"),
        Section("Bands of latents", (), view.read("latent_bands").figure(), "The leading latents in quantile bands"),
    )


def _correlations(view: ScanView) -> Section:
    found = view.read("latent_correlations")
    facts = found.attributes
    oriented = facts["unit_of_comparison"] == "grains"
    baseline = "band contrast, intensity, phase and orientation" if oriented else "band contrast and intensity"
    doubt = (
        "The orientation is taken away as far as smooth functions of it go: what depends on it sharply is called real."
        if oriented
        else "Without an indexing the orientation cannot be taken away: what is called real may be orientation alone."
    )
    words = (
        f"{facts['real_pairs']} pairs of {facts['compared_latents']} latents and the maps ({facts['maps']}) go "
        f"together beyond chance and beyond what {baseline} say, by {facts['compared_units']} "
        f"{facts['unit_of_comparison']}.",
        doubt,
        f"Where neighbouring {facts['unit_of_comparison']} resemble one another, as under a gradient through the "
        "sample, up to one scan in ten holds a pair that is called real by chance.",
    )
    return Section("Latents and maps", words, found.figure(), "Correlation of latents with maps given the baseline")
