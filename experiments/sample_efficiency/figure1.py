"""Figure 1: the toy model, and what target alignment is."""

from . import toy
from .panels import Panel, PanelFigure

FIGURE = PanelFigure(
    "What target alignment is",
    rows=(
        (
            Panel("A", "Weights and activities", toy.Network()),
            Panel("B", "Predictions during training", toy),
            Panel("C", "First updates: alignment", toy, views=(toy.draw_definition,)),
        ),
    ),
)
