"""Convolutional PC networks: their layers against JAX's own, their inference against the naive one, their tables."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dlntheory import pcn
from dlntheory.nonlinear import images
from dlntheory.nonlinear.blocks import norms
from dlntheory.nonlinear.building import Builder, Stage
from dlntheory.nonlinear.network import channels_last
from dlntheory.pcn.choices import presets
from dlntheory.pcn.engine import inference, learning
from dlntheory.pcn.runs.config import TrainingConfig
from tests import pcn_naive as naive
from tests.closeness import assert_close, norm, relative_error
from tests.pcn_lessons import daily, lesson, moving

F64 = jnp.float64


def normal(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape))


@eqx.filter_jit
def called(block, x):
    return block(x, training=True)


# Images


@pytest.mark.parametrize(
    ("size", "stride", "padding", "channels"), [(3, 1, 1, 5), (3, 1, 0, 2), (3, 2, 1, 2), (3, 2, 0, 5), (1, 2, 0, 2)]
)
def test_convolution(size, stride, padding, channels):
    """With few channels and with many, which take different ways."""
    x, kernel = normal(2, 7, 6, channels), normal(size, size, channels, 4, seed=1)

    def reference(x, kernel):
        window = [(padding, padding)] * 2
        return jax.lax.conv_general_dilated(
            x, kernel, (stride, stride), window, dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    @jax.jit
    def both(x, kernel):
        found, pull = jax.vjp(lambda x, kernel: images.convolve(x, kernel, stride, padding), x, kernel)
        expected, slow = jax.vjp(reference, x, kernel)
        return found, pull(found), expected, slow(found)

    found, pulled, expected, slow = both(x, kernel)
    assert_close(found, expected)
    assert_close(pulled, slow, condition=10)


def test_pooling_gives_its_gradient_to_the_first_of_the_largest():
    """Against XLA's select-and-scatter, with ties, as after a ReLU, and with a rest at the border."""
    x = jnp.asarray(np.random.default_rng(0).integers(-1, 2, (3, 7, 9, 2)), F64)

    def reference(x):
        return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

    @jax.jit
    def everything(x, tangent, cotangent):
        found, pull = jax.vjp(lambda x: images.max_pool(x, 2), x)
        expected, slow = jax.vjp(reference, x)
        _, moved = jax.jvp(lambda x: images.max_pool(x, 2), (x,), (tangent,))
        return found, pull(cotangent)[0], moved, expected, slow(cotangent)[0]

    cotangent, tangent = normal(3, 3, 4, 2), normal(*x.shape, seed=1)
    found, pulled, moved, expected, slow = everything(x, tangent, cotangent)
    assert_close(found, expected)
    assert_close(pulled, slow)
    assert_close(np.vdot(moved, cotangent), np.vdot(tangent, pulled), condition=100)


def test_batch_normalisation():
    layer = eqx.tree_at(lambda n: (n.scale, n.shift), pcn.BatchNorm(3, dtype=F64), (normal(3), normal(3, seed=1)))
    x = 2 + 3 * normal(4, 5, 6, 3)
    found, moments = called(layer, x)
    axes = (0, 1, 2)
    x = np.asarray(x)
    mean, deviation = x.mean(axes), np.sqrt(x.var(axes) + 1e-5)
    normalised = (x - mean) / deviation
    assert_close(found, normalised * np.asarray(layer.scale) + np.asarray(layer.shift), condition=10)
    running = layer.average(layer.running, moments)
    assert_close(running.mean, 0.1 * mean)
    assert_close(running.variance, 0.9 + 0.1 * np.var(x, axes, ddof=1))
    constant, _ = layer(jnp.asarray(np.ones((1, 1, 1, 3))), training=False)
    scale, shift = np.asarray(layer.scale), np.asarray(layer.shift)
    assert_close(np.asarray(constant)[0, 0, 0], scale / np.sqrt(1 + 1e-5) + shift)


# Networks


def small(norm=None, skip=None, seed=0):
    """A convolution with pooling, another one or two with a skip of that kind, and two dense layers."""
    builder = Builder((2, 8, 8), "tanh", norm, jax.random.key(seed), F64)
    builder.convolve(Stage(3, 1, 2))
    if skip is None:
        builder.convolve(Stage(4, 0))
    else:
        builder.convolve_with_skip(4, 2, auxiliary=skip == "auxiliary")
    builder.connect(5)
    builder.connect(3)
    return builder.network()


