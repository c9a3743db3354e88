"""Figure 3: rescaling the learning rate for online learning."""

from .autoencoder import ONLINE
from .panels import Panel, PanelFigure
from .single_step import SingleStep
from .training import DEEP, online

FIGURE = PanelFigure(
    "Rescaling the learning rate for online learning",
    rows=(
        (
            Panel(
                "A",
                "One step",
                SingleStep("condition_number", ("bp", "pc", "bp_adaptive", "pc_adaptive"), single=True),
            ),
            Panel("B", "Online", online((20,))),
        ),
        (
            Panel("C", "Online", online((20,) * DEEP)),
            Panel("D", "Autoencoder of MNIST", ONLINE),
        ),
    ),
    SETTINGS=("appendix", "text"),
)
