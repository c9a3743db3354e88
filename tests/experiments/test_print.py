"""The figures as they are printed: type, width, legends, letters, words and fonts; of the committed data, and at toy size.

Oracle: Matplotlib's own account of what it has drawn, and the bytes of the files.
"""

import re
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from panel_letters import panel_letters
from PIL import Image

from dlntheory.report import style
from dlntheory.report.pictures import encode_picture
from experiments import parts, results
from experiments.deeper_pcns import training_energy
from experiments.figures import FIGURES, load_figure

RESULTS = Path(__file__).parents[2] / "docs" / "results"
FOLDERS = sorted(path.parent for path in RESULTS.rglob("arrays.npz"))
ALWAYS = {"figure1", "nonlinear-starts", "reconstructions"}
"""A drawing, lines with bands, and pictures; the others daily."""
OKABE_ITO = {"#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7"}


def check(figure, name):
    """Everything that holds for a printed figure."""
    data = encode_picture(figure, ".pdf")  # lays it out
    assert b"/Type3" not in data
    assert b"/CIDFontType2" in data
    assert figure.get_figwidth() in {5.5, 7}
    assert figure.get_figheight() <= 9
    texts = [each for each in figure.findobj(Text) if each.get_visible() and each.get_text().strip()]
    assert {each.get_fontsize() for each in texts} <= {7, 7.5, 8}, name
    for each in texts:
        plain = re.sub(r"\$[^$]*\$", "", each.get_text())
        assert not re.search(r"\w_\w|\(\d+×\)", plain), plain
    check_headers(figure)
    check_legends(figure)
    check_texts_inside(figure)


def check_headers(figure):
    """Every panel has a header, and letters follow one another from A; rows of pictures have their names instead."""
    panels = [each for each in figure.axes if not each.images]
    headers = [each.get_title(loc="left") for each in panels]
    assert all(headers)
    assert not any(each.yaxis.get_offset_text().get_text() for each in panels)  # headers make no room for a factor
    letters = sorted(panel_letters(panels))
    assert len(letters) > 1 or not panels
    assert letters == [chr(ord("A") + place) for place in range(len(letters))]


def check_legends(figure):
    """One legend at most, and no point of a curve beneath one."""
    assert len(figure.legends) <= 1
    assert not any(each.get_legend() for each in figure.axes)
    for legend in figure.legends:
        box = legend.get_window_extent()
        for axes in figure.axes:
            for line in axes.lines:
                points = line.get_transform().transform(np.column_stack(line.get_data()).astype(float))
                seen = axes.get_window_extent().padded(1).count_contains(points) > 0
                inside = [box.contains(*point) and axes.get_window_extent().contains(*point) for point in points]
                assert not (seen and any(inside))
        assert not any(box.overlaps(axes.get_window_extent()) for axes in figure.axes)


def check_texts_inside(figure):
    """No title, label or header is cut by the edge of the figure."""
    whole = figure.bbox.padded(2)
    named = [figure._suptitle]
    named += [each for axes in figure.axes for each in (axes.xaxis.label, axes.yaxis.label, axes._left_title)]
    for each in named:
        if each is not None and each.get_text():
            box = each.get_window_extent()
            assert whole.x0 <= box.x0 <= box.x1 <= whole.x1, each.get_text()
            assert whole.y0 <= box.y0 <= box.y1 <= whole.y1, each.get_text()


@pytest.mark.parametrize(
    "folder",
    [pytest.param(each, id=each.name, marks=[] if each.name in ALWAYS else [pytest.mark.daily]) for each in FOLDERS],
)
def test_a_committed_figure_is_fit_for_print(folder):
    result = results.load(folder)
    if result.config.get("figure") == "inference-energy" and "run_seeds" not in result.config:
        pytest.skip("data of one seed, from before the figure had an axis of seeds")
    module = load_figure(result.config["figure"]) if "figure" in result.config else training_energy
    check(module.draw(result.config, result.arrays), folder.name)


@pytest.mark.daily
@pytest.mark.parametrize("name", FIGURES)
def test_a_quick_figure_is_fit_for_print(name):
    figure = load_figure(name)
    result = parts.compute(figure, figure.configure(True, figure.SETTINGS[0], 0))
    check(figure.draw(result.config, result.arrays), name)


@pytest.mark.parametrize("path", sorted(RESULTS.rglob("*.png")), ids=lambda each: each.parent.name)
def test_a_committed_picture_has_its_dots_and_is_small(path):
    with Image.open(path) as picture:
        assert picture.width in {1650, 2100}
    assert path.stat().st_size < 400_000


@pytest.mark.parametrize(
    ("number", "letter", "quick", "heading"),
    [
        (10, "A", True, "Online, 3 hidden layers of 6"),
        (10, "A", False, "Online, 8 hidden layers of 20"),
        (8, "F", False, "In batches, 1 hidden layer of 40"),
        (2, "H", True, "Norm-preserving, 3 hidden layers of 6"),
        (5, "D", True, "norm-preserving, by depth, infinitesimal step"),
    ],
)
def test_headings_say_what_is_drawn(number, letter, quick, heading):
    figure = load_figure(number)
    config = figure.configure(quick, "appendix", 0)["panels"][letter]
    assert figure.panels[letter].heading(config) == heading


def test_colours_are_okabe_and_itos_and_a_rules_is_its_own():
    assert {*style.COLOURS.values(), *style.SERIES} <= OKABE_ITO | {style.COLOURS["aside"]}
    rules = [style.COLOURS[name] for name in ("bp", "pc", "natural", "evidence")]
    others = [colour for name, colour in style.COLOURS.items() if name not in {"bp", "pc", "natural", "evidence"}]
    assert len(set(rules)) == 4
    assert not set(rules) & set(others)


def test_the_style_ends_with_the_drawing():
    before = mpl.rcParams["font.size"]
    with style.styled():
        assert mpl.rcParams["pdf.fonttype"] == 42
        assert mpl.rcParams["font.size"] == 7.5
    assert mpl.rcParams["font.size"] == before


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_the_same_figure_gives_the_same_file(suffix):
    files = []
    for _ in range(2):
        figure = style.new_figure()
        figure.subplots().plot([1, 2], label="curve")
        files.append(encode_picture(figure, suffix))
    assert files[0] == files[1]
    assert len(files[0]) > 1000


def test_runs_are_drawn_as_medians_and_quartiles():
    axes = Figure().subplots()
    runs = np.array(
        [[1.0, 5.0, np.inf], [2.0, 6.0, np.nan], [3.0, 7.0, np.inf], [4.0, 8.0, np.nan], [9.0, 9.0, np.inf]]
    )
    style.draw_runs(axes, [1, 2, 3], runs, color="black")
    [line] = axes.lines
    np.testing.assert_array_equal(line.get_xydata(), [[1, 3], [2, 7]])
    [band] = axes.collections
    corners = band.get_paths()[0].get_extents()
    assert (corners.y0, corners.y1) == (2, 8)
    style.draw_runs(axes, [1, 2, 3], runs[:3], color="black")
    assert len(axes.lines) == 1 + 1 + 3  # the median, and each of few


def test_no_line_leads_to_zero():
    np.testing.assert_array_equal(style.positive([1.0, 0.0, -1.0, 2.0]), [1, np.nan, np.nan, 2])
