r"""The linear network that a nonlinear one is near a sample's feedforward pass.

Each activation is replaced by its tangent at the feedforward activity, ``φ(x̂) + φ'(x̂) (x − x̂)``. A layer
``x_l = T_l φ(x_{l-1}) + b_l`` keeps its weight, and the features that the weight multiplies become affine in the
activity. So all of the linear theory holds: ``D_l`` is the Jacobian from layer ``l`` to the output.
"""

from typing import Any

import jax
import jax.numpy as jnp

from ..networks.layer import Layer, Shape
from ..networks.network import LinearNetwork
from ..networks.residual import Wrapper
from ..numerics.algebra import Matrix
from .chains import Activated, NonlinearNetwork, as_nonlinear, as_samples, cast_blocks, forward


class Linearised(Wrapper):
    """A layer of the features ``slope ⊙ x + offset``: ``T (slope ⊙ x + offset) + b``."""

    inner: Layer
    slope: Matrix
    offset: Matrix

    @property
    def shift(self) -> Matrix:
        """What the output is where the input is zero, ``T offset + b``."""
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


def linearised(net: NonlinearNetwork, x: Any) -> LinearNetwork:
    r"""The linear network with the prediction of a nonlinear one for a sample, and its Jacobians there.

    What the linear theory says of the nonlinear network is what it says of this one. Every sample has its own; what is
    computed from it goes over a batch by ``jax.vmap`` or ``jax.lax.map``.

    Args:
        net: a network of `Activated` layers, whose activations are elementwise.
        x: one input, ``shapes[0]``.

    Returns:
        A network with the same weights, whose layers have the features ``φ(x̂) + φ'(x̂) (x − x̂)``. At a kink, the slope
        is the one that JAX takes.

    Raises:
        ValueError: for an input of another shape, such as a batch, NaN or infinity, or a block that is no `Activated`
            layer.
        TypeError: for something that is not a nonlinear network, or not real numbers.

    Source:
        The definition of the derivative.

    Example:
        >>> from dlntheory import target_alignment
        >>> net = NonlinearNetwork.from_linear(LinearNetwork.random([4, 8, 8, 3], key=1), "tanh")
        >>> x, y = jnp.ones(4), jnp.ones(3)
        >>> linear = linearised(net, x)
        >>> bool(jnp.allclose(linear(x), net(x), atol=1e-6))
        True
        >>> round(float(target_alignment(linear, x, y, "pc", "adaptive")), 5)
        1.0
    """
    as_nonlinear("net", net)
    for index, block in enumerate(net.blocks):
        if not isinstance(block, Activated):
            raise ValueError(
                f"`net.blocks[{index}]` is a {type(block).__name__}, whose features are not known; wanted an Activated "
                "layer."
            )
    batch, single = as_samples("x", x, net.shapes[0], net.dtype)
    if not single:
        raise ValueError(f"`x` has shape {batch.shape}; wanted one sample, {net.shapes[0]}: each has its own network.")
    blocks = cast_blocks(net.blocks, batch.dtype)
    pairs = zip(blocks, forward(blocks, batch), strict=False)
    return LinearNetwork([tangent(block, activity[0]) for block, activity in pairs])


def tangent(block: Any, activity: jax.Array) -> Linearised:
    """The layer with the tangent of its activation at an activity."""
    value, slope = jax.jvp(block.activation, (activity,), (jnp.ones_like(activity),))
    return Linearised(inner=block.layer, slope=slope.ravel(), offset=(value - slope * activity).ravel())
