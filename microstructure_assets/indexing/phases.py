"""The phases that patterns are indexed with: what must be known of them, and what a user declares where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from microstructure_assets.acquisition.scan import Phase
from microstructure_assets.errors import InputError
from microstructure_assets.indexing.reflectors import LatticeMismatch, reflecting_families, symmetry_quaternions
from microstructure_assets.indexing.settings import (
    Family,
    IndexingSettings,
    declared_reflectors,
    declared_space_groups,
    names_between_semicolons,
)

Quaternion = tuple[float, float, float, float]

#: Found on twins: with more planes noise finds orientations, with fewer a close-packed hexagonal crystal has too few of
#: its strong ones, since those are not of the largest spacings.
_CUBIC_PLANES, _OTHER_PLANES = 20, 30
_FIRST_CUBIC_GROUP = 195


class PhaseNotIndexable(InputError):
    """A phase of which too little is known, or what is known contradicts itself."""


@dataclass(frozen=True)
class IndexedPhase:
    """A phase as the indexer needs it.

    Attributes
    ----------
    number : int
        1 + position in the scan's phases; what maps of phases hold.
    name : str
    space_group : int
        Number in the International Tables.
    lattice_angstrom, lattice_angles_deg : three floats each
        Edges [Å] and angles [degrees].
    families : tuple of (h, k, l)
        Reflecting families, one representative each.
    symmetry : tuple of quaternions
        Rotations of the Laue group, scalar part first, in the frame with x along a and z along c*.
    """

    number: int
    name: str
    space_group: int
    lattice_angstrom: tuple[float, float, float]
    lattice_angles_deg: tuple[float, float, float]
    families: tuple[Family, ...]
    symmetry: tuple[Quaternion, ...]


def indexed_phases(phases: Sequence[Phase], settings: IndexingSettings) -> tuple[IndexedPhase, ...]:
    """Phases that are looked for, with their reflectors.

    Parameters
    ----------
    phases : sequence of Phase
        The scan's.
    settings : IndexingSettings
        What the user declares of them.

    Returns
    -------
    tuple of IndexedPhase
        In the order of the scan, without those that `settings.leave_out` names.

    Raises
    ------
    PhaseNotIndexable
        If a phase has no space group in file or settings, its lattice or point group contradicts it, it has less than
        two families, a declared name is none of the scan's, or no phase is left. A phase that is not known well
        enough is not left out by itself: its points would be given to the others.
    """
    groups, reflectors = declared_space_groups(settings.space_groups), declared_reflectors(settings.reflectors)
    left_out = names_between_semicolons(settings.leave_out)
    known = {phase.name.lower() for phase in phases}
    for field, names in (("space_groups", set(groups)), ("reflectors", set(reflectors)), ("leave_out", set(left_out))):
        if names - known:
            raise PhaseNotIndexable(
                f"indexing.{field}: found {', '.join(sorted(names - known))}, expected names of the scan's phases: "
                f"{', '.join(phase.name for phase in phases) or 'it has none'}"
            )
    found = tuple(
        _indexed(number, phase, groups.get(phase.name.lower()), reflectors.get(phase.name.lower()), settings)
        for number, phase in enumerate(phases, 1)
        if phase.name.lower() not in left_out
    )
    if not found:
        raise PhaseNotIndexable(
            "phases: found none to look for, expected one at least with lattice and space group; give the patterns a "
            "file that names them (an .ang, .ctf or h5 beside them)"
        )
    return found


def _indexed(
    number: int, phase: Phase, declared: int | None, families: tuple[Family, ...] | None, settings: IndexingSettings
) -> IndexedPhase:
    group = declared or phase.space_group
    if group is None:
        raise PhaseNotIndexable(
            f"phase {phase.name!r}: its file gives no space group (point group {phase.point_group or 'unknown'}), and "
            f"without it no reflectors are known; declare indexing.space_groups='{phase.name}: NUMBER', or leave the "
            f"phase out: indexing.leave_out='{phase.name}'"
        )
    lattice = (phase.lattice_angstrom, phase.lattice_angles_deg)
    try:
        symmetry = symmetry_quaternions(group, *lattice)
    except LatticeMismatch as error:
        raise PhaseNotIndexable(
            f"phase {phase.name!r}: {error}; correct the file, or declare indexing.space_groups='{phase.name}: NUMBER'"
        ) from error
    _require_point_group(phase, group)
    planes = settings.reflector_planes or (_CUBIC_PLANES if group >= _FIRST_CUBIC_GROUP else _OTHER_PLANES)
    chosen = families or reflecting_families(group, *lattice, planes)
    if len(chosen) < 2:
        raise PhaseNotIndexable(
            f"phase {phase.name!r}: found {len(chosen)} reflecting family, expected two at least; declare more: "
            f"indexing.reflectors='{phase.name}: h k l, h k l'"
        )
    quaternions = tuple((float(w), float(x), float(y), float(z)) for w, x, y, z in np.asarray(symmetry))
    return IndexedPhase(number, phase.name, group, *lattice, chosen, quaternions)


def _require_point_group(phase: Phase, space_group: int) -> None:
    """The Laue group of what the file says is the space group's; a symbol that is none of the 32 says nothing."""
    from orix.crystal_map import Phase as OrixPhase

    try:
        given = OrixPhase(point_group=phase.point_group).point_group
    except (ValueError, TypeError):
        return
    own = OrixPhase(space_group=space_group).point_group
    if given is not None and given.laue.name != own.laue.name:
        raise PhaseNotIndexable(
            f"phase {phase.name!r}: its file gives point group {phase.point_group}, but space group {space_group} is "
            f"of Laue group {own.laue.name}; declare the right one: indexing.space_groups='{phase.name}: NUMBER'"
        )
