"""Symbols of the chemical elements, and texts that name some of them."""

from __future__ import annotations

from microstructure_assets.errors import InputError

#: Elements whose counts are taken from one spectrum image at most.
MOST_ELEMENTS = 40
_BY_NUMBER = (
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb "
    "Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au "
    "Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs "
    "Mt Ds Rg Cn Nh Fl Mc Lv Ts Og"
)
SYMBOLS = tuple(_BY_NUMBER.split())
"""All 118, by atomic number."""


class ElementsUnknown(InputError, ValueError):
    """A text that should name chemical elements does not."""


def element_symbols(text: str) -> tuple[str, ...]:
    """Symbols between spaces, as ``Fe Al O``.

    Parameters
    ----------
    text : str

    Returns
    -------
    tuple of str
        In their order.

    Raises
    ------
    ElementsUnknown
        If it names none, too many, one twice, or what is no element.
    """
    found = tuple(text[:1000].split())
    unknown = [symbol for symbol in found if symbol not in SYMBOLS]
    if unknown or not 0 < len(set(found)) == len(found) <= MOST_ELEMENTS:
        wrong = f"{unknown[0][:20]!r}" if unknown else f"{len(found)} symbols, {len(set(found))} of them different"
        raise ElementsUnknown(
            f"elements {text[:60]!r}: found {wrong}, expected 1 to {MOST_ELEMENTS} different symbols between spaces, "
            "as 'Fe Al O'"
        )
    return found
