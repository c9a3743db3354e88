"""Figure 1: the toy model, and what target alignment is."""

from . import toy
from .panels import Panel, PanelFigure

FIGURE = PanelFigure(
    "Target alignment: one input, one hidden unit, two outputs; all weights one, x = 1, y = (−1, 1)",
    rows=(
        (
            Panel("B", "Predictions during training", toy),
            Panel("C", "Directions of the first update", toy, views=(toy.draw_definition,)),
        ),
    ),
)
