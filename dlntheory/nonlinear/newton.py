r"""The minimum of a nonlinear network's energy in its hidden activities, by Newton's method and conjugate gradients.

The energy of a sample is ``E = ½ Σ_l ‖ε_l‖²`` with ``ε_l = x_l − f_l(x_{l-1})``, both ends clamped, and its gradient
``g_l = ε_l − J_{l+1}ᵀ ε_{l+1}``. Nothing is formed but products with the Jacobians ``J_l`` and their transposes.

**Newton's step.** Conjugate gradients run in error coordinates, ``u_l = J_l u_{l-1} + e_l``, where the Gauss–Newton
matrix is the identity plus one whose rank is the number of outputs. The full Hessian adds ``−ε_l · ∂²f_l``; it may be
indefinite, and where negative curvature shows the iteration ends. Steps are halved until the energy falls enough.

**Kinks.** Where the next block's activation has a kink at zero, as a rectifier has, minima lie on kinks, and no
gradient is small there. So a unit that arrives at zero stops. It is *pinned* while the energy rises to both of its
sides, and then acts as a clamped one; else it leaves to the side where the energy falls. At a minimum the smallest
subgradient vanishes.

**Kinks inside of blocks.** Where a block has an activation with a kink behind its layer, ``x_l = f(z_l) + ε_l`` with
``z_l`` what the layer makes of ``x_{l-1}``, the inputs ``z_l`` are units too, *tied* to what is below them. A tie is a
constraint: augmented Lagrangian, ``½ ρ ‖z_l − T x_{l-1} − b + λ_l/ρ‖²``, and once a sample's residual is small beside
the mismatch at its ties, its multiplier moves by the mismatch. At the end ``λ_l`` is ``f'(z_l) ⊙ ε_l``, with a
subgradient for the slope where ``z_l`` rests on the kink: the signal that the layer learns from.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

Hidden: TypeAlias = list[Any]
"""One array ``(B, …)`` for each hidden layer."""

SUFFICIENT = 1e-4
"""The share of the decrease predicted by the slope that a step must reach (Armijo)."""
ITERATIONS = 500
"""The most iterations of conjugate gradients in one step."""
HALVINGS = 30
"""The number of halvings after which a step counts as failed."""
STIFFNESS = 3.0
"""``ρ``, relative to the precisions of the errors, which are one."""
LOOSE = 1.0
"""A multiplier moves when the residual is at most this share of the mismatch at the ties."""


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


class Slope(NamedTuple):
    """The smallest subgradient; which units are free to move (1) or pinned (0); the side that each is taken on."""

    gradient: Hidden
    free: Hidden
    sides: Hidden


class Stopping(NamedTuple):
    """The residual to stop at, the norm that counts as a residual of one, ``(B,)``, and the most steps."""

    tolerance: jax.Array
    reference: jax.Array
    steps: jax.Array


class Minimisation(NamedTuple):
    """The state of the minimisation, of every sample, and how many steps and passes through the network it took.

    ``failed`` counts the line searches in a row that a sample gained nothing by: after one it goes down the gradient,
    after two it is given up.
    """

    hidden: Hidden
    slope: Slope
    residual: jax.Array
    missing: jax.Array
    """The norm of the mismatch at the ties, in the units of the residual; zero where there are none."""
    multipliers: Sequence[Any]
    failed: jax.Array
    steps: jax.Array
    passes: jax.Array

    @property
    def total(self) -> jax.Array:
        """The residual, ties included."""
        return jnp.hypot(self.residual, self.missing)

    def unfinished(self, tolerance: jax.Array) -> jax.Array:
        """A mask of the samples that go on."""
        return (self.total > tolerance) & (self.failed < 2) & jnp.isfinite(self.total)


def minimise(clamped: Clamped, start: Hidden, settings: Stopping) -> Minimisation:
    """Newton's method from ``start``, until the residual of every sample is within the tolerance."""
    cost = (4 if any(clamped.kinks) else 2) * (2 if clamped.tied else 1)

    def advance(now: Minimisation) -> Minimisation:
        here = clamped._replace(multipliers=now.multipliers)
        active = now.unfinished(settings.tolerance)
        step, turns = newton_step(here, now, active, settings)
        hidden, fell, trials = search(here, now, step, active)
        slope = steepest(here, hidden)
        residual = norm(slope.gradient) / settings.reference
        idle = active & ~fell & ~(residual < now.residual)
        failed = jnp.where(idle, now.failed + 1, jnp.zeros_like(now.failed))
        failed = jnp.where(active, failed, now.failed)
        passes = now.passes + 3 + 2 * turns + trials + cost
        there = Minimisation(hidden, slope, residual, now.missing, now.multipliers, failed, now.steps + 1, passes)
        return tighten(here, there, active, settings) if clamped.tied else there

    def goes_on(now: Minimisation) -> jax.Array:
        return jnp.any(now.unfinished(settings.tolerance)) & (now.steps < settings.steps)

    begin = start_of(clamped, start, settings)
    return jax.lax.while_loop(goes_on, advance, begin._replace(passes=jnp.full((), cost)))


