"""Drawn networks, where PC beats BP, and the benchmark of the formulas.

Oracle: `target_alignment` and `equilibrium` for the same weights; single calls of `expected_alignment`.
"""

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose

import dlntheory as dln
from experiments.benchmarks import random_networks as bars
from experiments.random_networks import drawn, pc_vs_bp

LAYERS = [
    ("dense", 7, 9, 0.2),
    ("orthogonal", 9, 6, 0.3),
    ("residual", 6, 6, 0.1),
    ("singular_values", 6, 5, np.ones(5)),
]


def network(seed, layers=LAYERS):
    """The network that `drawn` draws with that seed, and the generator as it leaves it."""
    rng = np.random.default_rng(seed)
    return dln.LinearNetwork.from_weights([drawn.draw(rng, layer) for layer in layers]), rng


def test_single_samples_are_those_of_the_library():
    found = drawn.single(np.random.default_rng(1), LAYERS, samples=4)
    net, rng = network(1)
    x, y = (drawn._of_norm(rng, size, 4).T for size in (7, 5))
    assert_allclose(np.sum(x**2, axis=1), 7)
    for index in range(4):
        for rule in ("bp", "pc"):
            wanted = dln.target_alignment(net, x[index], y[index], rule, learning_rate=None)
            assert_allclose(found[rule][index], float(wanted), rtol=1e-9)
        rates = np.asarray(dln.adaptive_learning_rates(net, x[index], y[index]))
        assert found["negative"][index] == np.mean(rates < 0)


@pytest.mark.parametrize("linear", [True, False])
def test_batches_are_those_of_the_library(linear):
    found = drawn.batch(np.random.default_rng(2), LAYERS, 6, linear)
    net, rng = network(2)
    x = rng.standard_normal((7, 6)).T
    y = (rng.standard_normal((5, 7)) @ x.T / np.sqrt(7)).T if linear else rng.standard_normal((5, 6)).T
    for rule in ("bp", "pc"):
        wanted = np.mean(dln.target_alignment(net, x, y, rule, learning_rate=None))
        assert_allclose(found[rule], [wanted], rtol=1e-9)


def test_the_map_has_the_numbers_of_the_formula():
    scale, ratio = pc_vs_bp.Single("scale"), pc_vs_bp.Single("ratio")
    found = scale._differences([1 / 3, 1.0], 9, 64, "mean", None)
    for value, init in zip(found, ("kaiming_uniform", "norm_preserving"), strict=True):
        pc, bp = (dln.expected_alignment([64] * 10, init, rule).mean for rule in ("pc", "bp"))
        assert_allclose(value, pc - bp, rtol=1e-9)
    [value] = ratio._differences([0.25], 3, 64, "limit", None)
    pc, bp = (dln.expected_alignment([64, 16, 16, 64], rule=rule).limit for rule in ("pc", "bp"))
    assert_allclose(value, pc - bp, rtol=1e-9)
    limits = [scale._differences([1 / 3], depth, pc_vs_bp.LARGE, "limit", None)[0] for depth in (1, 34, 35)]
    assert pc_vs_bp.first_below(np.array([1, 34, 35]), np.array(limits)) == 35
    assert pc_vs_bp.first_below(np.array([1, 2]), np.array([0.0, 1.0])) is None


def test_a_term_of_the_smaller_widths_is_taken_out():
    def row(n, mean, error=0.01):
        own = {"mean": mean, "error": error, "expected": 0.5, "spread": None, "deviation": 0.1}
        return {"cell": "x", "n": n, "draws": 20, "bp": own, "pc": {"mean": 0.0, "error": 0.0, "expected": None}}

    rows = bars.judged([row(10, 0.6), row(20, 0.55), row(40, 0.525 + 0.0003), row(80, 0.7)])
    assert rows[0]["bp"]["left"] is None
    assert_allclose([each["bp"]["term"] for each in rows[1:3]], [0.05, 0.025])
    assert_allclose(rows[1]["bp"]["left"], 0, atol=1e-9)
    # c = 1 from widths 10 and 20, whose errors in c are 0.1 and 0.2
    assert_allclose(rows[2]["bp"]["left"], 0.0003 / np.hypot(0.01, (1 / 0.1**2 + 1 / 0.2**2) ** -0.5 / 40))
    assert rows[3]["bp"]["left"] > 3
    lines = list(bars._drawn_rows(rows))
    assert [line[-1] for line in lines] == ["—", "—", "pass", "—", "pass", "—", "FAIL", "—"]
    assert bars.sentence(rows).startswith("Of 3 comparisons with drawn networks, 2 are")


def test_the_error_of_a_deviation_is_that_of_drawn_ones():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(400, 200, 3))
    deviations = values.std(axis=(1, 2), ddof=1)
    errors = [bars._jackknife(each) for each in values[:50]]
    assert_allclose(np.mean(errors), deviations.std(ddof=1), rtol=0.1)


def test_every_cell_is_a_network_at_every_width():
    for cell in bars.CELLS:
        for n in (64, 128):
            layers = cell.layers(n)
            assert layers[0][1] == n
            assert all(below[2] == above[1] for below, above in pairwise(layers))
            assert bars.formula(cell, layers, "bp", cell.size(n))["expected"] > 0
