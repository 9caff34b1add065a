"""Which latents go with which maps of the same scan, and what of that is more than the baseline, or more than chance.

The published comparison (Reference [1]_, section 3.2.3) screens latents by variance and ranks them by F and by
Pearson's, Spearman's and Kendall's coefficients over the points. These are given here as well. They cannot say what is
real: points of a grain are no independent trials, hundreds of latents meet several maps, and a latent of a pattern
follows orientation, phase and quality, which the maps follow too. So each pair is tested with the grain as the unit:
first as it is, then inside phases, then given a baseline of phase, quality, intensity, orientation and place; and,
apart from that, inside grains.

References
----------
.. [1] Q. Zhang, S. Benito, S. Weber, M. Stricker, Multi-modal data-driven microstructure characterization.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.association_algebra import independent_functions
from microstructure_assets.methods.association_columns import grain_columns, inside_columns, point_columns
from microstructure_assets.methods.association_grains import GrainTests
from microstructure_assets.methods.association_maps import AssociationMaps, grain_fields, select
from microstructure_assets.methods.association_moments import LatentArray, inside_fields, latent_moments
from microstructure_assets.methods.association_settings import AssociationSettings
from microstructure_assets.methods.parallel import single_blas_thread

Columns = dict[str, NDArray[np.generic]]

#: Verdicts; the first that holds is given.
REAL = "real"
EXPLAINED = "explained by the baseline"
INSIDE = "gradient inside grains"
UNTESTABLE = "untestable"
CHANCE = "chance"


@dataclass(frozen=True)
class LatentCorrelations:
    """Latents against maps.

    Attributes
    ----------
    table : dict of ndarray, shape (active latents · maps,)
        See :func:`latent_correlations`.
    variance : ndarray of float64, shape (L,)
        Of each latent over the points.
    active : ndarray of bool, shape (L,)
        Whether a latent was compared.
    points : int
        Points that count.
    grains : int
        Grains that are compared.
    eligible_grains : int
        Grains with enough points; more than `grains` where these are a draw.
    baseline_grains : int
        Grains of the phases that have enough of them for the full baseline; the others take no part in ``partial``.
    baseline_functions : int
        Independent functions of the full baseline on these, constants of the phases among them.
    """

    table: Columns
    variance: NDArray[np.float64]
    active: NDArray[np.bool_]
    points: int
    grains: int
    eligible_grains: int
    baseline_grains: int
    baseline_functions: int


def latent_correlations(
    latent: LatentArray, maps: AssociationMaps, settings: AssociationSettings | None = None
) -> LatentCorrelations:
    """Compare every active latent with every map.

    Parameters
    ----------
    latent : LatentArray
        (rows, columns, L) float32; sliced by rows and read once.
    maps : AssociationMaps
    settings : AssociationSettings, optional

    Returns
    -------
    LatentCorrelations
        Its table has a row per active latent and map, the maps of a latent one after another, numbers first:

        ``latent``, ``map``
            Number of the latent from 0, and the map's name.
        ``pearson_points``, ``spearman_points``, ``kendall_points``
            Over points, Spearman's and Kendall's over at most `rank_points` of them; NaN for categories.
        ``f_points``
            F over points, of the regression on a number (degrees of freedom 1 and points - 2) or of the analysis of
            variance over classes.
        ``pearson_grains``, ``spearman_grains``, ``kendall_grains``, ``f_grains``, ``p_f_grains``
            The same over the means of grains, each grain counting once, and the p of F if grains were independent and
            normal. A category counts by its shares in the grain.
        ``effective_grains``
            Independent grains that the pair is worth, given the baseline.
        ``p_unadjusted_family``
            p by permuting all grains, among all pairs (the largest statistic over latents and maps).
        ``in_phase``, ``p_grains``, ``p_grains_family``
            Correlation of grain means given the phase, its p by permuting grains inside phases, and that among all
            pairs. For the phase itself, all grains are permuted.
        ``partial``, ``p_partial``, ``p_partial_family``
            Correlation given the baseline; for categories the root of the share of variance explained. A map that is
            itself in the baseline is left out of it for its own test.
        ``inside``, ``p_inside``, ``p_inside_family``
            Correlation inside grains, of points about the means of their grains, given the baseline's maps and place
            there, and its p by flipping signs of grains; NaN for categories.
        ``verdict``
            *real*: ``p_partial_family`` is at most the level. *explained by the baseline*: not so, but
            ``p_unadjusted_family`` or ``p_grains_family`` is. *gradient inside grains*: neither, but
            ``p_inside_family`` is. *untestable*: none of these, and too few grains for the baseline, or the latent or
            the map is the same in all of them. *chance*: none of these.

    Raises
    ------
    ValueError
        If the latents are not those of the maps' points, or not finite at a point that is used.

    Notes
    -----
    Each verdict keeps its own rate of false findings; a scan in which nothing goes with anything gets some verdict
    other than *chance* at up to three times the level. *Real* means beyond this baseline, which is smooth: functions of
    orientation of low degree do not take away all that a pattern says about orientation. *Explained by the baseline*
    means that nothing could be shown beyond it; with few grains a true relation can end there too, so look at
    ``partial``. Categories that were made from the latents themselves, as their clusters, always differ between
    classes; only their F and its order mean something.
    """
    settings = settings or AssociationSettings()
    with single_blas_thread():
        selection = select(maps, settings)
        fields, inner = grain_fields(maps, selection), inside_fields(maps, selection)
        moments = latent_moments(latent, maps, selection, inner)
        active = moments.variance > settings.active_variance
        latents = moments.grain_mean[:, active]
        tests = GrainTests(maps, selection, fields, latents, settings)
        told = tests.baseline
        functions = told.functions[told.covered]
        parts = {
            **point_columns(moments, maps, selection, active),
            **grain_columns(latents, maps, fields),
            **tests.columns(),
            **inside_columns(moments, inner, maps, active, settings),
        }
    table: Columns = {
        "latent": np.repeat(np.flatnonzero(active), len(tests.names)),
        "map": np.array(tests.names * latents.shape[1], dtype=object),
        **{name: values.ravel() for name, values in parts.items()},
    }
    table["verdict"] = verdicts(table, settings.level)
    return LatentCorrelations(
        table,
        moments.variance,
        active,
        moments.points,
        len(selection.grain),
        selection.eligible,
        len(functions),
        independent_functions(functions),
    )


def verdicts(table: Columns, level: float) -> NDArray[np.object_]:
    """The verdict of each row, from its family-wise p; see :func:`latent_correlations`."""

    def below(name: str) -> NDArray[np.bool_]:
        return np.asarray(table[name], np.float64) <= level  # never true for NaN

    unknown = np.isnan(np.asarray(table["p_partial_family"], np.float64))
    between = ~unknown & (below("p_unadjusted_family") | below("p_grains_family"))
    holds = [below("p_partial_family"), between, below("p_inside_family"), unknown]
    found = np.full(len(unknown), CHANCE, dtype=object)
    for rows, verdict in reversed(list(zip(holds, (REAL, EXPLAINED, INSIDE, UNTESTABLE), strict=True))):
        found[rows] = verdict
    return found
