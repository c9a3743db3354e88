"""Networks whose blocks read any number of states, with cycles or without: inference, gradients, when errors arrive.

Oracle: the plain loop over the whole energy, by `jax.grad`.
"""

import jax
import numpy as np
import pytest

from dlntheory import pcn
from tests import pcn_naive as naive
from tests.closeness import assert_close
from tests.pcn_lessons import F64, lesson, moving

WIDTH, DEPTH = 3, 6


def graph(seed):
    """A network of equally wide blocks that read a few states each, in any order; what none reads the output reads."""
    draw = np.random.default_rng(seed)
    sources = [draw.permutation(k)[: draw.integers(1, min(k, 4) + 1)].tolist() for k in range(1, DEPTH)]
    unread = set(range(DEPTH)) - {source for read in sources for source in read}
    sources.append(sorted(unread - {0} | {0}) if draw.random() < 0.5 else sorted(unread - {0}))
    keys = jax.random.split(jax.random.key(seed), DEPTH)
    blocks = [pcn.Block(pcn.Dense(WIDTH, WIDTH, key, dtype=F64), activation="tanh") for key in keys]
    return pcn.Network(blocks, (WIDTH,), sources)


GRAPHS = range(6)
BY_DEFAULT = (0, 1)


def each(*by_default):
    """Every graph is a program of its own: a few are compiled by default, all in the daily run."""
    return [pytest.param(seed, marks=[] if seed in by_default else pytest.mark.daily) for seed in GRAPHS]


def test_graphs_have_blocks_of_many_sources():
    counts = {len(read) for seed in BY_DEFAULT for read in graph(seed).sources}
    assert {1, 2, 3, 4} <= counts


@pytest.mark.parametrize("seed", each(1))
def test_inference_and_learning_are_the_plain_loops(seed):
    net = graph(seed)
    x, y = naive.batch(net)
    start = (*naive.forward(net, x)[:-1], y)
    expected = naive.descend(net, "squared_error", x, start, 5, 0.1, 0.4)
    found = lesson(net, moving(5), x, y)
    assert_close(found.states, expected, condition=10)
    assert_close(found.gradients, naive.weight_gradients(net, "squared_error", x, expected), condition=100)


@pytest.mark.parametrize("seed", each(*BY_DEFAULT))
def test_a_block_waits_until_an_error_arrives(seed):
    """The step at which the plain loop first finds an error at a block, and first moves a state."""
    net = graph(seed)
    x, y = naive.batch(net)
    states = start = (*naive.forward(net, x)[:-1], y)
    waits, moves = {}, {}
    for time in range(DEPTH + 1):
        for k, energy in enumerate(np.asarray(naive.energies(net, "squared_error", x, states))):
            if energy > 1e-20:
                waits.setdefault(k, time)
        states = naive.descend(net, "squared_error", x, states, 1, 0.1)
        for k, (now, before) in enumerate(zip(states[:-1], start, strict=False)):
            if np.abs(np.asarray(now - before)).max() > 1e-12:
                moves.setdefault(k, time + 1)
    assert net.waits == tuple(waits[k] for k in range(DEPTH))
    assert net.moves[:-1] == tuple(moves[k] for k in range(DEPTH - 1))


def test_the_second_source_alone_passes_through_the_shortcut():
    first, second = jax.random.split(jax.random.key(0))
    shortcut = pcn.Block(pcn.Dense(2, 2, first, dtype=F64))
    block = pcn.Block(pcn.Dense(2, 2, second, dtype=F64), shortcut=shortcut)
    read = np.random.default_rng(0).normal(size=(4, 5, 2))
    z, _ = block(*map(jax.numpy.asarray, read), training=True)
    parts = [np.asarray(each.layer.weight) @ z_k.T for each, z_k in zip((block, shortcut), read[:2], strict=True)]
    biases = np.asarray(block.layer.bias) + np.asarray(shortcut.layer.bias)
    assert_close(z, sum(parts).T + biases + read[2] + read[3], condition=10)


def test_vectors_do_not_join_images():
    """Broadcasting would add sample 1 to column 1, sample 2 to column 2 and so on."""
    pooled = pcn.Block(pcn.Identity(), pool=0)
    convolution = pcn.Block(pcn.Conv(3, 3, 3, jax.random.key(0), padding=1))
    for sources in ([(0,), (0, 1)], [(0,), (0, 0, 1)]):
        with pytest.raises(ValueError, match=r"of shape \(3,\) cannot join one of shape \(4, 4, 3\)"):
            pcn.Network([pooled, convolution], (3, 4, 4), sources)


@pytest.mark.parametrize("sources", [[(0,), (3,)], [(0,), ()], [(0,), (0, 1, -1)]])
def test_sources_that_are_no_states_are_refused(sources):
    keys = jax.random.split(jax.random.key(0), 2)
    with pytest.raises(ValueError, match="wanted numbers from 0 to 2"):
        pcn.Network([pcn.Block(pcn.Dense(2, 2, key)) for key in keys], (2,), sources)


# -- Cycles -----------------------------------------------------------------------------------------------------------


