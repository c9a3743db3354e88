"""The figures of the papers at toy size: what they compute, what they write, and that they are drawn from it.

Oracle: the update applied and the network run again.
"""

import json
import re
from importlib import import_module

import numpy as np
import pytest
from typer.testing import CliRunner

import dlntheory as dln
from dlntheory.cli import app
from experiments import results
from experiments.sample_efficiency import FIGURES, figure2, load_figure

TOY = {"square": 6, "depths": [1, 3], "widths": [4, 6], "batch": 5, "seeds": 2}


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    monkeypatch.setattr(figure2, "QUICK", TOY)


def dlntheory(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a quick figure."""
    folder = tmp_path_factory.mktemp("figure")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figure2, "QUICK", TOY)
        done = dlntheory("figure", 2, "--quick", "--seed", 3, "--out", folder / "new")
    assert done.exit_code == 0
    assert [line.rpartition("/")[2] for line in done.stdout.split()] == [
        "config.json", "arrays.npz", "figure2.png", "figure2.pdf",
    ]  # fmt: skip
    assert "Computing" in done.stderr
    return folder / "new"


def test_it_writes_data_and_pictures(folder):
    config = json.loads((folder / "config.json").read_text())
    assert config["command"] == "dlntheory figure 2 --quick --setting appendix --seed 3"
    assert (config["seeds"], config["seed"], config["dtype"], config["batch"]) == ([3, 4], 3, "float64", 5)
    assert {"date", "python", "versions"} <= config.keys()
    assert results.load(folder).config == config
    assert (folder / "figure2.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "figure2.pdf").read_bytes().startswith(b"%PDF")
    assert {path.name for path in folder.iterdir()} == {"config.json", "arrays.npz", "figure2.png", "figure2.pdf"}


def brute_force_alignment(widths, init, seed, rule, config):
    net = dln.LinearNetwork.random(widths, init, key=seed)
    x, y = dln.embedded.normal_data(net, config["batch"], seed, linear=config["linear_targets"])
    changes = dln.weight_updates(net, x, y, rule)
    stepped = [weight + config["learning_rate"] * change for weight, change in zip(net.weights, changes, strict=True)]
    moved = dln.LinearNetwork.from_weights(stepped)(x) - net(x)
    residual = y - net(x)
    norms = np.linalg.norm(moved, axis=1) * np.linalg.norm(residual, axis=1)
    return np.mean(np.sum(np.asarray(moved * residual), axis=1) / norms)


def test_its_points_are_alignments_after_one_step(folder):
    config, arrays = results.load(folder).config, results.load(folder).arrays
    assert arrays["alignment_by_depth"].shape == arrays["alignment_by_width"].shape == (2, 2, 2, 2)
    for i, init in enumerate(config["initialisations"]):
        for j, rule in enumerate(config["rules"]):
            for n, seed in enumerate(config["seeds"]):
                for k, depth in enumerate(arrays["depths"]):
                    expected = brute_force_alignment([6] * (depth + 2), init, seed, rule, config)
                    np.testing.assert_allclose(arrays["alignment_by_depth"][i, j, k, n], expected, rtol=1e-8)
                for k, width in enumerate(arrays["widths"]):
                    expected = brute_force_alignment([6, int(width), 6], init, seed, rule, config)
                    np.testing.assert_allclose(arrays["alignment_by_width"][i, j, k, n], expected, rtol=1e-8)


def test_redrawing_uses_the_saved_data_alone(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(figure2, "run", None)
    done = dlntheory("figure", 2, "--redraw", folder, "--out", tmp_path, "--json")
    assert done.exit_code == 0
    for name in ("figure2.png", "figure2.pdf"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
    record, arrays = json.loads(done.stdout), results.load(folder).arrays
    assert record["files"] == [str(tmp_path / "figure2.png"), str(tmp_path / "figure2.pdf")]
    point = {"initialisation": "norm_preserving", "rule": "pc", "depth": 3}
    [found] = [each for each in record["summary"] if point.items() <= each.items()]
    np.testing.assert_allclose(found["mean"], arrays["alignment_by_depth"][1, 1, 1].mean())


def test_running_again_gives_the_same_arrays(folder, tmp_path):
    assert dlntheory("figure", 2, "--quick", "--seed", 3, "--out", tmp_path).exit_code == 0
    again, before = results.load(tmp_path).arrays, results.load(folder).arrays
    assert again.keys() == before.keys()
    for name in again:
        np.testing.assert_array_equal(again[name], before[name])


def test_the_settings_of_the_text_and_of_the_appendix():
    text, appendix = (figure2.configure(False, setting, 0) for setting in ("text", "appendix"))
    assert (text["batch"], text["linear_targets"]) == (1, False)
    assert (appendix["batch"], appendix["linear_targets"]) == (128, True)
    assert len(text["seeds"]) == 10


def test_the_panels(folder):
    result = results.load(folder)
    panels = figure2.draw(result.config, result.arrays).axes
    assert [axes.get_title(loc="left") for axes in panels] == list("ABCD")
    assert [text.get_text() for text in panels[0].get_legend().get_texts()] == ["BP", "PC"]
    for axes, axis in zip(panels, ["depth", "width"] * 2, strict=True):
        line = axes.lines[0]
        np.testing.assert_array_equal(line.get_xdata(), result.arrays[f"{axis}s"])
    assert [len(axes.lines) for axes in panels] == [2, 3, 2, 3]  # the dashed lines mark square networks


@pytest.mark.parametrize("number", FIGURES)
def test_every_figure_has_the_same_parts(number):
    module = load_figure(number)
    assert module.SETTINGS
    for part in (module.configure, module.run, module.summarise, module.draw):
        assert callable(part)


BAD = {
    "figure": (["99"], "N: figure 99 is not here"),
    "no name": (["two"], "N: figure 'two' is not here; wanted a number, or one of energy-propagation"),
    "setting": (["2", "--setting", "paper"], "--setting: `setting` is 'paper'; wanted one of 'appendix', 'text'"),
    "redraw nothing": (["2", "--redraw", "none"], "--redraw: .*none"),
    "redraw other data": (["2", "--redraw", "other"], "--redraw: .*holds no result"),
    "redraw another figure": (["2", "--redraw", "nine"], "--redraw: nine holds figure 9; wanted 2"),
    "out is a file": (["2", "--out", "file"], "--out: "),
}


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD)
def test_bad_input_ends_with_2(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "other").mkdir()
    np.savez(tmp_path / "other" / "arrays.npz", W1=np.eye(2))
    results.save(tmp_path / "nine", results.Result({"command": "", "figure": 9}, {}))
    done = dlntheory("figure", *arguments)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert re.search(message, done.stderr)


def test_without_the_source_it_says_so(monkeypatch):
    monkeypatch.setattr(import_module("dlntheory.cli.figure"), "EXPERIMENTS", "nowhere.sample_efficiency")
    done = dlntheory("figure", 2)
    assert done.exit_code == 2
    assert "clone the repository" in done.stderr
