"""Networks of images against the same networks of explicit matrices, and against automatic differentiation.

Oracles: a network of dense layers with the same matrices; `jax.grad` of the loss and of the equilibrated energy.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from closeness import assert_close, relative_error
from image_layers import IMAGE, NET, WEIGHTED, X, Y, conv_net, draw

import dlntheory as dln
from dlntheory.networks.samples import flat

TWIN = dln.LinearNetwork([dln.Dense(layer.matrix(), layer.shift) for layer in NET.layers])
CONDITION = 1e3  # of the Hessians of these networks, amply


def test_shapes_and_depth():
    assert NET.widths == ((3, 6, 6), (4, 6, 6), (4, 3, 3), (4, 6, 6), 4)
    assert NET.depth == 4
    assert NET(X).shape == (3, 4)
    assert NET(X[0]).shape == (4,)
    example = dln.LinearNetwork(
        [dln.Conv2d(draw(4, 3, 3, 3)), dln.AvgPool2d(2), dln.Flatten(), dln.Dense(draw(5, 36))], input_shape=(3, 8, 8)
    )
    assert (example.depth, example.widths) == (2, ((3, 8, 8), (4, 6, 6), 5))


def test_the_prediction_is_that_of_the_matrices():
    assert_close(NET(X), TWIN(X.reshape(3, -1)))


@pytest.mark.parametrize("solver", ["auto", "covariance", "hessian", "square_root", "cg"])
@pytest.mark.parametrize("nudge", [None, -0.5, dln.SoftOutput(2.0)], ids=["clamped", "negative", "soft"])
def test_the_equilibrium_is_that_of_the_matrices(solver, nudge):
    covariances = [0.5, 2.0, 1.0, 3.0]
    found = dln.equilibrium(NET, X, Y, covariances, nudge, solver)
    expected = dln.equilibrium(TWIN, X.reshape(3, -1), Y, covariances, nudge, "square_root")
    for name in ("activities", "errors", "weighted_errors"):
        for one, other in zip(getattr(found, name), getattr(expected, name), strict=True):
            assert_close(one.reshape(3, -1), other, CONDITION)
    assert [each.shape[1:] for each in found.activities] == list(NET.shapes)
    assert_close(found.energy, expected.energy, CONDITION)
    single = dln.equilibrium(NET, X[1], Y[1], covariances, nudge, solver)
    assert_close(single.errors, tuple(each[1] for each in found.errors), CONDITION)


def parameters(net):
    return [(layer.weight, layer.bias if layer.learn_bias else None) for layer in net.layers]


def with_parameters(net, values):
    import equinox as eqx

    where = lambda it: jax.tree.leaves(parameters(it))  # noqa: E731
    return eqx.tree_at(where, net, jax.tree.leaves(values))


@pytest.mark.parametrize("rule", ["bp", "pc"])
def test_updates_are_gradients(rule):
    def objective(values):
        net = with_parameters(NET, values)
        if rule == "bp":
            return jnp.sum((Y - net(X)) ** 2) / 2 / len(X)
        return jnp.mean(dln.equilibrium(net, X, Y, solver="covariance").energy)

    slopes = jax.jit(jax.grad(objective))(parameters(NET))
    updates = dln.weight_updates(NET, X, Y, rule), dln.bias_updates(NET, X, Y, rule)
    for (weight, bias), update, shift in zip(slopes, *updates, strict=True):
        assert_close(update, -weight, CONDITION)
        assert (bias is None) == (shift is None)
        if bias is not None:
            assert_close(shift, -bias, CONDITION)


@pytest.mark.parametrize(
    ("rule", "rescaling"), [("bp", None), ("pc", None), ("pc", "adaptive"), ("pc", "decorrelated"), ("natural", None)]
)
def test_the_prediction_change_is_that_of_the_network_after_the_update(rule, rescaling):
    changes = list(
        zip(dln.weight_updates(NET, X, Y, rule, rescaling), dln.bias_updates(NET, X, Y, rule, rescaling), strict=True)
    )

    def prediction(rate):
        moved = jax.tree.map(
            lambda old, new: old + rate * new, jax.tree.leaves(parameters(NET)), jax.tree.leaves(changes)
        )
        return with_parameters(NET, moved)(X)

    slope = jax.jit(lambda: jax.jvp(prediction, (0.0,), (1.0,))[1])()
    assert_close(dln.prediction_change(NET, X, Y, rule, rescaling), slope, CONDITION)
    assert_close(
        dln.prediction_change(NET, X, Y, rule, rescaling, learning_rate=0.1), prediction(0.1) - NET(X), CONDITION
    )


@pytest.mark.parametrize("fisher", ["layerwise", "full"])
def test_the_natural_gradient_solves_least_squares_in_the_weights(fisher):
    def predictions(values):
        return with_parameters(NET, values)(X).T.ravel()

    jacobians = [
        np.hstack([np.reshape(each, (Y.size, -1)) for each in jax.tree.leaves(layer)])
        for layer in jax.jit(jax.jacobian(predictions))(parameters(NET))
    ]
    residual = (Y - np.asarray(NET(X))).T.ravel()
    if fisher == "layerwise":
        moved = sum(each @ np.linalg.pinv(each) @ residual for each in jacobians) / len(jacobians)
    else:
        whole = np.hstack(jacobians)
        moved = whole @ np.linalg.pinv(whole) @ residual
    found = dln.prediction_change(NET, X, Y, "natural", fisher=fisher)
    assert_close(found, moved.reshape(4, 3).T, CONDITION)


def test_decorrelation_matrices_sum_over_positions():
    eq, plain = dln.equilibrium(NET, X, Y), dln.LinearNetwork(NET.layers[:1])(X)
    layer = NET.layers[2]  # two groups, and a learned bias
    before = [flat(each, NET.shapes[2]).T for each in (dln.LinearNetwork(NET.layers[:2])(X), eq.activities[2])]
    hat, star = (np.asarray(layer.features(each)) for each in before)
    expected = [3 * np.linalg.pinv(one @ other.T) for one, other in zip(hat, star, strict=True)]
    assert plain.shape == (3, 4, 6, 6)
    assert_close(dln.decorrelation_matrices(NET, X, Y)[2], np.array(expected), 1e5)
    rates = dln.adaptive_learning_rates(NET, X, Y)
    assert_close(rates[2], 3 / np.sum(hat * star), CONDITION)


def test_compiled_and_mapped_programs_agree():
    def alignment(x, y):
        return dln.target_alignment(NET, x, y, rescaling="decorrelated", solver="covariance")

    assert_close(jax.jit(alignment)(X, Y), alignment(X, Y), 1e5)
    mapped = jax.jit(jax.vmap(lambda x, y: dln.equilibrium(NET, x, y, solver="cg").energy))(X, Y)
    assert_close(mapped, dln.equilibrium(NET, X, Y).energy, CONDITION)


def test_inference_settles_at_the_equilibrium():
    net = dln.LinearNetwork(
        [dln.Conv2d(draw(2, 3, 3, 3)), dln.Flatten(), dln.Dense(draw(4, 32))], input_shape=(3, 6, 6)
    )
    eq, spectrum = dln.equilibrium(net, X, Y), dln.inference_spectrum(net)
    simulated = dln.simulate_inference(net, X, Y, 10**5, spectrum.best_step, tolerance=1e-13)
    closed = dln.finite_time_activities(net, X, Y, 10**6, spectrum.best_step)
    halfway = dln.simulate_inference(net, X, Y, 2, 0.1)
    resumed = dln.simulate_inference(net, X, Y, 3, 0.1, start=halfway.activities)
    series = dln.finite_time_activities(net, X, Y, 40, 0.1, solver="series")
    assert_close(series.activities, dln.simulate_inference(net, X, Y, 40, 0.1).activities, CONDITION)
    assert simulated.outcome == closed.outcome == "converged"
    assert_close(simulated.activities, eq.activities, tolerance=1e-11)
    assert_close(closed.activities, eq.activities, CONDITION)
    assert_close(resumed.activities, dln.simulate_inference(net, X, Y, 5, 0.1).activities)
    assert_close(dln.relaxed_weight_updates(net, closed), dln.weight_updates(net, X, Y), CONDITION)
    assert_close(dln.relaxed_alignment(net, closed), dln.target_alignment(net, X, Y), CONDITION)
    assert dln.relaxed_prediction_change(net, halfway, forward=True).shape == Y.shape
    hessian = dln.InferenceModes(net, X, Y, 0.1).eigenvalues
    assert_close([spectrum.smallest, spectrum.largest], [hessian[0], hessian[-1]], CONDITION)


def test_theorem_2_is_exact_while_patches_are_few_and_not_beyond():
    """One sample and 4 positions of 27 numbers; then 16 positions."""
    few = dln.LinearNetwork(
        [dln.Conv2d(draw(2, 3, 3, 3), stride=3), dln.Flatten(), dln.Dense(draw(4, 8))], input_shape=(3, 6, 6)
    )
    verdict = dln.verify(few, X, Y, theorem=2)
    assert verdict.holds
    assert verdict.applicable
    assert "layer 1: rows of ε_1 in those of φ(X̂_0)" in verdict.hypotheses
    many = dln.LinearNetwork(
        [dln.Conv2d(draw(2, 3, 3, 3)), dln.Flatten(), dln.Dense(draw(4, 32))], input_shape=(3, 6, 6)
    )
    verdict = dln.verify(many, X, Y, theorem=2)
    assert not verdict.holds
    assert not verdict.applicable
    assert "1." in verdict.detail
    assert not verdict.hypotheses["layer 1: rows of ε_1 in those of φ(X̂_0)"].holds


def test_theorem_1_is_not_exact_where_a_kernel_is_used_at_several_positions():
    verdict = dln.verify(NET, X, Y, theorem=1)
    assert not verdict.applicable
    assert not verdict.holds
    assert verdict.hypotheses["layer 1: one patch per sample"].value == 36
    whole = dln.LinearNetwork(
        [dln.Conv2d(draw(5, 3, 6, 6)), dln.Flatten(), dln.Dense(draw(4, 5))], input_shape=(3, 6, 6)
    )
    verdict = dln.verify(whole, X, Y, theorem=1)  # a kernel as large as the image is a dense layer
    assert verdict.holds
    assert verdict.applicable


def test_a_block_of_one_weight_keeps_the_theorems_and_one_of_two_does_not():
    one = dln.LinearNetwork([dln.Residual(dln.Dense(draw(4, 4))), dln.Residual(dln.Dense(draw(4, 4)))])
    two = dln.LinearNetwork(
        [dln.Residual(dln.Chain([dln.Dense(draw(4, 4)), dln.Dense(draw(4, 4))])), dln.Dense(draw(4, 4))]
    )
    x, y = np.random.default_rng(0).normal(size=(2, 3, 4))
    for theorem in (1, 2):
        assert dln.verify(one, x, y, theorem).holds
        verdict = dln.verify(two, x, y, theorem)
        assert not verdict.applicable
        assert not verdict.holds
        assert not verdict.hypotheses["layer 1: one weight between two errors"].holds
    with pytest.raises(ValueError, match="a chain of weights shares an error; wanted None"):
        dln.weight_updates(two, x, y, rescaling="adaptive")


def test_a_chain_learns_by_the_gradient_of_the_energy():
    first, second, last = draw(3, 4), draw(4, 3), draw(4, 4)
    x, y = np.random.default_rng(0).normal(size=(2, 3, 4))

    def net(first, second):
        return dln.LinearNetwork([dln.Residual(dln.Chain([dln.Dense(first), dln.Dense(second)])), dln.Dense(last)])

    def energy(*weights):
        return jnp.mean(dln.equilibrium(net(*weights), x, y, solver="covariance").energy)

    expected = jax.jit(jax.grad(energy, argnums=(0, 1)))(first, second)
    (found, _) = dln.weight_updates(net(first, second), x, y)
    assert_close(found, tuple(-each for each in expected), CONDITION)


@pytest.mark.daily
def test_training_reaches_a_linear_target():
    net = conv_net()
    trained = dln.train(net, X, NET(X), 0.05, steps=30, rule="pc", rescaling="decorrelated")
    assert trained.loss[-1] < 0.2 * trained.loss[0]


@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
def test_files_give_the_network_back(tmp_path, suffix):
    nets = [NET, dln.LinearNetwork([WEIGHTED["residual, chain"], WEIGHTED["chain"]], IMAGE)]
    nets[0] = dln.LinearNetwork([*NET.layers[:3], dln.Reshape((2, 72)), dln.Flatten(), dln.Dense(draw(4, 144))])
    for net in nets:
        path = tmp_path / f"net.{suffix}"
        dln.save_weights(path, net)
        back = dln.load_weights(path)
        assert back.shapes == net.shapes
        assert jax.tree.structure(back) == jax.tree.structure(net)
        assert relative_error(jax.tree.leaves(back), jax.tree.leaves(net)) == 0
