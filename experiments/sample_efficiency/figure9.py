"""Figure 9: training curves and learning-rate sweeps of a nonlinear autoencoder, online and in batches."""

from .autoencoder import BATCH, ONLINE
from .panels import Panel, PanelFigure

FIGURE = PanelFigure(
    "A nonlinear autoencoder of MNIST",
    rows=(
        (Panel("A", "Online", ONLINE, views=(ONLINE.draw, ONLINE.draw_sweep)),),
        (Panel("B", "In batches", BATCH, views=(BATCH.draw, BATCH.draw_sweep)),),
    ),
)
