"""Figure 6: perfect alignment with layer-specific learning rates."""

from .panels import Panel, PanelFigure
from .single_step import SingleStep

CURVES = ("pc_adaptive", "residual_pc_adaptive", "pc_adaptive_printed", "residual_pc_adaptive_printed")

FIGURE = PanelFigure(
    "PC with adaptive learning rates after one step: residual networks (ResNets) and plain ones",
    rows=(
        (
            Panel("A", "", SingleStep("depth", CURVES, "kaiming_uniform", single=True, distances=True)),
            Panel("B", "", SingleStep("depth", CURVES, "norm_preserving", single=True, distances=True)),
        ),
    ),
    SETTINGS=("appendix", "text"),
)
