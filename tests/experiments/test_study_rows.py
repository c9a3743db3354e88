"""Rows of studies that make no sense are refused in one line, before anything is trained."""

import pytest

from tests.own_studies import dlntheory

OWN = """
[mine]
title = "two rates"
options = { data = "iris", hidden = [3], algorithm = "BP-SE", batch_size = 40, epochs = 2 }

[mine.axes]
learning_rate = [0.001, 0.01]
part = { all = {} }
"""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("[mine.y]\n", "has y; wanted keys"),
        ('[other]\ntitle = "?"\n', "has none of axes"),
        ('[other]\nlike = "yours"\n', "is like `yours`"),
        ('[other]\nchoose = "y"\naxes.y = [1]\n', "`other` has choose = 'y'; wanted a list of axes, such as [\"y\"]."),
        ('[other]\nmeasures = "best"\naxes.y = [1]\n', "has measures = 'best'; wanted a list of measures"),
        ('[other]\ntheory = "best"\naxes.y = [1]\n', "has theory = 'best'; wanted a list of measures"),
        ('[other]\ndiffers = "all"\naxes.y = [1]\n', "has differs = 'all'; wanted a list of texts"),
        ("[other]\ndiffers = [1]\naxes.y = [1]\n", "has differs = [1]; wanted a list of texts"),
        ('[[mine.cells]]\npart = "all"\n', "has cells of part = 'all'; wanted a list of values"),
        ('[mine.scales.cpu]\ncells = ["all"]\n', "has cells of cells = 'all'; wanted"),
        ('[other]\nchoose = ["x"]\naxes.y = [1]\n', "chooses on x"),
        ("[[mine.cells]]\npart = [1]\n", "has no part 1"),
        ('[other]\nmeasures = ["accuracy"]\naxes.y = [1]\n', "measures accuracy; wanted of best, "),
        ('[other]\npicture = "curves"\nx = "time"\naxes.y = [1]\n', "has curves along 'time'"),
        ('[other]\nseeds = "3"\naxes.y = [1]\n', "has seeds = '3'"),
        ("[other]\nscales.cpu.seeds = 0\naxes.y = [1]\n", "has seeds = 0"),
        ("[other]\naxes.y = 1\n", "the axis `y` is 1; wanted a list"),
        ("[other]\naxes.y.one = 1\n", "the axis `y` is {'one': 1}; wanted a list"),
        ('[other]\naxes.y = [1]\npublished = "best | 1\\nall"\n', "the line all has 1 cells; wanted 2"),
        ('[other]\nsee = "a page"\n', "has 2 rows"),
        ("[mine.scales.huge]\n", "has the scales huge"),
        ('[mine.scales.cpu.of]\n"0.01,half" = { epochs = 1 }\n', "names half, which"),
        ("[mine", "mine.toml"),
    ],
)
def test_rows_that_make_no_sense_are_refused(change, message, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(OWN + change)
    done = dlntheory(path, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert message in done.stderr