def skipping():
    """A chain of six blocks, the last but one of which reads the first state too: errors arrive from both ends."""
    keys = jax.random.split(jax.random.key(0), 7)
    shortcut = pcn.Block(pcn.Dense(4, 3, keys[6], F64))
    blocks = [pcn.Block(pcn.Dense(n, m, key, F64), activation="tanh") for n, m, key in zip(
        (2, 4, 3, 5, 4, 3), (4, 3, 5, 4, 3, 2), keys[:6], strict=True)]  # fmt: skip
    blocks[4] = dataclasses.replace(blocks[4], shortcut=shortcut)
    return pcn.Network(blocks, (2,), [(0,), (1,), (2,), (3,), (4, 1), (5,)])


KINDS = [(None, None), ("standard", None), (None, "plain"), ("frozen", "auxiliary")]
BY_DEFAULT = {
    ("frozen", "auxiliary"): [(1000, 3)],
    (None, "long"): [(0, 6), (1000, 2)],
}
"""Ways and steps that do not wait for the daily run, by kind of network."""
BACKPROPAGATED = [("frozen", "auxiliary")]


@pytest.mark.parametrize(
    ("unrolled", "steps", "kind", "skip"),
    [
        pytest.param(*way, *kind, marks=[] if way in BY_DEFAULT.get(kind, ()) else [pytest.mark.daily])
        for kind in [*KINDS, (None, "long")]
        for way in [(0, 6), (0, 3), (0, 4), (1000, 2), (1000, 3), (1000, 5)]
    ],  # a program of as many steps would be met again, whatever UNROLLED is
)
def test_inference_skips_only_what_has_no_error(unrolled, steps, kind, skip, monkeypatch):
    monkeypatch.setattr(inference, "UNROLLED", unrolled)
    net = small(kind, skip) if skip != "long" else skipping()
    x, y = naive.batch(net, size=3)
    start = (*naive.forward(net, x)[:-1], y)
    found = lesson(net, moving(steps, 0.1, 0.5), x, y)
    expected = naive.descend(net, "squared_error", x, start, steps, 0.1, 0.5)
    assert_close(found.states, expected, condition=100)
    moved = [norm(np.subtract(*pair)) > 1e-9 for pair in zip(expected, start, strict=True)]
    assert moved == [*(steps >= first for first in net.moves[:-1]), False]
    # errors are differences of activities, and lose as many digits as they are smaller
    errors = np.sqrt(2 * len(x) * float(found.energy.sum()))
    slopes = naive.weight_gradients(net, "squared_error", x, found.states)
    assert_close(found.gradients, slopes, condition=10 * norm(found.states) / errors)


@pytest.mark.parametrize(
    ("kind", "skip"), [pytest.param(*kind, marks=[] if kind in BACKPROPAGATED else pytest.mark.daily) for kind in KINDS]
)
def test_backpropagation_is_the_gradient_of_the_loss(kind, skip):
    net = small(kind, skip)
    x, y = naive.batch(net, size=3)
    found = lesson(net, pcn.PRESETS["BP-SE"].algorithm, x, y).gradients
    assert_close(found, naive.loss_gradients(net, "squared_error", x, y), condition=1e3)


@pytest.mark.daily
def test_learning_at_arrival_is_backpropagation_in_a_chain(monkeypatch):
    """Also with convolutions, pooling and batch normalisation; but not where a skip is shorter than the way around."""
    monkeypatch.setattr(inference, "UNROLLED", 0)
    algorithm = pcn.Algorithm(relaxation=pcn.Gradient(1.0), update=pcn.AtArrival(), steps=7)
    for kind, skip, exact in (("standard", None, True), (None, "plain", False)):
        net = small(kind, skip)
        x, y = naive.batch(net, size=3)
        error = relative_error(lesson(net, algorithm, x, y).gradients, naive.loss_gradients(net, "squared_error", x, y))
        assert (error < 1e-11) == exact


