"""`dlntheory train-linear`: what it reports is what `train` finds, and bad input ends with 2.

Oracles: `train` and least squares by the normal equations.
"""

import csv
import json
import re
import signal

import numpy as np
import pytest
from closeness import assert_close
from typer.testing import CliRunner

import dlntheory as dln
from dlntheory.cli import app
from dlntheory.cli.train_in_parts import train_in_parts
from dlntheory.training import train as train_module


def run(*arguments):
    return CliRunner().invoke(app, ["train-linear", *map(str, arguments)])


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Data and weights in the working directory."""
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(30, 4)), draw.normal(size=(30, 3))
    np.save("x.npy", x)
    np.save("y.npy", y)
    np.save("short.npy", y[:7])
    np.save("wide.npy", draw.normal(size=(30, 5)))
    net = dln.LinearNetwork.random([4, 6, 3], key=1)
    dln.save_weights("weights.npz", net)
    return net, x, y


DATA = ("--inputs", "x.npy", "--targets", "y.npy")


def test_the_report_is_that_of_train(files):
    net, x, y = files
    done = run("weights.npz", *DATA, "--steps", 25, "--learning-rate", 0.1, "--every", 10, "--json", "--out", "new.npz")
    assert done.exit_code == 0
    record = json.loads(done.stdout)
    best = np.linalg.solve(x.T @ x, x.T @ y).T
    found = dln.train(net, x, y, 0.1, steps=25, target=best, alignment_every=10)
    assert [line["step"] for line in record["training"]] == [0, 10, 20, 25]
    np.testing.assert_allclose([line["error"] for line in record["training"]], found.error[np.array([0, 10, 20, 25])])
    np.testing.assert_allclose([line["loss"] for line in record["training"][:3]], found.loss[::10])
    np.testing.assert_allclose([line["alignment"] for line in record["training"][:3]], found.alignment)
    last = record["training"][-1]
    assert last["alignment"] is None
    saved = dln.load_weights("new.npz")
    np.testing.assert_allclose(last["loss"], np.sum(np.square(y - saved(x))) / 60)
    np.testing.assert_array_equal(saved.weights[0], found.net.weights[0])
    assert (record["outcome"], record["widths"], record["samples"]) == ("finished", [4, 6, 3], 30)


def test_a_random_network_in_batches_as_text(files):
    options = (
        "--widths",
        "4,5,3",
        "--init",
        "norm_preserving",
        "--rescaling",
        "decorrelated",
        "--regularisation",
        1e-3,
    )
    done = run(*DATA, *options, "--batch", 8, "--steps", 20, "--seed", 2)
    assert done.exit_code == 0
    assert "4,5,3: widths 4-5-3, 30 samples, batches of 8" in done.stdout
    assert "PC, decorrelated" in done.stdout
    assert len(re.findall(r"^ +\d+ +\d\.\d{3}e", done.stdout, re.MULTILINE)) == 11


def test_divergence_ends_with_1_and_saves_nothing(files, tmp_path):
    done = run("weights.npz", *DATA, "--rule", "bp", "--learning-rate", 100, "--steps", 30, "--out", "new.npz")
    assert done.exit_code == 1
    assert re.search(r"Diverged: numbers were finite for \d+ steps of 30", done.stdout)
    assert "∞" in done.stdout
    assert not (tmp_path / "new.npz").exists()


def test_several_rules_are_each_what_it_is_alone(files, tmp_path):
    options = ("weights.npz", *DATA, "--steps", 12, "--every", 5, "--batch", 8)
    rules = [("bp", None), ("pc", "adaptive_positive")]
    done = run(*options, "--rules", "bp, pc:adaptive_positive", "--plot", "a.png", "--csv", "a.csv", "--json")
    assert done.exit_code == 0
    runs = json.loads(done.stdout)["runs"]
    assert [(each["rule"], each["rescaling"]) for each in runs] == rules
    for each in runs:
        rescaling = [] if each["rescaling"] is None else ["--rescaling", each["rescaling"]]
        alone = json.loads(run(*options, "--rule", each["rule"], *rescaling, "--json").stdout)
        assert each["training"] == alone["training"]
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
    assert len(rows) == 2 * 13
    assert [float(row["error"]) for row in rows[13::5]] == [each["error"] for each in runs[1]["training"][:3]]
    assert [row["step"] for row in rows if row["alignment"]] == ["0", "5", "10"] * 2
    assert rows[25]["rescaling"] == "adaptive_positive"
    assert "Lowest error after 12 steps" in run(*options, "--rules", "bp,pc:adaptive_positive").stdout


def test_the_advice_on_divergence_does_not_diverge(files):
    options = ("weights.npz", *DATA, "--rules", "bp,pc:adaptive", "--steps", 60)
    done = run(*options, "--learning-rate", 100, "--json", "--plot", "a.pdf")
    assert (done.exit_code, type(done.exception)) == (1, SystemExit), done.exception
    runs = json.loads(done.stdout)["runs"]
    assert runs[0]["outcome"] == "diverged"
    for each in runs:
        assert (each["advice"] is None) == (each["outcome"] == "finished")
        if each["advice"] is None:
            continue
        rate = re.match(r"Try --learning-rate (\S+?)[,:]", each["advice"]).group(1)
        rescaling = [] if each["rescaling"] is None else ["--rescaling", each["rescaling"]]
        again = run("weights.npz", *DATA, "--rule", each["rule"], *rescaling, "--steps", 60, "--learning-rate", rate)
        assert again.exit_code == 0


BAD = {
    "no inputs": (["weights.npz", "--targets", "y.npy"], "--inputs is missing"),
    "no targets": (["weights.npz", "--inputs", "x.npy"], "--targets is missing"),
    "no network": ([*DATA], "wanted either WEIGHTS or --widths"),
    "two networks": (["weights.npz", *DATA, "--widths", "4,3"], "wanted either WEIGHTS or --widths"),
    "order of none": ([*DATA, "--widths", "4,3", "--order", "W1"], "--order needs WEIGHTS"),
    "no weights": (["none.npz", *DATA], "WEIGHTS: .*none.npz"),
    "widths": ([*DATA, "--widths", "4,x"], "--widths is '4,x'; wanted whole numbers"),
    "one width": ([*DATA, "--widths", "4"], "`widths` is"),
    "init": ([*DATA, "--widths", "4,3", "--init", "zero"], "`init` is 'zero'"),
    "other widths": ([*DATA, "--widths", "5,3"], "--inputs: `inputs` has shape"),
    "other samples": (["weights.npz", "--inputs", "x.npy", "--targets", "short.npy"], "30 samples but --targets has 7"),
    "not numpy": (["weights.npz", "--inputs", "weights.npz", "--targets", "y.npy"], "--inputs: .*cannot be read as .npy"),
    "rule": (["weights.npz", *DATA, "--rule", "hebb"], "`rule` is 'hebb'"),
    "rescaling": (["weights.npz", *DATA, "--rescaling", "more"], "`rescaling` is 'more'"),
    "rate": (["weights.npz", *DATA, "--learning-rate", "-1"], "`learning_rate` is -1.0; wanted a positive number"),
    "regularisation": (["weights.npz", *DATA, "--regularisation", "-1"], "`regularisation` is -1.0"),
    "out": (["weights.npz", *DATA, "--out", "new.txt"], "`--out` is new.txt; wanted a file that ends in .npz"),
    "rules": (["weights.npz", *DATA, "--rules", "bp,hebb"], "`rule` is 'hebb'"),
    "rules' rescaling": (["weights.npz", *DATA, "--rules", "bp:more"], "`rescaling` is 'more'"),
    "one rescaling": (["weights.npz", *DATA, "--rules", "bp,pc", "--rescaling", "adaptive"], "--rescaling is about a"),
    "one network out": (["weights.npz", *DATA, "--rules", "bp,pc", "--out", "a.npz"], "--out is about a single rule"),
    "picture": (["weights.npz", *DATA, "--plot", "a.txt"], "`--plot` is a.txt; wanted a file that ends in .png or .pdf"),
    "table": (["weights.npz", *DATA, "--csv", "a.txt"], "`--csv` is a.txt; wanted a file that ends in .csv"),
    "out's folder": (["weights.npz", *DATA, "--out", "none/new.npz"], "`--out` is none/new.npz, in a folder"),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD)
def test_bad_input_ends_with_2(files, arguments, message):
    done = run(*arguments)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert re.search(message, done.stderr)


@pytest.mark.parametrize(
    ("steps", "every", "batch"),
    [(50, 1, 2), *(pytest.param(*each, marks=pytest.mark.daily) for each in ((7, 3, None), (3, 10, None), (45, 2, 3)))],
)
def test_parts_are_the_whole(steps, every, batch):
    """Training in parts has the draws and the numbers of training at once."""
    draw = np.random.default_rng(0)
    net = dln.LinearNetwork.random([3, 4, 2], key=0)
    x, y, target = draw.normal(size=(6, 3)), draw.normal(size=(6, 2)), draw.normal(size=(2, 3))
    options = {"learning_rate": 0.1, "rule": "pc", "rescaling": None, "target": target}
    whole = dln.train(net, x, y, steps=steps, batch=batch, key=5, alignment_every=every, **options)
    parts, _ = train_in_parts(net, x, y, steps, batch, 5, every, **options)
    assert int(parts.steps) == int(whole.steps) == steps
    for name in ("error", "loss", "alignment"):
        assert_close(getattr(parts, name), getattr(whole, name), 1e3)
    assert_close(parts.net.weights, whole.net.weights, 1e3)


def test_parts_of_a_training_that_diverges():
    net, x = dln.LinearNetwork.from_weights([[[1.0]], [[1.0]]]), np.ones((1, 1))
    options = {"learning_rate": 5.0, "rule": "bp", "rescaling": None, "target": 3 * x}
    whole = dln.train(net, x, 3 * x, steps=60, alignment_every=2, **options)
    parts, _ = train_in_parts(net, x, 3 * x, 60, None, 0, 2, **options)
    assert parts.outcome == whole.outcome == "diverged"
    assert int(parts.steps) == int(whole.steps)
    np.testing.assert_array_equal(parts.error, whole.error)
    assert parts.alignment.shape == whole.alignment.shape


def test_an_interruption_keeps_what_was_done(tmp_path, monkeypatch):
    """Ctrl-C in the second part: it is finished, printed and written."""
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.eye(2))
    one = train_module.train

    def interrupted(*arguments, **options):
        calls.append(1)
        if len(calls) == 2:
            signal.raise_signal(signal.SIGINT)
        return one(*arguments, **options)

    calls: list[int] = []
    monkeypatch.setattr(train_module, "train", interrupted)
    given = ["--widths", "2,2,2", "--inputs", "x.npy", "--targets", "x.npy", "--steps", "40", "--every", "2"]
    done = CliRunner().invoke(app, ["train-linear", *given, "--out", "w.npz", "--csv", "c.csv", "--json"])
    assert done.exit_code == 130, done.stderr
    assert "Interrupted" in done.stderr
    record = json.loads(done.stdout)
    assert record["steps"] == 4
    assert record["outcome"] == "finished"
    calls.append(1)
    whole = CliRunner().invoke(app, ["train-linear", *given[:-4], "--steps", "4", "--every", "2", "--json"])
    assert json.loads(whole.stdout) == record
    assert dln.load_weights("w.npz").widths == (2, 2, 2)
    assert len((tmp_path / "c.csv").read_text().splitlines()) == 6


def test_an_interruption_of_the_last_part_begins_no_other_rule(tmp_path, monkeypatch):
    """A single step is a single part: Ctrl-C in it leaves the rule that is finished, and trains no other."""
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.eye(2))
    one = train_module.train

    def interrupted(*arguments, **options):
        signal.raise_signal(signal.SIGINT)
        return one(*arguments, **options)

    monkeypatch.setattr(train_module, "train", interrupted)
    given = ["--widths", "2,2,2", "--inputs", "x.npy", "--targets", "x.npy", "--steps", "1", "--rules", "bp,pc"]
    done = CliRunner().invoke(app, ["train-linear", *given, "--json"])
    assert done.exit_code == 130, done.stderr
    assert "what 1 of 2 rules did is kept, 1 steps" in done.stderr
