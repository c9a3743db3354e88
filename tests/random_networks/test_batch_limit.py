"""Predictive coding in batches at infinite width, by formula.

Oracles: the recursions for single samples and for backpropagation, which share no line with it; the expectation over
batches for given weights; and drawn networks with drawn batches.
"""

import numpy as np
import pytest

from dlntheory import batch_alignment, expected_alignment, expected_batch_alignment
from dlntheory.random_networks.arguments import as_layers
from dlntheory.random_networks.batch_limit import batch_traces
from dlntheory.random_networks.expected import as_setting
from experiments.random_networks import drawn

WIDTHS, VARIANCES = (40, 60, 30, 50), (0.03, 0.01, 0.05)


def found(widths, variances, covariances=None, linear=False, **norms):
    setting = as_setting(as_layers(widths, "kaiming_uniform", variances, None), covariances, **norms)
    return setting, batch_traces(setting, 1.0, 1.0, linear)


@pytest.mark.parametrize("covariances", [None, (0.5, 2.0, 1.5)])
@pytest.mark.parametrize("linear", [False, True])
def test_one_sample_s_traces_are_the_recursions(covariances, linear):
    setting, traces = found(WIDTHS, VARIANCES, covariances, linear, input_norm=None, target_norm=None)
    alone = expected_alignment(WIDTHS, variances=VARIANCES, covariances=covariances)
    beta, residual = traces.activities, WIDTHS[-1] + np.exp(setting.log_output)
    np.testing.assert_allclose(beta, alone.activities, rtol=1e-12)
    cosine = beta @ traces.changes / np.sqrt(residual * (beta @ traces.squares @ beta))
    assert cosine == pytest.approx(float(alone.limit), rel=1e-12)


@pytest.mark.parametrize("variance", [1 / 3, 1.0, 3.0])
def test_deep_networks_keep_their_digits(variance):
    widths, variances = [64] * 25, [variance / 64] * 24
    setting, traces = found(widths, variances, input_norm=None, target_norm=None)
    beta, residual = traces.activities, 64 + np.exp(setting.log_output)
    cosine = beta @ traces.changes / np.sqrt(residual * (beta @ traces.squares @ beta))
    assert cosine == pytest.approx(float(expected_alignment(widths, variances=variances).limit), rel=1e-10)


@pytest.mark.parametrize("target", ["independent", "linear"])
@pytest.mark.parametrize("batch", [8, 64, 300])
def test_without_hidden_covariances_it_is_backpropagation(target, batch):
    """Errors then rest at the output, and activities stay: the difference is of the order of the covariances."""
    options = {"variances": (1 / 64, 1 / 96, 1 / 40), "batch": batch, "target": target, "input_norm": 5.0}
    bp = float(expected_alignment((64, 96, 32, 80), rule="bp", **options).limit)
    differences = [
        expected_batch_alignment((64, 96, 32, 80), covariances=(small, small, 1.0), **options) - bp
        for small in (1e-3, 1e-5)
    ]
    assert abs(differences[0]) < 0.01
    assert differences[1] == pytest.approx(differences[0] / 100, rel=0.02)


@pytest.mark.parametrize("linear", [False, True])
def test_pairs_of_layers_have_no_order(linear):
    _, traces = found(WIDTHS, VARIANCES, (0.5, 2.0, 1.5), linear, input_norm=None, target_norm=None)
    for matrix in (traces.squares, traces.overlaps, traces.fourth):
        np.testing.assert_allclose(matrix, matrix.T, rtol=1e-10)
        assert np.linalg.eigvalsh(matrix).min() > -1e-10 * np.trace(matrix)


@pytest.mark.parametrize("target", ["independent", "linear"])
@pytest.mark.parametrize(("scale", "depth"), [(1 / 3, 4), (1.0, 3)])
def test_given_weights_have_it(target, scale, depth):
    """At four times the width the difference is a quarter, within three standard errors of both."""
    differences = []
    for n, draws in ((32, 40), (128, 10)):
        shape, limit = (depth, n, n), _limit(n, depth, scale, n, target)
        weights = (np.sqrt(scale / n) * np.random.default_rng(seed).standard_normal(shape) for seed in range(draws))
        each = [batch_alignment(w, n, "pc", target, seed=100 + seed) - limit for seed, w in enumerate(weights)]
        differences.append((np.mean(each), np.std(each, ddof=1) / np.sqrt(draws)))
    narrow, wide = differences
    assert abs(wide[0]) < abs(narrow[0]) / 4 + 3 * (wide[1] + narrow[1] / 4)
    assert wide[1] < 0.005


@pytest.mark.parametrize("ratio", [0.25, 1, 3])
def test_drawn_batches_have_it(ratio):
    differences = []
    for n, draws in ((32, 60), (128, 20)):
        layers, size = [("dense", n, n, 0.8 / n)] * 3, round(ratio * n)
        each = [drawn.batch(np.random.default_rng(seed), layers, size, False)["pc"][0] for seed in range(draws)]
        error = np.std(each, ddof=1) / np.sqrt(draws)
        differences.append((np.mean(each) - _limit(n, 3, 0.8, size, "independent"), error))
    narrow, wide = differences
    assert abs(wide[0]) < abs(narrow[0]) / 4 + 3 * (wide[1] + narrow[1] / 4)
    assert wide[1] < 0.01


def _limit(n, depth, scale, batch, target):
    return expected_batch_alignment([n] * (depth + 1), batch=batch, target=target, variances=[scale / n] * depth)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"init": "orthogonal"}, "dense layers"),
        ({"target": "random"}, "target"),
        ({"variances": np.ones((2, 2))}, "grid"),
        ({"input_norm": -1.0}, "input_norm"),
        ({"batch": 0}, "batch"),
    ],
)
def test_bad_arguments_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        expected_batch_alignment([4, 4, 4], **{"batch": 8, **given})
