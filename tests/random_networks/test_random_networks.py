"""Random networks by formula: against printed tables, recursions transcribed as they are printed, and closed forms."""

import json
import subprocess
import sys
from itertools import pairwise
from math import comb, factorial, sqrt

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from random_network_twins import dense_cosine, dense_second_order, dense_traces, fluctuation

from dlntheory.networks.aligned_variances import aligned_variances
from dlntheory.random_networks.expected import expected_alignment
from dlntheory.random_networks.limit_covariances import expected_covariances

RECT = [256, 384, 128, 320, 192]
PRINTED = 5.1e-5  # four decimals


def square(kind, scale, depth, n=256):
    return [(kind, n, n, scale / n)] * depth


def chain(kind, widths, variance):
    return [(kind, a, b, variance(a, b)) for a, b in pairwise(widths)]


def kaiming(a, b):
    return 1 / (3 * a)


TABLE = [  # BP, PC's limit, 2E*/n_L
    ("σ²=1, L=2", square("dense", 1, 2), 0.9129, 0.9935, 1.0000),
    ("σ²=1, L=4", square("dense", 1, 4), 0.8083, 0.9644, 0.6138),
    ("σ²=1, L=9", square("dense", 1, 9), 0.7152, 0.8907, 0.4577),
    ("σ²=½, L=4", square("dense", 0.5, 4), 0.7327, 0.8656, 0.6738),
    ("σ²=2, L=4", square("dense", 2, 4), 0.9007, 0.9984, 0.8886),
    ("rect, fan-in", chain("dense", RECT, lambda a, b: 1 / a), 0.8099, 0.9501, 0.5678),
    ("rect, norm-preserving", chain("dense", RECT, lambda a, b: 1 / b), 0.8244, 0.9691, 0.4928),
    ("Kaiming, L=4", chain("dense", [256] * 5, kaiming), 0.7304, 0.8237, 0.7478),
    ("Kaiming, bottleneck", chain("dense", [256, 64, 256], kaiming), 0.5775, 0.6329, 0.9107),
    ("residual σ²=¼, L=4", square("residual", 0.25, 4), 0.9107, 0.9942, 0.5957),
    ("residual σ²=⅛, L=8", square("residual", 0.125, 8), 0.8846, 0.9900, 0.2942),
    ("rect, semi-orthogonal", chain("orthogonal", RECT, lambda a, b: 1 / min(a, b)), 0.9603, 0.9930, 0.5577),
]