@pytest.mark.parametrize(
    ("kind", "unrolled"),
    [
        ("standard", 0),
        ("frozen", 1000),
        pytest.param("standard", 1000, marks=pytest.mark.daily),
        pytest.param("frozen", 0, marks=pytest.mark.daily),
    ],
)
def test_running_moments(kind, unrolled, monkeypatch):
    """Standard ones move with every evaluation, the first pass and inference included; frozen ones once per batch."""
    monkeypatch.setattr(inference, "UNROLLED", unrolled)
    net, steps = small(kind), 3 if unrolled else 4  # a program of as many steps would be met again
    x, y = naive.batch(net, size=3)
    algorithm = pcn.Algorithm(relaxation=pcn.Gradient(0.1), steps=steps)
    optimiser = optax.sgd(0.0)
    state, _ = pcn.train_step(pcn.start_training(net, algorithm, optimiser), x, y, algorithm, optimiser)
    start = (*naive.forward(net, x)[:-1], y)
    visited = [naive.descend(net, "squared_error", x, start, time, 0.1) for time in range(steps + 1)]
    visited = [start, *visited] if kind == "standard" else visited[-1:]
    expected = [layer.running for layer in norms(net)]
    for states in visited:
        values = [channels_last(x), *states]
        for k, block in enumerate(block for block in net.blocks if block.norm is not None):
            moments = called(block, values[k])[1][0]
            expected[k] = jax.tree.map(lambda old, new: 0.9 * np.asarray(old) + 0.1 * new, expected[k], moments)
    assert_close([layer.running for layer in norms(state.network)], expected, condition=10)


def test_a_layer_with_running_moments_predicts_alone():
    """Predictions of a sample do not depend on the others, as those in training do."""
    net = small("standard")
    x, _ = naive.batch(net, size=3)
    assert_close(pcn.predict(net, x[:1]), pcn.predict(net, x)[:1], condition=10)
    assert relative_error(naive.forward(net, x[:1])[-1], naive.forward(net, x)[-1][:1]) > 1e-3


def test_weight_decay_leaves_running_moments_alone():
    net = small("standard")
    parameters = learning.parameters(net)
    count = len(jax.tree.leaves(parameters))
    assert count == len(jax.tree.leaves(eqx.filter(net, eqx.is_array))) - 2 * len(norms(net))


# Tables


@pytest.mark.parametrize(
    ("name", "depth", "shapes"),
    [
        ("VGG-5", 5, [(16, 16, 128), (8, 8, 256), (4, 4, 512), (1, 1, 512)]),
        ("VGG-7", 7, [(16, 16, 128), (16, 16, 128), (8, 8, 256), (6, 6, 256), (3, 3, 512), (1, 1, 512)]),
        daily("VGG-9", 9, [(16, 16, 128)]),
        daily("VGG-10", 10, [(16, 16, 64)]),
        daily("VGG-15", 14, [(32, 32, 64)]),
        ("AlexNet", 8, [(8, 8, 64), (4, 4, 192), (4, 4, 384), (4, 4, 256), (2, 2, 256), (4096,), (4096,)]),
        ("ResNet-18", 18, [(32, 32, 64)]),
    ],
)
def test_sizes(name, depth, shapes):
    net = eqx.filter_eval_shape(lambda: pcn.build(name, (3, 32, 32), 10))
    assert net.depth == depth
    assert list(net.state_shapes[: len(shapes)]) == shapes
    assert net.output_shape == (10,)
    assert [block.activation for block in net.blocks] == ["gelu"] * (depth - 1) + ["identity"]


def test_channels_in_place_of_the_papers():
    net = eqx.filter_eval_shape(lambda: pcn.build("VGG-7", (3, 32, 32), 10, channels=(2, 3, 4, 5, 6, 7)))
    usual = eqx.filter_eval_shape(lambda: pcn.build("VGG-7", (3, 32, 32), 10))
    assert [shape[-1] for shape in net.state_shapes] == [2, 3, 4, 5, 6, 7, 10]
    assert [shape[:-1] for shape in net.state_shapes] == [shape[:-1] for shape in usual.state_shapes]


