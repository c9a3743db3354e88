"""Networks whose blocks read any number of earlier states: inference, gradients, and when an error arrives.

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


def test_graphs_have_blocks_of_many_sources():
    counts = {len(read) for seed in GRAPHS for read in graph(seed).sources}
    assert {1, 2, 3, 4} <= counts


@pytest.mark.parametrize("seed", GRAPHS)
def test_inference_and_learning_are_the_plain_loops(seed):
    net = graph(seed)
    x, y = naive.batch(net)
    start = (*naive.forward(net, x)[:-1], y)
    expected = naive.descend(net, "squared_error", x, start, 5, 0.1, 0.4)
    assert_close(pcn.relax(net, x, y, moving(5)).states, expected, condition=10)
    found = lesson(net, moving(5), x, y)
    assert_close(found.gradients, naive.weight_gradients(net, "squared_error", x, expected), condition=100)


@pytest.mark.parametrize("seed", GRAPHS)
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


@pytest.mark.parametrize("sources", [[(0,), (2,)], [(0,), ()], [(0,), (0, 1, 3)]])
def test_cycles_and_blocks_without_a_source_are_refused(sources):
    keys = jax.random.split(jax.random.key(0), 2)
    with pytest.raises(ValueError, match="wanted numbers below 2"):
        pcn.Network([pcn.Block(pcn.Dense(2, 2, key)) for key in keys], (2,), sources)
