"""Critical points of the energy: strict saddles, or minima of the loss.

Oracles: root finding for critical points that no formula has given; examples by hand; the flow away from them.
"""

import jax
import numpy as np
import pytest
from closeness import assert_close, bound, epsilon
from hypothesis import given, settings
from hypothesis import strategies as st
from landscapes import SHAPES, data, gradient_size, hessian, objective, random_network
from scipy.optimize import least_squares

import dlntheory as dln
from dlntheory.training.flow import stacked, weights_of


def is_minimum_of_the_loss(net, x, y):
    """Whether no network with these widths has a lower loss: the best projection of the least-squares map."""
    fitted = np.asarray(x @ np.linalg.lstsq(x, y, rcond=None)[0])
    values = np.linalg.svd(fitted, compute_uv=False)
    least = (np.sum((y - fitted) ** 2) + np.sum(values[min(net.widths) :] ** 2)) / (2 * len(x))
    loss = np.sum((y - np.asarray(net(x))) ** 2) / (2 * len(x))
    assert loss >= least * (1 - 1e-9) - 1e-12
    return loss <= least * (1 + 1e-6) + 1e-12


def assert_theorem(net, x, y, size=1.0):
    """Critical points of the energy: no hidden errors, E* = loss, less curvature, and strict saddles or minima of the loss."""
    assert gradient_size(net, x, y, "pc") < 1e-7 * size
    result = dln.equilibrium(net, x, y)
    assert max(np.abs(each).max() for each in result.errors[:-1]) < 1e-3 * size  # their squares vanish
    assert gradient_size(net, x, y, "bp") < 1e-3 * size
    loss_here = np.sum(np.square(result.residual)) / (2 * len(x))
    np.testing.assert_allclose(result.energy.mean(), loss_here, rtol=1e-6, atol=1e-12 * size)
    energy, loss = (hessian(net, x, y, rule) for rule in ("pc", "bp"))
    rounding = bound(epsilon(energy), len(energy)) * np.linalg.norm(energy)
    assert np.linalg.eigvalsh(loss - energy)[0] >= -1e-3 * size * np.linalg.norm(loss) - rounding
    strict = np.linalg.eigvalsh(energy)[0] < -1e-6
    assert strict or is_minimum_of_the_loss(net, x, y)
    return strict


@given(st.sampled_from(SHAPES), st.sets(st.integers(0, 2), max_size=2), st.integers(0, 2**31))
@settings(max_examples=20)
def test_rank_deficient_saddles_are_strict(widths, modes, seed):
    """Not only of zero rank, and not only balanced: hidden layers in any basis, with weights that reach no output."""
    rng = np.random.default_rng(seed)
    x, y = data(seed=seed)
    net = dln.critical_network(x, y, widths, sorted(modes))
    weights = [np.asarray(each) for each in net.weights]
    if len(weights) > 2:  # what the first hidden layer adds, the second does not read
        unread = np.eye(widths[1])[:, len(modes) :]
        weights[0] = weights[0] + unread @ rng.normal(size=(unread.shape[1], widths[0]))
    for l in range(len(weights) - 1):
        basis = np.linalg.qr(rng.normal(size=(widths[l + 1],) * 2))[0] * rng.uniform(0.5, 2, widths[l + 1])
        weights[l], weights[l + 1] = basis @ weights[l], weights[l + 1] @ np.linalg.inv(basis)
    net = dln.LinearNetwork.from_weights(weights)
    best = modes == set(range(min(widths)))
    assert assert_theorem(net, x, y, size=10 * np.abs(y).max() ** 2) or best


