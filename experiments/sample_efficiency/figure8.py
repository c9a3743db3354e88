"""Figure 8: training curves and learning-rate sweeps, plain and rescaled, online and in batches, by width."""

from .panels import Panel, PanelFigure
from .training import Training, batches, online

WIDTHS = (15, 20, 40)


def panel(letter: str, title: str, study: Training) -> Panel:
    """The curves, and beside them the sweep."""
    return Panel(letter, title, study, views=(study.draw, study.draw_sweep))


FIGURE = PanelFigure(
    "Plain and rescaled training from norm-preserving weights, by the width of the hidden layer",
    rows=tuple(
        (
            panel(letters[0], "Online", online((width,))),
            panel(letters[1], "In batches", batches((width,))),
        )
        for width, letters in zip(WIDTHS, ("AB", "CD", "EF"), strict=True)
    ),
)
