r"""Nonlinear predictive-coding networks: a chain of blocks, each ``x_l = f_l(x_{l-1}) + ε_l``.

A block is a function of one sample with parameters of its own, as a pytree: an Equinox module, or
``jax.tree_util.Partial(function, params)``. The usual one is `Activated`, a linear layer after an elementwise function,
``x_l = T_l φ_l(x_{l-1}) + b_l``, whose weight multiplies the features of ``φ_l(x_{l-1})``: the theory's rescalings
apply to it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..networks.layer import Layer
from ..networks.network import as_network
from ..numerics.checks import as_array, as_list, one_of
from ..numerics.kinds import cast, widest

Block: TypeAlias = Callable[[Any], Any]
"""A function of one sample, as a pytree of its parameters."""

ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "identity": lambda x: x,
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "leaky_relu": jax.nn.leaky_relu,
    "sigmoid": jax.nn.sigmoid,
    "softplus": jax.nn.softplus,
    "silu": jax.nn.silu,
    "gelu": jax.nn.gelu,
}


class Activated(eqx.Module):
    r"""A linear layer after an elementwise function: ``x ↦ T φ(x) + b``.

    Args:
        layer: a linear layer, such as `Dense`. Its weight is learned, and its bias where the layer says so.
        activation: ``φ``, by name (``"identity"``, ``"tanh"``, ``"relu"``, ``"leaky_relu"``, ``"sigmoid"``,
            ``"softplus"``, ``"silu"``, ``"gelu"``) or as a function of arrays that JAX can differentiate.

    Raises:
        ValueError: for an unknown name.
        TypeError: for something that is not a layer, or not a function.

    Source:
        docs/theory.md, statement 4.5, with a nonlinear feature map.

    Example:
        >>> from dlntheory import Dense
        >>> Activated(Dense([[1.0, 1.0]]), "relu")(jnp.asarray([2.0, -3.0])).tolist()
        [2.0]
    """

    layer: Layer
    activation: Callable[[Any], Any] = eqx.field(static=True)

    def __init__(self, layer: Any, activation: Any = "identity"):
        if not isinstance(layer, Layer):
            raise TypeError(f"`layer` is a {type(layer).__name__}; wanted a layer such as Dense.")
        self.layer = layer
        self.activation = as_activation(activation)

    @property
    def kinked(self) -> bool:
        """Whether the slope of ``φ`` jumps at zero."""
        return has_kink(self.activation)

    def __call__(self, x: Array) -> Array:
        """``T φ(x) + b``, of one sample."""
        return self.layer.affine(self.activation(x).reshape(-1, 1)).reshape(self.layer.out_shape)


def as_activation(activation: Any) -> Callable[[Any], Any]:
    """A function of arrays, from its name or itself."""
    if isinstance(activation, str) or activation is None:
        return ACTIVATIONS[one_of("activation", activation, ACTIVATIONS)]
    if not callable(activation):
        raise TypeError(f"`activation` is a {type(activation).__name__}; wanted a name or a function.")
    return activation


def has_kink(activation: Callable[[Any], Any]) -> bool:
    """Whether the slope right of zero differs from that left of it."""
    with jax.ensure_compile_time_eval():
        beside = jnp.asarray(jnp.finfo(jnp.float32).tiny, jnp.float32)
        right, left = (jax.grad(activation)(side) for side in (beside, -beside))
        return abs(float(right) - float(left)) > 1e-3


class NonlinearNetwork(eqx.Module):
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
        >>> from dlntheory import Dense
        >>> net = NonlinearNetwork([Activated(Dense([[1.0], [-1.0]])), Activated(Dense([[1.0, 1.0]]), "relu")])
        >>> net.shapes, net([-3.0]).tolist()
        (((1,), (2,), (1,)), [3.0])
    """

    blocks: tuple[Any, ...]
    shapes: tuple[tuple[int, ...], ...] = eqx.field(static=True)

    def __init__(self, blocks: Any, input_shape: Any = None):
        blocks = as_list("blocks", blocks, "blocks")
        if not blocks:
            raise ValueError("`blocks` is empty; wanted at least one.")
        for index, block in enumerate(blocks):
            if not callable(block):
                raise TypeError(f"`blocks[{index}]` is a {type(block).__name__}; wanted a function of one sample.")
        if not any(map(eqx.is_inexact_array, jax.tree.leaves(blocks))):
            raise ValueError("`blocks` have no parameters; wanted a floating-point array in at least one.")
        self.blocks = _same_dtype(blocks)
        self.shapes = _shapes(self.blocks, input_shape)

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
    def depth(self) -> int:
        """``L``, the number of blocks."""
        return len(self.blocks)

    @property
    def dtype(self) -> Any:
        """The dtype of the parameters."""
        return widest(eqx.filter(self.blocks, eqx.is_inexact_array))

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
        x, single = as_samples("x", x, self.shapes[0], self.dtype)
        predicted = forward(cast_blocks(self.blocks, x.dtype), x)[-1]
        return predicted[0] if single else predicted


