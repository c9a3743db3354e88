"""Figure 7: training curves and learning-rate sweeps of BP and PC in batches, by width and initialisation."""

from .figure8 import WIDTHS, panel
from .panels import PanelFigure
from .training import plain

INITIALISATIONS = {"kaiming_uniform": "Kaiming", "norm_preserving": "Norm-preserving"}

FIGURE = PanelFigure(
    "Training with one hidden layer in batches of 64, by its width and initialisation",
    rows=tuple(
        tuple(
            panel(letter, f"{title}, width {width}", plain((width,), init))
            for letter, (init, title) in zip(letters, INITIALISATIONS.items(), strict=True)
        )
        for width, letters in zip(WIDTHS, ("AB", "CD", "EF"), strict=True)
    ),
    SETTINGS=("appendix", "text"),
)
