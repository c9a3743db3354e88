"""Figure 7: training curves and learning-rate sweeps of BP and PC in batches, by width and initialisation."""

from .figure8 import WIDTHS, panel
from .panels import PanelFigure
from .single_step import INITIALISATIONS
from .training import plain

FIGURE = PanelFigure(
    "Training in batches, by the width of the hidden layer and the initialisation",
    rows=tuple(
        tuple(
            panel(letter, title, plain((width,), init))
            for letter, (init, title) in zip(letters, INITIALISATIONS.items(), strict=True)
        )
        for width, letters in zip(WIDTHS, ("AB", "CD", "EF"), strict=True)
    ),
    SETTINGS=("appendix", "text"),
)