def test_saddles_of_the_loss_are_not_all_strict():
    """Best modes realised, three layers: flat for backpropagation, strict for predictive coding at the next mode's size."""
    x, y = data()
    for widths, strict in (((3, 4, 3), True), ((3, 3, 4, 3), False)):
        saddle = dln.critical_network(x, y, widths, [0])
        assert dln.lowest_curvature(saddle, x, y, "bp").strict == strict
        lowest = dln.lowest_curvature(saddle, x, y, "pc")
        assert lowest.strict
        variances = np.linalg.eigvalsh(y.T @ y / len(x))
        assert lowest.value <= -variances[1] * (1 - 1e-9)
    assert_close(lowest.value, -variances[1], condition=1e3)


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_critical_points_that_root_finding_finds(noise):
    """Wherever it starts, what it ends at obeys the theorem: strict saddles of the energy, or minima of the loss."""
    x, y = data(2, 2, noise, seed=3)
    net = random_network((2, 1, 2))
    start = stacked(net.weights)

    @jax.jit
    def gradient(vector):
        return jax.grad(lambda each: objective(weights_of(net.layers, each), x, y, "pc"))(vector)

    derivative = jax.jit(jax.jacfwd(gradient))
    kinds = []
    for seed in range(12):
        drawn = np.random.default_rng(seed).normal(size=start.size)
        found = least_squares(gradient, drawn, derivative, xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=100)
        if np.abs(found.fun).max() < 1e-10 and np.abs(found.x).max() < 1e2:  # not a way to infinity
            kinds.append(assert_theorem(net.with_weights(weights_of(net.layers, found.x)), x, y))
    assert any(kinds)
    if not noise:
        assert not all(kinds)


def test_with_noise_the_energy_may_rest_at_a_minimum_of_the_loss_that_is_not_its_own():
    """One hidden unit; the second target is noise of variance n. Next to it, the energy is ½(n + b²(1/a² − n/(1 + a²)))."""
    x = np.array([[1.0], [1.0], [-1.0], [-1.0]])
    for n, a, strict in ((1.5, 1.0, False), (1.5, 2.0, True), (3.0, 1.0, True)):
        y = np.c_[x[:, 0], np.sqrt(n) * np.array([1.0, -1.0, 1.0, -1.0])]
        net = dln.LinearNetwork.from_weights([[[1 / a]], [[a], [0.0]]])
        assert gradient_size(net, x, y, "pc") < 1e-12
        assert is_minimum_of_the_loss(net, x, y)
        found = dln.energy_hessian(net, x, y)
        assert_close(found[2, 2], 1 / a**2 - n / (1 + a**2), condition=10)
        assert dln.lowest_curvature(net, x, y, "pc").strict == strict


def test_a_convolution_may_rest_where_neither_strict_saddles_nor_minima_of_the_loss_are():
    """A dense layer makes two pixels, and one kernel (c, d) reads both: the gradient vanishes, and the loss is not 0.32."""

    def shared(a, b, c, d):
        kernel = dln.ConvTranspose2d([[[[c], [d]]]])
        return dln.LinearNetwork([dln.Dense([[a], [b]]), dln.Reshape((1, 2, 1)), kernel])

    x, y = np.array([1.0]), np.array([[[1.0], [0.0], [0.8]]])
    stuck, better = shared(0.0, 0.8 / 0.3, 0.0, 0.3), shared(1.0, 0.0, 1.0, 0.0)
    for rule in ("bp", "pc"):
        assert max(np.abs(each).max() for each in dln.weight_updates(stuck, x, y, rule)) < 1e-14
        assert not dln.lowest_curvature(stuck, x, y, rule).strict
    energy, residual = dln.equilibrium(stuck, x, y).energy, y - stuck(x)
    assert_close((energy, np.sum(residual**2) / 2), (0.5, 0.5))
    assert_close(np.sum((y - better(x)) ** 2) / 2, 0.32)
    values = np.linalg.eigvalsh(dln.energy_hessian(stuck, x, y))
    np.testing.assert_allclose(values, [0, 0.08, 6.6, 7.1], atol=0.06)


