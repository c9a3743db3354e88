"""The figures of the papers at toy size: what they compute, what they write, and that they are drawn from it.

Oracle: NumPy alone. Inference descends the energy step by step, the update is applied, and the network runs again.
"""

import json
import os
import re
from importlib import import_module

import jax
import numpy as np
import pytest
from closeness import bound, epsilon
from matplotlib.figure import Figure
from PIL import Image
from typer.testing import CliRunner

from dlntheory import LinearNetwork
from dlntheory.cli import app
from dlntheory.cli.inputs import QUICK_COMPILATION, use_quick_compilation
from dlntheory.files.builtin import normal_data
from experiments import results
from experiments.figures import FIGURES, load_figure
from experiments.sample_efficiency import single_step, toy
from experiments.sample_efficiency.single_step import CURVES, SingleStep

TOY = {
    "square": 5,
    "depth": [1, 3],
    "width": [4, 7],
    "condition_number": [1, 1e6],
    "batch_size": [1, 4, 8],
    "batch": 4,
    "seeds": 2,
}
SINGLE_STEP = [
    (2, "A"),
    (2, "B"),
    (2, "C"),
    (2, "D"),
    (3, "A"),
    (4, "A"),
    (5, "A"),
    (5, "B"),
    (5, "C"),
    (5, "D"),
    (6, "A"),
    (6, "B"),
]

IN_TEXT = [(2, "A"), (3, "A"), (4, "A")]
"""Panels with the text's setting by default; others have it daily."""
INFINITESIMAL = 1e-100j


@pytest.fixture(autouse=True)
def toy_sizes(monkeypatch):
    monkeypatch.setattr(single_step, "QUICK", TOY)


