"""Layers of images, and layers around layers, against explicit matrices, explicit sums and differences.

Oracles: the convolution written out as a sum over positions; inner products for transposes; differences in
single numbers, which are exact to rounding; for JAX arrays the results of NumPy.
"""

import itertools
import math

import jax
import numpy as np
import pytest
from closeness import assert_close
from image_layers import IMAGE, MAPS, NET, WEIGHTED, draw

import dlntheory as dln
from dlntheory.networks.folding import bind_all
from dlntheory.numerics.kinds import to_numpy

each_map = pytest.mark.parametrize("layer", (MAPS | WEIGHTED).values(), ids=MAPS | WEIGHTED)
each_layer = pytest.mark.parametrize("layer", WEIGHTED.values(), ids=WEIGHTED)


def bound(layer, shape=IMAGE):
    return to_numpy(layer.bind(shape))


def columns(shape, samples=3, seed=1):
    return np.random.default_rng(seed).normal(size=(int(np.prod(shape)), samples))


def slopes(layer, x):
    """The output's slopes in every number of the weight: it is affine in each, so that a difference of long steps is exact."""
    far, changes = 2.0**20, np.eye(math.prod(layer.change_shape)).reshape(-1, *layer.change_shape)
    moved = [layer.moved(each, far).affine(x) - layer.moved(each, -far).affine(x) for each in changes]
    return np.stack(moved, axis=-1) / (2 * far)


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
        convolution_by_sums(layer.kernel, each.reshape(IMAGE), layer.stride, layer.padding, layer.groups)
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
    assert_close(np.vdot(v, layer.apply(x)), np.vdot(layer.transpose(v), x))


@each_map
def test_jax_arrays_give_what_numpy_arrays_do(layer):
    layer = bound(layer)
    x, v = columns(layer.in_shape), columns(layer.out_shape, seed=2)

    def results(layer, x, v):
        found = layer.apply(x), layer.transpose(v)
        if not hasattr(layer, "change_shape"):
            return found
        update = layer.weight_update(v, x)
        return *found, update, layer.output_change(update, x), layer.jacobian(v, x)

    by_numpy, by_jax = results(layer, x, v), jax.jit(results)(layer, x, v)
    assert all(isinstance(each, np.ndarray) for each in by_numpy)
    assert_close(by_jax, by_numpy)


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
    gradient = np.einsum("os,osp->p", error, slopes(layer, x))
    assert_close(layer.weight_update(error, x), gradient.reshape(layer.change_shape))


@each_layer
def test_the_output_changes_by_its_derivative_and_by_its_difference(layer):
    layer = bound(layer)
    x, change = columns(layer.in_shape), np.random.default_rng(3).normal(size=layer.change_shape)
    assert_close(layer.output_change(change, x), slopes(layer, x) @ change.ravel())
    difference = layer.moved(change, 0.5).affine(x) - layer.affine(x)
    assert_close(layer.finite_change(change, x, np.asarray(0.5)), difference, condition=10)


@each_layer
def test_the_jacobian_is_that_of_the_output(layer):
    layer = bound(layer)
    x, maps = columns(layer.in_shape), columns(layer.out_shape, seed=2)
    jacobian = np.einsum("om,osp->msp", maps, slopes(layer, x))
    assert_close(layer.jacobian(maps, x), jacobian.reshape(maps.shape[1] * x.shape[1], -1))


@pytest.mark.parametrize("name", [name for name in WEIGHTED if "chain" not in name])
def test_the_extended_weight_multiplies_the_features(name):
    """``weight_update`` and ``output_change`` avoid forming patches; these are what they must agree with."""
    layer = bound(WEIGHTED[name])
    x, error = columns(layer.in_shape), columns(layer.out_shape, seed=2)
    features = layer.features(x)
    rows = error.reshape(*features.shape[:-2], -1, features.shape[-1])
    assert_close(layer.weight_update(error, x), rows @ features.mT)
    change = np.random.default_rng(3).normal(size=layer.change_shape)
    assert_close(layer.output_change(change, x), (change @ features).reshape(error.shape))


@each_layer
def test_a_change_splits_into_arrays_like_the_weights(layer):
    layer = bound(layer)
    weight, bias = layer.split(np.ones(layer.change_shape))
    assert jax.tree.map(np.shape, weight) == jax.tree.map(np.shape, layer.weight)
    assert (bias is not None) == layer.learn_bias
    moved = layer.moved(np.ones(layer.change_shape), 0.5)
    assert_close(jax.tree.leaves(moved.weight), [each + 0.5 for each in jax.tree.leaves(layer.weight)])


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
