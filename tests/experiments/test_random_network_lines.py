"""Theory's lines in figures: against the points measured in committed results, and kernels of drawn weights."""

from itertools import pairwise
from math import sqrt
from pathlib import Path

import numpy as np
import pytest

from experiments import results
from experiments.kernels import spectra
from experiments.random_networks import lines
from experiments.sample_efficiency import single_step
from experiments.sample_efficiency.panels import arrays_of

COMMITTED = Path(__file__).parents[2] / "docs/results/figures"
PANELS = [
    pytest.param(folder, letter, marks=[pytest.mark.daily] if folder.endswith("-text") else [])
    for folder, letters in {
        "figure2": "ABCD", "figure2-text": "AB", "figure3": "A", "figure3-text": "A", "figure4": "A",
        "figure4-text": "A", "figure5": "CD", "figure5-text": "CD",
    }.items()
    for letter in letters
]  # fmt: skip


@pytest.mark.parametrize(("folder", "letter"), PANELS)
def test_lines_pass_through_measured_points(folder, letter):
    """Ten seeds share their draws along a curve, so the mean is off by up to 3.5 errors; the formula, by a few over n.

    Left out are panels whose step is too long for norm-preserving weights and single samples.
    """
    saved = results.load(COMMITTED / folder)
    config, arrays = saved.config["panels"][letter], arrays_of(letter, saved.arrays)
    found = single_step.theory(config)
    alone = config["batch"] == 1 and config["axis"] != "batch_size"
    plain = [name for name in config["curves"] if single_step.CURVES[name].rescaling is None]
    wanted = {name for name in plain if alone or single_step.CURVES[name].rule == "bp"}
    wanted = {name for name in wanted if not single_step.CURVES[name].transposed}
    assert set(found) == wanted | ({"bp_adaptive"} if alone and "bp_adaptive" in config["curves"] else set())
    for name, (positions, heights) in found.items():
        points = arrays["alignment"][config["curves"].index(name)]
        error = points.std(axis=1, ddof=1) / sqrt(points.shape[1])
        line = np.interp(arrays["values"], positions, heights)
        assert (abs(points.mean(axis=1) - line) < 3.5 * error + 4 / config["square"]).all(), name


@pytest.mark.parametrize("init", ["kaiming_uniform", "norm_preserving"])
def test_kernel_of_backpropagation(init):
    """Of four layers of 200: the spectrum's quantiles and edges, by drawn weights."""
    widths, rng = [200] * 5, np.random.default_rng(0)
    variance = 1 / 600 if init == "kaiming_uniform" else 1 / 200
    values = []
    for _ in range(6):
        maps, x = [sqrt(variance) * rng.normal(size=(b, a)) for a, b in pairwise(widths)], rng.normal(size=200)
        kernel = 0
        for weight in maps:  # K ← W K Wᵀ + |x|² I below the next layer
            kernel = (weight @ kernel @ weight.T if np.ndim(kernel) else 0) + x @ x * np.eye(200)
            x = weight @ x
        values.append(np.linalg.eigvalsh(kernel)[::-1])
    values = np.array(values)
    # Eigenvalues at an edge fluctuate by n^{-2/3}, those inside by 1/n.
    conditions = values[:, 0] / values[:, -1]
    assert abs(np.log(conditions).mean() - np.log(lines.kernel_condition(widths, init))) < 3 * 200 ** (-2 / 3)
    found = np.exp(np.log(values / values.mean(axis=1, keepdims=True)).mean(axis=0))
    line = lines.kernel_spectrum(widths, init)
    np.testing.assert_allclose(found[10:190], (line / line.mean())[10:190], rtol=6 / 200)


def test_energies_of_the_committed_equilibrium():
    """A batch of 64 and one network of 256: energies scatter by a few per cent, those of a deep network by more."""
    saved = results.load(COMMITTED / "energy-propagation")
    for depth in saved.config["varied"]["depth"]:
        measured = saved.arrays[f"depth_{depth}"][3]
        line = lines.energy_by_layer([saved.config["width"]] * (depth + 1), saved.config["initialisation"])
        assert abs(np.log(measured / line)).max() < 4 * depth / 64


def test_conditioned_layers_have_the_norms_and_spectra_of_drawn_ones():
    [layer] = lines.random_layers([20, 12], "norm_preserving", 30.0)
    assert layer[:3] == ("singular_values", 20, 12)
    np.testing.assert_allclose([layer[3].max() / layer[3].min(), np.sum(layer[3] ** 2)], [30, 20])
    net, *_ = single_step.problem(
        {"axis": "condition_number", "square": 40, "init": "norm_preserving", "batch": 1, "linear_targets": False},
        30.0,
        0,
    )
    drawn = np.linalg.svd(net.weights[0], compute_uv=False)
    [first, _] = lines.random_layers([40, 40, 40], "norm_preserving", 30.0)
    np.testing.assert_allclose(first[3] / np.linalg.norm(first[3]), drawn / np.linalg.norm(drawn), rtol=1e-6)
    assert abs(np.sum(first[3] ** 2) / np.sum(drawn**2) - 1) < 4 * sqrt(2) / 40


def test_lines_of_kernels_are_those_of_single_steps():
    config = spectra.Spectra("depth").configure(True, "norm_preserving", 0)
    found = spectra.theory(config)
    assert len(found) == 3  # BP, PC and adaptive BP
    network = lines.random_layers([config["width"]] * 3, "norm_preserving")
    assert found[0][1][0] == lines.expected(network, "bp")
    assert found[2][1][0] == lines.expected(network, "bp", "adaptive")


def test_without_a_formula_there_is_no_line():
    network = lines.random_layers([9, 8, 7], "kaiming_uniform")
    assert lines.expected(network, "pc", batch=2) is None
    assert lines.expected(network, "pc", "adaptive") is None
    assert lines.expected(network, "bp", "decorrelated") is None
    assert lines.expected(network, "bp", "adaptive", batch=2) is None
    assert 0 < lines.expected(network, "bp", batch=2) < 1