@pytest.mark.parametrize(("layers", "bp", "pc", "energy"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_table_of_architectures(layers, bp, pc, energy):
    expected = expected_alignment(layers=layers)
    assert_allclose(expected_alignment(layers=layers, rule="bp").limit, bp, atol=PRINTED)
    assert_allclose(expected.limit, pc, atol=PRINTED)
    assert_allclose(2 * expected.energy / layers[-1][2], energy, atol=PRINTED)


@pytest.mark.parametrize(
    ("init", "rule", "limits"),
    [
        ("norm_preserving", "bp", [0.913, 0.850, 0.778, 0.715, 0.671]),
        ("norm_preserving", "pc", [0.9935, 0.9803, 0.9480, 0.8907, 0.8203]),
        ("kaiming_uniform", "bp", [0.895, 0.802, 0.674, 0.533, 0.402]),
        ("kaiming_uniform", "pc", [0.9588, 0.8928, 0.7599, 0.5804, 0.4176]),
    ],
)
def test_figure_2_of_the_paper(init, rule, limits):
    found = [expected_alignment([512] * (hidden + 2), init, rule).limit for hidden in (1, 2, 4, 8, 16)]
    assert_allclose(found, limits, atol=5.1e-4 if rule == "bp" else PRINTED)


def test_figure_2_at_finite_width():
    found = [expected_alignment([512] * (hidden + 2)) for hidden in (1, 2, 4, 8, 16)]
    assert_allclose([each.mean for each in found[:4]], [0.959, 0.893, 0.757, 0.531], atol=6e-4)
    assert_allclose([each.spread for each in found], [0.002, 0.009, 0.034, 0.22, 0.93], atol=5e-3)
    assert_allclose(found[4].mean, 0.032, atol=4e-3)  # printed from samples
    nine = [expected_alignment([64] * 10, init) for init in ("kaiming_uniform", "norm_preserving")]
    assert_allclose([each.negative_rates for each in nine], [0.100, 0.038], atol=5.1e-4)
    assert_allclose([nine[0].mean, nine[0].spread], [0.3705, 0.541], atol=1e-3)


def test_depth_from_which_pc_is_below_bp():
    """With Kaiming variances, from 35 weight layers on, even at infinite width."""
    gaps = [
        float(expected_alignment([64] * (depth + 1)).limit - expected_alignment([64] * (depth + 1), rule="bp").limit)
        for depth in (33, 34, 35, 36, 60)
    ]
    assert [gap > 0 for gap in gaps] == [True, True, False, False, False]


variances_of_layers = st.floats(0.2, 2.5)


@st.composite
def dense_networks(draw):
    depth = draw(st.integers(1, 6))
    widths = draw(st.lists(st.integers(3, 40), min_size=depth + 1, max_size=depth + 1))
    scales = draw(st.lists(variances_of_layers, min_size=depth, max_size=depth))
    covariances = draw(st.lists(st.floats(0.2, 4), min_size=depth, max_size=depth))
    norms = draw(st.floats(0.1, 30)), draw(st.floats(0.1, 30))
    return widths, [s / n for s, n in zip(scales, widths[:-1], strict=True)], covariances, *norms


@given(dense_networks())
@settings(max_examples=60)
def test_dense_layers_agree_with_the_printed_recursions(network):
    widths, variances, covariances, input_norm, target_norm = network
    expected = expected_alignment(widths, variances=variances, covariances=covariances, input_norm=input_norm,
                                  target_norm=target_norm)  # fmt: skip
    twin = dense_second_order(widths, variances, covariances, input_norm**2)
    output = input_norm**2 * np.prod(np.multiply(widths[1:], variances))
    limit = dense_cosine(twin, target_norm**2, output, widths[-1], twin["e"] * twin["T"])
    c, share = np.asarray(covariances), target_norm**2 / widths[-1]
    # The printed recursions subtract: what they lose shows where c'κ should be tr S S⁻² = tr S⁻¹.
    loss = 1e-12 + 100 * abs(c @ twin["kappa"] / twin["a"][-1] - 1) + 100 * abs(c @ twin["f"] / twin["e"] - 1)
    assert_allclose(expected.traces, twin["a"], rtol=1e-12)
    assert_allclose(expected.activities, twin["e"] * twin["T"], rtol=1e-12)
    assert_allclose(expected.limit, limit, rtol=loss)
    assert_allclose(expected.energy_by_layer, c * (share * twin["kappa"] + twin["f"]) / 2, rtol=100 * loss)
    assert_allclose(expected.output_norm, output, rtol=1e-12)
    assert_allclose(expected.energy, (share * twin["a"][-1] + twin["e"]) / 2, rtol=1e-12)


@given(dense_networks())
@settings(max_examples=60)
def test_identities(network):
    widths, variances, covariances, input_norm, target_norm = network
    for each in (None, covariances):
        expected = expected_alignment(widths, variances=variances, covariances=each, input_norm=input_norm,
                                      target_norm=target_norm)  # fmt: skip
        c = np.ones(len(variances)) if each is None else np.asarray(each)
        assert_allclose((c * expected.traces).sum(), widths[-1], rtol=1e-12)
        assert_allclose(expected.energy_by_layer.sum(), expected.energy, rtol=1e-12)
        assert (expected.energy_by_layer > 0).all()
        assert 0 < expected.limit <= 1 + 1e-12


@given(st.floats(0.05, 4), st.integers(1, 12), st.sampled_from(["residual", "orthogonal", "dense"]))
@settings(max_examples=40)
def test_identities_of_other_layers(scale, depth, kind):
    widths = [20] * (depth + 1) if kind == "residual" else [20, *[30, 12, 25, 40] * 3][: depth + 1]
    expected = expected_alignment(layers=chain(kind, widths, lambda a, b: scale / max(a, b)))
    assert_allclose(expected.traces.sum(), widths[-1], rtol=1e-12)
    assert_allclose(expected.energy_by_layer.sum(), expected.energy, rtol=1e-12)


@pytest.mark.parametrize("rule", ["bp", "pc"])
def test_one_layer_is_aligned(rule):
    for kind, n_in in (("dense", 30), ("orthogonal", 7), ("residual", 12)):
        expected = expected_alignment(layers=[(kind, n_in, 12, 0.3)], rule=rule)
        assert_allclose(expected.limit, 1, rtol=1e-12)
        assert_allclose(expected.mean, 1, rtol=1e-12)
    assert expected_alignment([9, 4]).spread < 1e-6


@pytest.mark.parametrize("rule", ["bp", "pc"])
@pytest.mark.parametrize("gain", [0.01, 1.0, 7.0])
def test_square_orthogonal_layers_are_aligned(rule, gain):
    gains = gain * np.linspace(0.5, 2, 7)
    limit = expected_alignment([40] * 8, "orthogonal", rule, variances=gains / 40).limit
    assert_allclose(limit, 1, rtol=1e-12)


@given(st.lists(st.sampled_from([12, 20, 30]), min_size=2, max_size=6), st.floats(0, 12))
@settings(max_examples=30, deadline=None)
@example([12, 12, 12, 12, 20, 30], 0.0)
def test_given_singular_values(widths, decades):
    """Equal ones are those of semi-orthogonal layers; spread over decades they obey the identities."""
    equal = chain("singular_values", widths, lambda a, b: np.ones(min(a, b)))
    same = chain("orthogonal", widths, lambda a, b: 1 / max(a, b))
    for rule in ("bp", "pc"):
        found, wanted = (expected_alignment(layers=layers, rule=rule) for layers in (equal, same))
        assert_allclose(found.limit, wanted.limit, rtol=1e-12)
    assert_allclose(found.energy_by_layer, wanted.energy_by_layer, rtol=1e-11)
    spread = chain("singular_values", widths, lambda a, b: np.logspace(0, -decades, min(a, b)))
    found = expected_alignment(layers=spread)
    assert_allclose(found.traces.sum(), widths[-1], rtol=1e-12)
    assert_allclose(found.energy_by_layer.sum(), found.energy, rtol=1e-11)


@pytest.mark.parametrize("depth", [1, 2, 5, 9])
def test_small_weights_make_rules_agree(depth):
    """As ``σ² → 0``, ``S → I``: PC's updates are BP's."""
    widths, small = [30, *[20, 50, 40] * 3][: depth + 1], 1e-13
    rules = [expected_alignment(widths, rule=rule, variances=[small] * depth).limit for rule in ("bp", "pc")]
    assert_allclose(*rules, rtol=1e-11)


def test_layers_that_hardly_differ_from_the_identity_are_aligned():
    for rule in ("bp", "pc"):
        assert_allclose(expected_alignment(layers=square("residual", 1e-13, 6), rule=rule).limit, 1, rtol=1e-12)


@given(st.floats(0.1, 3), st.integers(1, 30), st.floats(0.1, 10))
@settings(max_examples=30)
def test_bp_with_equal_widths(scale, depth, target_norm):
    limit = expected_alignment([50] * (depth + 1), rule="bp", variances=[scale / 50] * depth,
                               input_norm=1.0, target_norm=target_norm).limit  # fmt: skip
    s, L = scale**depth / target_norm**2, depth
    closed = (1 + s * (L + 1) / 2) / sqrt((1 + s) * (1 + s * L)) * sqrt(6 * L / ((L + 1) * (2 * L + 1)))
    assert_allclose(limit, closed, rtol=1e-12)


def test_bp_with_one_hidden_layer():
    n, m = 40, 15
    fan_in = expected_alignment([n, m, n], "lecun_normal", "bp", input_norm=1e-9).limit
    assert_allclose(fan_in, 1 / sqrt(1 + n**3 / (m * (n + m) ** 2)), rtol=1e-12)
    norm_preserving = expected_alignment([n, m, n], "norm_preserving", "bp", input_norm=1e-9).limit
    assert_allclose(norm_preserving, 1 / sqrt(1 + n * m / (n + m) ** 2), rtol=1e-12)


def test_bp_with_residual_layers():
    depth, g = 7, 1.3
    limit = expected_alignment(layers=square("residual", g - 1, depth), rule="bp", input_norm=1e-9).limit
    assert_allclose(limit, 1 / sqrt(1 + (1 - g**-2) * (depth - 1) * (2 * depth - 1) / (6 * depth)), rtol=1e-12)


def test_deep_limits():
    """BP → √(3/8) where ``|x| = |y|`` at ``σ = 1``; depth-μP's residual layers, with ``|x| = |y|`` and ``s = 1``."""
    deep = [64] * 10001
    assert_allclose(expected_alignment(deep, "norm_preserving", "bp").limit, sqrt(3 / 8), atol=2e-4)
    s, rho = 1.0, np.e
    closed = (1 + rho * (1 + s)) / sqrt((1 + rho) * (1 + 2 * s / 3 + rho * ((1 + s) ** 2 + 2 * s / 3 + s**2 / 3)))
    assert_allclose(expected_alignment(layers=square("residual", 1 / 4000, 4000), rule="bp").limit, closed, atol=2e-4)
    assert_allclose(closed, 0.8545, atol=PRINTED)
    assert_allclose(expected_alignment(layers=square("residual", 1 / 96, 96)).limit, 0.9845, atol=PRINTED)


def test_square_networks_of_two_layers():
    for scale in (0.1, 1.0, 5.0):
        energy = expected_alignment([80] * 3, variances=[1, scale / 80], input_norm=1e-9).energy
        assert_allclose(2 * energy / 80, (sqrt(1 + 4 * scale) - 1) / (2 * scale), rtol=1e-12)


def test_deep_networks_in_few_digits():
    """Seventy digits say 0.97062632127914648 and 0.078902690282928545."""
    assert_allclose(expected_alignment([64] * 101, variances=[2 / 64] * 100).limit, 0.97062632127914648, rtol=1e-13)
    assert_allclose(expected_alignment([64] * 401, variances=[0.5 / 64] * 400).limit, 0.078902690282928545, rtol=1e-12)


@pytest.mark.parametrize(
    "scale", [pytest.param(1 / 3, marks=pytest.mark.daily), 1.0, pytest.param(2.0, marks=pytest.mark.daily)]
)
def test_ten_thousand_layers(scale):
    depth = 10_000
    for rule in ("bp", "pc"):
        expected = expected_alignment([64] * (depth + 1), rule=rule, variances=[scale / 64] * depth)
        assert 0 < expected.limit < 1
    assert_allclose(expected.traces.sum(), 64, rtol=1e-12)
    if scale == 1:
        assert_allclose(expected.setting.equilibrium.log_traces[-1], np.log(0.3995 * 64), atol=1e-4)


def test_fluctuation_of_activities_as_printed():
    widths, variances = [30, 40, 20, 50, 25], [0.02, 0.03, 0.06, 0.01]
    twin = dense_second_order(widths, variances, [1] * 4, 9.0)
    covariance = fluctuation(twin, widths, variances, 16.0, 9.0)
    beta = twin["e"] * twin["T"]
    found = expected_alignment(widths, variances=variances, input_norm=3.0, target_norm=4.0)
    assert_allclose(
        found.setting.fluctuation.covariance * np.outer(beta, beta),
        covariance,
        rtol=1e-9,
        atol=1e-12 * covariance.max(),
    )


@pytest.mark.parametrize(("depth", "n", "scale"), [(5, 64, 1 / 3), (9, 64, 1 / 3), (9, 64, 1.0), (17, 128, 1 / 3)])
def test_mean_and_spread_against_samples(depth, n, scale):
    expected = expected_alignment([n] * (depth + 1), variances=[scale / n] * depth)
    law, draws = expected.setting.fluctuation, 40_000
    beta = 1 + np.random.default_rng(0).multivariate_normal(np.zeros(depth), law.covariance, draws, method="eigh")
    cosines = beta @ law.vector / np.sqrt(((beta @ law.matrix) * beta).sum(axis=1))
    error = cosines.std() / sqrt(draws)
    assert abs(cosines.mean() - expected.mean) < 4 * error
    fourth = np.mean((cosines - cosines.mean()) ** 4)
    assert abs(cosines.var() - expected.spread**2) < 4 * sqrt((fourth - cosines.var() ** 2) / draws)
    negative = (beta < 0).mean(axis=1)
    assert abs(negative.mean() - expected.negative_rates) < 4 * negative.std() / sqrt(draws)


@pytest.mark.parametrize(
    ("widths", "growth"), [([9, 9], 0.7), ([64] * 10, 3.0), ([20, 40, 30], 1.0), ([100, 300, 50, 20], 20.0)]
)
def test_aligned_variances(widths, growth):
    expected = expected_alignment(widths, variances=aligned_variances(widths, growth))
    assert_allclose(expected.limit, 1, rtol=1e-12)
    assert_allclose(expected.activities, widths[0], rtol=1e-11)  # x*'x̂ = |x|² in every layer
    first = widths[1] / (widths[1] * aligned_variances(widths, growth)[0]) / expected.traces[0]
    assert_allclose(first, growth, rtol=1e-11)  # T_1


def test_aligned_variances_of_equal_widths():
    depth, growth, n = 6, 2.5, 30
    closed = [(1 + 1 / growth) ** l for l in range(1, depth)] + [(1 + 1 / growth) ** (depth - 1) / growth]
    assert_allclose(np.multiply(n, aligned_variances([n] * (depth + 1), growth)), closed, rtol=1e-12)


def test_aligned_variances_may_not_exist():
    for growth in (0.3, 1, 3):
        with pytest.raises(ValueError, match=r"no variances make predictive coding aligned.*a growth above 15\.6"):
            aligned_variances([100, 300, 50, 20], growth)
    aligned_variances([100, 300, 50, 20], 15.7)
    for growth in (0, -1, float("nan"), float("inf"), "3"):
        with pytest.raises(ValueError, match="`growth` is"):
            aligned_variances([4, 4, 4], growth)


@pytest.mark.parametrize("depth", [1, 2, 4, 9])
def test_interference_free_covariances(depth):
    found = expected_covariances([50] * (depth + 1), "norm_preserving")
    closed = [factorial(depth - 1) / (factorial(depth - l) * depth ** (l - 1)) for l in range(1, depth + 1)]
    assert_allclose(found.covariances, closed, rtol=1e-12)
    assert found.exists is True


@pytest.mark.parametrize(
    "layers",
    [
        chain("dense", [30, 50, 40, 60, 20], lambda a, b: 0.7 / a),
        square("residual", 0.4, 5),
        [("dense", 30, 60, 0.02), ("orthogonal", 60, 40, 1 / 60), ("residual", 40, 40, 0.01), ("dense", 40, 10, 0.1)],
    ],
)
def test_interference_free_covariances_are_activities_and_align(layers):
    c = expected_covariances(layers=layers).covariances
    expected = expected_alignment(layers=layers, covariances=c)
    assert_allclose(expected.limit, 1, rtol=1e-11)
    assert_allclose(expected.activities / expected.activities[0], c, rtol=1e-10)


def test_interference_free_covariances_may_not_exist():
    """They need ``n_l > n_L V_l/V_L``."""
    widths, norms = [100, 30, 40, 100], [1, 2, 3]
    exists = []
    for last in norms:
        variances = np.array([1 / 30, 1 / 40, 1 / (100 * last)])
        V = np.cumsum(1 / variances)
        found = expected_covariances(widths, variances=variances)
        assert_allclose(found.free, widths[1:3] - 100 * V[:2] / V[2], rtol=1e-12)
        assert found.exists == (found.free > 0).all() == (not np.isnan(found.covariances).any())
        exists.append(found.exists)
    assert exists == [False, True, True]


def test_grids_are_computed_cell_by_cell():
    variances = np.random.default_rng(0).uniform(0.3, 2, size=(3, 2, 4)) / 20
    covariances = np.random.default_rng(1).uniform(0.3, 2, size=(2, 4))
    for rule, batch in (("pc", 1), ("bp", 1), ("bp", 10)):

        def one(v, c, rule=rule, batch=batch):
            return expected_alignment([20, 25, 15, 30, 20], rule=rule, batch=batch, variances=v, covariances=c)

        grid = one(variances, covariances)
        assert grid.limit.shape == (3, 2)
        for name in ("limit", "mean", "spread", "energy", "energy_by_layer", "traces", "output_norm",
                     "activities", "negative_rates"):  # fmt: skip
            if rule == "bp" and name == "spread":
                assert grid.spread is None
                continue
            cells = [[getattr(one(v, c), name) for v, c in zip(row, covariances, strict=True)] for row in variances]
            assert_allclose(getattr(grid, name), cells, rtol=1e-8, atol=1e-12)
    assert repr(grid) == "ExpectedAlignment(bp, 20-25-15-30-20, batch=10, grid=(3, 2))"


@pytest.mark.slow
def test_grids_of_depths_and_variances():
    scales = np.linspace(0.05, 4, 100)[:, None] / 64
    for rule in ("bp", "pc"):
        for depth in range(1, 101):
            limit = expected_alignment([64] * (depth + 1), rule=rule, variances=np.tile(scales, depth)).limit
            assert np.isfinite(limit).all()


def test_initialisations_and_defaults():
    widths = [30, 50, 20]
    by_variance = {
        "kaiming_uniform": [1 / 90, 1 / 150],
        "lecun_normal": [1 / 30, 1 / 50],
        "norm_preserving": [1 / 50, 1 / 20],
    }
    for init, variances in by_variance.items():
        explicit = expected_alignment(widths, variances=variances, input_norm=sqrt(30), target_norm=sqrt(20))
        assert_allclose(expected_alignment(widths, init).limit, explicit.limit, rtol=1e-13)
    layers = [("orthogonal", 30, 50, None), ("orthogonal", 50, 20, 1 / 50)]
    assert_allclose(expected_alignment(layers=layers).limit, expected_alignment(widths, "orthogonal").limit, rtol=1e-13)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"widths": [4]}, ValueError, "`widths` is .4.; wanted at least an input and an output width"),
        ({"widths": None}, TypeError, "`widths` is None"),
        ({"widths": 4}, TypeError, "`widths` is a int"),
        ({"widths": "44"}, TypeError, "`widths` is a str"),
        ({"widths": [4, 0]}, ValueError, r"`widths\[1\]` is 0; wanted at least 1"),
        ({"widths": [4, 2.5]}, TypeError, r"`widths\[1\]` is 2.5; wanted a whole number"),
        ({"widths": [4, True]}, TypeError, r"`widths\[1\]` is True"),
        ({"init": "he"}, ValueError, "`init` is 'he'; wanted one of 'kaiming_uniform'"),
        ({"rule": "natural"}, ValueError, "`rule` is 'natural'; wanted one of 'bp', 'pc'"),
        ({"target": "random"}, ValueError, "`target` is 'random'"),
        ({"batch": 0}, ValueError, "`batch` is 0; wanted at least 1"),
        ({"batch": 2.0}, TypeError, "`batch` is 2.0; wanted a whole number"),
        ({"batch": 3}, ValueError, "`batch` is 3 with `rule` 'pc'; wanted 1. In batches of predictive coding only the"),
        ({"variances": [1, 0, 1]}, ValueError, r"`variances` is \[1, 0, 1\]; wanted positive, finite numbers"),
        ({"variances": [1, -1, 1]}, ValueError, "`variances` is"),
        ({"variances": [1, np.nan, 1]}, ValueError, "`variances` holds NaN"),
        ({"variances": [1, 1]}, ValueError, r"`variances` has shape \(2,\); wanted \(…, 3\)"),
        ({"variances": 1.0}, ValueError, r"`variances` has shape \(\); wanted"),
        ({"variances": ["a", 1, 1]}, TypeError, "`variances` has dtype"),
        ({"variances": [[1], [1, 2]]}, ValueError, "`variances` is not an array"),
        ({"covariances": [1, 1, np.inf]}, ValueError, "`covariances` holds NaN"),
        ({"covariances": np.ones((2, 3)), "variances": np.ones((5, 3))}, ValueError, "grids that match"),
        ({"input_norm": 0}, ValueError, "`input_norm` is 0"),
        ({"target_norm": -1.0}, ValueError, "`target_norm` is -1.0"),
        ({"target_norm": "1"}, TypeError, "`target_norm` is a str"),
        ({"layers": []}, ValueError, "`layers` is empty"),
        ({"layers": [("dense", 4, 4, 1)]}, ValueError, "wanted the same, or no widths"),
        ({"layers": [("dense", 4, 4)], "widths": None}, ValueError, r"`layers\[0\]` is .*; wanted \(kind, n_in, n_out"),
        ({"layers": [("conv", 4, 4, 1)], "widths": None}, ValueError, r"`layers\[0\]\[0\]` is 'conv'"),
        ({"layers": [("residual", 4, 5, 1)], "widths": None}, ValueError, "residual and leads from 4 to 5"),
        ({"layers": [("dense", 4, 5, 1), ("dense", 4, 5, 1)], "widths": None}, ValueError, "layers that chain"),
        ({"layers": [("dense", 4, 5, 0)], "widths": None}, ValueError, r"`layers\[0\]\[3\]` is 0"),
        ({"layers": [("dense", 4, 5, None)], "widths": None}, TypeError, r"`layers\[0\]\[3\]` is a NoneType"),
        ({"layers": [("singular_values", 4, 3, [1, 1])], "widths": None}, ValueError, r"shape \(2,\); wanted \(3,\)"),
        ({"layers": [("singular_values", 4, 2, [1, 0])], "widths": None}, ValueError, r"`layers\[0\]\[3\]` is \[1, 0\]"),
        ({"layers": [("dense", 4, 4, 1)] * 3, "variances": [1, 1, 1]}, ValueError, "`variances` came with `layers`"),
    ],
)  # fmt: skip
def test_bad_input(arguments, error, message):
    with pytest.raises(error, match=message):
        expected_alignment(**{"widths": [4, 4, 4, 4], **arguments})


