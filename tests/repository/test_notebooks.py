"""The notebooks run, and what they store is what they print.

Cells run here as plain Python, so that no test needs Jupyter; pictures are drawn, and not compared.
"""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "docs" / "notebooks").glob("*.ipynb"))


def draw_and_close() -> None:
    for number in plt.get_fignums():
        plt.figure(number).canvas.draw()
    plt.close("all")


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=[pytest.mark.daily] if path.stem == "training" else [])
        for path in NOTEBOOKS
    ],
)
def test_notebook_runs_and_prints_what_it_stores(path, capsys):
    names: dict = {}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
            draw_and_close()
            stored = [line for each in cell["outputs"] if each.get("name") == "stdout" for line in each["text"]]
            assert capsys.readouterr().out == "".join(stored)
