r"""The linear network that a nonlinear one is near a sample's feedforward pass.

Each activation is replaced by its tangent at the feedforward activity, ``φ(x̂) + φ'(x̂) (x − x̂)``. A layer
``x_l = T_l φ(x_{l-1}) + b_l`` keeps its weight, and the features that the weight multiplies become affine in the
activity. So all of the linear theory holds: ``D_l`` is the Jacobian from layer ``l`` to the output.
"""

from typing import Any

import jax
import jax.numpy as jnp

from ..networks.layer import Shape
from ..networks.network import LinearNetwork
from ..networks.residual import Wrapper
from ..numerics.algebra import Matrix
from .blocks import Block
from .chains import as_chain, cast_blocks, forward, linear_layer
from .network import Network, as_samples


class Linearised(Wrapper):
    """A layer of the features ``slope ⊙ x + offset``: ``T (slope ⊙ x + offset) + b``."""

    slope: Matrix
    offset: Matrix

    @property
    def homogeneous(self) -> bool:
        """No: the features have an offset."""
        return False

    @property
    def shift(self) -> Matrix:
        """The output where the input is zero, ``T offset + b``."""
        return self.inner.affine(self.offset[:, None])[:, 0]

    def bind(self, shape: Shape) -> "Linearised":
        """The layer for inputs of that shape."""
        return Linearised(inner=self.inner.bind(shape), slope=self.slope, offset=self.offset)

    def seen(self, x: Matrix) -> Matrix:
        """``slope ⊙ x + offset``."""
        return self.slope[:, None] * x + self.offset[:, None]

    def apply(self, x: Matrix) -> Matrix:
        """``T (slope ⊙ x)``."""
        return self.inner.apply(self.slope[:, None] * x)

    def transpose(self, v: Matrix) -> Matrix:
        """``slope ⊙ T' v``."""
        return self.slope[:, None] * self.inner.transpose(v)


class Sloped(Wrapper):
    """A layer with a slope and an offset behind it: ``slope ⊙ (T x + b) + offset``.

    The weight's effect on the output is not the features' alone, so rescalings are refused.
    """

    slope: Matrix
    offset: Matrix

    @property
    def shift(self) -> Matrix:
        """The output where the input is zero, ``slope ⊙ b + offset``."""
        bias = self.inner.shift
        return self.offset if bias is None else self.slope * bias + self.offset

    @property
    def has_features(self) -> bool:
        """No: the weight's output is scaled."""
        return False

    def bind(self, shape: Shape) -> "Sloped":
        """The layer for inputs of that shape."""
        return Sloped(inner=self.inner.bind(shape), slope=self.slope, offset=self.offset)

    def apply(self, x: Matrix) -> Matrix:
        """``slope ⊙ T x``."""
        return self.slope[:, None] * self.inner.apply(x)

    def transpose(self, v: Matrix) -> Matrix:
        """``T' (slope ⊙ v)``."""
        return self.inner.transpose(self.slope[:, None] * v)

    def weight_features(self, x: Matrix) -> Matrix:
        """There are none: the weight's output is scaled."""
        raise ValueError("a layer behind which activations have slopes has no features; wanted Activated layers.")

    def felt(self, effect: Matrix) -> Matrix:
        """``slope ⊙`` the effect."""
        return self.slope[:, None] * effect


def linearised(net: Network, x: Any) -> LinearNetwork:
    r"""The linear network with the prediction of a nonlinear one for a sample, and its Jacobians there.

    The linear theory of the nonlinear network is the theory of this one. Every sample has its own; for a batch, use
    ``jax.vmap`` or ``jax.lax.map``.

    Args:
        net: a network of `Activated` layers, or of dense `pcn.Block` objects; activations are elementwise.
        x: one input, ``shapes[0]``.

    Returns:
        A network with the same weights, whose layers have the features ``φ(x̂) + φ'(x̂) (x − x̂)``; of a `pcn.Block`,
        the outputs ``f(ẑ) + f'(ẑ) (z − ẑ)``, which the theorems on rescalings do not cover. At a kink, the slope is the
        one that JAX takes.

    Raises:
        ValueError: for an input of another shape, such as a batch, NaN or infinity, or another block.
        TypeError: for something that is not a nonlinear network, or not real numbers.

    Source:
        The definition of the derivative.

    Example:
        >>> from dlntheory import NonlinearNetwork, target_alignment
        >>> net = NonlinearNetwork.from_linear(LinearNetwork.random([4, 8, 8, 3], key=1), "tanh")
        >>> x, y = jnp.ones(4), jnp.ones(3)
        >>> linear = linearised(net, x)
        >>> bool(jnp.allclose(linear(x), net(x), atol=1e-6))
        True
        >>> round(float(target_alignment(linear, x, y, "pc", "adaptive")), 5)
        1.0
    """
    as_chain("net", net)
    for index, block in enumerate(net.blocks):
        if linear_layer(block) is None:
            raise ValueError(
                f"`net.blocks[{index}]` is a {type(block).__name__}, whose features are not known; wanted an Activated "
                "layer or a dense block."
            )
    x = as_samples("x", x, net.input_shape, net.dtype, single=True)
    if x.ndim != len(net.input_shape):
        raise ValueError(f"`x` has shape {x.shape}; wanted one sample, {net.input_shape}: each has its own network.")
    blocks = cast_blocks(net.blocks, x.dtype)
    pairs = zip(blocks, forward(blocks, net.inside(x[None])), strict=False)
    return LinearNetwork([tangent(block, activity) for block, activity in pairs])


def tangent(block: Any, activity: jax.Array) -> Wrapper:
    """The layer with the tangent of its activation at the activity ``(1, …)`` that the block reads."""
    if isinstance(block, Block):
        kind: Any = Sloped
        activation, activity = block.after, block.before(activity, training=False)[0]
    else:
        kind, activation = Linearised, block.activation
    value, slope = jax.jvp(activation, (activity,), (jnp.ones_like(activity),))
    return kind(inner=linear_layer(block), slope=slope.ravel(), offset=(value - slope * activity).ravel())