def start_of(clamped: Clamped, start: Hidden, settings: Stopping) -> Minimisation:
    """The state before the first step."""
    slope = steepest(clamped, start)
    residual, none = norm(slope.gradient) / settings.reference, jnp.zeros((), int)
    failed = jnp.zeros(residual.shape, int)
    return Minimisation(start, slope, residual, jnp.zeros_like(residual), clamped.multipliers, failed, none, none)


def tighten(clamped: Clamped, now: Minimisation, active: jax.Array, settings: Stopping) -> Minimisation:
    """Move the multipliers of samples that have settled by the mismatch at their ties."""
    errors = clamped.errors(now.hidden)
    gaps = [errors[place] - each for place, each in zip(clamped.tied, now.multipliers, strict=True)]
    missing = norm(gaps) / STIFFNESS**0.5 / settings.reference
    now = now._replace(missing=missing)
    settled = now.residual <= jnp.maximum(LOOSE * missing, settings.tolerance / 2)
    turn = active & settled & (now.total > settings.tolerance)
    multipliers = _add(list(now.multipliers), turn.astype(missing.dtype), gaps)
    slope = steepest(clamped._replace(multipliers=multipliers), now.hidden)
    residual = jnp.where(turn, norm(slope.gradient) / settings.reference, now.residual)
    failed = jnp.where(turn, jnp.zeros_like(now.failed), now.failed)
    return now._replace(multipliers=multipliers, slope=slope, residual=residual, failed=failed)


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
        rises, falls = jnp.maximum(-up, jnp.zeros_like(up)), jnp.maximum(down, jnp.zeros_like(down))
        chosen = jnp.where(rises > falls, -rises, falls)
        gradient.append(jnp.where(at_kink, chosen, up))
        free.append(jnp.where(at_kink & (chosen == 0), jnp.zeros_like(z), jnp.ones_like(z)))
        sides.append(jnp.sign(jnp.where(at_kink, -chosen, z)))
    return Slope(gradient, free, sides)


def beside(clamped: Clamped, hidden: Hidden, sides: Hidden) -> Hidden:
    """The activities, those at a kink moved to one side by a tiny amount, so that derivatives are that side's."""
    return [
        jnp.where(z == 0, side * 1e3 * float(jnp.finfo(z.dtype).tiny), z) if kink else z
        for kink, z, side in zip(clamped.kinks, hidden, sides, strict=True)
    ]


def newton_step(clamped: Clamped, now: Minimisation, active: jax.Array, settings: Stopping) -> tuple[Hidden, jax.Array]:
    """A direction of descent for every sample, and the iterations that it took."""
    slope = now.slope
    curved, right = curvature(clamped, now.hidden, slope)
    wanted = jnp.maximum(jnp.minimum(0.5, jnp.sqrt(now.residual)), 0.1 * settings.tolerance / now.residual)
    step, turns = conjugate_gradients(curved, right, wanted, active & (now.failed == 0))
    downhill = [-each for each in slope.gradient]
    step = _where(now.failed == 0, step, downhill)
    aligned = [
        jnp.where((z == 0) & (jnp.sign(each) != side), jnp.zeros_like(each), each) if kink else each
        for kink, z, each, side in zip(clamped.kinks, now.hidden, step, slope.sides, strict=True)
    ]
    return _where(dot(aligned, slope.gradient) < 0, aligned, downhill), turns


