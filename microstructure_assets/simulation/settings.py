"""Settings of a twin scan: microstructure, crystals, interaction volume, detector and noise, with units and bounds."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from microstructure_assets.settings import Settings


class TwinSettings(Settings):
    """A simulated scan whose truth is known; flat, frozen, and enough to make the same bytes again.

    Names in ``phases`` depend on ``master_pattern``: ``dynamical_nickel`` knows ``nickel``; ``kinematical`` knows
    ``nickel``, ``austenite``, ``ferrite``, ``ni3al``, ``magnetite``, ``wustite`` and ``nickel_expanded`` (of ni3al's
    edge); ``sht`` takes names of files (without their ending) in ``sht_folder``. Values per phase are given in the
    order of ``phases``; one value stands for all.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    # grid and microscope
    rows: int = Field(100, ge=1, le=20_000, description="Rows of the scan grid [points]")
    columns: int = Field(100, ge=1, le=20_000, description="Columns of the scan grid [points]")
    step_um: float = Field(0.05, gt=0, description="Step of the scan grid along x and y [µm]")
    detector_height_px: int = Field(60, ge=4, le=4096, description="Height of a pattern [px]")
    detector_width_px: int = Field(60, ge=4, le=4096, description="Width of a pattern [px]")
    sample_tilt_deg: float = Field(70.0, ge=0, lt=90, description="Tilt of the sample [degrees]")
    beam_energy_kev: float = Field(
        20.0, ge=1, le=40, description="Beam energy that makes the patterns [keV]; nickel's is 20"
    )
    pattern_centre_x: float = Field(
        0.5, description="Pattern centre x, Bruker convention [fraction of width from the left]"
    )
    pattern_centre_y: float = Field(
        0.25, description="Pattern centre y, Bruker convention [fraction of height from the top]"
    )
    pattern_centre_z: float = Field(0.55, gt=0, description="Detector distance, Bruker convention [fraction of height]")
    pattern_centre_drift_x: float = Field(
        0.0,
        ge=-0.5,
        le=0.5,
        description="Change of pattern centre x from the first to the last column [fraction of width]",
    )
    pattern_centre_drift_y: float = Field(
        0.0,
        ge=-0.5,
        le=0.5,
        description="Change of pattern centre y from the first to the last row [fraction of height]",
    )
    pattern_centre_drift_z: float = Field(
        0.0,
        ge=-0.5,
        le=0.5,
        description="Change of detector distance from the first to the last row [fraction of height]",
    )

    # crystals
    master_pattern: Literal["dynamical_nickel", "kinematical", "sht"] = Field(
        "dynamical_nickel", description="The one kind of simulator from which the patterns of all phases come"
    )
    sht_folder: str | None = Field(None, description="Folder searched for .sht files when master_pattern is sht")
    phases: tuple[str, ...] = Field(
        ("nickel",), min_length=1, description="Names of the phases, or one text with commas"
    )
    phase_fractions: tuple[float, ...] = Field(
        (), description="Share of the grains of each phase, any positive scale; empty = equal; unused for a map"
    )
    phase_yields: tuple[float, ...] = Field(
        (1.0,), description="Total intensity of each phase relative to the others [-]"
    )
    phase_contrasts: tuple[float, ...] = Field(
        (1.0,), description="Band contrast of each phase relative to band_contrast [-]; 0 = a phase without bands"
    )

    # microstructure
    microstructure: Literal["voronoi", "laguerre", "stripes", "map"] = Field(
        "voronoi",
        description="Voronoi cells; Laguerre cells with lognormal sizes; parallel stripes; or a real indexed map",
    )
    mean_grain_diameter_points: float = Field(
        14.0, ge=1.5, description="Diameter of the circle with the mean grain area [points]; the width of a stripe"
    )
    grain_size_sigma: float = Field(
        0.4, ge=0, le=1.0, description="Standard deviation of ln(diameter) of Laguerre grains; by number [-]"
    )
    large_grain_fraction: float = Field(
        0.0, ge=0, lt=1, description="Share of the Laguerre grains, by number, that belong to a second, larger mode [-]"
    )
    large_grain_ratio: float = Field(
        5.0, gt=1, le=50, description="Median diameter of the larger mode over that of the smaller one [-]"
    )
    elongation: float = Field(
        1.0, ge=1, le=20, description="Aspect ratio of the grains along the microstructure's x [-]"
    )
    microstructure_rotation_deg: float = Field(
        0.0, ge=-180, le=180, description="Angle from the scan's x to the microstructure's x, towards y [degrees]"
    )
    cube_on_cube_fraction: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the grains of later phases that take the orientation of a touching grain of the first",
    )
    cube_on_cube_phases: tuple[str, ...] = Field(
        (), description="Phases whose grains may take it; empty = all but the first"
    )
    sub_grain_misorientation_deg: float = Field(
        0.0,
        ge=0,
        le=4.5,
        description="Misorientation across the sub-grain boundary of a split grain [degrees]; 0 = none",
    )
    sub_grain_misorientation_maximum_deg: float | None = Field(
        None, ge=0, le=4.5, description="If given, log-uniform from sub_grain_misorientation_deg up to this [degrees]"
    )
    sub_grain_fraction: float = Field(
        0.5, ge=0, le=1, description="Share of the grains split in two by a sub-grain boundary"
    )
    orientation_gradient_deg_per_um: float = Field(
        0.0,
        ge=0,
        le=200,
        description="Rotation per length within each grain, own axis and direction [degrees/µm]; slower",
    )
    pore_fraction: float = Field(0.0, ge=0, le=0.6, description="Share of the area without crystal")
    pore_diameter_points: float = Field(6.0, ge=1, description="Mean diameter of the round pores [points]")
    pore_yield: float = Field(
        0.15, ge=0, le=1, description="Intensity that comes out of a pore, without bands, relative to 1 [-]"
    )

    # a real map
    map_path: str | None = Field(
        None, description="An indexed map that orix reads (.ang, .ctf, .h5), for microstructure = map"
    )
    map_upscale: int = Field(1, ge=1, le=50, description="Points of the twin along each side of a point of the map")
    map_grain_tolerance_deg: float = Field(
        2.0, gt=0, le=15, description="Largest misorientation inside a grain of the map [degrees]"
    )
    map_minimum_grain_points: int = Field(
        3, ge=1, description="Smaller grains and unindexed points go to the nearest grain [map points]"
    )
    map_smoothing_points: float = Field(
        0.5,
        ge=0,
        le=5,
        description="Standard deviation of the smoothing of the map's staircase outlines [map points]; 0 = none",
    )
    map_first_row: int = Field(0, ge=0, description="First row of the map used [map points]")
    map_first_column: int = Field(0, ge=0, description="First column of the map used [map points]")

    # interaction volume
    beam_fwhm_x_um: float = Field(0.08, ge=0, description="Interaction volume along x, full width at half maximum [µm]")
    beam_fwhm_y_um: float = Field(
        0.08, ge=0, description="Interaction volume along y (down the tilt), full width at half maximum [µm]"
    )
    sub_points: int = Field(
        5, ge=1, le=15, description="Odd number of samples of the microstructure along each side of a point"
    )

    # detector and noise
    noise_nu: float = Field(
        1.0,
        ge=0,
        le=50,
        description="ν: noise deviation per pixel over band-signal deviation, after background removal; 0 = no noise",
    )
    readout_noise_electrons: float = Field(2.0, ge=0, le=1000, description="Deviation of the readout noise [counts]")
    gain: float | None = Field(
        None, gt=0, description="Grey levels per count; none = from exposure, lowered so that nothing clips"
    )
    gain_spread: float = Field(0.0, ge=0, le=0.5, description="Deviation of ln(intensity) from point to point [-]")
    exposure: float = Field(
        0.45, gt=0, lt=1, description="Mean grey level as a share of full scale that gain = none aims at"
    )
    dark_level: float = Field(
        0.02,
        ge=0,
        lt=0.5,
        description="Grey level at no signal as a share of full scale; automatic gain raises it for readout noise",
    )
    clipped_share_limit: float = Field(
        1e-4, gt=0, le=0.05, description="Largest allowed share of saturated or zeroed pixels"
    )
    bit_depth: Literal[8, 16] = Field(8, description="Bits of a pixel")
    gamma: float = Field(
        1.0, gt=0.2, le=3, description="Exponent of the detector's response, grey = full scale x (signal)^gamma"
    )
    band_contrast: float = Field(
        0.06, gt=0, le=0.3, description="Deviation of the master pattern over the mean background intensity [-]"
    )
    background_amplitude: float = Field(
        1.0, ge=0, le=1.5, description="Height of the Gaussian bump of the background over its mean [-]; 0 = flat"
    )
    point_spread_px: float = Field(
        0.0, ge=0, le=20, description="Standard deviation of the detector's point spread [px]"
    )

    # what the file says differs from what made the patterns
    mismatch_pattern_centre_x: float = Field(
        0.0, ge=-0.2, le=0.2, description="Written minus true pattern centre x [fraction of width]"
    )
    mismatch_pattern_centre_y: float = Field(
        0.0, ge=-0.2, le=0.2, description="Written minus true pattern centre y [fraction of height]"
    )
    mismatch_pattern_centre_z: float = Field(
        0.0, ge=-0.2, le=0.2, description="Written minus true detector distance [fraction of height]"
    )
    mismatch_beam_energy_kev: float = Field(0.0, ge=-20, le=20, description="Written minus true beam energy [keV]")
    mismatch_tilt_deg: float = Field(0.0, ge=-10, le=10, description="Written minus true sample tilt [degrees]")
    mismatch_master_exponent: float = Field(
        1.0,
        ge=0.3,
        le=3,
        description="Exponent laid on the 0-1 master pattern before it makes patterns; 1 = the one others load",
    )

    # composition maps
    eds_maps: bool = Field(False, description="Also make maps of X-ray counts of the elements of the phases")
    eds_formulas: tuple[str, ...] = Field(
        (), description="Formula of each phase such as Fe3O4 (atomic amounts); empty = from the phase's name"
    )
    eds_counts: float = Field(200.0, gt=0, description="Mean X-ray counts of a point in all elements together")
    eds_fwhm_um: float = Field(
        0.4, ge=0, description="X-ray emission volume along x and y, full width at half maximum [µm]"
    )

    seed: int = Field(0, ge=0, le=2**63 - 1, description="Seed of the microstructure, the orientations and the noise")

    @field_validator(
        "phases",
        "phase_fractions",
        "phase_yields",
        "phase_contrasts",
        "eds_formulas",
        "cube_on_cube_phases",
        mode="before",
    )
    @classmethod
    def _split_commas(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return (value,) if isinstance(value, int | float) else value

    @field_validator("sub_points")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError(f"found {value}, expected an odd number, so that a sample lies on the point itself")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> TwinSettings:
        count = len(self.phases)
        for name in ("phase_yields", "phase_contrasts"):
            values = getattr(self, name)
            if len(values) not in (1, count):
                raise ValueError(f"{name} has {len(values)} values for {count} phases; give one, or one for each phase")
            if min(values) < 0:
                raise ValueError(f"{name} holds {min(values)}; expected values of zero or more")
        if min(self.phase_yields) == 0:
            raise ValueError("phase_yields holds 0; a phase without intensity is a pore (pore_fraction, pore_yield)")
        if max(self.phase_contrasts) == 0:
            raise ValueError("phase_contrasts are all 0; at least one phase needs bands, or ν has no meaning")
        if self.phase_fractions and (len(self.phase_fractions) != count or min(self.phase_fractions) <= 0):
            raise ValueError(
                f"phase_fractions is {self.phase_fractions} for {count} phases; give one positive number for each"
            )
        if self.eds_formulas and len(self.eds_formulas) != count:
            raise ValueError(f"eds_formulas has {len(self.eds_formulas)} values for {count} phases; give one for each")
        if strange := set(self.cube_on_cube_phases) - set(self.phases[1:]):
            raise ValueError(
                f"cube_on_cube_phases holds {', '.join(sorted(strange))}; expected names of phases after the first"
            )
        if self.microstructure == "map" and not self.map_path:
            raise ValueError("microstructure is map but map_path is empty; give the path of an indexed map")
        if self.master_pattern == "sht" and not self.sht_folder:
            raise ValueError("master_pattern is sht but sht_folder is empty; give the folder with the .sht files")
        return self

    def per_phase(self, name: Literal["phase_yields", "phase_contrasts"]) -> tuple[float, ...]:
        """The values of ``name``, one for each phase."""
        values: tuple[float, ...] = getattr(self, name)
        return values * len(self.phases) if len(values) == 1 else values
