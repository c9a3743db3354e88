"""Figure 10: training curves and learning-rate sweeps with eight hidden layers, online and in batches."""

from .figure8 import panel
from .panels import PanelFigure
from .training import DEEP, batches, online

FIGURE = PanelFigure(
    "Plain and rescaled training of a deep network from norm-preserving weights",
    rows=(
        (panel("A", "Online", online((20,) * DEEP)),),
        (panel("B", "In batches", batches((20,) * DEEP)),),
    ),
    SETTINGS=("appendix", "text"),
)
