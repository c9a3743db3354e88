"""Figure 6: perfect alignment with layer-specific learning rates."""

from .panels import Panel, PanelFigure
from .single_step import SingleStep

CURVES = ("pc_adaptive", "residual_pc_adaptive", "pc_adaptive_printed", "residual_pc_adaptive_printed")

FIGURE = PanelFigure(
    "PC with layer-specific learning rates after one training step: ResNets and deep linear networks (DLNs)",
    rows=(
        (
            Panel("A", "Kaiming", SingleStep("depth", CURVES, "kaiming_uniform", single=True)),
            Panel("B", "Norm-preserving", SingleStep("depth", CURVES, "norm_preserving", single=True)),
        ),
    ),
    SETTINGS=("appendix", "text"),
)
