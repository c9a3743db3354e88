"""Claims about all networks and data, and that each hypothesis of the theorems is needed.

Oracles: the conclusions of the theorems, inequalities that the mathematics gives, and draws on which a hypothesis fails
by construction. Hypothesis draws shapes, seeds and scales; NumPy draws the numbers.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pytest
from cases import eagerly as eagerly
from closeness import bound, epsilon, norm, relative_error
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

import dlntheory as dln

quickly = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
SEED = st.integers(0, 2**32 - 1)
FAILS_BY = 1e-3


@dataclass(frozen=True)
class Problem:
    """What Hypothesis draws; NumPy draws the numbers when the test asks for them."""

    widths: list[int]
    kinds: list[str]
    gains: list[float]
    batch: int
    seed: int
    linear: bool

    @cached_property
    def data(self):
        """Gaussian weights with a gain of their own for each layer, inputs, and targets."""
        draws, layers = np.random.default_rng(self.seed), []
        for columns, rows, kind, gain in zip(self.widths, self.widths[1:], self.kinds, self.gains, strict=False):
            weight, bias = draws.normal(size=(rows, columns)) * gain / np.sqrt(columns), draws.normal(size=rows)
            make = dln.Residual if kind == "residual" and rows == columns else dln.Dense
            layers.append(make(weight, bias if kind in ("biased", "learned") else None, learn_bias=kind == "learned"))
        x, y = (draws.normal(size=(self.batch, width)) for width in (self.widths[0], self.widths[-1]))
        if self.linear:
            y = x @ draws.normal(size=(self.widths[0], self.widths[-1]))
        return dln.LinearNetwork(layers), x, y


def problems(widths=None, kinds=("dense", "biased", "learned", "residual"), batch=(1, 5), linear=False):
    return st.builds(
        Problem,
        widths=st.lists(st.integers(1, 4), min_size=2, max_size=6) if widths is None else widths,
        kinds=st.lists(st.sampled_from(kinds), min_size=5, max_size=5),
        gains=st.lists(st.sampled_from([0.3, 1.0, 2.0]), min_size=5, max_size=5),
        batch=st.integers(*batch),
        seed=SEED,
        linear=st.just(linear),
    )


def square(minimum=2, maximum=4):
    """Widths all equal, two to five layers."""
    return st.builds(lambda width, depth: [width] * (depth + 1), st.integers(minimum, maximum), st.integers(2, 5))


@pytest.mark.parametrize("theorem", [1, 2])
@quickly
@given(problem=problems())
def test_theorems_hold_wherever_they_apply(problem, theorem):
    verdict = dln.verify(*problem.data, theorem)
    event(f"applies: {verdict.applicable}")
    if verdict.applicable:
        assert verdict.holds, verdict.detail
        np.testing.assert_allclose(verdict.alignment, 1, atol=verdict.tolerance)


@quickly
@given(problem=problems(), scales=st.lists(st.floats(0.01, 100), min_size=5, max_size=5))
def test_theorem_1_holds_with_any_scalar_covariances(problem, scales):
    verdict = dln.verify(*problem.data, 1, covariances=scales[: len(problem.widths[1:])])
    if verdict.applicable:
        assert verdict.holds, verdict.detail


@quickly
@given(problem=problems(square(), ("dense", "residual"), batch=(1, 12), linear=True))
def test_theorem_2_holds_for_every_batch_size_if_targets_are_linear_and_no_layer_loses_rank(problem):
    verdict = dln.verify(*problem.data, 2)
    rows = [name for name, each in verdict.hypotheses.items() if "rows" in name and not each.holds]
    assert not rows, "the residual lies in every row space"
    if verdict.applicable:
        assert verdict.holds, verdict.detail


@quickly
@given(problem=problems(square(), ("dense",), batch=(12, 12)))
def test_theorem_2_needs_targets_in_the_row_space(problem):
    """Independent targets, more samples than inputs."""
    verdict = dln.verify(*problem.data, 2)
    assert not verdict.applicable
    assert not verdict.holds
    assert verdict.error > FAILS_BY


@quickly
@given(problem=problems(st.sampled_from([[4, 2, 4], [4, 1, 4, 4], [4, 4, 3, 4]]), ("dense",), (8, 8), linear=True))
def test_theorem_2_needs_every_layer_to_keep_rank(problem):
    """Linear targets through a bottleneck."""
    verdict = dln.verify(*problem.data, 2)
    assert not verdict.applicable
    assert not verdict.holds
    assert verdict.error > FAILS_BY


@quickly
@given(problem=problems(st.sampled_from([[2, 2, 2], [3, 4, 2], [4, 2, 4]]), ("dense",), (1, 1)))
def test_theorem_1_needs_activities_that_are_not_orthogonal(problem):
    """The residual ``−|x̂_1|² S ŷ / |ŷ|²`` makes ``x*_1ᵀ x̂_1 = |x̂_1|² + ŷᵀ S⁻¹ r`` zero."""
    net, (x,), _ = problem.data
    first, second = map(np.asarray, net.weights)
    hidden = first @ x
    prediction = second @ hidden
    S = np.eye(len(prediction)) + second @ second.T
    residual = -(hidden @ hidden) / (prediction @ prediction) * S @ prediction
    verdict = dln.verify(net, x, prediction + residual, 1, solver="square_root")
    assert not verdict.applicable
    assert not verdict.hypotheses["layer 2: x*_1ᵀ x̂_1 ≠ 0"].holds


@quickly
@given(problem=problems(st.just([4, 4, 4]), ("dense",), batch=(2, 3)))
def test_printed_theorems_fail_for_a_batch(problem):
    """Their own hypotheses hold, and so does the true theorem 2."""
    assert dln.verify(*problem.data, 2).holds
    for theorem in ("printed-1", "printed-2"):
        verdict = dln.verify(*problem.data, theorem)
        assert verdict.applicable
        assert not verdict.holds
        assert verdict.error > FAILS_BY


@quickly
@given(problem=problems(), seed=SEED, size=st.sampled_from([1e-2, 1.0, 1e2]))
def test_no_other_hidden_activities_have_less_energy(problem, seed, size):
    net, x, y = problem.data
    result, draws = dln.equilibrium(net, x, y), np.random.default_rng(seed)
    activities = [np.asarray(each) for each in result.activities]
    moved = [activities[0], *(each + size * draws.normal(size=each.shape) for each in activities[1:-1]), activities[-1]]
    energy = np.zeros(len(x))
    for layer, before, after in zip(net.layers, moved, moved[1:], strict=False):
        energy += np.sum((after.T - np.asarray(layer.affine(before.T))) ** 2, axis=0) / 2
    assert (energy >= np.asarray(result.energy) * (1 - bound(epsilon(x)))).all()


@quickly
@given(problem=problems(), factor=st.floats(1.01, 100))
def test_more_noise_means_less_energy(problem, factor):
    plain = dln.equilibrium(*problem.data, covariances=[1.0] * len(problem.widths[1:]))
    noisy = dln.equilibrium(*problem.data, covariances=[factor, *[1.0] * (len(problem.widths[1:]) - 1)])
    assert (np.asarray(noisy.energy) <= np.asarray(plain.energy) * (1 + bound(epsilon(1.0)))).all()


@quickly
@given(problem=problems(), rule=st.sampled_from(["bp", "natural"]))
def test_gradient_rules_never_move_a_batch_away_from_its_targets(problem, rule):
    """Their kernels are positive semidefinite: ``⟨R, dŶ⟩ ≥ 0``."""
    net, x, y = problem.data
    residual, change = y - np.asarray(net(x)), np.asarray(dln.prediction_change(net, x, y, rule))
    assert np.vdot(residual, change) >= -bound(epsilon(x)) * norm(residual) * norm(change)


@quickly
@given(problem=problems(kinds=("dense", "learned")))
def test_the_full_natural_gradient_projects_the_residual(problem):
    net, x, y = problem.data
    residual = y - np.asarray(net(x))
    once = np.asarray(dln.prediction_change(net, x, y, "natural", fisher="full", rcond=1e-8))
    assert norm(once) <= norm(residual) * (1 + 1e-6)
    again = np.asarray(dln.prediction_change(net, x, np.asarray(net(x)) + once, "natural", fisher="full", rcond=1e-8))
    assert relative_error(again, once) < 1e-6


@quickly
@given(problem=problems())
def test_predictive_coding_descends_its_energy(problem):
    """A small step along the update lowers the mean energy of the new network's equilibrium."""
    net, x, y = problem.data
    before = float(dln.equilibrium(net, x, y).energy.mean())
    weights, biases = dln.weight_updates(net, x, y), dln.bias_updates(net, x, y)
    rate = 1e-3 / (1 + norm((weights, biases)))
    layers = [
        type(layer)(layer.weight + rate * w, layer.bias if b is None else layer.bias + rate * b, layer.learn_bias)
        for layer, w, b in zip(net.layers, weights, biases, strict=True)
    ]
    after = float(dln.equilibrium(dln.LinearNetwork(layers), x, y).energy.mean())
    assert after <= before * (1 + bound(epsilon(1.0)))


@pytest.mark.parametrize("seed", range(3))
def test_networks_with_negative_rates_still_align(seed):
    """Nine layers: about a tenth of them climb their energy, and the prediction moves by the residual all the same."""
    net = dln.LinearNetwork.random([4] * 10, "norm_preserving", key=seed)
    x, y = np.random.default_rng(seed).normal(size=(2, 8, 4))
    rates = np.array([dln.adaptive_learning_rates(net, *pair) for pair in zip(x, y, strict=True)])
    assert (rates < 0).any()
    assert dln.verify(net, x, y, 1).holds
