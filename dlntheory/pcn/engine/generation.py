"""The network as a generative model: reconstructions, memories, samples and energies of outputs."""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ...nonlinear.blocks import output
from ...nonlinear.latent import prior_variance
from ...nonlinear.network import Network, as_inputs, check_network
from ...numerics.checks import as_count, as_key
from ...numerics.programs import program
from ..choices.algorithms import Algorithm, check_algorithm
from ..choices.losses import SquaredError
from ..choices.outputs import Clamp, Cue, Free
from ..choices.updates import Backpropagation
from .inference import relax


def reconstruct(
    network: Network, y: Any, algorithm: Algorithm, key: Any = 0, observed: Any = None, memory: Any = None
) -> Float[Array, "batch ..."]:
    """Reconstruct outputs from their latents: inference finds the latents, and the network decodes them.

    Args:
        network: a network with a latent input (`with_latent`).
        y: outputs, ``(batch, *network.output_shape)``.
        algorithm: how states relax.
        key: an integer seed or a JAX random key.
        observed: which outputs are known, as in `relax`.
        memory: what the start of inference remembers of training, as in `relax`.

    Returns:
        The forward pass from the latents, ``(batch, *network.output_shape)``.

    Raises:
        ValueError: for a network whose input is given, backpropagation, a free output, and as `relax`.
        TypeError: as `relax`.

    Source:
        Benchmarking PCNs, section 4.2 and appendix C.1.

    Example:
        >>> from dlntheory import pcn
        >>> network = pcn.with_latent(pcn.mlp((2, 8, 5), key=0))
        >>> pcn.reconstruct(network, [[1.0, 0.0, 0.0, 1.0, 0.0]], pcn.algorithm("PC-SE", steps=50)).shape
        (1, 5)
    """
    check_network(network)
    _check_held(algorithm)
    if not network.free_input:
        raise ValueError("`network` has no latent; wanted one with a free input, `pcn.with_latent(decoder)`.")
    return decode(network, relax(network, None, y, algorithm, key, observed=observed, memory=memory).states[0])


def _check_infers(algorithm: Algorithm) -> None:
    """Refuse an algorithm that does not infer."""
    check_algorithm(algorithm)
    if isinstance(algorithm.update, Backpropagation):
        raise ValueError("`algorithm` is backpropagation, which infers nothing; wanted one such as 'PC-SE'.")


def _check_held(algorithm: Algorithm) -> None:
    """Refuse an output that is free: inference would forget it."""
    _check_infers(algorithm)
    if not algorithm.output.clamped:
        kind = type(algorithm.output).__name__
        raise ValueError(f"`algorithm` has the output {kind}, under which inference forgets `y`; wanted a clamp.")


@program
def decode(network: Network, latent: Array) -> Float[Array, "batch ..."]:
    """The forward pass from the state of the latent, with running moments."""
    return network.outside(network.onward(latent, [latent], training=False)[-1])


def recall(
    network: Network, y: Any, observed: Any, algorithm: Algorithm, x: Any = None, key: Any = 0, memory: Any = None
) -> Float[Array, "batch ..."]:
    """Complete outputs of which a part is known, or refine noisy ones, by inference with the output free.

    Args:
        network: the network.
        y: outputs, ``(batch, *network.output_shape)``.
        observed: which outputs are known, booleans of an output's shape, or one such mask per sample: they stay, and
            the others relax from where the algorithm starts them. ``None``: all are noisy, and relax from ``y``.
        algorithm: how states relax; what it holds the output at does not matter.
        x: inputs, or ``None`` where the input is a latent.
        key: an integer seed or a JAX random key.
        memory: what the start of inference remembers of training, as in `relax`.

    Returns:
        The outputs at the end, ``(batch, *network.output_shape)``.

    Raises:
        ValueError: for backpropagation, and as `relax`.
        TypeError: as `relax`.

    Source:
        Benchmarking PCNs, section 4.2 and appendix C.3.

    Example:
        >>> from dlntheory import pcn
        >>> network = pcn.with_latent(pcn.mlp((1, 3), activation="identity", key=0))
        >>> found = pcn.recall(network, [[1.0, 2.0, 0.0]], [True, True, False], pcn.algorithm("PC-SE", steps=50))
        >>> found[0, :2].tolist()
        [1.0, 2.0]
    """
    _check_infers(algorithm)
    held = dataclasses.replace(algorithm, output=Cue() if observed is None else Clamp())
    run = relax(network, x, y, held, key, observed=observed, memory=memory)
    return network.outside(run.states[-1])


