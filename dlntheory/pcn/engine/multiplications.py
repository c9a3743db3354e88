"""Sequential matrix multiplications: the cost of a weight update where all layers of a network work at once."""

from ...nonlinear.latent import Latent
from ...nonlinear.network import Network
from ..choices.algorithms import Algorithm
from ..choices.hopfield import HopfieldMemory
from ..choices.initial_states import ClassAverage
from ..choices.relaxations import Newton
from ..choices.updates import Backpropagation

RECALL = 3
"""Queries, attention and values of a memory, one after the other."""


def sequential_multiplications(network: Network, algorithm: Algorithm) -> int | None:
    r"""The sequential matrix multiplications (SMMs) that an algorithm takes for one batch.

    Multiplications of different layers that need not wait for each other count as one. So a step of inference counts
    two, all predictions and then all errors carried back: ``2T`` in ``T`` steps. To these adds the start: ``L`` for the
    forward pass of ``L`` layers, ``l − 1`` for the layers before the first that starts at a class average, 3 for
    memories and as many as the forward pass that goes on from them takes, and nothing for zero, random and kept states.
    Backpropagation takes ``2L − 1``, and so does each step in error coordinates. Products of errors and activities, in
    the weights' updates, are not counted, with any algorithm. In a network with skips, ``L`` is the length of the
    longest path.

    Args:
        network: the network.
        algorithm: the algorithm that it learns by.

    Returns:
        The number for one batch; ``None`` for Newton's method, whose steps take as many as they need.

    Raises:
        ValueError: for an algorithm with a forward pass, in a network that has none.

    Source:
        Better Initialization, equations 5, 6 and 10, whose symbols the text at hand has lost: they are reconstructed
        from the sentences around them.

    Example:
        >>> from dlntheory import pcn
        >>> network = pcn.mlp((784, 128, 128, 128, 128, 10))
        >>> [pcn.sequential_multiplications(network, pcn.algorithm(name)) for name in ("PC-SE", "BP-SE")]
        [21, 9]
    """
    if isinstance(algorithm.update, Backpropagation):
        return _both_ways(network)
    if isinstance(algorithm.relaxation, Newton):
        return None
    each = _both_ways(network) if algorithm.relaxation.coordinates == "errors" else 2
    return _of_start(network, algorithm) + algorithm.steps * each


def _both_ways(network: Network) -> int:
    """A forward and a backward pass, whose last product is of the weights."""
    return 2 * longest_path(network) - 1


def longest_path(network: Network, known: int = 0) -> int:
    """The most layers that an input, a latent or one of the first, known states passes through; none with a cycle."""
    lengths = [0] * known
    for k, block in enumerate(network.blocks[known:], start=known):
        lengths.append(max(network.read(0, lengths, k)) + (not isinstance(block, Latent)))
    return lengths[-1]


def _of_start(network: Network, algorithm: Algorithm) -> int:
    initial = algorithm.initial
    if initial.forward:
        return longest_path(network)
    if isinstance(initial, ClassAverage):
        return initial.first - 1
    if isinstance(initial, HopfieldMemory):
        return RECALL + longest_path(network, initial.layers or network.depth)
    return 0
