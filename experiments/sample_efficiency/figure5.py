"""Figure 5: target alignment in linear residual networks and in deep linear networks.

Panels C and D take an infinitesimal step: the paper's learning rate is not small for residual networks.
"""

from .panels import Panel, PanelFigure
from .single_step import SingleStep

CURVES = ("bp", "pc", "residual_bp", "residual_pc")

FIGURE = PanelFigure(
    "Target alignment after one step: residual networks (ResNets) and plain ones",
    rows=(
        (
            Panel("A", "", SingleStep("depth", CURVES, "kaiming_uniform")),
            Panel("B", "", SingleStep("depth", CURVES, "norm_preserving")),
        ),
        (
            Panel("C", "", SingleStep("depth", CURVES, "kaiming_uniform", learning_rate=None)),
            Panel("D", "", SingleStep("depth", CURVES, "norm_preserving", learning_rate=None)),
        ),
    ),
    SETTINGS=("appendix", "text"),
)
