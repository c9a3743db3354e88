"""Random networks by formula: against printed tables, and recursions transcribed as they are printed."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from random_network_twins import PRINTED, chain, dense_cosine, dense_second_order, fluctuation, square

from dlntheory.random_networks.expected import expected_alignment

RECT = [256, 384, 128, 320, 192]


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