Product: TypeAlias = Callable[[Hidden], tuple[Hidden, Hidden]]
"""A function from a move in error coordinates to its product with the Hessian, and to the move of the activities."""


def curvature(clamped: Clamped, hidden: Hidden, slope: Slope, bend: bool = True) -> tuple[Product, Hidden]:
    """The Hessian in error coordinates, without ``bend`` the Gauss–Newton matrix, and minus the gradient there."""
    free = slope.free
    hidden = beside(clamped, hidden, slope.sides)
    pushes = [jax.linearize(block, z)[1] for block, z in zip(clamped.blocks, hidden, strict=True)]
    pulls = [jax.vjp(block, z)[1] for block, z in zip(clamped.blocks, hidden, strict=True)]
    bends = _bends(clamped, hidden) if bend else [jnp.zeros_like] * len(free)

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


def _bends(clamped: Clamped, hidden: Hidden) -> list[Callable[[jax.Array], jax.Array]]:
    """For each hidden layer, the change of ``J_{l+1}ᵀ ε_{l+1}`` with its activity while the error stays."""
    bends = []
    for block, z, error in zip(clamped.blocks, hidden, clamped.errors(hidden)[1:], strict=True):

        def pulled(z: jax.Array, block: Any = block, error: Any = error) -> jax.Array:
            return jax.vjp(block, z)[1](error)[0]

        bends.append(jax.linearize(pulled, z)[1])
    return bends


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
        length = jnp.where(on, now.size / jnp.where(positive, bent, jnp.ones_like(bent)), jnp.zeros_like(bent))
        first = now.active & ~positive & (now.turns == 0)
        step = _add(now.step, jnp.where(first, jnp.ones_like(length), length), moved)
        left = _add(now.left, -length, product)
        size = dot(left, left)
        turn = jnp.where(on, size / now.size, jnp.zeros_like(size))
        direction = _add(left, turn, now.direction)
        return Truncated(step, left, direction, size, on & (size > wanted**2 * whole), now.turns + 1)

    zero = [jnp.zeros_like(each) for each in right]
    begin = Truncated(zero, right, right, whole, active & (whole > 0), jnp.zeros((), int))
    end = jax.lax.while_loop(lambda now: jnp.any(now.active) & (now.turns < ITERATIONS), advance, begin)
    return end.step, end.turns


class Search(NamedTuple):
    """The state of a line search: the activities found so far, the length to try next, and which samples are done."""

    hidden: Hidden
    length: jax.Array
    found: jax.Array
    fell: jax.Array
    trials: jax.Array


def search(clamped: Clamped, now: Minimisation, step: Hidden, active: jax.Array) -> tuple[Hidden, jax.Array, jax.Array]:
    """Halve each sample's step until its energy falls enough: the activities, which samples gained, and the trials."""
    energy, promise = clamped.energy(now.hidden), dot(step, now.slope.gradient)
    rounding = 8 * float(jnp.finfo(energy.dtype).eps) * energy

    def advance(trial: Search) -> Search:
        tried = _add(now.hidden, trial.length, step)
        tried = [
            jnp.where(jnp.sign(each) == -side, jnp.zeros_like(each), each) if kink else each
            for kink, each, side in zip(clamped.kinks, tried, now.slope.sides, strict=True)
        ]
        reached = clamped.energy(tried)
        enough = ~trial.found & (reached <= energy + SUFFICIENT * trial.length * promise + rounding)
        hidden = _where(enough, tried, trial.hidden)
        fell = trial.fell | (enough & (reached < energy))
        return Search(hidden, trial.length / 2, trial.found | enough, fell, trial.trials + 1)

    begin = Search(now.hidden, jnp.ones_like(energy), ~active, jnp.zeros_like(active), jnp.zeros((), int))
    end = jax.lax.while_loop(lambda trial: ~jnp.all(trial.found) & (trial.trials < HALVINGS), advance, begin)
    return end.hidden, end.fell, end.trials


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


def _add(state: Hidden, length: jax.Array, step: Hidden) -> Hidden:
    return [each + _rows(length, each) * move for each, move in zip(state, step, strict=True)]


def _where(chosen: jax.Array, one: Hidden, other: Hidden) -> Hidden:
    return [jnp.where(_rows(chosen, a), a, b) for a, b in zip(one, other, strict=True)]