def score(
    network: Network, x: Any, y: Any, algorithm: Algorithm, key: Any = 0, observed: Any = None, memory: Any = None
) -> Float[Array, " batch"]:
    """The energy of every sample when inference has ended, all blocks together: low for outputs that are typical.

    In a linear network at equilibrium it is ``−log p(y | x)`` in nats but for a constant, see `log_likelihood`; under a
    latent without a prior it is the energy alone.

    Args:
        network: the network.
        x: inputs, ``(batch, *network.input_shape)``; ``None`` where the input is a latent.
        y: outputs, ``(batch, *network.output_shape)``.
        algorithm: how states relax.
        key: an integer seed or a JAX random key.
        observed: which outputs are known, as in `relax`.
        memory: what the start of inference remembers of training, as in `relax`.

    Returns:
        ``(batch,)``.

    Raises:
        ValueError: for backpropagation, a free output, and as `relax`.
        TypeError: as `relax`.

    Source:
        Benchmarking PCNs, appendix F.

    Example:
        >>> from dlntheory import pcn
        >>> network = pcn.with_latent(pcn.mlp((1, 2), activation="identity", key=0))
        >>> near, far = pcn.score(network, None, [[0.0, 0.0], [9.0, 9.0]], pcn.algorithm("PC-SE", steps=50))
        >>> bool(near < far)
        True
    """
    _check_held(algorithm)
    run = relax(network, x, y, algorithm, key, observed=observed, memory=memory)
    return run.energy_by_sample[1].sum(axis=1)


def generate(
    network: Network, algorithm: Algorithm, count: int = 1, x: Any = None, key: Any = 0, ancestral: bool = False
) -> Float[Array, "count ..."]:
    """Draw outputs from the network, every state free: by its algorithm's dynamics, or one layer after the other.

    Under `Langevin` dynamics the output is taken after ``algorithm.steps``, a sample up to what is left of the start
    and to the error of the step; other relaxations go to the most probable output. Ancestral draws are exact: every
    state is its prediction and noise of its variance.

    Args:
        network: the network; a latent needs a prior, that is a finite variance.
        algorithm: how states move, and the output's variance; what it holds the output at does not matter.
        count: the number of outputs.
        x: inputs, ``(count, *network.input_shape)``; ``None`` where the input is a latent.
        key: an integer seed or a JAX random key.
        ancestral: whether to draw one layer after the other.

    Returns:
        Outputs, ``(count, *network.output_shape)``.

    Raises:
        ValueError: for a latent without a prior, another number of inputs than ``count``, a loss that is no squared
            error, backpropagation without `ancestral`, or an algorithm that moves no free output.
        TypeError: for data that does not hold real numbers.

    Source:
        Benchmarking PCNs, section 4.2 and appendix C.2.

    Example:
        >>> from dlntheory import pcn
        >>> network = pcn.with_latent(pcn.mlp((2, 8, 5), key=0))
        >>> pcn.generate(network, pcn.algorithm("MCPC", steps=100), count=3).shape
        (3, 5)
    """
    check_network(network)
    (check_algorithm if ancestral else _check_infers)(algorithm)
    x = as_inputs(network, x, as_count("count", count))
    if len(x) != count:
        raise ValueError(f"`x` has {len(x)} inputs but `count` is {count}; wanted as many.")
    if any(prior_variance(block) == math.inf for block in network.blocks):
        raise ValueError("`network` has a latent without a prior, which cannot be drawn; wanted one with a finite "
                         "variance, `pcn.with_latent(network, mean, variance)`.")  # fmt: skip
    if not ancestral:
        given = None if network.free_input else x
        blank = jnp.zeros((count, *network.output_shape), network.dtype)
        return network.outside(
            relax(network, given, blank, dataclasses.replace(algorithm, output=Free()), key).states[-1]
        )
    if not isinstance(algorithm.loss, SquaredError):
        raise ValueError(
            f"`algorithm` has {type(algorithm.loss).__name__}; wanted SquaredError, whose output is drawn."
        )
    return _ancestral(network, x, algorithm.loss, as_key("key", key))


@program
def _ancestral(network: Network, x: Array, loss: SquaredError, key: jax.Array) -> Array:
    """Every state given those that it reads."""
    states: list[Array] = []
    inputs, variances = network.inside(x), [*map(prior_variance, network.blocks[:-1]), loss.variance]
    for k, own in enumerate(jax.random.split(key, network.depth)):
        prediction = output(network.blocks[k], *network.read(inputs, states, k), training=False)[0]
        spread = jnp.sqrt(jnp.asarray(variances[k], prediction.dtype))
        states.append(prediction + spread * jax.random.normal(own, prediction.shape, prediction.dtype))
    return network.outside(states[-1])
