"""Layers of images, and layers around layers, against explicit matrices, explicit sums and automatic differentiation.

Oracles: the convolution written out as a sum over positions; inner products for transposes; `jax.grad` of the loss and
of the equilibrated energy; a network of dense layers with the same matrices.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import eagerly  # noqa: F401
from closeness import assert_close, relative_error

import dlntheory as dln
from dlntheory.networks.folding import bind_all
from dlntheory.networks.samples import flat

DRAWS = np.random.default_rng(0)


def draw(*shape):
    return DRAWS.normal(size=shape) / np.sqrt(max(1, np.prod(shape[1:])))


IMAGE = (4, 5, 6)
MAPS = {
    "pool": dln.AvgPool2d(2),
    "pool, overlapping": dln.AvgPool2d(3, stride=2, padding=1),
    "pool, apart": dln.AvgPool2d(1, stride=(2, 3)),
    "flatten": dln.Flatten(),
    "reshape": dln.Reshape((2, -1)),
    "operator": dln.LinearOperator(lambda image: jnp.cumsum(image, axis=1)[:, ::2]),
}
WEIGHTED = {
    "conv": dln.Conv2d(draw(3, 4, 3, 3)),
    "conv, padding": dln.Conv2d(draw(3, 4, 3, 2), padding=(1, 0)),
    "conv, stride": dln.Conv2d(draw(3, 4, 2, 2), stride=(2, 3), bias=draw(3)),
    "conv, wide padding": dln.Conv2d(draw(2, 4, 2, 2), stride=2, padding=3),
    "conv, groups": dln.Conv2d(draw(6, 2, 3, 3), padding=1, groups=2, learn_bias=True),
    "conv, every channel": dln.Conv2d(draw(4, 1, 3, 3), stride=2, groups=4, bias=draw(4), learn_bias=True),
    "conv, learned bias": dln.Conv2d(draw(3, 4, 3, 3), bias=draw(3), learn_bias=True),
    "transposed": dln.ConvTranspose2d(draw(4, 3, 3, 3)),
    "transposed, stride": dln.ConvTranspose2d(draw(4, 3, 3, 2), stride=2, padding=1, output_padding=1, bias=draw(3)),
    "transposed, groups": dln.ConvTranspose2d(draw(4, 3, 2, 2), stride=2, groups=2, learn_bias=True),
    "residual": dln.Residual(dln.Conv2d(draw(4, 4, 3, 3), padding=1, bias=draw(4), learn_bias=True)),
    "chain": dln.Chain([
        dln.Conv2d(draw(3, 4, 3, 3), bias=draw(3), learn_bias=True), dln.AvgPool2d(2), dln.Conv2d(draw(2, 3, 1, 2)),
    ]),
    "residual, chain": dln.Residual(dln.Chain([
        dln.Conv2d(draw(2, 4, 3, 3), padding=1, bias=draw(2)), dln.Conv2d(draw(4, 2, 1, 1), learn_bias=True),
    ])),
}  # fmt: skip
each_map = pytest.mark.parametrize("layer", (MAPS | WEIGHTED).values(), ids=MAPS | WEIGHTED)
each_layer = pytest.mark.parametrize("layer", WEIGHTED.values(), ids=WEIGHTED)


def bound(layer, shape=IMAGE):
    return layer.bind(shape)


def columns(shape, samples=3, seed=1):
    return jnp.asarray(np.random.default_rng(seed).normal(size=(int(np.prod(shape)), samples)))


def convolution_by_sums(kernel, image, stride, padding, groups):
    """The definition, position by position."""
    outputs, inputs, height, width = kernel.shape
    image = np.pad(image, [(0, 0), (padding[0],) * 2, (padding[1],) * 2])
    rows, cols = ((size - k) // s + 1 for size, k, s in zip(image.shape[1:], (height, width), stride, strict=True))
    result = np.zeros((outputs, rows, cols))
    for o, p, q in itertools.product(range(outputs), range(rows), range(cols)):
        first = o // (outputs // groups) * inputs
        patch = image[first : first + inputs, p * stride[0] :, q * stride[1] :][:, :height, :width]
        result[o, p, q] = np.sum(kernel[o] * patch)
    return result


@pytest.mark.parametrize("name", [name for name in WEIGHTED if name.startswith("conv")])
def test_a_convolution_is_its_sum_over_patches(name):
    layer = bound(WEIGHTED[name])
    x = columns(IMAGE)
    expected = [
        convolution_by_sums(
            np.asarray(layer.kernel), np.asarray(each).reshape(IMAGE), layer.stride, layer.padding, layer.groups
        )
        for each in x.T
    ]
    assert_close(layer.apply(x).T.reshape(-1, *layer.out_shape), np.array(expected))


@pytest.mark.parametrize(
    "options", [{}, {"stride": 2, "padding": 1, "output_padding": 1}, {"stride": (2, 1), "groups": 2}], ids=str
)
def test_a_transposed_convolution_is_the_transpose_of_the_convolution_with_its_kernel(options):
    kernel = draw(4, 3, 3, 2)
    layer = bound(dln.ConvTranspose2d(kernel, **options))
    forward = {name: value for name, value in options.items() if name != "output_padding"}
    convolution = bound(dln.Conv2d(kernel, **forward), layer.out_shape)
    assert convolution.out_shape == IMAGE
    assert_close(layer.matrix(), convolution.matrix().T)


def test_a_pool_is_the_mean_of_its_windows_and_zeros_count():
    image = np.arange(16.0).reshape(1, 4, 4)
    pool = bound(dln.AvgPool2d(2, stride=3, padding=1), image.shape)
    expected = np.array([[[0, 2 + 3], [8 + 12, 10 + 11 + 14 + 15]]]) / 4
    assert_close(pool.apply(image.reshape(-1, 1)).reshape(pool.out_shape), expected)


@each_map
def test_the_transpose_is_adjoint(layer):
    layer = bound(layer)
    x, v = columns(layer.in_shape), columns(layer.out_shape, seed=2)
    assert_close(jnp.vdot(v, layer.apply(x)), jnp.vdot(layer.transpose(v), x))


@each_map
def test_numpy_arrays_give_what_jax_arrays_do(layer):
    layer = bound(layer)
    x, v = columns(layer.in_shape), columns(layer.out_shape, seed=2)
    host = jax.tree.map(np.asarray, layer)
    moved, pulled = host.apply(np.asarray(x)), host.transpose(np.asarray(v))
    assert isinstance(moved, np.ndarray)
    assert isinstance(pulled, np.ndarray)
    assert_close(moved, layer.apply(x))
    assert_close(pulled, layer.transpose(v))


@each_layer
def test_the_matrix_is_the_map(layer):
    layer = bound(layer)
    assert layer.matrix().shape == (layer.out_size, layer.in_size)
    x, v = columns(layer.in_shape), columns(layer.out_shape, seed=2)
    assert_close(layer.matrix() @ x, layer.apply(x))
    assert_close(layer.matrix().T @ v, layer.transpose(v))


@each_layer
def test_the_update_is_the_gradient_of_the_error_times_the_output(layer):
    layer = bound(layer)
    x, error = columns(layer.in_shape), columns(layer.out_shape, seed=2)
    zero = jnp.zeros(layer.change_shape)
    gradient = jax.grad(lambda change: jnp.vdot(error, layer.moved(change, 1.0).affine(x)))(zero)
    assert_close(layer.weight_update(error, x), gradient)


@each_layer
def test_the_output_changes_by_its_derivative_and_by_its_difference(layer):
    layer = bound(layer)
    x, change = columns(layer.in_shape), jnp.asarray(np.random.default_rng(3).normal(size=layer.change_shape))
    derivative = jax.jvp(lambda change: layer.moved(change, 1.0).affine(x), (0 * change,), (change,))[1]
    assert_close(layer.output_change(change, x), derivative)
    difference = layer.moved(change, 0.5).affine(x) - layer.affine(x)
    assert_close(layer.finite_change(change, x, jnp.asarray(0.5)), difference, condition=10)


@each_layer
def test_the_jacobian_is_that_of_the_output(layer):
    layer = bound(layer)
    x, maps = columns(layer.in_shape), columns(layer.out_shape, seed=2)
    jacobian = jax.jacobian(lambda change: maps.T @ layer.output_change(change, x))(jnp.zeros(layer.change_shape))
    assert_close(layer.jacobian(maps, x), jacobian.reshape(maps.shape[1] * x.shape[1], -1))


@pytest.mark.parametrize("name", [name for name in WEIGHTED if "chain" not in name])
def test_the_extended_weight_multiplies_the_features(name):
    """``weight_update`` and ``output_change`` avoid forming patches; these are what they must agree with."""
    layer = bound(WEIGHTED[name])
    x, error = columns(layer.in_shape), columns(layer.out_shape, seed=2)
    features = layer.features(x)
    rows = error.reshape(*features.shape[:-2], -1, features.shape[-1])
    assert_close(layer.weight_update(error, x), rows @ features.mT)
    change = jnp.asarray(np.random.default_rng(3).normal(size=layer.change_shape))
    assert_close(layer.output_change(change, x), (change @ features).reshape(error.shape))


@each_layer
def test_a_change_splits_into_arrays_like_the_weights(layer):
    layer = bound(layer)
    weight, bias = layer.split(jnp.ones(layer.change_shape))
    assert jax.tree.map(jnp.shape, weight) == jax.tree.map(jnp.shape, layer.weight)
    assert (bias is not None) == layer.learn_bias
    moved = layer.moved(jnp.ones(layer.change_shape), 0.5)
    assert_close(jax.tree.leaves(moved.weight), [each + 0.5 for each in jax.tree.leaves(layer.weight)])


def conv_net(learn=False):
    """Every kind of layer, 3 × 6 × 6 to 4 numbers."""
    return dln.LinearNetwork(
        [
            dln.Conv2d(draw(4, 3, 3, 3), padding=1, bias=draw(4), learn_bias=learn),
            dln.AvgPool2d(2),
            dln.Residual(dln.Conv2d(draw(4, 4, 3, 3), padding=1)),
            dln.ConvTranspose2d(draw(4, 2, 2, 2), stride=2, groups=2, learn_bias=learn),
            dln.LinearOperator(lambda image: image[:, ::2]),
            dln.Flatten(),
            dln.Dense(draw(4, 72)),
        ],
        input_shape=(3, 6, 6),
    )


NET = conv_net(learn=True)
X, Y = np.random.default_rng(5).normal(size=(3, 3, 6, 6)), np.random.default_rng(6).normal(size=(3, 4))
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

    slopes = jax.grad(objective)(parameters(NET))
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

    slope = jax.jvp(prediction, (0.0,), (1.0,))[1]
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
        for layer in jax.jacobian(predictions)(parameters(NET))
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
    with jax.disable_jit(False):
        plain = dln.target_alignment(NET, X, Y, rescaling="decorrelated")
        assert_close(jax.jit(lambda x, y: dln.target_alignment(NET, x, y, rescaling="decorrelated"))(X, Y), plain, 1e5)
        mapped = jax.vmap(lambda x, y: dln.equilibrium(NET, x, y, solver="cg").energy)(jnp.asarray(X), jnp.asarray(Y))
        assert_close(mapped, dln.equilibrium(NET, X, Y).energy, CONDITION)


def test_inference_settles_at_the_equilibrium():
    net = dln.LinearNetwork(
        [dln.Conv2d(draw(2, 3, 3, 3)), dln.Flatten(), dln.Dense(draw(4, 32))], input_shape=(3, 6, 6)
    )
    eq, spectrum = dln.equilibrium(net, X, Y), dln.inference_spectrum(net)
    with jax.disable_jit(False):
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
    assert verdict.hypotheses["layer 1: one patch a sample"].value == 36
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
        return jnp.mean(dln.equilibrium(net(*weights), x, y).energy)

    expected = jax.grad(energy, argnums=(0, 1))(jnp.asarray(first), jnp.asarray(second))
    (found, _) = dln.weight_updates(net(first, second), x, y)
    assert_close(found, tuple(-each for each in expected), CONDITION)


def test_training_reaches_a_linear_target():
    net = conv_net()
    with jax.disable_jit(False):
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


K = np.ones((4, 3, 3, 3))
BAD = {
    "a kernel of rank 2": (lambda: dln.Conv2d(np.ones((3, 3))), ValueError, r"`kernel` has shape \(3, 3\); wanted four"),
    "an empty kernel": (lambda: dln.Conv2d(np.ones((4, 0, 3, 3))), ValueError, r"`kernel` has shape \(4, 0, 3, 3\)"),
    "a kernel with NaN": (lambda: dln.Conv2d(K * np.nan), ValueError, "`kernel` holds NaN"),
    "groups that do not divide": (lambda: dln.Conv2d(K, groups=3), ValueError, "`groups` is 3 but the kernel has 4 outputs"),
    "no groups": (lambda: dln.Conv2d(K, groups=0), ValueError, "`groups` is 0; wanted at least 1"),
    "a stride of zero": (lambda: dln.Conv2d(K, stride=0), ValueError, "`stride` is 0; wanted at least 1"),
    "a fractional stride": (lambda: dln.Conv2d(K, stride=1.5), TypeError, "`stride` is 1.5; wanted a whole number"),
    "a negative padding": (lambda: dln.Conv2d(K, padding=-1), ValueError, "`padding` is -1; wanted at least 0"),
    "three paddings": (lambda: dln.Conv2d(K, padding=(1, 1, 1)), ValueError, r"`padding` is \(1, 1, 1\); wanted one"),
    "a word for a padding": (lambda: dln.Conv2d(K, padding="same"), TypeError, "`padding` is 'same'"),
    "a bias of another length": (lambda: dln.Conv2d(K, bias=np.ones(3)), ValueError, r"`bias` has shape \(3,\); wanted \(4,\)"),
    "an output padding of a stride": (
        lambda: dln.ConvTranspose2d(K, stride=2, output_padding=2), ValueError, r"`output_padding` is \(2, 2\); wanted less"),
    "no input shape": (lambda: dln.LinearNetwork([dln.Conv2d(K)]), ValueError, "`input_shape` is None; wanted the shape"),
    "channels that do not chain": (
        lambda: dln.LinearNetwork([dln.Conv2d(K), dln.Conv2d(K)], (3, 8, 8)),
        ValueError, r"`layers\[1\]` takes images of 3 channels but `layers\[0\]` outputs \(4, 6, 6\)"),
    "other channels than the input's": (
        lambda: dln.LinearNetwork([dln.Conv2d(K)], (1, 8, 8)),
        ValueError, r"`layers\[0\]` takes images of 3 channels but `input_shape` is \(1, 8, 8\)"),
    "a window larger than the image": (
        lambda: dln.LinearNetwork([dln.Conv2d(K)], (3, 2, 8)), ValueError, r"`layers\[0\]` has windows of \(3, 3\)"),
    "an image for a dense layer": (
        lambda: dln.LinearNetwork([dln.Conv2d(K), dln.Dense(np.ones((2, 144)))], (3, 8, 8)),
        ValueError, r"`layers\[1\]` maps 144 -> 2 but `layers\[0\]` outputs \(4, 6, 6\)"),
    "a vector for a convolution": (
        lambda: dln.LinearNetwork([dln.Dense(np.ones((3, 3))), dln.Conv2d(K)]), ValueError, r"`layers\[1\]` takes images"),
    "a pool at the end": (
        lambda: dln.LinearNetwork([dln.Conv2d(K), dln.AvgPool2d(2)], (3, 8, 8)),
        ValueError, r"`layers\[1\]` is a AvgPool2d, which has no weight; wanted a layer with a weight last"),
    "a shape of other numbers": (
        lambda: dln.LinearNetwork([dln.Reshape((5, 5)), dln.Dense(np.ones((1, 5)))], 24), ValueError, r"makes samples of shape \(5, 5\)"),
    "two sizes left open": (lambda: dln.Reshape((-1, -1)), ValueError, r"`shape` is \(-1, -1\); wanted positive sizes"),
    "a residual block that changes its shape": (
        lambda: dln.LinearNetwork([dln.Residual(dln.Conv2d(K, padding=1))], (3, 8, 8)),
        ValueError, r"`layers\[0\]` adds outputs of \(4, 8, 8\) to its inputs but `input_shape` is \(3, 8, 8\)"),
    "a bias for a residual block": (lambda: dln.Residual(dln.Conv2d(K), bias=[1.0]), ValueError, "`bias` is given with a Conv2d"),
    "an operator that adds": (
        lambda: bind_all([dln.LinearOperator(lambda x: x + 1)], (3,)), ValueError, "not linear: it adds a constant"),
    "an operator that squares": (lambda: bind_all([dln.LinearOperator(lambda x: x * x)], (3,)), ValueError, "is not linear"),
    "a number for an operator": (lambda: dln.LinearOperator(3), TypeError, "`function` is a int; wanted a function"),
    "flat images": (lambda: NET(np.ones((3, 108))), ValueError, r"`x` has shape \(3, 108\); wanted \(batch, 3, 6, 6\) or \(3, 6, 6\)"),
    "a layer outside of a network": (lambda: dln.Conv2d(K).out_shape, ValueError, "put it into one first"),
    "a file of an operator": (lambda: dln.save_weights("net.npz", NET), TypeError, "`net` has a LinearOperator; files can hold"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