def test_skips():
    net = eqx.filter_eval_shape(lambda: pcn.build("VGG-19", (3, 32, 32), 10, skip=True))
    assert net.depth == 19
    assert net.sources[16] == (16, 4)
    plain = eqx.filter_eval_shape(pcn.resnet18)
    auxiliary = eqx.filter_eval_shape(lambda: pcn.resnet18(auxiliary=True))
    assert (plain.depth, auxiliary.depth) == (18, 26)
    assert max(plain.distances) == 9  # errors take the skips
    assert max(auxiliary.distances) == 17


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pcn.vgg("VGG-6"), "`name` is 'VGG-6'; wanted one of"),
        (lambda: pcn.vgg("VGG-5", channels=(8, 8)), "`channels` has 2 entries; wanted 4, one per convolution of VGG-5"),
        (lambda: pcn.vgg("VGG-5", channels=(8, 8, 0, 8)), "`channels\\[2\\]` is 0"),
        (lambda: pcn.vgg("VGG-5", norm="melted"), "`norm` is 'melted'"),
        (lambda: eqx.filter_eval_shape(pcn.vgg, "VGG-5", (3, 8, 8)), "larger images"),
        (lambda: pcn.vgg("VGG-5", (32, 32)), "channels, height, width"),
        (lambda: pcn.mlp((3, 2), activation="step"), "`activation` is 'step'"),
        (lambda: pcn.mlp((3,)), "`widths` is .3,."),
        (lambda: pcn.build("MLP", (4,), 2, norm="frozen"), "no batch normalisation"),
        (lambda: pcn.Network([], (2,)), "`blocks` is empty"),
        (lambda: pcn.Network([pcn.Block(pcn.Dense(3, 2, jax.random.key(0)))], (4,)), "block 1 cannot read"),
        (
            lambda: pcn.Network(small().blocks, (2, 8, 8), [(0,), (0,), (1,), (3,)]),
            "block 2 does not lead to the output",
        ),
    ],
)
def test_bad_models(make, message):
    with pytest.raises(ValueError, match=message):
        make()


class Signs(pcn.Relaxation):
    """A variant as docs/pcn.md has it."""

    step_size: float

    def start(self, variables):
        return ()

    def step(self, gradient, memory, time, key):
        return tuple(-self.step_size * jnp.sign(slope) for slope in gradient), memory


def test_a_new_relaxation_is_one_class():
    """The example of docs/pcn.md moves by signs."""
    net = pcn.mlp((4, 3, 5, 2), activation="tanh", dtype=F64)
    x, y = naive.batch(net, size=3)
    algorithm = dataclasses.replace(pcn.PRESETS["PC-SE"].algorithm, relaxation=Signs(0.01), steps=2)
    change = np.abs(np.subtract(pcn.relax(net, x, y, algorithm).states[-2], naive.forward(net, x)[-2]))
    assert_close(np.unique(change.round(8)), np.array([0.0, 0.02])[-len(np.unique(change.round(8))) :])


def test_an_algorithm_of_ones_own_has_a_name(monkeypatch):
    monkeypatch.setattr(presets, "PRESETS", dict(pcn.PRESETS))
    own = pcn.Algorithm(relaxation=Signs(0.01), steps=3)
    for description in ("moves by signs", "replaced"):
        pcn.register("Signs", own, description)
    assert presets.PRESETS["Signs"] == pcn.Preset(own, "replaced", "")
    changed = pcn.algorithm("Signs", step_size=0.5, steps=4)
    assert (changed.relaxation, changed.steps) == (Signs(0.5), 4)
    with pytest.raises(ValueError, match="`momentum` is given, but Signs has no use for it"):
        pcn.algorithm("Signs", momentum=0.5)
    assert TrainingConfig(algorithm="Signs", step_size=0.1).make_algorithm().relaxation == Signs(0.1)


@pytest.mark.parametrize(
    ("name", "algorithm", "message"),
    [
        ("PC-SE", pcn.Algorithm(), "which is an algorithm of the papers"),
        ("PC-SE+BF", pcn.Algorithm(), "wanted a word"),
        ("my own", pcn.Algorithm(), "wanted a word"),
        ("a/b", pcn.Algorithm(), "wanted a word"),
        ("", pcn.Algorithm(), "wanted a word"),
        (3, pcn.Algorithm(), "wanted a word"),
        ("mine", Signs(0.1), "wanted an Algorithm"),
    ],
)
def test_names_that_cannot_be_given(name, algorithm, message):
    with pytest.raises((ValueError, TypeError), match=message):
        pcn.register(name, algorithm)
    assert "mine" not in pcn.PRESETS
