r"""The minimum of a nonlinear network's energy in its hidden activities, by Newton's method.

Steps are halved until the energy falls enough, and end where a unit arrives at a kink.

**Kinks inside of blocks.** Where a block has an activation with a kink behind its layer, ``x_l = f(z_l) + ε_l`` with
``z_l`` what the layer makes of ``x_{l-1}``, the inputs ``z_l`` are units too, *tied* to what is below them. A tie is a
constraint: augmented Lagrangian, ``½ ρ ‖z_l − T x_{l-1} − b + λ_l/ρ‖²``, and once a sample's residual is small beside
the mismatch at its ties, its multiplier moves by the mismatch. At the end ``λ_l`` is ``f'(z_l) ⊙ ε_l``, with a
subgradient for the slope where ``z_l`` rests on the kink: the signal that the layer learns from.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from .clamped import Clamped, Hidden, Slope, along, choose, dot, norm, steepest
from .curvature import conjugate_gradients, curvature

SUFFICIENT = 1e-4
"""The share of the decrease predicted by the slope that a step must reach (Armijo)."""
HALVINGS = 30
"""The number of halvings after which a step counts as failed."""
STIFFNESS = 3.0
"""``ρ``, relative to the precisions of the errors, which are one."""
LOOSE = 1.0
"""A multiplier moves when the residual is at most this share of the mismatch at the ties."""


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
        gained = fell | (residual < now.residual)
        failed = jnp.where(active, jnp.where(gained, 0, now.failed + 1), now.failed)
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
    multipliers = along(list(now.multipliers), turn.astype(missing.dtype), gaps)
    slope = steepest(clamped._replace(multipliers=multipliers), now.hidden)
    residual = jnp.where(turn, norm(slope.gradient) / settings.reference, now.residual)
    return now._replace(multipliers=multipliers, slope=slope, residual=residual, failed=jnp.where(turn, 0, now.failed))


def newton_step(clamped: Clamped, now: Minimisation, active: jax.Array, settings: Stopping) -> tuple[Hidden, jax.Array]:
    """A direction of descent for every sample, and the iterations that it took."""
    slope = now.slope
    curved, right = curvature(clamped, now.hidden, slope)
    wanted = jnp.maximum(jnp.minimum(0.5, jnp.sqrt(now.residual)), 0.1 * settings.tolerance / now.residual)
    step, turns = conjugate_gradients(curved, right, wanted, active & (now.failed == 0))
    downhill = [-each for each in slope.gradient]
    step = choose(now.failed == 0, step, downhill)
    aligned = clamped.at_kinks(
        lambda move, z, side: jnp.where((z == 0) & (jnp.sign(move) != side), 0, move), step, now.hidden, slope.sides
    )
    return choose(dot(aligned, slope.gradient) < 0, aligned, downhill), turns


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
        tried = clamped.at_kinks(
            lambda z, side: jnp.where(jnp.sign(z) == -side, 0, z),
            along(now.hidden, trial.length, step),
            now.slope.sides,
        )
        reached = clamped.energy(tried)
        enough = ~trial.found & (reached <= energy + SUFFICIENT * trial.length * promise + rounding)
        hidden = choose(enough, tried, trial.hidden)
        fell = trial.fell | (enough & (reached < energy))
        return Search(hidden, trial.length / 2, trial.found | enough, fell, trial.trials + 1)

    begin = Search(now.hidden, jnp.ones_like(energy), ~active, jnp.zeros_like(active), jnp.zeros((), int))
    end = jax.lax.while_loop(lambda trial: ~jnp.all(trial.found) & (trial.trials < HALVINGS), advance, begin)
    return end.hidden, end.fell, end.trials
