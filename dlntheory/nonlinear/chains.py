r"""Nonlinear predictive-coding networks for the theory: chains of blocks, each ``x_l = f_l(x_{l-1}) + ε_l``.

The theory takes any `Network` whose blocks each read the state before. `NonlinearNetwork` is one whose blocks are
functions of one sample, usually `Activated` layers, ``x_l = T_l φ_l(x_{l-1}) + b_l``: their weight multiplies the
features ``φ_l(x_{l-1})``, and the theory's rescalings apply to it.
"""

from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float

from ..networks import layer as linear
from ..networks.network import as_network
from ..numerics.checks import as_list
from ..numerics.kinds import widest
from .activations import Activated, as_activation
from .blocks import Block, output
from .latent import prior_variance
from .layers import Dense
from .network import Network, as_samples


class NonlinearNetwork(Network):
    r"""A chain of blocks ``x_l = f_l(x_{l-1})``, ``l = 1 … L``; each carries an error on its output.

    Args:
        blocks: functions of one sample, as pytrees of their parameters: `Activated` layers, Equinox modules, or
            ``jax.tree_util.Partial(function, params)``.
        input_shape: the shape of one input; needed unless the first block is an `Activated` layer.

    Raises:
        ValueError: for no blocks, or blocks that do not chain.
        TypeError: for a block that cannot be called.

    Source:
        Sample Efficiency, equation 1 with nonlinear layers.

    Example:
        >>> from dlntheory import Activated, Dense
        >>> net = NonlinearNetwork([Activated(Dense([[1.0], [-1.0]])), Activated(Dense([[1.0, 1.0]]), "relu")])
        >>> net.shapes, net([-3.0]).tolist()
        (((1,), (2,), (1,)), [3.0])
    """

    def __init__(self, blocks: Any, input_shape: Any = None):
        blocks = tuple(as_list("blocks", blocks, "blocks"))
        parameters = floats(blocks)
        if input_shape is None and blocks and callable(blocks[0]):
            if not isinstance(blocks[0], Activated):
                raise ValueError(
                    "`input_shape` is None; wanted the shape of one input, as the first block is no layer."
                )
            input_shape = blocks[0].layer.in_shape
        shape = as_list("input_shape", () if input_shape is None else input_shape, "whole numbers")
        super().__init__(cast_blocks(blocks, widest(parameters)) if parameters else blocks, shape)

    @classmethod
    def from_linear(cls, net: Any, activation: Any = "tanh") -> "NonlinearNetwork":
        """The layers of a linear network with an activation before each but the first.

        Args:
            net: a `LinearNetwork`, such as `LinearNetwork.random` or `load_weights` return.
            activation: as of `Activated`.

        Returns:
            The network ``x_l = T_l φ(x_{l-1}) + b_l``, with ``φ`` the identity for ``l = 1``.

        Raises:
            ValueError: for an unknown activation.
            TypeError: for something that is not a linear network.

        Example:
            >>> from dlntheory import LinearNetwork
            >>> NonlinearNetwork.from_linear(LinearNetwork.random([4, 8, 8, 2]), "tanh").depth
            3
        """
        layers = as_network("net", net).layers
        function = as_activation(activation)
        first = Activated(layers[0])
        return cls([first, *(Activated(layer, function) for layer in layers[1:])])

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shapes of the activities, from the input on."""
        return (self.input_shape, *self.state_shapes)

    def __call__(self, x: Any) -> Float[Array, "..."]:
        """The feedforward prediction.

        Args:
            x: inputs, ``(B, *shapes[0])`` or ``shapes[0]``.

        Returns:
            Predictions, ``(B, *shapes[-1])`` or ``shapes[-1]``.

        Raises:
            ValueError: for inputs of another shape, an empty batch, NaN or infinity.
            TypeError: for inputs that are not real numbers.
        """
        x = as_samples("x", x, self.input_shape, self.dtype, single=True)
        single = x.ndim == len(self.input_shape)
        predicted = forward(cast_blocks(self.blocks, x.dtype), x[None] if single else x)[-1]
        return predicted[0] if single else predicted


def as_chain(name: str, value: Any) -> Network:
    """Return ``value`` if it is a network in which each block reads the state before it, and nothing else."""
    if not isinstance(value, Network):
        raise TypeError(f"`{name}` is a {type(value).__name__}; wanted a NonlinearNetwork or a pcn.Network.")
    for index, read in enumerate(value.sources):
        if read != (index,):
            raise ValueError(
                f"`{name}` has a block {index + 1} that reads the states {read}; wanted a chain, where each "
                "block reads the state before it."
            )
    for index, block in enumerate(value.blocks):
        if (variance := prior_variance(block)) != 1:
            raise ValueError(
                f"`{name}` has a block {index + 1} that draws a latent of variance {variance:g}; wanted unit variance."
            )
    return value


def forward(blocks: tuple[Any, ...], x: Array) -> list[Array]:
    """The feedforward activities ``x̂_0 … x̂_L`` of a batch."""
    activities = [x]
    for block in blocks:
        activities.append(prediction(block, activities[-1]))
    return activities


def prediction(block: Any, x: Array) -> Array:
    """A block's output for a batch, with running moments where it normalises."""
    return output(block, x, training=False)[0]


def as_problem(net: Network, x: Any, y: Any) -> tuple[Array, Array, bool]:
    """Inputs and targets as batches of one dtype, as the blocks have them, and whether they were a single sample."""
    x = as_samples("x", x, net.input_shape, net.dtype, single=True)
    y = as_samples("y", y, net.output_shape, net.dtype, single=True)
    single, single_target = x.ndim == len(net.input_shape), y.ndim == len(net.output_shape)
    if single != single_target or (not single and len(x) != len(y)):
        raise ValueError(f"`x` holds {_count(x, single)} but `y` {_count(y, single_target)}; wanted the same.")
    dtype = widest(floats(net), x, y)
    x, y = (net.inside((each[None] if single else each).astype(dtype)) for each in (x, y))
    return x, y, single


def cast_blocks(blocks: tuple[Any, ...], dtype: Any) -> tuple[Any, ...]:
    """Bring the floating-point parameters to one dtype."""
    floating, rest = eqx.partition(blocks, eqx.is_inexact_array)
    return eqx.combine(jax.tree.map(lambda leaf: leaf.astype(dtype), floating), rest)


def floats(tree: Any) -> list[Any]:
    """The floating-point arrays of a network or a block."""
    return jax.tree.leaves(eqx.filter(tree, eqx.is_inexact_array))


def linear_layer(block: Any) -> Any:
    """The layer of the linear theory that learns in a block, ``None`` if it is neither `Activated` nor dense."""
    if isinstance(block, Activated):
        return block.layer
    if not isinstance(block, Block) or not isinstance(block.layer, Dense) or block.norm or block.shortcut:
        return None
    return linear.Dense(block.layer.weight, block.layer.bias, learn_bias=block.layer.bias is not None)


def _count(batch: Array, single: bool) -> str:
    return "a single sample" if single else f"{len(batch)} samples"