@pytest.mark.daily
@given(st.floats(1.1, 3.0), st.sampled_from([1, -1]))
@settings(max_examples=8)
def test_where_the_least_squares_map_is_zero_predictive_coding_has_minima(size, sign):
    """One unit in every layer, and uncorrelated inputs and targets: residuals of full rank leave no minimum elsewhere."""
    x, y = np.array([[1.0], [1.0], [-1.0], [-1.0]]), np.array([[1.0], [-1.0], [1.0], [-1.0]])
    net = dln.LinearNetwork.from_weights([[[sign * size]], [[0.0]]])
    assert gradient_size(net, x, y, "pc") == 0
    assert_close(dln.energy_hessian(net, x, y), np.diag([0.0, size**2 - 1]), condition=100)
    assert not dln.lowest_curvature(net, x, y).strict
    beside = dln.LinearNetwork.from_weights([[[sign * size]], [[0.01]]])
    first, second = dln.gradient_flow(beside, x, y, [20 / (size**2 - 1)])
    assert abs(second.item()) < 1e-6
    assert sign * first.item() > 1


@pytest.mark.daily
def test_next_to_a_least_squares_map_that_is_not_zero_there_is_none():
    """As above with a correlation: the same point is a strict saddle, and the later weight grows."""
    x, y = np.array([[1.0], [1.0], [-1.0], [-1.0]]), np.array([[1.0], [-1.0], [1.0], [-1.0]])
    y = y + 0.5 * x
    net = dln.LinearNetwork.from_weights([[[0.0]], [[0.0]]])
    assert gradient_size(net, x, y, "pc") == 0
    assert dln.lowest_curvature(net, x, y).strict
    _, second = dln.gradient_flow(dln.LinearNetwork.from_weights([[[2.0]], [[0.3]]]), x, y, [10.0, 100.0])
    assert second[1].item() > 5 * second[0].item()


EDGES = ((1, 1, 1), (2, 1, 2), (3, 2, 1), (1, 2, 2, 2))


@given(
    st.sampled_from(EDGES),
    st.integers(0, 2**31),
    st.sampled_from(["zero targets", "repeated values", "rank lost", "drawn"]),
)
@settings(max_examples=20)
def test_critical_points_at_the_edges_obey_the_theorem(widths, seed, edge):
    """Targets of zero, modes of one size, inputs in a line, and layers of one unit."""
    rng = np.random.default_rng(seed)
    x = np.linalg.qr(rng.normal(size=(8, widths[0])))[0] * np.sqrt(8)
    y = np.zeros((8, widths[-1])) if edge == "zero targets" else x @ rng.normal(size=(widths[0], widths[-1]))
    if edge == "repeated values":
        y = x @ np.eye(widths[0], widths[-1])
    if edge == "rank lost":
        x = x[:, :1] * rng.normal(size=widths[0])
        y = x @ rng.normal(size=(widths[0], widths[-1]))
    modes = range(int(rng.integers(0, min(widths) + 1)))
    net = dln.critical_network(x, y, widths, modes)
    assert_theorem(net, x, y, size=10 * max(1.0, np.abs(y).max()) ** 2)


def test_critical_networks():
    x, y = data(noise=0.7)
    for modes in ([], [0], [2, 1], [0, 1, 2]):
        net = dln.critical_network(x, y, [3, 4, 3, 3], modes)
        assert gradient_size(net, x, y, "bp") < bound(epsilon(x), 1e3)
        assert np.linalg.matrix_rank(net(np.eye(3))) == len(modes)
    assert gradient_size(net, x, y, "pc") > 1e-3  # the noise is no mode that can be realised
    assert gradient_size(dln.critical_network(*data(), [3, 4, 3, 3], [0]), *data(), "pc") < bound(epsilon(x), 1e3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: dln.critical_network(*data(), [3, 4, 2]), ValueError, "`widths` is"),
        (lambda: dln.critical_network(*data(), [3, 4, 3], [3]), ValueError, "`modes` is"),
        (lambda: dln.critical_network(*data(), [3, 1, 3], [0, 1]), ValueError, "at most 1"),
        (lambda: dln.critical_network(*data(), [3, 4, 3], [0, 0]), ValueError, "different"),
    ],
)  # fmt: skip
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
