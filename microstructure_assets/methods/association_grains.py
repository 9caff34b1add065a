"""The tests of grain means against each other: as they are, inside phases, and given the baseline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.association_baseline import baseline_design
from microstructure_assets.methods.association_maps import AssociationMaps, GrainFields, Selection
from microstructure_assets.methods.association_permutations import (
    Comparison,
    Tested,
    family_probability,
    independent_functions,
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
    def functions(self) -> int:
        """Independent functions of the full baseline."""
        return independent_functions(self._full_baseline) if len(self.latents) else 0

    def columns(self) -> dict[str, NDArray[np.float64]]:
        """Results of all three tests (L, maps), as :func:`.latent_correlations` names them; NaN where untestable."""
        unadjusted = self._test(_UNADJUSTED, lambda name: ("", False))
        in_phase = self._test(_IN_PHASE, lambda name: ("", name != PHASE))
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
        nuisance: Callable[[str | None, bool], NDArray[np.float64]] | None = None,
    ) -> dict[str, NDArray[np.float64]]:
        """Test maps of one nuisance together; `kind` gives what is left out for a map, and whether phases count."""
        chosen: dict[tuple[str | None, bool], list[int]] = {}
        for number, name in enumerate(self.names):
            left_out, by_phase = kind(name)
            chosen.setdefault((left_out if left_out in self.maps.baseline else None, by_phase), []).append(number)
        tests: list[Tested] = []
        for order, ((name_left_out, by_phase), numbers) in enumerate(chosen.items()):
            columns = (nuisance or self._constants)(name_left_out, by_phase)
            tests.append(self._tested(numbers, columns, by_phase, [self.settings.seed, stream, order]))
        families = family_probability(tests)
        shape = self.latents.shape[1], len(self.names)
        found = {name: np.full(shape, np.nan) for name in ("coefficient", "effective", "probability", "family")}
        for numbers, test, family in zip(chosen.values(), tests, families, strict=True):
            found["family"][:, numbers] = family
            for name in ("coefficient", "effective", "probability"):
                found[name][:, numbers] = getattr(test, name)
        return found

    def _tested(
        self, numbers: Sequence[int], nuisance: NDArray[np.float64], by_phase: bool, seed: Sequence[int]
    ) -> Tested:
        settings, phase = self.settings, self.selection.phase
        comparison = Comparison(
            self.latents,
            [self._map(number) for number in numbers],
            nuisance,
            phase if by_phase else np.zeros(len(phase), np.int64),
            self._weight(),
            self.fields.centre if settings.effective_grains else None,
        )
        shape = self.latents.shape[1], len(numbers)
        if min(shape) and len(phase) - independent_functions(nuisance) >= settings.fewest_grains:
            return permutation_test(comparison, settings.permutations, seed)
        unknown = np.full(shape, np.nan)
        return Tested(unknown, unknown, unknown, unknown, np.zeros(settings.permutations))

    def _map(self, number: int) -> NDArray[np.float64]:
        names = list(self.maps.numbers)
        if number < len(names):
            return self.fields.mean[:, [number]]
        return self.fields.shares[self.names[number]]

    def _constants(self, left_out: str | None, by_phase: bool) -> NDArray[np.float64]:
        phase = self.selection.phase
        if not by_phase:
            return np.ones((len(phase), 1))
        return (phase[:, None] == np.unique(phase)).astype(np.float64)

    @cached_property
    def _full_baseline(self) -> NDArray[np.float64]:
        return self._design(None, True)

    def _baseline(self, left_out: str | None, by_phase: bool) -> NDArray[np.float64]:
        return self._full_baseline if by_phase and left_out is None else self._design(left_out, by_phase)

    def _design(self, left_out: str | None, by_phase: bool) -> NDArray[np.float64]:
        if not len(self.latents):
            return np.ones((0, 1))
        fields = list(self.maps.fields)
        kept = [fields.index(name) for name in self.maps.baseline if name != left_out]
        turned = self.maps.orientation
        return baseline_design(
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
