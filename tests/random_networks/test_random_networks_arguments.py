"""Arguments of `expected_alignment`: grids, initialisations, defaults, and wrong ones."""

import json
import subprocess
import sys
from math import sqrt

import numpy as np
import pytest
from numpy.testing import assert_allclose

from dlntheory.random_networks.expected import expected_alignment
from dlntheory.random_networks.limit_covariances import expected_covariances


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
@pytest.mark.parametrize("depths", [(1, 2, 3, 10, 100), pytest.param(range(1, 101), marks=pytest.mark.daily)], ids=len)
def test_grids_of_depths_and_variances(depths):
    scales = np.linspace(0.05, 4, 100)[:, None] / 64
    for rule in ("bp", "pc"):
        for depth in depths:
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
        ({"widths": [4]}, ValueError, "`widths` is .4,.; wanted at least an input and an output width"),
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
