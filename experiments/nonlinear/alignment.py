"""Target alignment in nonlinear networks, measured (marks) and predicted by the linear theory (lines).

The settings are activations. Beside every panel stand its samples, measured against predicted.
"""

from ..sample_efficiency.panels import Panel, PanelFigure
from .comparison import draw_scatter
from .properties import Property
from .training import AlongTraining


def panel(letter: str, title: str, study: Property | AlongTraining) -> Panel:
    """The curves of a study, and its samples."""
    return Panel(letter, title, study, views=(study.draw, draw_scatter))


FIGURE = PanelFigure(
    "Alignment of single samples in nonlinear networks: measured (marks), and of the linearised network (lines)",
    rows=(
        (panel("A", "By depth", Property("depth")), panel("B", "By width", Property("width"))),
        (panel("C", "By residual", Property("residual")), panel("D", "convolutions", Property("convolutions"))),
        (panel("E", "trained by BP", AlongTraining("bp")), panel("F", "trained by PC", AlongTraining("pc"))),
    ),
    SETTINGS=("tanh", "relu"),
)
