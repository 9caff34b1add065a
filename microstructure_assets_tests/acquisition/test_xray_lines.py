"""Lines and windows of elements."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.spectra import SpectrumImage
from microstructure_assets.acquisition.xray_lines import line_windows

IMAGE = SpectrumImage(
    path=Path("map.bcf"), files=(Path("map.bcf"),), shape=(1, 1), step_um=(None, None), offset_um=(None, None),
    channels=2000, energy_offset_kev=0.0, energy_step_kev=0.01, beam_energy_kev=20.0, resolution_ev=130.0,
    elements=(), lines=(), sums=lambda windows: np.zeros((len(windows), 1, 1)),
)  # fmt: skip


def test_the_window_is_as_wide_as_two_widths_of_the_line() -> None:
    """At Mn Kα the width is the resolution itself; at Al Kα that of Fiori and Newbury."""
    (manganese, aluminium), notes = line_windows(IMAGE, ("Mn", "Al"), None)
    assert notes == ()
    assert (manganese.low_kev, manganese.high_kev) == pytest.approx((5.8987 - 0.130, 5.8987 + 0.130))
    width = np.sqrt(2.5 * (1.4865 - 5.8987) * 1000 + 130**2) / 1000
    assert (aluminium.low_kev, aluminium.high_kev) == pytest.approx((1.4865 - width, 1.4865 + width))
    assert (manganese.first, manganese.stop) == (577, 603)


@pytest.mark.parametrize(
    ("beam_energy", "line"), [(30.0, "Zn_Ka"), (17.0, "Zn_La"), (9.0, "Zn_La"), (5.0, "Zn_La"), (None, "Zn_Ka")]
)
def test_the_line_lies_below_half_the_beam_energy(beam_energy: float | None, line: str) -> None:
    """Zn Kα at 8.64 keV, Lα at 1.01 keV; without a beam energy the axis, here to 20 keV, takes its place."""
    windows, notes = line_windows(replace(IMAGE, beam_energy_kev=beam_energy), ("Zn",), None)
    assert [one.line for one in windows] == [line]
    assert bool(notes) == (beam_energy is None)


def test_above_half_the_beam_energy_the_last_line_below_it_stands_in() -> None:
    windows, _ = line_windows(replace(IMAGE, beam_energy_kev=2.5), ("Al",), None)
    assert [one.line for one in windows] == ["Al_Ka"]
    with pytest.raises(ScanFormatError, match=r"none of Al, expected .* within 0 to 1\.2 keV"):
        line_windows(replace(IMAGE, beam_energy_kev=1.2), ("Al",), None)


def test_a_window_without_a_channel_or_a_width_is_refused() -> None:
    with pytest.raises(ScanFormatError, match="resolution 3 eV"):
        line_windows(replace(IMAGE, resolution_ev=3.0), ("O",), None)
    with pytest.raises(ScanFormatError, match="Fe_Ka: found no channel in its window"):
        line_windows(replace(IMAGE, channels=3, energy_step_kev=5.0), ("Fe",), None)
