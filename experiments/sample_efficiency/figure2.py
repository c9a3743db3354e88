"""Figure 2: target alignment of BP and PC after one training step, and whole trainings."""

from .panels import Panel, PanelFigure
from .single_step import SingleStep
from .training import DEEP, plain

FIGURE = PanelFigure(
    "Predictive coding (PC) and backpropagation (BP): one training step, and whole trainings",
    rows=(
        (
            Panel("A", "Kaiming", SingleStep("depth", init="kaiming_uniform")),
            Panel("B", "Kaiming", SingleStep("width", init="kaiming_uniform")),
            Panel("E", "Kaiming, 1 hidden layer", plain((20,), "kaiming_uniform")),
            Panel("F", f"Kaiming, {DEEP} hidden layers", plain((20,) * DEEP, "kaiming_uniform")),
        ),
        (
            Panel("C", "Norm-preserving", SingleStep("depth", init="norm_preserving")),
            Panel("D", "Norm-preserving", SingleStep("width", init="norm_preserving")),
            Panel("G", "Norm-preserving, 1 hidden layer", plain((20,), "norm_preserving")),
            Panel("H", f"Norm-preserving, {DEEP} hidden layers", plain((20,) * DEEP, "norm_preserving")),
        ),
    ),
    SETTINGS=("appendix", "text"),
)
