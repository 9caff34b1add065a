"""The tests of grain means against each other: as they are, inside phases, and given the baseline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.association_algebra import independent_functions
from microstructure_assets.methods.association_baseline import Baseline, baseline
from microstructure_assets.methods.association_maps import AssociationMaps, GrainFields, Selection
from microstructure_assets.methods.association_permutations import (
    Comparison,
    Tested,
    family_probability,
    permutation_test,
)
from microstructure_assets.methods.association_settings import AssociationSettings

#: The category that is not tested beyond itself.
PHASE = "phase"
# Streams of random numbers of the three tests; the draws of points and grains have the first two.
_UNADJUSTED, _IN_PHASE, _PARTIAL = 2, 3, 4


@dataclass(frozen=True)
class GrainTests:
    """Latents and maps by grain, ready to be compared.

    Attributes
    ----------
    maps : AssociationMaps
    selection : Selection
    fields : GrainFields
    latents : ndarray of float64, shape (grains, L)
        Means of the active latents.
    settings : AssociationSettings
    """

    maps: AssociationMaps
    selection: Selection
    fields: GrainFields
    latents: NDArray[np.float64]
    settings: AssociationSettings

    @property
    def names(self) -> list[str]:
        """Maps that are compared, numbers first."""
        return [*self.maps.numbers, *self.maps.categories]

    @property
    def baseline(self) -> Baseline:
        """The full baseline."""
        return self._full_baseline

    def columns(self) -> dict[str, NDArray[np.float64]]:
        """Results of all three tests (L, maps), as :func:`.latent_correlations` names them; NaN where untestable."""
        unadjusted = self._test(_UNADJUSTED, lambda name: ("", False), self._constants)
        in_phase = self._test(_IN_PHASE, lambda name: ("", name != PHASE), self._constants)
        partial = self._test(_PARTIAL, lambda name: (name, name != PHASE), self._baseline)
        return {
            "effective_grains": partial["effective"],
            "p_unadjusted_family": unadjusted["family"],
            "in_phase": in_phase["coefficient"],
            "p_grains": in_phase["probability"],
            "p_grains_family": in_phase["family"],
            "partial": partial["coefficient"],
            "p_partial": partial["probability"],
            "p_partial_family": partial["family"],
        }

    def _test(
        self,
        stream: int,
        kind: Callable[[str], tuple[str, bool]],
        nuisance: Callable[[str | None, bool], Baseline],
    ) -> dict[str, NDArray[np.float64]]:
        """Test maps of one nuisance together; `kind` gives what is left out for a map, and whether phases count."""
        chosen: dict[tuple[str | None, bool], list[int]] = {}
        for number, name in enumerate(self.names):
            left_out, by_phase = kind(name)
            chosen.setdefault((left_out if left_out in self.maps.baseline else None, by_phase), []).append(number)
        tests = [
            self._tested(numbers, nuisance(*given), given[1], [self.settings.seed, stream, order])
            for order, (given, numbers) in enumerate(chosen.items())
        ]
        families = family_probability(tests)
        shape = self.latents.shape[1], len(self.names)
        found = {name: np.full(shape, np.nan) for name in ("coefficient", "effective", "probability", "family")}
        for numbers, test, family in zip(chosen.values(), tests, families, strict=True):
            found["family"][:, numbers] = family
            for name in ("coefficient", "effective", "probability"):
                found[name][:, numbers] = getattr(test, name)
        return found

    def _tested(self, numbers: Sequence[int], nuisance: Baseline, by_phase: bool, seed: Sequence[int]) -> Tested:
        settings, own = self.settings, nuisance.covered
        functions = nuisance.functions[own]
        shape = self.latents.shape[1], len(numbers)
        if not min(shape) or not own.any() or own.sum() - independent_functions(functions) < settings.fewest_grains:
            unknown = np.full(shape, np.nan)
            return Tested(unknown, unknown, unknown, unknown, np.zeros(settings.permutations))
        phase = self.selection.phase[own]
        comparison = Comparison(
            self.latents[own],
            [self._map(number)[own] for number in numbers],
            functions,
            phase if by_phase else np.zeros(len(phase), np.int64),
            self._weight()[own],
            self.fields.centre[own] if settings.effective_grains else None,
        )
        return permutation_test(comparison, settings.permutations, seed)

    def _map(self, number: int) -> NDArray[np.float64]:
        names = list(self.maps.numbers)
        if number < len(names):
            return self.fields.mean[:, [number]]
        return self.fields.shares[self.names[number]]

    def _constants(self, left_out: str | None, by_phase: bool) -> Baseline:
        phase = self.selection.phase
        columns = (phase[:, None] == np.unique(phase)).astype(np.float64) if by_phase else np.ones((len(phase), 1))
        return Baseline(columns, np.ones(len(phase), bool))

    @cached_property
    def _full_baseline(self) -> Baseline:
        return self._made(None, True)

    def _baseline(self, left_out: str | None, by_phase: bool) -> Baseline:
        return self._full_baseline if by_phase and left_out is None else self._made(left_out, by_phase)

    def _made(self, left_out: str | None, by_phase: bool) -> Baseline:
        if not len(self.latents):
            return Baseline(np.ones((0, 1)), np.ones(0, bool))
        fields = list(self.maps.fields)
        kept = [fields.index(name) for name in self.maps.baseline if name != left_out]
        turned = self.maps.orientation
        return baseline(
            self.selection.phase,
            self.fields.mean[:, kept],
            None if turned is None else turned[self.selection.grain - 1],
            self.maps.point_groups,
            self.fields.centre,
            self.settings,
            by_phase=by_phase,
        )

    def _weight(self) -> NDArray[np.float64]:
        """Inverse variances of grain means, common to all pairs: by the median noise of the maps, which are permuted.

        A mean of n points varies by the variance between grains and a n-th of that inside them.
        """
        count = self.selection.count.astype(np.float64)
        numbers = len(self.maps.numbers)
        if self.settings.grain_weights == "equal" or not numbers:
            return np.ones(len(count))
        ratio = min(float(np.median(self.fields.noise_ratio[:numbers])), 1e9)
        return count / (count + ratio)
