r"""The system of a Newton step in error coordinates, and its solution by conjugate gradients.

With ``u_l = J_l u_{l-1} + e_l`` for the step of the activities, the Gauss–Newton matrix of the errors ``e`` is the
identity plus one whose rank is the number of outputs. The full Hessian adds ``−ε_l · ∂²f_l``; it may be indefinite, and
where negative curvature shows the iteration ends. Nothing is formed but products with the Jacobians ``J_l`` and their
transposes.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from .clamped import Clamped, Hidden, Slope, along, beside, dot

ITERATIONS = 500
"""The most iterations of conjugate gradients in one step."""

Product: TypeAlias = Callable[[Hidden], tuple[Hidden, Hidden]]
"""A function from a move in error coordinates to its product with the Hessian, and to the move of the activities."""


def curvature(clamped: Clamped, hidden: Hidden, slope: Slope, bend: bool = True) -> tuple[Product, Hidden]:
    """The Hessian in error coordinates, without ``bend`` the Gauss–Newton matrix, and minus the gradient there."""
    free = slope.free
    hidden = beside(clamped, hidden, slope.sides)
    pushes = [jax.linearize(block, z)[1] for block, z in zip(clamped.blocks, hidden, strict=True)]
    pulls = [jax.vjp(block, z)[1] for block, z in zip(clamped.blocks, hidden, strict=True)]
    bends: Any = [jnp.zeros_like] * len(free)
    if bend:
        bends = list(map(_bend, clamped.blocks, hidden, clamped.errors(hidden)[1:]))

    def curved(moves: Hidden) -> tuple[Hidden, Hidden]:
        incoming, moved = [jnp.zeros_like(moves[0])], []
        for push, move, mask in zip(pushes, moves, free, strict=True):
            moved.append(mask * (move + incoming[-1]))
            incoming.append(push(moved[-1]))
        product, above = [], incoming[-1]
        for index in reversed(range(len(moves))):
            back = pulls[index](above)[0] - bends[index](moved[index])
            product.append(free[index] * (moves[index] + back))
            above = free[index] * back + (1 - free[index]) * incoming[index]
        return product[::-1], moved

    downhill = [-free[-1] * slope.gradient[-1]]
    for index in reversed(range(len(free) - 1)):
        downhill.append(free[index] * (pulls[index](downhill[-1])[0] - slope.gradient[index]))
    return curved, downhill[::-1]


def _bend(block: Any, z: jax.Array, error: jax.Array) -> Callable[[jax.Array], jax.Array]:
    """The change of ``J_{l+1}ᵀ ε_{l+1}`` with the activity ``z`` below a block while the error stays."""
    return jax.linearize(lambda z: jax.vjp(block, z)[1](error)[0], z)[1]


class Truncated(NamedTuple):
    """The state of conjugate gradients: the activities' step, the residual, the direction, and which samples go on."""

    step: Hidden
    left: Hidden
    direction: Hidden
    size: jax.Array
    active: jax.Array
    turns: jax.Array


def conjugate_gradients(
    curved: Product, right: Hidden, wanted: jax.Array, active: jax.Array
) -> tuple[Hidden, jax.Array]:
    """Solve for the activities' step until ``wanted`` of the right-hand side is left, or the curvature is negative."""
    whole = dot(right, right)

    def advance(now: Truncated) -> Truncated:
        product, moved = curved(now.direction)
        bent = dot(now.direction, product)
        positive = bent > 0
        on = now.active & positive
        length = jnp.where(on, now.size / jnp.where(positive, bent, 1), 0)
        first = now.active & ~positive & (now.turns == 0)
        step = along(now.step, jnp.where(first, 1, length), moved)
        left = along(now.left, -length, product)
        size = dot(left, left)
        turn = jnp.where(on, size / now.size, 0)
        direction = along(left, turn, now.direction)
        return Truncated(step, left, direction, size, on & (size > wanted**2 * whole), now.turns + 1)

    zero = [jnp.zeros_like(each) for each in right]
    begin = Truncated(zero, right, right, whole, active & (whole > 0), jnp.zeros((), int))
    end = jax.lax.while_loop(lambda now: jnp.any(now.active) & (now.turns < ITERATIONS), advance, begin)
    return end.step, end.turns
