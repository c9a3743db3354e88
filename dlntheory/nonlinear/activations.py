r"""Elementwise functions, and `Activated`: a linear layer behind one, ``x ↦ T φ(x) + b``."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from ..networks.layer import Layer
from ..numerics.checks import one_of
from ..numerics.kinds import to_jax

Activation = Callable[[Any], Any]


def identity(x: Array) -> Array:
    """Return the argument."""
    return x


ACTIVATIONS: dict[str, Activation] = {
    "identity": identity,
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "leaky_relu": jax.nn.leaky_relu,
    "sigmoid": jax.nn.sigmoid,
    "softplus": jax.nn.softplus,
    "silu": jax.nn.silu,
    "gelu": jax.nn.gelu,
    "hard_tanh": jax.nn.hard_tanh,
}


class Activated(eqx.Module):
    r"""A linear layer after an elementwise function: ``x ↦ T φ(x) + b``.

    Args:
        layer: a linear layer, such as `Dense`. Its weight is learned, and its bias where the layer says so.
        activation: ``φ``, by name (``"identity"``, ``"tanh"``, ``"relu"``, ``"leaky_relu"``, ``"sigmoid"``,
            ``"softplus"``, ``"silu"``, ``"gelu"``, ``"hard_tanh"``) or as a function of arrays that JAX can
            differentiate.

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
    activation: Activation = eqx.field(static=True)

    def __init__(self, layer: Any, activation: Any = "identity"):
        if not isinstance(layer, Layer):
            raise TypeError(f"`layer` is a {type(layer).__name__}; wanted a layer such as Dense.")
        self.layer = to_jax(layer, "layer")
        self.activation = as_activation(activation)

    def __reduce__(self) -> Any:
        """Pickle JAX's functions by their names in this library: Python cannot find them by their own."""
        names = {function: name for name, function in ACTIVATIONS.items()}
        return type(self), (self.layer, names.get(self.activation, self.activation))

    @property
    def kinked(self) -> bool:
        """Whether the slope of ``φ`` jumps at zero."""
        return has_kink(self.activation)

    @property
    def learned(self) -> Any:
        """The leaves that are learned: the layer's weight, and its bias if the layer says so."""
        places = [lambda it: it.layer.weight]
        if self.layer.bias is not None and self.layer.learn_bias:
            places.append(lambda it: it.layer.bias)
        chosen = jax.tree.map(lambda _: False, self)
        for place in places:
            chosen = eqx.tree_at(place, chosen, replace_fn=partial(jax.tree.map, lambda _: True))
        return chosen

    def __call__(self, x: Array) -> Array:
        """``T φ(x) + b``, of one sample."""
        return self.layer.affine(self.activation(x).reshape(-1, 1)).reshape(self.layer.out_shape)


def as_activation(activation: Any) -> Activation:
    """A function of arrays, from its name or itself."""
    if isinstance(activation, str) or activation is None:
        return ACTIVATIONS[one_of("activation", activation, ACTIVATIONS)]
    if not callable(activation):
        raise TypeError(f"`activation` is a {type(activation).__name__}; wanted a name or a function.")
    return activation


@lru_cache  # of a bounded number: it keeps the functions
def has_kink(activation: Activation) -> bool:
    """Whether the slopes on both sides of zero differ."""
    with jax.ensure_compile_time_eval():
        beside = jnp.asarray(jnp.finfo(jnp.float32).tiny, jnp.float32)
        right, left = (jax.grad(activation)(side) for side in (beside, -beside))
        return abs(float(right) - float(left)) > 1e-3
