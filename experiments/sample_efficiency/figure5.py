"""Figure 5: target alignment in linear residual networks and in deep linear networks.

Panels C and D take an infinitesimal step: the paper's learning rate is not small for residual networks.
"""

from .panels import Panel, PanelFigure
from .single_step import SingleStep

CURVES = ("bp", "pc", "residual_bp", "residual_pc")

FIGURE = PanelFigure(
    "Target alignment after one training step: ResNets and deep linear networks (DLNs)",
    rows=(
        (
            Panel("A", "Kaiming", SingleStep("depth", CURVES, "kaiming_uniform")),
            Panel("B", "Norm-preserving", SingleStep("depth", CURVES, "norm_preserving")),
        ),
        (
            Panel("C", "Kaiming", SingleStep("depth", CURVES, "kaiming_uniform", learning_rate=None)),
            Panel("D", "Norm-preserving", SingleStep("depth", CURVES, "norm_preserving", learning_rate=None)),
        ),
    ),
    SETTINGS=("appendix", "text"),
)
