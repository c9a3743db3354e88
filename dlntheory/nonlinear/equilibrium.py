"""The equilibrium of predictive-coding inference in a nonlinear network, found by Newton's method."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..equilibria.problem import stationary
from ..numerics.checks import as_count, as_real, one_of
from ..numerics.kinds import told
from ..numerics.programs import program
from .activations import Activated
from .blocks import Block
from .chains import as_chain, as_problem, cast_blocks, forward, prediction
from .clamped import Clamped, Hidden, Slope, dot, norm, steepest
from .curvature import conjugate_gradients, curvature
from .network import Network
from .newton import STIFFNESS, Minimisation, Stopping, minimise, start_of

NEWTON_OUTCOMES = ("converged", "step limit", "stalled", "not finite")
Method = Literal["newton", "linearised"]
METHODS: tuple[str, ...] = get_args(Method)


class NonlinearEquilibrium(eqx.Module):
    r"""The equilibrium of inference in a nonlinear network, or where it ended, for every sample of a batch.

    Without a batch dimension in the data there is none here.

    Attributes:
        activities: ``x*_0 … x*_L``, each ``(B, *shapes[l])``.
        errors: ``ε*_1 … ε*_L``, ``ε*_l = x*_l − f_l(x*_{l-1})``; of ``"linearised"``, the linearised network's.
        signals: ``e_1 … e_L``, the errors as each layer's parameters receive them, ``Δθ_l ∝ (∂T_l/∂θ_l)ᵀ e_l``: the
            errors themselves, but ``f'(z_l) ⊙ ε*_l`` in a `pcn.Block` with an activation ``f`` behind its layer, where
            at a kink a subgradient stands for the slope.
        residual: ``r = y − ŷ``, like the targets.
        energy: ``½ Σ_l ‖ε*_l‖²``, ``(B,)``.
        residual_norm: the norm of the smallest subgradient of the energy in the hidden activities, relative to its
            value at the feedforward pass (absolute where that is zero), ``(B,)``.
        pinned: the share of the hidden units that rest on a kink, ``(B,)``.
        steps: Newton steps taken, as an array.
        passes: passes through the network, forward or backward, as an array: a step of gradient descent takes two.
        status: index of each sample's outcome among converged, step limit, stalled, not finite.
    """

    activities: tuple[Float[Array, "..."], ...]
    errors: tuple[Float[Array, "..."], ...]
    signals: tuple[Float[Array, "..."], ...]
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
        return str(told("outcome", jnp.max(self.status), NEWTON_OUTCOMES, "status"))


def nonlinear_equilibrium(
    net: Network, x: Any, y: Any, tolerance: Any = None, steps: int = 100, method: Method = "newton"
) -> NonlinearEquilibrium:
    r"""A minimum of the energy of a nonlinear network, with the input clamped to ``x`` and the output to ``y``.

    Newton's method with conjugate gradients starts at the feedforward pass; a step that does not lower the energy is
    replaced by one down the gradient. The energy is not convex, so there may be other minima. Where the activation of
    an `Activated` layer or a `pcn.Block` has a kink at zero, units may come to rest on it. Kinks elsewhere, as of
    max-pooling, are not known, and may stall it.

    Args:
        net: a `NonlinearNetwork`, or a `pcn.Network` whose blocks each read the state before; batch normalisation has
            its running moments. In a network of `pcn.Block` objects, activities of images have their channels last.
        x: inputs, ``(B, *shapes[0])`` or ``shapes[0]``.
        y: targets, ``(B, *shapes[-1])`` or ``shapes[-1]``.
        tolerance: the ``residual_norm`` at which a sample has converged; the root of the machine epsilon if ``None``.
        steps: the most Newton steps.
        method: ``"newton"``, or ``"linearised"``: the equilibrium of the network linearised at the feedforward pass of
            each sample, where the theory of linear networks holds: ``ε*_l = D_lᵀ S⁻¹ r``. It takes one step.

    Returns:
        The equilibrium; ``outcome`` says whether every sample has converged.

    Raises:
        ValueError: for shapes that do not match the network, NaN or infinity, an unknown method, or a network that is
            no chain.
        TypeError: for something that does not hold real numbers.

    Source:
        Sample Efficiency, equations 1 and 3, with nonlinear layers.

    Example:
        >>> from dlntheory import LinearNetwork, NonlinearNetwork
        >>> net = NonlinearNetwork.from_linear(LinearNetwork.from_weights([[[1.0]], [[1.0]]]), "relu")
        >>> result = nonlinear_equilibrium(net, [1.0], [3.0])
        >>> [activity.round(6).tolist() for activity in result.activities], result.outcome
        ([[1.0], [2.0], [3.0]], 'converged')
    """
    as_chain("net", net)
    one_of("method", method, METHODS)
    x, y, single = as_problem(net, x, y)
    if tolerance is None:
        tolerance = stationary(x.dtype)
    tolerance = as_real("tolerance", tolerance, x.dtype, positive=True)
    most = jnp.asarray(as_count("steps", steps, minimum=0), int)
    result = settle(cast_blocks(net.blocks, x.dtype), x, y, tolerance, most, method)
    return _without_batch(result) if single else result


@program
def settle(
    blocks: tuple[Any, ...], x: Array, y: Array, tolerance: Array, steps: Array, method: str
) -> NonlinearEquilibrium:
    """The equilibrium of a checked batch."""
    predicted = forward(blocks, x)
    return settle_from(blocks, predicted[:-1], y, y - predicted[-1], tolerance, steps, method)


def settle_from(
    blocks: tuple[Any, ...],
    states: Sequence[Array],
    y: Array,
    residual: Array,
    tolerance: Array,
    steps: Array,
    method: str = "newton",
) -> NonlinearEquilibrium:
    """The equilibrium that Newton's method reaches from the states ``x_0 … x_{L-1}``, the first being the input."""
    x, *hidden = states
    if not hidden:
        return _at_rest(blocks, x, y, residual)
    exact = method != "linearised"
    clamped, start = clamp(blocks, prediction(blocks[0], x), hidden, y, exact)
    slope = steepest(clamped, start)
    size = norm(slope.gradient)
    settings = Stopping(tolerance, jnp.where(size > 0, size, 1), steps)
    if exact:
        end = minimise(clamped, start, settings)
        errors = clamped._replace(multipliers=end.multipliers).errors(end.hidden)
    else:
        end, errors = linear_step(clamped, start, slope, settings)
    own = [place for place in range(len(errors)) if place not in clamped.tied]
    hidden, own_errors = [end.hidden[place] for place in own[:-1]], [errors[place] for place in own]
    signals = [
        STIFFNESS**0.5 * errors[place - 1] if place - 1 in clamped.tied else received(block, below, errors[place])
        for block, below, place in zip(blocks, [x, *hidden], own, strict=True)
    ]
    energy, bound = dot(own_errors, own_errors) / 2, [1 - each for each in end.slope.free]
    reached = end.total if clamped.tied else end.residual
    return NonlinearEquilibrium(
        activities=(x, *hidden, y),
        errors=tuple(own_errors),
        signals=tuple(signals),
        residual=residual,
        energy=energy,
        residual_norm=reached,
        pinned=dot(bound, bound) / sum(each[0].size for each in hidden),
        steps=end.steps,
        passes=end.passes,
        status=judge(energy, reached, tolerance, end.failed),
    )