def as_nonlinear(name: str, value: Any) -> NonlinearNetwork:
    """Return ``value`` if it is a nonlinear network."""
    if not isinstance(value, NonlinearNetwork):
        raise TypeError(f"`{name}` is a {type(value).__name__}; wanted a NonlinearNetwork.")
    return value


def forward(blocks: tuple[Block, ...], x: Array) -> list[Array]:
    """The feedforward activities ``x̂_0 … x̂_L`` of a batch."""
    activities = [x]
    for block in blocks:
        activities.append(jax.vmap(block)(activities[-1]))
    return activities


def as_samples(name: str, value: Any, shape: tuple[int, ...], dtype: Any) -> tuple[Array, bool]:
    """A batch ``(B, *shape)``, and whether a single sample was given."""
    array = as_array(name, value, dtype)
    single = array.shape == shape
    batch = array[None] if single else array
    if batch.ndim != len(shape) + 1 or batch.shape[1:] != shape:
        raise ValueError(f"`{name}` has shape {array.shape}; wanted {_batched(shape)} or {shape}.")
    if batch.shape[0] == 0:
        raise ValueError(f"`{name}` is empty, shape {array.shape}; wanted at least one sample.")
    return batch, single


def as_pair(net: NonlinearNetwork, x: Any, y: Any) -> tuple[Array, Array, bool]:
    """Inputs and targets as batches of one dtype, and whether they were a single sample."""
    x, single = as_samples("x", x, net.shapes[0], net.dtype)
    y, single_target = as_samples("y", y, net.shapes[-1], net.dtype)
    if single != single_target or len(x) != len(y):
        raise ValueError(f"`x` holds {_count(x, single)} but `y` {_count(y, single_target)}; wanted the same.")
    dtype = widest(eqx.filter(net, eqx.is_inexact_array), x, y)
    return x.astype(dtype), y.astype(dtype), single


def cast_blocks(blocks: tuple[Block, ...], dtype: Any) -> tuple[Block, ...]:
    """Bring the floating-point parameters to one dtype."""
    floating, rest = eqx.partition(blocks, eqx.is_inexact_array)
    return eqx.combine(cast(floating, dtype), rest)


def learned(block: Block) -> Any:
    """Which leaves of a block are learned: of a layer its weight, and its bias if it says so; else every float."""
    if not isinstance(block, Activated):
        return jax.tree.map(eqx.is_inexact_array, block)
    chosen = jax.tree.map(lambda _: False, block)
    chosen = eqx.tree_at(lambda it: it.layer.weight, chosen, replace_fn=partial(jax.tree.map, lambda _: True))
    if block.layer.bias is None or not block.layer.learn_bias:
        return chosen
    return eqx.tree_at(lambda it: it.layer.bias, chosen, replace_fn=partial(jax.tree.map, lambda _: True))


def _same_dtype(blocks: list[Block]) -> tuple[Block, ...]:
    return cast_blocks(tuple(blocks), widest(eqx.filter(tuple(blocks), eqx.is_inexact_array)))


def _shapes(blocks: tuple[Block, ...], input_shape: Any) -> tuple[tuple[int, ...], ...]:
    """The shapes of the activities; refuses blocks that do not chain."""
    if input_shape is None:
        if not isinstance(blocks[0], Activated):
            raise ValueError("`input_shape` is None; wanted the shape of one input, as the first block is no layer.")
        input_shape = blocks[0].layer.in_shape
    shapes = [tuple(int(size) for size in as_list("input_shape", input_shape, "whole numbers"))]
    dtype = widest(eqx.filter(blocks, eqx.is_inexact_array))
    for index, block in enumerate(blocks):
        given = jax.ShapeDtypeStruct(shapes[-1], dtype)
        try:
            result = jax.eval_shape(block, given)
        except (TypeError, ValueError) as error:
            raise ValueError(f"`blocks[{index}]` does not take a sample of shape {shapes[-1]}: {error}") from error
        if not isinstance(result, jax.ShapeDtypeStruct) or result.dtype != dtype:
            raise ValueError(f"`blocks[{index}]` returns {result}; wanted one array of {dtype}.")
        shapes.append(result.shape)
    return tuple(shapes)


def _batched(shape: tuple[int, ...]) -> str:
    return f"(batch, {', '.join(map(str, shape))})"


def _count(batch: Array, single: bool) -> str:
    return "a single sample" if single else f"{len(batch)} samples"
