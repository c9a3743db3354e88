"""Figure 2: target alignment of BP and PC after one training step, and whole trainings."""

from .panels import Panel, PanelFigure
from .single_step import SingleStep
from .training import DEEP, plain

FIGURE = PanelFigure(
    "Predictive coding (PC) and backpropagation (BP): one training step, and whole trainings",
    rows=(
        (
            Panel("A", "", SingleStep("depth", init="kaiming_uniform")),
            Panel("B", "", SingleStep("width", init="kaiming_uniform")),
            Panel("E", "Kaiming", plain((20,), "kaiming_uniform")),
            Panel("F", "Kaiming", plain((20,) * DEEP, "kaiming_uniform")),
        ),
        (
            Panel("C", "", SingleStep("depth", init="norm_preserving")),
            Panel("D", "", SingleStep("width", init="norm_preserving")),
            Panel("G", "Norm-preserving", plain((20,), "norm_preserving")),
            Panel("H", "Norm-preserving", plain((20,) * DEEP, "norm_preserving")),
        ),
    ),
    SETTINGS=("appendix", "text"),
)