def cyclic(seed, bias=True):
    """A chain whose blocks also read their own states, those of later blocks, of the output, or earlier ones."""
    draw = np.random.default_rng(seed)
    sources = [[k, *draw.choice(DEPTH + 1, draw.integers(0, 3), replace=False).tolist()] for k in range(DEPTH)]
    sources[draw.integers(DEPTH)].append(DEPTH)
    keys = jax.random.split(jax.random.key(seed), DEPTH)
    blocks = [pcn.Block(pcn.Dense(WIDTH, WIDTH, key, bias=bias, dtype=F64), activation="tanh") for key in keys]
    return pcn.Network(blocks, (WIDTH,), sources, [(WIDTH,)] * DEPTH)


@pytest.mark.parametrize("seed", each(0))
def test_inference_and_learning_on_cycles_are_the_plain_loops(seed):
    net = cyclic(seed)
    x, y = naive.batch(net)
    zero = moving(5, initial=pcn.Zero())
    start = (*(np.zeros(x.shape) for _ in range(DEPTH - 1)), y)
    expected = naive.descend(net, "squared_error", x, start, 5, 0.1, 0.4)
    found = lesson(net, zero, x, y)
    assert_close(found.states, expected, condition=10)
    assert_close(found.gradients, naive.weight_gradients(net, "squared_error", x, expected), condition=100)


@pytest.mark.parametrize("seed", each(*BY_DEFAULT))
def test_a_block_on_a_cycle_waits_until_an_error_arrives(seed):
    """With no input and no biases every block rests at zero, until an output is put elsewhere."""
    net = cyclic(seed, bias=False)
    x, y = naive.batch(net)
    x = jax.numpy.zeros_like(x)
    states, waits = (*(x for _ in range(DEPTH - 1)), y), {}
    for time in range(DEPTH + 1):
        for k, energy in enumerate(np.asarray(naive.energies(net, "squared_error", x, states))):
            if energy > 1e-30:
                waits.setdefault(k, time)
        states = naive.descend(net, "squared_error", x, states, 1, 0.1)
    assert net.waits == tuple(waits[k] for k in range(DEPTH))


@pytest.mark.parametrize("seed", GRAPHS)
def test_distances_are_the_shortest_ways_to_the_output(seed):
    """Oracle: powers of the adjacency matrix."""
    for net in (graph(seed), cyclic(seed)):
        adjacent = np.zeros((DEPTH + 1, DEPTH + 1), int)
        for number, read in enumerate(net.sources, start=1):
            adjacent[list(read), number] = 1
        ways = [np.linalg.matrix_power(adjacent, steps)[1:, DEPTH] > 0 for steps in range(DEPTH + 1)]
        assert net.distances == tuple(np.argmax(ways, axis=0).tolist())


@pytest.mark.parametrize(
    "use",
    [
        pytest.param(lambda net, x, y: pcn.predict(net, x), id="predict"),
        pytest.param(lambda net, x, y: pcn.relax(net, x, y, moving()), id="forward start"),
        pytest.param(lambda net, x, y: lesson(net, pcn.algorithm("BP-SE"), x, y), id="backpropagation"),
        pytest.param(
            lambda net, x, y: pcn.relax(
                net, x, y, pcn.Algorithm(initial=pcn.Zero(), relaxation=pcn.ErrorCoordinates(0.1))
            ),
            id="error coordinates",
        ),
        pytest.param(lambda net, x, y: lesson(net, moving(initial=pcn.Null()), x, y), id="null start"),
        pytest.param(lambda net, x, y: pcn.sequential_multiplications(net, moving()), id="multiplications"),
        pytest.param(lambda net, x, y: pcn.Network(net.blocks, (WIDTH,), net.sources), id="shapes"),
    ],
)
def test_what_needs_a_forward_pass_refuses_a_cycle(use):
    net = cyclic(0)
    with pytest.raises(ValueError, match=r"which a forward pass does not have yet; wanted no cycle"):
        use(net, *naive.batch(net))


def test_zero_starts_take_no_multiplication_and_need_no_path():
    assert pcn.sequential_multiplications(cyclic(0), moving(5, initial=pcn.Zero())) == 10


def test_a_decoder_with_a_cycle_has_a_latent():
    net = pcn.with_latent(cyclic(0))
    assert net.state_shapes == ((WIDTH,),) * (DEPTH + 1)
    y = naive.batch(net)[1]
    run = pcn.relax(net, None, y, moving(30, momentum=0.0, initial=pcn.Zero()))
    assert run.energy[-1].sum() < run.energy[0].sum()


def test_shapes_that_the_blocks_do_not_predict_are_refused():
    net = cyclic(0)
    with pytest.raises(ValueError, match=r"block . cannot read|but the blocks predict"):
        pcn.Network(net.blocks, (WIDTH,), net.sources, [(WIDTH,)] * (DEPTH - 1) + [(WIDTH + 1,)])
    with pytest.raises(ValueError, match="but the blocks predict"):
        pcn.Network(net.blocks[:1], (WIDTH,), state_shapes=[(WIDTH + 1,)])
