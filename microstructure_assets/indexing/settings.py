"""Settings of the indexing of patterns; units and bounds are in each field."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from microstructure_assets.settings import Settings, named_values

Family = tuple[int, int, int]


class IndexingSettings(Settings):
    """Where orientations and phases come from, and how patterns are indexed where no vendor did it."""

    method: Literal["auto", "vendor", "hough", "dictionary"] = Field(
        "auto",
        description="vendor: the vendor's indexing or none; hough: index the patterns here by their bands; dictionary: "
        "by comparison with simulated patterns, which needs master_patterns of all phases; auto: the vendor's where it "
        "exists, else hough where calibration and phases are known",
    )
    band_count: int = Field(12, ge=5, le=20, description="Bands looked for in each pattern")
    rho_fraction: float = Field(
        0.15,
        ge=0.01,
        lt=0.9,
        description="Outer share of the Hough transform's distances in which no bands are looked for [fraction]",
    )
    reflector_planes: int | None = Field(
        None,
        ge=8,
        le=200,
        description="Lattice planes of a phase from which on no further family is taken; they come by falling spacing; "
        "none = 20 for cubic crystals, 30 for others",
    )
    space_groups: str = Field(
        "",
        description="Space groups of phases whose files do not say: NAME: NUMBER between semicolons, as in "
        "'Ferrite: 229; Austenite: 225'",
    )
    reflectors: str = Field(
        "",
        description="Reflecting families of phases in place of those by spacing: NAME: h k l, h k l between "
        "semicolons, as in 'Ferrite: 0 1 1, 0 0 2, 1 1 2'",
    )
    leave_out: str = Field("", description="Names of phases that are not looked for, between semicolons")
    minimum_bands: int = Field(
        5, ge=4, le=20, description="Bands that must fit an orientation for a point to count as indexed"
    )
    maximum_fit_deg: float = Field(
        1.5, gt=0, le=5, description="Mean deviation of the fitting bands up to which a point is indexed [degrees]"
    )
    minimum_confidence: float = Field(
        0.1, ge=0, le=1, description="Confidence metric from which on a point is indexed, 0 to 1"
    )
    detector_tilt_deg: float = Field(
        0.0, ge=-45, le=45, description="Tilt of the detector from the vertical, as its elevation [degrees]"
    )
    pixel_limit: int = Field(
        20_000, ge=400, description="Pixels above which patterns are averaged over blocks before they are indexed"
    )
    pattern_centre: Literal["declared", "checked", "fitted"] = Field(
        "checked",
        description="declared: as the scan says; checked: the same, and a fit on some points is reported; fitted: the "
        "fit is used",
    )
    centre_regions: int = Field(
        3,
        ge=1,
        le=10,
        description="Regions along each axis for which a centre is fitted, fewer on scans of few points",
    )
    centre_points: int = Field(20, ge=4, le=200, description="Patterns of each region that the fit takes")

    master_patterns: str = Field(
        "",
        description="Files of simulated master patterns by phase, against which orientations are refined and of which "
        "dictionaries are made: NAME: FILE between semicolons; relative names start at the scan's folder",
    )
    refinement_reach_deg: float = Field(
        3.0, gt=0, le=20, description="How far refinement may move each of the three angles [degrees]"
    )

    dictionary_step_deg: float = Field(
        3.0, ge=0.5, le=10, description="Distance of neighbouring orientations in a dictionary [degrees]"
    )
    dictionary_pixels: int = Field(
        3_600, ge=400, description="Pixels above which patterns are averaged before they are compared with a dictionary"
    )
    minimum_similarity: float = Field(
        0.12,
        ge=0,
        le=1,
        description="Normalized cross-correlation with a pattern of the dictionary from which on a point is indexed; "
        "stated for 3,600 compared pixels, more by the root of how much fewer there are; noise stays below",
    )

    @field_validator("space_groups")
    @classmethod
    def _groups_readable(cls, text: str) -> str:
        declared_space_groups(text)
        return text

    @field_validator("reflectors")
    @classmethod
    def _reflectors_readable(cls, text: str) -> str:
        declared_reflectors(text)
        return text

    @field_validator("master_patterns")
    @classmethod
    def _master_patterns_readable(cls, text: str) -> str:
        declared_master_patterns(text)
        return text


def declared_master_patterns(text: str) -> dict[str, str]:
    """File of the master pattern by the name of the phase in lower case, from ``NAME: FILE; NAME: FILE``.

    Raises
    ------
    ValueError
        If a part has no colon or no file.
    """
    files = dict(named_values(text))
    for name, file in files.items():
        if not file:
            raise ValueError(f"{name}: found no file, expected NAME: FILE")
    return files


def declared_space_groups(text: str) -> dict[str, int]:
    """Space group by the name of the phase in lower case, from ``NAME: NUMBER; NAME: NUMBER``.

    Raises
    ------
    ValueError
        If a part has no colon, or what follows is not a number from 1 to 230.
    """
    groups: dict[str, int] = {}
    for name, value in named_values(text):
        if not value.isdigit() or not 1 <= int(value) <= 230:
            raise ValueError(f"{name}: found {value!r}, expected the number of a space group, from 1 to 230")
        groups[name] = int(value)
    return groups


def declared_reflectors(text: str) -> dict[str, tuple[Family, ...]]:
    """Families by the name of the phase in lower case, from ``NAME: h k l, h k l; NAME: ...``.

    Raises
    ------
    ValueError
        If a part has no colon, or a family is not three whole numbers that are not all zero.
    """
    found: dict[str, tuple[Family, ...]] = {}
    for name, value in named_values(text):
        families = []
        for family in value.split(","):
            try:
                h, k, l = (int(number) for number in family.split())  # noqa: E741
            except ValueError:
                raise ValueError(f"{name}: found {family.strip()!r}, expected three whole numbers as 1 1 0") from None
            if h == k == l == 0:
                raise ValueError(f"{name}: found 0 0 0, which is no lattice plane")
            families.append((h, k, l))
        found[name] = tuple(families)
    return found


def names_between_semicolons(text: str) -> frozenset[str]:
    """Names in lower case."""
    return frozenset(part.strip().lower() for part in text.split(";") if part.strip())