def test_repr():
    assert repr(expected_alignment([512] * 10)) == "ExpectedAlignment(pc, 512 × 10, limit=0.5804)"
    assert repr(expected_alignment([4, 5], rule="bp")) == "ExpectedAlignment(bp, 4-5, limit=1.0000)"
    long = repr(expected_alignment(list(range(5, 17))))
    assert long.startswith("ExpectedAlignment(pc, 5-6-7-…-14-15-16, limit=0.")
    assert repr(expected_covariances([8, 8], variances=np.ones((3, 1)))) == "ExpectedCovariances(depth=1, grid=(3,))"


def test_the_room_needs_neither_jax_nor_equinox():
    script = """
import json, sys
import dlntheory.random_networks.batch_alignment, dlntheory.random_networks.covariance_spectrum
import dlntheory.networks.aligned_variances, dlntheory.random_networks.limit_covariances
from dlntheory.random_networks.expected import expected_alignment
expected_alignment([8] * 5).energy_by_layer
print(json.dumps(sorted(sys.modules)))
"""
    printed = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert not {"jax", "equinox", "scipy.optimize"} & set(json.loads(printed))


def test_moments_of_marchenko_pastur():
    """The free cumulants of a dense layer, against the moments ``Σ_k Narayana(m, k) (n/n_out)^{k-1}``."""
    from dlntheory.random_networks.layer_kinds import DenseKind

    kind = DenseKind(30, 12, np.asarray(1 / 12))
    k2, k3 = kind.cumulants()
    ratio = 30 / 12
    moments = [sum(comb(m, k) * comb(m, k - 1) / m * ratio ** (m - k) for k in range(1, m + 1)) for m in (1, 2, 3)]
    assert_allclose([kind.gain, k2 + 1, k3 + 3 * k2 + 1], moments, rtol=1e-13)
    assert dense_traces([5, 5], [0.1], [2.0]) == pytest.approx([2.5])


@pytest.mark.parametrize("rule", ["bp", "pc"])
def test_variances_of_any_magnitude(rule):
    """Only ratios matter where ``ŷ`` is negligible; no square of a variance leaves floating point."""
    small, tiny = (
        expected_alignment([20, 30, 10, 25], rule=rule, variances=np.array([1, 2, 0.5]) * scale).limit
        for scale in (1e-20, 1e-220)
    )
    assert_allclose(small, tiny, rtol=1e-12)
    assert np.isfinite(expected_alignment([20, 30, 10, 25], rule=rule, variances=[1e-12, 1e12, 1e-6]).limit)
