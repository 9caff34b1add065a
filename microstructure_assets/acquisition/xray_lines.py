"""Which X-ray line stands for an element, and which channels belong to it, by exspy's conventions."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.spectra import SpectrumImage

#: Full width at half maximum at Mn Kα [eV] where the file gives none: exspy's default.
DEFAULT_RESOLUTION_EV = 130.0
# Li Kα at 0.054 keV is the lowest that any detector counts; exspy's table has H and He below, at the noise peak.
_LEAST_KEV = 0.05
_DECLARE = "Declare others with acquisition.eds_elements, as 'Fe Al O'."


@dataclass(frozen=True)
class LineWindow:
    """Channels that belong to an X-ray line.

    Attributes
    ----------
    line : str
        ``Fe_Ka``.
    low_kev, high_kev : float
        The window [keV].
    first, stop : int
        First channel, and one behind the last.
    """

    line: str
    low_kev: float
    high_kev: float
    first: int
    stop: int


def line_windows(
    image: SpectrumImage, elements: tuple[str, ...], beam_energy_kev: float | None
) -> tuple[tuple[LineWindow, ...], tuple[str, ...]]:
    """Windows of the lines that are to be counted.

    A line is the element's Kα, Lα or Mα: the first of them below half the beam energy, else the last below it
    (`exspy.signals.EDSSpectrum.add_lines`); without a beam energy the end of the energy axis takes its place. Its
    window is twice as wide as the full width at half maximum at its energy (Fiori and Newbury, Scanning Electron
    Microscopy 1978/I, 401; exspy's `estimate_integration_windows`). Energies are those of exspy's table (Chantler et
    al., NIST Standard Reference Database 71).

    Parameters
    ----------
    image : SpectrumImage
    elements : tuple of str
        Declared symbols; without any the lines that the file names are taken, else the elements that it names.
    beam_energy_kev : float or None
        Where the file gives none.

    Returns
    -------
    windows : tuple of LineWindow
        In the order of `elements`, or as the file names them.
    notes : tuple of str

    Raises
    ------
    ScanFormatError
        If nothing is named, or no line of a declared element lies in the range of the spectra.
    """
    if not elements and not image.elements and not image.lines:
        raise ScanFormatError(image.path, "elements", "none in the file", "the elements to count", _DECLARE)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside the libraries, at their import
            return _windows(image, elements, image.beam_energy_kev or beam_energy_kev)
    except ScanFormatError:
        raise
    except (ValueError, KeyError, IndexError, ArithmeticError) as error:
        found = f"{error} (resolution {image.resolution_ev or DEFAULT_RESOLUTION_EV:g} eV)"
        raise ScanFormatError(image.path, "X-ray lines", found, "a calibrated energy axis", _DECLARE) from error


def _windows(
    image: SpectrumImage, elements: tuple[str, ...], beam_energy_kev: float | None
) -> tuple[tuple[LineWindow, ...], tuple[str, ...]]:
    spectrum, notes = _numbered_spectrum(image, beam_energy_kev), []
    top = spectrum.axes_manager[-1].high_value
    reach = f"{image.energy_offset_kev:.3g} to {min(top, beam_energy_kev or top):.3g} keV"
    named = _named_lines(spectrum, elements, image)
    missing = [name for name, line in named.items() if line is None]
    lines = [line for line in named.values() if line is not None]
    if missing and (elements or not lines):
        expected = f"a Kα, Lα or Mα line of it within {reach}, in exspy's table"
        raise ScanFormatError(image.path, "X-ray lines", f"none of {', '.join(missing)}", expected, _DECLARE)
    if missing:
        notes.append(f"{', '.join(missing)} of {image.path.name} left out: no line within {reach}")
    if image.resolution_ev is None:
        notes.append(f"{image.path.name} gives no energy resolution: {DEFAULT_RESOLUTION_EV:g} eV at Mn Kα assumed")
    if beam_energy_kev is None:
        notes.append(f"{image.path.name} gives no beam energy: lines chosen by the end of its energy axis")
    windows = []
    for line, (low, high) in zip(lines, spectrum.estimate_integration_windows(xray_lines=lines), strict=True):
        channels = spectrum.isig[float(low) : float(high)].data
        if not channels.size:
            raise ScanFormatError(image.path, line, "no channel in its window", "channels narrower than it", _DECLARE)
        windows.append(LineWindow(line, float(low), float(high), int(channels[0]), int(channels[-1]) + 1))
    return tuple(windows), tuple(notes)


def _numbered_spectrum(image: SpectrumImage, beam_energy_kev: float | None) -> Any:
    """A spectrum whose counts are the numbers of its channels, so that exspy itself says which a window holds."""
    from exspy.signals import EDSSEMSpectrum

    axis = {
        "name": "Energy",
        "size": image.channels,
        "offset": image.energy_offset_kev,
        "scale": image.energy_step_kev,
        "units": "keV",
    }
    spectrum = EDSSEMSpectrum(np.arange(image.channels), axes=[axis])
    spectrum.set_microscope_parameters(
        beam_energy=beam_energy_kev, energy_resolution_MnKa=image.resolution_ev or DEFAULT_RESOLUTION_EV
    )
    return spectrum


def _named_lines(spectrum: Any, elements: tuple[str, ...], image: SpectrumImage) -> dict[str, str | None]:
    """The line of each element, or each line that the file names; None where it has none in range."""
    if elements or not image.lines:
        return {element: _line_of(spectrum, element) for element in elements or image.elements}
    axis = spectrum.axes_manager[-1]
    top = min(axis.high_value, spectrum.metadata.get_item("Acquisition_instrument.SEM.beam_energy", axis.high_value))
    found = dict[str, str | None]()
    for name in image.lines:
        element, _, line = name.partition("_")
        energy = _table(element).get(line, {}).get("energy (keV)", 0.0)
        found[name] = name if max(_LEAST_KEV, axis.low_value) < energy < top else None
    return found


def _line_of(spectrum: Any, element: str) -> str | None:
    if not _table(element):
        return None
    spectrum.metadata.set_item("Sample.elements", [element])
    spectrum.metadata.set_item("Sample.xray_lines", [])
    spectrum.add_lines()
    chosen = spectrum.metadata.get_item("Sample.xray_lines", [])
    found = str(chosen[0]) if len(chosen) else None
    return found if found and _table(element)[found.partition("_")[2]]["energy (keV)"] > _LEAST_KEV else None


def _table(element: str) -> dict[str, Any]:
    """Lines of an element by exspy's names; none for those without (H, He, Li, the heaviest)."""
    from exspy.material import elements as table

    properties = table[element].as_dictionary() if element in table else {}
    return dict(properties.get("Atomic_properties", {}).get("Xray_lines", {}))
