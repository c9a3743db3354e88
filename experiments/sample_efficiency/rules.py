"""The rules that the figures compare, and how their curves are drawn."""

from typing import Any, NamedTuple

from dlntheory.report.style import COLOURS, SERIES


class Curve(NamedTuple):
    """A learning rule on a kind of network; ``transposed`` is the decorrelation matrix as the paper prints it.

    ``spectrum`` is what regularises decorrelation in training.
    """

    label: str
    style: str
    rule: str
    rescaling: str | None = None
    residual: bool = False
    transposed: bool = False
    spectrum: str = "symmetric"


SPECTRA = {"singular": SERIES[1], "eigen": SERIES[0]}
"""Colours of decorrelation that something else regularises than the symmetric part's spectrum."""
CURVES = {
    "bp": Curve("BP", "o-", "bp"),
    "pc": Curve("PC", "o-", "pc"),
    "bp_adaptive": Curve("BP, rescaled", "o--", "bp", "adaptive"),
    "pc_adaptive": Curve("PC, rescaled", "o--", "pc", "adaptive"),
    "pc_adaptive_positive": Curve("PC, rescaled, positive", "o:", "pc", "adaptive_positive"),
    "pc_adaptive_printed": Curve("PC, as printed", "x:", "pc", "adaptive_positive"),
    "bp_decorrelated": Curve("BP, rescaled", "o--", "bp", "decorrelated"),
    "pc_decorrelated": Curve("PC, rescaled", "o--", "pc", "decorrelated"),
    "pc_decorrelated_printed": Curve("PC, as printed", "x:", "pc", "decorrelated", transposed=True),
    "pc_decorrelated_singular": Curve("PC, by singular values", "o-.", "pc", "decorrelated", spectrum="singular"),
    "pc_decorrelated_eigen": Curve("PC, by eigenvalues", "o:", "pc", "decorrelated", spectrum="eigen"),
    "residual_bp": Curve("BP, ResNet", "s--", "bp", residual=True),
    "residual_pc": Curve("PC, ResNet", "s--", "pc", residual=True),
    "residual_pc_adaptive": Curve("PC, rescaled, ResNet", "s--", "pc", "adaptive", residual=True),
    "residual_pc_adaptive_printed": Curve("PC, as printed, ResNet", "s:", "pc", "adaptive_positive", residual=True),
}


def look(name: str) -> dict[str, Any]:
    """The style of a curve: its rule's colour, or the one of what is printed wrongly, and its line and marks."""
    curve = CURVES[name]
    return {"label": curve.label, "style": curve.style, "color": colour_of(name)}


def colour_of(name: str) -> str:
    """The rule's colour; another for what is printed wrongly, and for spectra that the paper may mean."""
    curve = CURVES[name]
    return SPECTRA.get(curve.spectrum, COLOURS["printed" if "printed" in name else curve.rule])