def dlntheory(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a quick figure."""
    folder = tmp_path_factory.mktemp("figure")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(single_step, "QUICK", TOY)
        done = dlntheory("figure", 5, "--quick", "--seed", 3, "--out", folder / "new")
    assert done.exit_code == 0, done.output
    assert [line.rpartition("/")[2] for line in done.stdout.split()] == [
        "config.json", "arrays.npz", "figure5.png",
    ]  # fmt: skip
    assert "Computing figure5 A" in done.stderr
    return folder / "new"


def size_of(path):
    """The width and the height of a picture."""
    with Image.open(path) as picture:
        return picture.size


def test_it_writes_data_and_pictures(folder):
    config = json.loads((folder / "config.json").read_text())
    assert config["command"] == "dlntheory figure 5 --quick --setting appendix --seed 3"
    assert (config["seed"], config["dtype"]) == (3, "float64")
    assert config["panels"]["A"]["seeds"] == [3, 4]
    assert {"date", "python", "versions", "machine"} <= config.keys()
    assert config["seconds"].keys() == set("ABCD")
    assert results.load(folder).config == config
    assert size_of(folder / "figure5.png") == (5.5 * 150, 4.5 * 150)  # for a screen, and no PDF
    assert {path.name for path in folder.iterdir()} == {"config.json", "arrays.npz", "figure5.png"}


@pytest.mark.parametrize("low", [1e-3, 0.2])  # decades have labels, or the ticks between them alone
def test_a_quick_picture_has_every_label(low):
    figure = Figure()
    axes = figure.subplots()
    axes.plot([0, 1], [low, 0.9])
    axes.set_yscale("log")
    figure.draw_without_rendering()
    shown = [axes.yaxis.get_ticklabels(minor) for minor in (False, True)]
    labels = {label.get_text() for each in shown for label in each} - {""}
    results.pictures("figure", figure, quick=True)
    major, minor = (axes.yaxis.get_ticklabels(minor) for minor in (False, True))
    assert {label.get_text() for label in [*major, *minor]} >= labels
    assert bool(minor) == (low > 0.1)


def inference(maps, x, y):
    """Activities at the energy's minimum: hidden layers descend its gradient until they stand still."""
    activities = [x]
    for each in maps:
        activities.append(each @ activities[-1])
    activities[-1] = y
    step = 1 / (1 + max(np.linalg.norm(each, 2) for each in maps)) ** 2
    noise = bound(epsilon(x), max(np.abs(each).max() for each in activities))
    for _ in range(100_000):
        errors = [after - each @ before for each, before, after in zip(maps, activities, activities[1:], strict=False)]
        slopes = [error - above.T @ later for error, above, later in zip(errors, maps[1:], errors[1:], strict=False)]
        for layer, slope in enumerate(slopes, start=1):
            activities[layer] = activities[layer] - step * slope
        if max(np.abs(slope).max() for slope in slopes) < noise:
            return activities
    raise AssertionError("inference does not settle")


def stepped(weights, skip, x, y, curve, rate):
    """The mean alignment, by brute force, and the condition number of what a rescaling inverts.

    An infinitesimal step is an imaginary one, which differentiates without rounding.
    """
    maps = [weight + skip * np.eye(*weight.shape) for weight in weights]
    forward = [x]
    for each in maps:
        forward.append(each @ forward[-1])
    residual, samples = y - forward[-1], x.shape[1]
    own = inference(maps, x, y) if curve.rule == "pc" else forward
    errors = [residual if curve.rule == "bp" else y - maps[-1] @ own[-2]]
    for above in maps[:0:-1]:
        errors.insert(0, above.T @ errors[0])
    after, condition = x, 1.0
    for weight, error, mine, plain in zip(weights, errors, own, forward, strict=False):
        change = error @ mine.T / samples
        if curve.rescaling == "adaptive":
            change = change / (np.sum(mine * plain) / samples)
            condition = max(condition, np.linalg.norm(mine) * np.linalg.norm(plain) / abs(np.sum(mine * plain)))
        elif curve.rescaling == "adaptive_positive":
            change = change / (np.sum(mine * mine) / samples)
        elif curve.rescaling == "decorrelated":
            correlation = (mine @ plain.T if curve.transposed else plain @ mine.T) / samples
            values = np.linalg.svd(correlation, compute_uv=False)
            rank = min(samples, len(values))
            change = change @ np.linalg.pinv(correlation, rcond=1e-12)
            condition = max(condition, values[0] / values[rank - 1])
        after = (weight + skip * np.eye(*weight.shape) + rate * change) @ after
    moved = after.imag if rate == INFINITESIMAL else after - forward[-1]
    norms = np.linalg.norm(moved, axis=0) * np.linalg.norm(residual, axis=0)
    return np.mean(np.sum(moved * residual, axis=0) / norms), condition


def drawn_problem(config, value, seed):
    """The network and the data that a point is about."""
    hidden = {"depth": [5] * int(value), "width": [int(value)]}.get(config["axis"], [5]) if value < 100 else [5]
    condition = value if config["axis"] == "condition_number" else None
    net = LinearNetwork.random([5, *hidden, 5], config["init"], key=jax.random.key(seed), condition_number=condition)
    samples = int(value) if config["axis"] == "batch_size" else config["batch"]
    x, y = normal_data(net, samples, seed, linear=config["linear_targets"])
    return list(map(np.asarray, net.weights)), np.asarray(x).T, np.asarray(y).T


@pytest.mark.parametrize(
    ("number", "letter", "setting"),
    [
        pytest.param(*panel, setting, marks=[] if setting == "appendix" or panel in IN_TEXT else pytest.mark.daily)
        for panel in SINGLE_STEP
        for setting in ("appendix", "text")
    ],
)
def test_the_points_are_alignments_after_one_step(number, letter, setting):
    study = load_figure(number).panels[letter].study
    config = study.configure(True, setting, 3)
    arrays = study.run(config)
    assert arrays["alignment"].shape == (len(config["curves"]), len(config["values"]), 2)
    for name, rows in zip(config["curves"], arrays["alignment"], strict=True):
        for value, points in zip(config["values"], rows, strict=True):
            for seed, point in zip(config["seeds"], points, strict=True):
                weights, x, y = drawn_problem(config, value, seed)
                curve = CURVES[name]
                rate = config["learning_rate"] or INFINITESIMAL
                expected, condition = stepped(weights, float(curve.residual), x, y, curve, rate)
                digits = bound(epsilon(points) / 1e-4, condition)
                assert abs(point - expected) <= digits, (name, value, seed, condition)


def test_the_settings_of_the_text_and_of_the_appendix(monkeypatch):
    monkeypatch.undo()
    text, appendix = (
        {n: load_figure(n).configure(False, s, 0)["panels"] for n in range(2, 7)} for s in ("text", "appendix")
    )
    for number, letter in SINGLE_STEP:
        assert not text[number][letter]["linear_targets"]
        assert appendix[number][letter]["linear_targets"]
        assert text[number][letter]["batch"] == 1
        assert appendix[number][letter]["batch"] == (1 if number in {3, 6} else 128)
        assert len(text[number][letter]["seeds"]) == 10
    assert text[2]["B"]["values"] == [128, 256, 512, 1024]
    assert text[3]["A"]["values"] == [1, 2, 10, 50, 1e3, 1e4, 1e5, 1e7, 1e9, 1e12]
    assert text[4]["A"]["values"] == [1, 32, 64, 128, 256, 480, 550, 1000, 2048]


def test_the_toy_model_follows_each_rules_flow():
    """Figure 1B, with the updates of one input, one hidden unit and two outputs written out."""
    config = toy.configure(True, "appendix", 0) | {"duration": 1.0}
    arrays = toy.run(config)
    y = np.array([-1.0, 1.0])
    for rule, path in zip(config["rules"], arrays["predictions"], strict=True):
        first, second = 1.0, np.ones(2)
        for predicted in path:
            np.testing.assert_allclose(predicted, first * second, rtol=1e-12)
            residual = y - first * second
            multiplier = np.linalg.solve(np.eye(2) + np.outer(second, second), residual)
            activity = first + second @ multiplier
            if rule == "BP":
                change = second @ residual, residual * first
            elif rule == "natural gradient":
                moved = np.linalg.pinv(np.column_stack([second, first * np.eye(2)])) @ residual
                change = moved[0], moved[1:]
            else:
                change = second @ multiplier, multiplier * activity
            scale = activity * first if rule == "PC, rescaled" else 1.0
            first, second = first + config["step"] * change[0], second + config["step"] * change[1] / scale
    np.testing.assert_allclose(arrays["changes"][0], [-4, -2], rtol=1e-12)  # [[2, 1], [1, 2]] r


def test_the_toy_model_ends_at_its_target_and_pc_strays_less():
    config = toy.configure(True, "appendix", 0)
    summary = {each["rule"]: each for each in toy.summarise(config, toy.run(config))}
    assert all(each["distance_at_the_end"] < 1e-3 for each in summary.values())
    assert summary["PC"]["largest_detour"] < summary["BP"]["largest_detour"]
    assert summary["natural gradient"]["largest_detour"] < 1e-2


def test_redrawing_uses_the_saved_data_alone(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(SingleStep, "run", None)
    monkeypatch.setattr(SingleStep, "configure", None)
    done = dlntheory("figure", 5, "--redraw", folder, "--out", tmp_path, "--json")
    assert done.exit_code == 0
    assert size_of(tmp_path / "figure5.png") == (5.5 * 300, 4.5 * 300)  # for print, whatever the data
    assert (tmp_path / "figure5.pdf").read_bytes().startswith(b"%PDF")
    record, arrays = json.loads(done.stdout), results.load(folder).arrays
    assert record["files"] == [str(tmp_path / "figure5.png"), str(tmp_path / "figure5.pdf")]
    [found] = [each for each in record["summary"]["B"] if (each["curve"], each["depth"]) == ("pc", 3)]
    np.testing.assert_allclose(found["mean"], arrays["B/alignment"][1, 1].mean())


@pytest.mark.parametrize(
    ("version", "given", "flags"),
    [
        ("0.10.2", "", QUICK_COMPILATION),
        ("0.10.2", "--xla_a=1", f"--xla_a=1 {QUICK_COMPILATION}"),
        ("0.11.0", "--xla_a=1", "--xla_a=1"),  # which may not know the flag, and would then end
    ],
)
def test_small_sizes_are_compiled_quickly(version, given, flags, monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", {"jaxlib": version}.__getitem__)
    monkeypatch.setenv("XLA_FLAGS", given)
    for _ in range(2):
        use_quick_compilation()
        assert os.environ["XLA_FLAGS"] == flags


@pytest.mark.daily
def test_running_again_gives_the_same_arrays(folder, tmp_path):
    assert dlntheory("figure", 5, "--quick", "--seed", 3, "--out", tmp_path).exit_code == 0
    assert_same(results.load(tmp_path).arrays, results.load(folder).arrays)


def assert_same(arrays, others):
    assert arrays.keys() == others.keys()
    for name in arrays:
        np.testing.assert_array_equal(arrays[name], others[name])


def test_a_killed_figure_goes_on_where_it_was(folder, tmp_path, monkeypatch):
    calls, limit = [], 6

    def mortal(config, value, seed, compute=single_step.alignments):
        calls.append((config["init"], config["learning_rate"]))
        if len(calls) == limit:
            raise KeyboardInterrupt
        return compute(config, value, seed)

    monkeypatch.setattr(single_step, "alignments", mortal)
    assert dlntheory("figure", 5, "--quick", "--seed", 3, "--out", tmp_path).exit_code == 130
    assert [path.name for path in tmp_path.iterdir()] == [".parts"]
    calls, limit = [], None
    done = dlntheory("figure", 5, "--quick", "--seed", 3, "--out", tmp_path)
    assert done.exit_code == 0
    assert ("kaiming_uniform", 1e-4) not in calls  # panel A was there already
    assert len(set(calls)) == 3
    assert_same(results.load(tmp_path).arrays, results.load(folder).arrays)
    assert (tmp_path / "figure5.png").read_bytes() == (folder / "figure5.png").read_bytes()
    assert not (tmp_path / ".parts").exists()


@pytest.mark.parametrize("number", range(1, 7))
def test_the_panels(number):
    figure = load_figure(number)
    config = figure.configure(True, "appendix", 0)
    letters = list("ABC") if number == 1 else [letter for n, letter in SINGLE_STEP if n == number]
    config["panels"] = {letter: config["panels"][letter] for letter in letters}
    drawn = figure.draw(config, figure.run(config))
    panels = drawn.axes
    assert [axes.get_title(loc="left")[:7] for axes in panels] == [rf"$\bf{{{letter}}}"[:7] for letter in letters]
    legend = {text.get_text() for text in drawn.legends[0].get_texts()}
    if number == 1:
        assert legend == {"ideal", *config["panels"]["B"]["rules"]}
        network, _, definition = ({text.get_text() for text in axes.texts} for axes in panels)
        assert {"input", "hidden", "outputs", "1", "target −1", "target 1"} <= network
        assert {"residual", "interference", "BP: 0.894", "PC: 0.928"} <= definition
        return
    for axes, each in zip(panels, config["panels"].values(), strict=True):
        labels = [label for label in axes.get_legend_handles_labels()[1] if "theory" not in label]
        assert set(labels) <= legend
        assert labels == [CURVES[name].label for name in each["curves"]]
        if number == 6:  # the distances of two seeds, as thin lines
            assert len(axes.lines) == len(labels) * (1 + len(each["seeds"]))
        else:
            assert len(axes.collections) == len(labels)  # a band over the seeds for each curve
        np.testing.assert_array_equal(axes.lines[0].get_xdata(), each["values"])
        assert axes.get_xlabel() == single_step.AXES[each["axis"]]


@pytest.mark.parametrize("number", FIGURES)
def test_every_figure_has_the_same_parts(number):
    figure = load_figure(number)
    assert figure.SETTINGS
    for part in (figure.configure, figure.run, figure.summarise, figure.draw):
        assert callable(part)
    if hasattr(figure, "rows"):
        assert sum(map(len, figure.rows)) == len(figure.panels), "two panels have the same letter"


BAD = {
    "figure": (["99"], "N: figure 99 is not here; wanted one of 1, 2"),
    "no name": (["two"], "N: figure 'two' is not here; wanted one of 1, 2"),
    "setting": (["2", "--setting", "paper"], "--setting: `setting` is 'paper'; wanted one of 'appendix', 'text'"),
    "no data": (["1", "--data-dir", "other"], "--data-dir: figure 1 reads no data set"),
    "redraw nothing": (["2", "--redraw", "none"], "--redraw: .*none"),
    "redraw other data": (["2", "--redraw", "other"], "--redraw: .*holds no result"),
    "redraw another figure": (["2", "--redraw", "nine"], "--redraw: nine holds figure 9; wanted 2"),
    "out is a file": (["2", "--out", "file"], "--out: .*file"),
    "out is in a file": (["2", "--out", "file/new"], "--out: .*file/new"),
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
    monkeypatch.setattr(import_module("dlntheory.cli.figure"), "EXPERIMENTS", "nowhere")
    done = dlntheory("figure", 2)
    assert done.exit_code == 2
    assert "clone the repository" in done.stderr
