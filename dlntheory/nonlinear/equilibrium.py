"""The equilibrium of predictive-coding inference in a nonlinear network, found by Newton's method."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..equilibria.problem import stationary
from ..numerics.checks import as_count, as_real, one_of
from ..numerics.kinds import is_concrete
from .chains import Activated, NonlinearNetwork, as_nonlinear, as_pair, cast_blocks, forward
from .newton import (
    Clamped,
    Progress,
    Settings,
    Slope,
    State,
    conjugate_gradients,
    curvature,
    dot,
    minimise,
    norm,
    steepest,
)

OUTCOMES = ("converged", "step limit", "stalled", "not finite")
METHODS = ("newton", "linearised")


class NonlinearEquilibrium(eqx.Module):
    r"""Where inference in a nonlinear network ended, for every sample of a batch.

    Without a batch dimension in the data there is none here.

    Attributes:
        activities: ``x*_0 … x*_L``, each ``(B, *shapes[l])``.
        errors: ``ε*_1 … ε*_L``, ``ε*_l = x*_l − f_l(x*_{l-1})``; of ``"linearised"``, those of the linearised network.
        residual: ``r = y − ŷ``, like the targets.
        energy: ``½ Σ_l ‖ε*_l‖²``, ``(B,)``.
        residual_norm: the norm of the smallest subgradient of the energy in the hidden activities, relative to that of
            the feedforward pass (absolute where that is zero), ``(B,)``.
        pinned: the share of hidden units that rest on a kink, ``(B,)``.
        steps: Newton steps taken, as an array.
        passes: passes through the network, forward or backward, as an array: a step of gradient descent takes two.
        status: index of each sample's outcome among converged, step limit, stalled, not finite.
    """

    activities: tuple[Float[Array, "..."], ...]
    errors: tuple[Float[Array, "..."], ...]
    residual: Float[Array, "..."]
    energy: Float[Array, "*B"]
    residual_norm: Float[Array, "*B"]
    pinned: Float[Array, "*B"]
    steps: Int[Array, ""]
    passes: Int[Array, ""]
    status: Int[Array, "*B"]

    @property
    def outcome(self) -> str:
        """``"converged"``, ``"step limit"``, ``"stalled"`` or ``"not finite"``: the last of them that a sample has."""
        if not is_concrete(self.status):
            raise TypeError("`outcome` is known after tracing only; return `status`.")
        return OUTCOMES[int(np.max(np.asarray(self.status)))]


def nonlinear_equilibrium(
    net: NonlinearNetwork, x: Any, y: Any, tolerance: Any = None, steps: int = 100, method: str = "newton"
) -> NonlinearEquilibrium:
    r"""A minimum of the energy of a nonlinear network, with the input clamped to ``x`` and the output to ``y``.

    Newton's method with conjugate gradients starts at the feedforward pass; a step that does not lower the energy is
    replaced by one down the gradient. The energy is not convex, so there may be other minima. Where `Activated` layers
    have a kink at zero, units may come to rest on it. Kinks inside of other blocks are not known, and may stall it.

    Args:
        net: the network.
        x: inputs, ``(B, *shapes[0])`` or ``shapes[0]``.
        y: targets, ``(B, *shapes[-1])`` or ``shapes[-1]``.
        tolerance: the ``residual_norm`` at which a sample has converged; the root of the machine epsilon if ``None``.
        steps: the most Newton steps.
        method: ``"newton"``, or ``"linearised"``: the equilibrium of the network linearised at the feedforward pass of
            each sample, where the theory of linear networks holds: ``ε*_l = D_lᵀ S⁻¹ r``. It takes one step.

    Returns:
        The equilibrium; ``outcome`` says whether every sample has converged.

    Raises:
        ValueError: for shapes that do not match the network, NaN or infinity, or an unknown method.
        TypeError: for something that does not hold real numbers.

    Source:
        Sample Efficiency, equations 1 and 3, with nonlinear layers.

    Example:
        >>> from dlntheory import LinearNetwork
        >>> net = NonlinearNetwork.from_linear(LinearNetwork.from_weights([[[1.0]], [[1.0]]]), "relu")
        >>> result = nonlinear_equilibrium(net, [1.0], [3.0])
        >>> [activity.round(6).tolist() for activity in result.activities], result.outcome
        ([[1.0], [2.0], [3.0]], 'converged')
    """
    as_nonlinear("net", net)
    one_of("method", method, METHODS)
    x, y, single = as_pair(net, x, y)
    if tolerance is None:
        tolerance = stationary(x.dtype)
    tolerance = as_real("tolerance", tolerance, x.dtype, positive=True)
    most = jnp.asarray(as_count("steps", steps, minimum=0), int)
    result = settle(cast_blocks(net.blocks, x.dtype), x, y, tolerance, most, method)
    return _without_batch(result) if single else result


@eqx.filter_jit
def settle(
    blocks: tuple[Any, ...], x: Array, y: Array, tolerance: Array, steps: Array, method: str
) -> NonlinearEquilibrium:
    """The equilibrium of a checked batch."""
    predicted = forward(blocks, x)
    residual = y - predicted[-1]
    if len(blocks) == 1:
        return _at_rest(x, y, residual)
    clamped = clamp(blocks, predicted[1], y)
    slope = steepest(clamped, predicted[1:-1])
    size = norm(slope.gradient)
    settings = Settings(tolerance, jnp.where(size > 0, size, jnp.ones_like(size)), steps)
    if method == "linearised":
        end, errors = linear_step(clamped, predicted[1:-1], slope, settings)
    else:
        end = minimise(clamped, predicted[1:-1], settings)
        errors = clamped.errors(end.hidden)
    energy = dot(errors, errors) / 2
    units = sum(each[0].size for each in end.hidden)
    bound = [1 - each for each in end.slope.free]
    converged, step_limit, stalled, not_finite = range(len(OUTCOMES))
    status = jnp.where(end.failed < 2, step_limit, stalled)
    status = jnp.where(end.residual <= tolerance, converged, status)
    status = jnp.where(jnp.isfinite(energy) & jnp.isfinite(end.residual), status, not_finite)
    return NonlinearEquilibrium(
        activities=(x, *end.hidden, y),
        errors=tuple(errors),
        residual=residual,
        energy=energy,
        residual_norm=end.residual,
        pinned=dot(bound, bound) / units,
        steps=end.steps,
        passes=end.passes,
        status=status,
    )


def clamp(blocks: tuple[Any, ...], first: Array, target: Array) -> Clamped:
    """What relaxes between ``f_1(x)`` and the target."""
    kinks = tuple(isinstance(block, Activated) and block.kinked for block in blocks[1:])
    return Clamped(tuple(jax.vmap(block) for block in blocks[1:]), first, target, kinks)


def linear_step(clamped: Clamped, start: State, slope: Slope, settings: Settings) -> tuple[Progress, State]:
    """The equilibrium of the network linearised at the feedforward pass, and its errors."""
    ones = [jnp.ones_like(each) for each in start]
    product, right = curvature(clamped, start, Slope(slope.gradient, ones, ones), bend=False)
    wanted, everyone = settings.tolerance * jnp.ones_like(settings.reference), jnp.ones(len(start[0]), bool)
    step, turns = conjugate_gradients(product, right, wanted, everyone)
    errors, moved = jax.jvp(clamped.errors, (start,), (step,))
    hidden = [each + move for each, move in zip(start, step, strict=True)]
    after = steepest(clamped, hidden)
    residual = norm(after.gradient) / settings.reference
    end = Progress(hidden, after, residual, jnp.zeros(len(residual), int), jnp.ones((), int), 2 * turns + 5)
    return end, [error + move for error, move in zip(errors, moved, strict=True)]


def _at_rest(x: Array, y: Array, residual: Array) -> NonlinearEquilibrium:
    """One block has no hidden activity: nothing moves."""
    energy = dot([residual], [residual]) / 2
    zero, none = jnp.zeros_like(energy), jnp.zeros((), int)
    status = jnp.where(jnp.isfinite(energy), 0, OUTCOMES.index("not finite"))
    return NonlinearEquilibrium((x, y), (residual,), residual, energy, zero, zero, none, none + 1, status)


def _without_batch(result: NonlinearEquilibrium) -> NonlinearEquilibrium:
    """The only sample."""
    counts = lambda it: (it.steps, it.passes)  # noqa: E731
    whole = jax.tree.map(lambda each: each[0] if each.ndim else each, result)
    return eqx.tree_at(counts, whole, counts(result))
