"""Pictures of studies by points: which cells stand in which panel, in which order, and at which numbers."""

import pytest

from experiments.papers import picture, rows

CELLS = (
    ("VGG-5", "PC-SE", "a", 70.0, 71.5), ("VGG-5", "BP-SE", "b", 80.0, None),
    ("VGG-7", "PC-SE", "b", 60.0, 61.5), ("VGG-7", "BP-SE", "b", float("nan"), None),
)  # fmt: skip
"""The model, the algorithm, the weights that were chosen, the mean, and the printed number."""


def drawn(cells, seeds=3, **keys):
    axes = {"model": ["VGG-5", "VGG-7"], "data": ["digits"], "algorithm": ["PC-SE", "BP-SE"], "weights": ["a", "b"]}
    row = rows.as_row("mine", {"title": "t", "axes": axes, "choose": ["weights"], **keys}, {})
    told = {"data": "digits", "measure": "best", "deviation": 0.5, "theory": None, "theory_seeds": 0}
    lines = [
        {"model": model, "algorithm": algorithm, "weights": weights, "mean": mean, "published": published, **told,
         "seeds": seeds - number % 2}
        for number, (model, algorithm, weights, mean, published) in enumerate(cells)
    ]  # fmt: skip
    return picture.draw(row, {"lines": lines, "scale": "cpu"}, [], [])


def test_each_panel_has_the_values_of_the_last_axis_from_top_to_bottom():
    figure = drawn(CELLS)
    assert [axes.get_title(loc="left").split()[-1] for axes in figure.axes] == ["VGG-5", "VGG-7"]
    for axes, means, printed in zip(figure.axes, ([70, 80], [60]), ([71.5], [61.5]), strict=True):
        assert [label.get_text() for label in axes.get_yticklabels()] == ["PC-SE", "BP-SE"]
        top, bottom = axes.transData.transform([(0, 0), (0, 1)])[:, 1]
        assert top > bottom
        points = {line.get_ydata()[0]: line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o"}
        assert [points[place] for place in range(len(means))] == means
        diamonds = [line for line in axes.lines if line.get_marker() == "D"]
        assert [line.get_xdata().tolist() for line in diamonds] == [printed]
        assert [line.get_ydata().tolist() for line in diamonds] == [[0]]
        left, right = axes.get_xlim()
        assert left > 50  # differences show: the axis does not begin at zero
        assert right < 100
    assert figure.get_suptitle().endswith("mean and standard deviation of 2 to 3 seeds")


@pytest.mark.parametrize("cells", [CELLS[:1], CELLS[:2]])
def test_axes_that_do_not_differ_name_nothing(cells):
    (axes,) = drawn(cells, seeds=1).axes
    assert axes.get_title(loc="left") == ""
    assert [label.get_text() for label in axes.get_yticklabels()] == [algorithm for _, algorithm, *_ in cells]


def test_panels_by_one_axis_name_the_others():
    first, second = drawn(CELLS, panels="algorithm").axes
    assert first.get_title(loc="left").endswith("PC-SE")
    assert [label.get_text() for label in second.get_yticklabels()] == ["VGG-5", "VGG-7"]
    assert [label.get_text() for label in drawn(CELLS, panels="data").axes[0].get_yticklabels()][:2] == [
        "VGG-5 PC-SE", "VGG-5 BP-SE",
    ]  # fmt: skip


def test_lines_have_a_row_of_panels_for_each_value():
    figure = drawn(CELLS, panels="algorithm", picture="lines", x="model", measures=["best", "top5"])
    assert [axes.get_title(loc="left").split("  ")[-1] for axes in figure.axes] == [
        f"Algorithm: {algorithm}, {measure}" for algorithm in ("PC-SE", "BP-SE") for measure in ("best", "top5")
    ]
    means = [list(axes.lines[0].get_ydata()) if axes.lines else None for axes in figure.axes[::2]]
    assert means[0] == [70.0, 60.0]
    assert means[1][0] == 80.0
    assert [axes.get_title(loc="left") for axes in drawn(CELLS, picture="lines", x="model").axes] == [""]