def judge(energy: Array, residual: Array, tolerance: Any, failed: Any) -> Int[Array, "*B"]:
    """The index of each sample's outcome, from its residual and the line searches that failed in a row."""
    converged, step_limit, stalled, not_finite = range(len(NEWTON_OUTCOMES))
    status = jnp.where(failed < 2, step_limit, stalled)
    status = jnp.where(residual <= tolerance, converged, status)
    return jnp.where(jnp.isfinite(energy) & jnp.isfinite(residual), status, not_finite)


def clamp(
    blocks: tuple[Any, ...], first: Array, start: Hidden, target: Array, exact: bool = True
) -> tuple[Clamped, Hidden]:
    """The problem between ``f_1(x)`` and the target, and its start; without ``exact``, as if nothing had kinks.

    A block with a kink behind its layer becomes two: the input of its activation is a unit that is tied.
    """
    parts: list[Any] = []
    kinks, tied, hidden, multipliers = [], [], [start[0]], []
    for block, state in zip(blocks[1:], [*start[1:], target], strict=True):
        kinked = exact and isinstance(block, Activated | Block) and block.kinked
        if kinked and isinstance(block, Block):
            layer, activation = halves(block)
            tied.append(len(hidden))
            hidden.append(layer(hidden[-1]))
            multipliers.append(jnp.zeros_like(hidden[-1]))
            parts += [layer, activation]
            kinks.append(False)
        else:
            parts.append(partial(prediction, block))
        kinks.append(kinked)
        hidden.append(state)
    return Clamped(tuple(parts), first, target, tuple(kinks), tuple(tied), multipliers), hidden[:-1]


def halves(block: Block) -> tuple[Any, Any]:
    """A block's layer, and its activation; between them inputs are in units of ``1/√ρ``."""
    unit = STIFFNESS**0.5
    return lambda x: unit * block.before(x, training=False)[0], lambda z: block.after(z / unit)


def received(block: Any, x: Array, error: Array) -> Array:
    """The error on a block's output as its layer receives it, ``f'(z) ⊙ ε``."""
    if not isinstance(block, Block):
        return error
    return jax.vjp(block.after, block.before(x, training=False)[0])[1](error)[0]


def linear_step(clamped: Clamped, start: Hidden, slope: Slope, settings: Stopping) -> tuple[Minimisation, Hidden]:
    """The equilibrium of the network linearised at the feedforward pass, and its errors."""
    ones = [jnp.ones_like(each) for each in start]
    product, right = curvature(clamped, start, Slope(slope.gradient, ones, ones), bend=False)
    wanted, everyone = settings.tolerance * jnp.ones_like(settings.reference), jnp.ones(len(start[0]), bool)
    step, turns = conjugate_gradients(product, right, wanted, everyone)
    errors, moved = jax.jvp(clamped.errors, (start,), (step,))
    hidden = [each + move for each, move in zip(start, step, strict=True)]
    end = start_of(clamped, hidden, settings)._replace(steps=jnp.ones((), int), passes=2 * turns + 5)
    return end, [error + move for error, move in zip(errors, moved, strict=True)]


def _at_rest(blocks: tuple[Any, ...], x: Array, y: Array, residual: Array) -> NonlinearEquilibrium:
    """The equilibrium of a single block, which has no hidden activity."""
    energy = dot([residual], [residual]) / 2
    zero, none = jnp.zeros_like(energy), jnp.zeros((), int)
    signals, status = (received(blocks[0], x, residual),), judge(energy, zero, zero, none)
    return NonlinearEquilibrium((x, y), (residual,), signals, residual, energy, zero, zero, none, none + 1, status)


def _without_batch(result: NonlinearEquilibrium) -> NonlinearEquilibrium:
    """The only sample."""
    counts = lambda it: (it.steps, it.passes)  # noqa: E731
    whole = jax.tree.map(lambda each: each[0] if each.ndim else each, result)
    return eqx.tree_at(counts, whole, counts(result))
