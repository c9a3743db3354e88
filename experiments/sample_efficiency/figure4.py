"""Figure 4: rescaling the weight update for batch training."""

from .autoencoder import BATCH
from .panels import Panel, PanelFigure
from .single_step import SingleStep
from .training import DEEP, batches

DECORRELATED = ("bp", "pc", "bp_decorrelated", "pc_decorrelated", "pc_decorrelated_printed")

FIGURE = PanelFigure(
    "Rescaling the weight update for batch training",
    rows=(
        (
            Panel("A", "One step", SingleStep("batch_size", DECORRELATED)),
            Panel("B", "In batches", batches((20,))),
        ),
        (
            Panel("C", "In batches", batches((20,) * DEEP)),
            Panel("D", "Autoencoder of MNIST", BATCH),
        ),
    ),
    SETTINGS=("appendix", "text"),
)
