"""What `dlntheory align` answers: alignment by batch size and by layer, the diagnosis, and what to expect.

Oracles: `compare` and `target_alignment`; least squares; ranks known by construction; the formula for random networks.
"""

import json
import re

import numpy as np
import pytest
from typer.testing import CliRunner

import dlntheory as dln
from dlntheory.cli import app
from dlntheory.report.diagnosis import DRAWN, diagnose, random_alignments
from dlntheory.theorems.explanation import longest_start

DRAW = np.random.default_rng(0)
NET = dln.LinearNetwork.random([6, 4, 5], "norm_preserving", key=0)
X, Y = DRAW.normal(size=(24, 6)), DRAW.normal(size=(24, 5))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    dln.save_weights(folder / "net.npz", NET)
    np.save(folder / "x.npy", X)
    np.save(folder / "y.npy", Y)
    return [folder / "net.npz", "--inputs", folder / "x.npy", "--targets", folder / "y.npy"]


def align(*arguments):
    return CliRunner(env={"COLUMNS": "300"}).invoke(app, ["align", *map(str, arguments)])


def test_batches_are_those_of_compare(files):
    record = json.loads(align(*files, "--batch", "1,4,all", "--seed", 3, "--json").stdout)
    found = dln.compare(NET, X, Y, ["pc:decorrelated"], [1, 4, "all"], seed=3)
    rows = [each for each in record["batches"] if each["rescaling"] == "decorrelated" and each["rule"] == "pc"]
    assert [each["mean"] for each in rows] == pytest.approx([row.mean for row in found.rows])
    assert [each["batch"] for each in rows] == [1, 4, 24]


def test_the_answer_in_words(files):
    done = align(*files)
    assert done.exit_code == 0
    assert done.stdout.startswith("Target alignment: 1 where an update moves a prediction straight at its target")
    assert "all 24" in done.stdout
    assert re.search(r"\d+% of the residual lies outside the 4 directions that the inputs of layer 2 span", done.stdout)
    assert re.search(r"batches of up to 4\b", done.stdout)
    assert re.search(r"random network of these widths \(Kaiming uniform", done.stdout)


def test_sizes_are_checked(files):
    for sizes, message in (("1,x", "wanted sizes"), ("25", "there are 24 samples"), ("0", "at least 1")):
        done = align(*files, "--batch", sizes)
        assert done.exit_code == 2
        assert message in done.stderr


@pytest.mark.parametrize(("rule", "rescaling"), [("bp", None), ("pc", None), ("pc", "decorrelated"), ("natural", None)])
def test_the_alignment_of_a_layer_is_that_of_its_own_step(rule, rescaling):
    """One weight moves, the others do not: the prediction is linear in it."""
    found = dln.target_alignment(NET, X, Y, rule, rescaling, by_layer=True)
    residual = Y - NET(X)
    for layer, update in enumerate(dln.weight_updates(NET, X, Y, rule, rescaling)):
        weights = [each + update if index == layer else each for index, each in enumerate(NET.weights)]
        moved = NET.with_weights(weights)(X) - NET(X)
        cosines = np.sum(moved * residual, axis=1) / np.linalg.norm(moved, axis=1) / np.linalg.norm(residual, axis=1)
        np.testing.assert_allclose(found[:, layer], cosines, atol=1e-9)
    np.testing.assert_allclose(dln.target_alignment(NET, X[0], Y[0], rule, by_layer=True).shape, (2,))
    with pytest.raises(ValueError, match="wanted None, continuous time"):
        dln.target_alignment(NET, X, Y, rule, learning_rate=0.1, by_layer=True)


def by_name(net, x, y, negative=()):
    return {each.name: each for each in diagnose(net, x, y, negative)}


def test_the_share_outside_is_that_of_least_squares():
    found = by_name(NET, X, Y)
    hidden, residual = X @ NET.weights[0].T, Y - NET(X)
    fitted = hidden @ np.linalg.lstsq(hidden, residual, rcond=None)[0]
    assert found["all samples"].value == pytest.approx(np.linalg.norm(residual - fitted) / np.linalg.norm(residual))
    assert found["largest exact batch"].value == 4


def test_a_batch_that_is_exact_is_called_so():
    found = by_name(NET, X[:4], Y[:4])
    assert "is exact for all 4 samples" in found["all samples"].text
    assert "straight at its target" in found["all samples"].advice
    assert "largest exact batch" not in found
    np.testing.assert_allclose(dln.target_alignment(NET, X[:4], Y[:4], "pc", "decorrelated"), 1)


def test_negative_rates_are_named():
    assert "layer 2, 5 is negative" in by_name(NET, X[:2], Y[:2], [2, 5])["negative rates"].text


def test_a_random_network_is_the_formulas():
    found = random_alignments(NET, X, Y, [1, 8])
    norms = [np.sqrt(np.mean(np.sum(each**2, axis=1))) for each in (X, Y)]
    for rule in ("bp", "pc"):
        expected = dln.expected_alignment([6, 4, 5], rule=rule, input_norm=norms[0], target_norm=norms[1])
        [alone] = [each["alignment"] for each in found if each["rule"] == rule and each["batch"] == 1]
        assert alone == pytest.approx(float(expected.mean))
    assert [(each["rule"], each["batch"]) for each in found] == [("bp", 1), ("bp", 8), ("pc", 1), ("pc", 8)]


@pytest.mark.parametrize("residual", [False, True])
def test_batches_of_random_networks_are_measured_on_the_data(residual):
    """Targets that are a map of the inputs interfere less than independent ones: one law for both would miss that."""
    widths, rng = (6, 6, 6), np.random.default_rng(0)
    x = rng.normal(size=(24, 6)) * np.arange(1, 7)
    y = x @ rng.normal(size=(6, 6))
    net = dln.LinearNetwork.random(widths, key=9)
    if residual:
        net = dln.LinearNetwork([dln.Residual(dln.Dense(weight)) for weight in net.weights])
    drawn, generator = [], np.random.default_rng(5)
    for _ in range(DRAWN):
        weights = dln.LinearNetwork.random(widths, key=generator).weights
        drawn.append(dln.LinearNetwork([dln.Dense(weight + residual * np.eye(6)) for weight in weights]))
    for each in random_alignments(net, x, y, [24], seed=5):
        own = [dln.target_alignment(one, x, y, each["rule"]).mean() for one in drawn]
        assert each["alignment"] == pytest.approx(np.mean(own))


def test_nothing_is_expected_of_images():
    net = dln.LinearNetwork([dln.Conv2d(np.ones((1, 1, 2, 2)))], input_shape=(1, 3, 3))
    assert random_alignments(net, np.ones((2, 1, 3, 3)), np.ones((2, 1, 2, 2)), [1]) == []


def test_chains_that_share_an_error_are_measured_without_rescaling(tmp_path):
    chain = dln.Chain([dln.Dense(np.eye(3)), dln.Dense(2 * np.eye(3))])
    dln.save_weights(tmp_path / "net.npz", dln.LinearNetwork([chain, dln.Dense(np.ones((2, 3)))]))
    done = align(tmp_path / "net.npz", "--json")
    assert done.exit_code == 0, done.stderr
    record = json.loads(done.stdout)
    assert {each["rescaling"] for each in record["rules"]} == {None}
    assert record["layers"][0]["product"] is None
    assert align(tmp_path / "net.npz").exit_code == 0


@pytest.mark.parametrize("samples", [1, 2, 3, 7, 8, 20])
def test_the_longest_start_is_found(samples):
    for most in range(samples + 1):
        assert longest_start(samples, lambda part, most=most: part.stop <= most) == most
