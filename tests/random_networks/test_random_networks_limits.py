"""Random networks by formula, where a closed form or a limit is known."""

from math import comb, sqrt

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from random_network_twins import PRINTED, chain, dense_traces, square

from dlntheory.random_networks.expected import expected_alignment


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


@pytest.mark.daily
@pytest.mark.parametrize("scale", [1 / 3, 1.0, 2.0])
@pytest.mark.parametrize("rule", ["bp", "pc"])
def test_ten_thousand_layers(rule, scale):
    depth = 10_000
    expected = expected_alignment([64] * (depth + 1), rule=rule, variances=[scale / 64] * depth)
    assert 0 < expected.limit < 1
    assert_allclose(expected.traces.sum(), 64, rtol=1e-12)
    if scale == 1:
        assert_allclose(expected.setting.equilibrium.log_traces[-1], np.log(0.3995 * 64), atol=1e-4)


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
