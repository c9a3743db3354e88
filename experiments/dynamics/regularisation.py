"""Decorrelated PC in training, by the spectrum that regularises its matrices (*Sample Efficiency*, section 3.3).

The paper adds ``max(0, a λ_max − λ_min)`` to a matrix that is not symmetric, and does not say what ``λ`` is: the
eigenvalues of the symmetric part, the singular values, or the real parts of the eigenvalues.
"""

from ..sample_efficiency.figure8 import panel
from ..sample_efficiency.panels import PanelFigure
from ..sample_efficiency.training import DEEP, Training

CURVES = ("bp", "pc", "pc_decorrelated", "pc_decorrelated_singular", "pc_decorrelated_eigen")
RANGES = {"appendix": (-3.5, 0.4, 20)}

FIGURE = PanelFigure(
    "Training in batches, decorrelated PC regularised by different spectra",
    rows=(
        (panel("A", "", Training(CURVES, 64, RANGES)),),
        (panel("B", "", Training(CURVES, 64, RANGES, (20,) * DEEP)),),
    ),
)
