r"""The energy of a nonlinear network's hidden activities between two clamps, and its slopes at kinks.

The energy of a sample is ``E = ½ Σ_l ‖ε_l‖²`` with ``ε_l = x_l − f_l(x_{l-1})``, both ends clamped, and its gradient
``g_l = ε_l − J_{l+1}ᵀ ε_{l+1}``.

**Kinks.** Where the next block's activation has a kink at zero, as a rectifier has, minima lie on kinks, and no
gradient is small there. So a unit that arrives at zero stops. It is *pinned* while the energy rises to both of its
sides, and then acts as a clamped one; else it leaves to the side where the energy falls. At a minimum the smallest
subgradient vanishes.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

Hidden: TypeAlias = list[Any]
"""One array ``(B, …)`` for each hidden layer."""


class Clamped(NamedTuple):
    """The problem: the blocks ``f_2 … f_L`` of a batch, ``f_1(x)``, the target, and which hidden layers have kinks.

    ``tied`` are the places of the hidden layers that are inputs of an activation, in units of ``1/√ρ``; ``multipliers``
    are theirs, in units of ``√ρ``.
    """

    blocks: tuple[Callable[[Any], Any], ...]
    first: jax.Array
    target: jax.Array
    kinks: tuple[bool, ...]
    tied: tuple[int, ...] = ()
    multipliers: Sequence[Any] = ()

    def errors(self, hidden: Hidden) -> Hidden:
        """``ε_1 … ε_L``, with their multipliers where they are tied."""
        predicted = [self.first, *(block(each) for block, each in zip(self.blocks, hidden, strict=True))]
        errors = [own - each for own, each in zip([*hidden, self.target], predicted, strict=True)]
        for place, multiplier in zip(self.tied, self.multipliers, strict=True):
            errors[place] = errors[place] + multiplier
        return errors

    def energy(self, hidden: Hidden) -> jax.Array:
        """``½ Σ_l ‖ε_l‖²``, ``(B,)``."""
        errors = self.errors(hidden)
        return dot(errors, errors) / 2

    def gradient(self, hidden: Hidden) -> Hidden:
        """``ε_l − J_{l+1}ᵀ ε_{l+1}``."""
        errors = self.errors(hidden)
        pulls = [jax.vjp(block, each)[1] for block, each in zip(self.blocks, hidden, strict=True)]
        return [own - pull(above)[0] for own, pull, above in zip(errors, pulls, errors[1:], strict=False)]

    def at_kinks(self, change: Callable[..., Any], *hidden: Hidden) -> Hidden:
        """``change`` of each hidden layer that has kinks, from its arrays; the others' first arrays as they are."""
        return [change(*each) if kink else each[0] for kink, *each in zip(self.kinks, *hidden, strict=True)]


class Slope(NamedTuple):
    """The smallest subgradient; which units are free to move (1) or pinned (0); the side that each is taken on."""

    gradient: Hidden
    free: Hidden
    sides: Hidden


def steepest(clamped: Clamped, hidden: Hidden) -> Slope:
    """The smallest subgradient: at a kink, the derivative to the side where the energy falls more, or zero."""
    ones = [jnp.ones_like(each) for each in hidden]
    if not any(clamped.kinks):
        return Slope(clamped.gradient(hidden), ones, ones)
    right = clamped.gradient(beside(clamped, hidden, ones))
    left = clamped.gradient(beside(clamped, hidden, [-each for each in ones]))
    gradient, free, sides = [], [], []
    for kink, z, up, down in zip(clamped.kinks, hidden, right, left, strict=True):
        at_kink = (z == 0) & kink
        rises, falls = jnp.maximum(-up, 0), jnp.maximum(down, 0)
        chosen = jnp.where(rises > falls, -rises, falls)
        gradient.append(jnp.where(at_kink, chosen, up))
        free.append(jnp.where(at_kink & (chosen == 0), 0, jnp.ones_like(z)))
        sides.append(jnp.sign(jnp.where(at_kink, -chosen, z)))
    return Slope(gradient, free, sides)


def beside(clamped: Clamped, hidden: Hidden, sides: Hidden) -> Hidden:
    """The activities, those at a kink moved to one side by a tiny amount, so that derivatives are that side's."""
    tiny = 1e3 * float(jnp.finfo(clamped.target.dtype).tiny)
    return clamped.at_kinks(lambda z, side: jnp.where(z == 0, side * tiny, z), hidden, sides)


def dot(one: Hidden, other: Hidden) -> jax.Array:
    """The inner product of each sample over all layers, ``(B,)``."""
    products = (jnp.sum(a * b, axis=tuple(range(1, a.ndim))) for a, b in zip(one, other, strict=True))
    return sum(products, jnp.zeros(len(one[0]), one[0].dtype))


def norm(state: Hidden) -> jax.Array:
    """The norm of each sample over all layers, ``(B,)``."""
    return jnp.sqrt(dot(state, state))


def _rows(values: jax.Array, like: jax.Array) -> jax.Array:
    """Values of the samples, to be broadcast over their activities."""
    return values.reshape(-1, *(1,) * (like.ndim - 1))


def along(state: Hidden, length: jax.Array, step: Hidden) -> Hidden:
    """The state that a step of each sample's length leads to."""
    return [each + _rows(length, each) * move for each, move in zip(state, step, strict=True)]


def choose(chosen: jax.Array, one: Hidden, other: Hidden) -> Hidden:
    """One state for the samples that are chosen, another for the others."""
    return [jnp.where(_rows(chosen, a), a, b) for a, b in zip(one, other, strict=True)]
