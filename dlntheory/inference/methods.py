r"""Inference step by step: the rules, and the loops around them.

Every method is a rule that turns the energy's gradient into a move, in one of two coordinates; conjugate gradients,
which carries its gradient along, has a loop of its own. In a traced program a run of a known number of steps is a scan,
and differentiable in both modes; otherwise it is a while loop. On NumPy arrays both are loops of Python.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

from ..equilibria import hessian
from ..equilibria.routes import scale_all
from ..numerics import conjugate_gradients
from ..numerics.algebra import Array
from ..numerics.kinds import choose, is_jax, loop, namespace
from ..numerics.record import Record
from .energy import COORDINATES, Coordinates, Hidden, Precisions
from .precision_schedules import Schedule, schedule_at
from .relaxation import FreeChain, reference_norm, relative_norm

ADAM = (0.9, 0.999, 1e-8)
"""Kingma and Ba's decay rates of the two moments, and what is added to the root of the second."""

Memory = Any


class Settings(Record):
    """Checked options of a run."""

    step_size: Array
    momentum: Array | None
    tolerance: Array | None
    schedule: Schedule | None


class Method(NamedTuple):
    """A rule, ``(settings, gradient, memory, time) → moves, memory``, its first memory, and its coordinates."""

    move: Callable[..., tuple[list[Array], Memory]]
    remember: Callable[..., Memory]
    coordinates: str = "activities"


def _zeros(columns: Sequence[Array]) -> list[Array]:
    return [namespace(each).zeros_like(each) for each in columns]


def _velocity(settings: Settings, chain: FreeChain, start: list[Array]) -> Memory:
    return None if settings.momentum is None else _zeros(start)


def _moments(settings: Settings, chain: FreeChain, start: list[Array]) -> Memory:
    return _zeros(start), _zeros(start)


def _factor(settings: Settings, chain: FreeChain, start: list[Array]) -> Memory:
    return hessian.cholesky_factor(chain.layers, chain.covariances)


def _heavy_ball(settings: Settings, gradient: Hidden, velocity: Memory, time: Any) -> tuple[list[Array], Memory]:
    """``v ← μ v − γ g``, ``u ← u + v``."""
    if settings.momentum is None:
        return [-settings.step_size * slope for slope in gradient], None
    pairs = zip(velocity, gradient, strict=True)
    velocity = [settings.momentum * v - settings.step_size * slope for v, slope in pairs]
    return velocity, velocity


def _nesterov(settings: Settings, gradient: Hidden, velocity: Memory, time: Any) -> tuple[list[Array], Memory]:
    """``v ← μ v − γ g``, ``u ← u + μ v − γ g``."""
    velocity, _ = _heavy_ball(settings, gradient, velocity, time)
    if settings.momentum is None:
        return velocity, None
    pairs = zip(velocity, gradient, strict=True)
    return [settings.momentum * v - settings.step_size * slope for v, slope in pairs], velocity


def _adam(settings: Settings, gradient: Hidden, moments: Memory, time: Any) -> tuple[list[Array], Memory]:
    """Moving means of the gradient and of its square, both corrected for their start at zero."""
    first_rate, second_rate, small = ADAM
    first = [first_rate * m + (1 - first_rate) * slope for m, slope in zip(moments[0], gradient, strict=True)]
    second = [second_rate * v + (1 - second_rate) * slope**2 for v, slope in zip(moments[1], gradient, strict=True)]
    xp = namespace(settings.step_size)
    turn = xp.asarray(time + 1).astype(settings.step_size.dtype)
    scale, root = settings.step_size / (1 - first_rate**turn), xp.sqrt(1 - second_rate**turn)
    moves = [-scale * m / (xp.sqrt(v) / root + small) for m, v in zip(first, second, strict=True)]
    return moves, (first, second)


def _newton(settings: Settings, gradient: Hidden, factor: Memory, time: Any) -> tuple[list[Array], Memory]:
    """``−γ H⁻¹ g``; the Hessian is constant, so it is factorised once."""
    return [-settings.step_size * each for each in hessian.substitute(factor, gradient)], factor


STEPWISE: dict[str, Method] = {
    "gradient": Method(_heavy_ball, _velocity),
    "nesterov": Method(_nesterov, _velocity),
    "adam": Method(_adam, _moments),
    "error_coordinates": Method(_heavy_ball, _velocity, "errors"),
    "newton": Method(_newton, _factor),
}
CONJUGATE = {"cg": "errors", "cg_activities": "activities"}
METHODS = (*STEPWISE, *CONJUGATE)
MethodName = Literal["gradient", "nesterov", "adam", "error_coordinates", "newton", "cg", "cg_activities"]


class Iterate(NamedTuple):
    """The state of a loop."""

    time: Any
    state: list[Array]
    gradient: list[Array]
    memory: Memory


def repeat(steps: Any, body: Callable[[Any, Any], Any], state: Any, like: Any) -> Any:
    """The state after ``state = body(turn, state)`` for each of so many turns; ``like`` has the state's kind."""
    if is_jax(like):
        import jax

        return jax.lax.fori_loop(0, steps, body, state)
    for turn in range(steps):
        state = body(turn, state)
    return state


def descend_by(
    method: str, chain: FreeChain, settings: Settings, start: list[Array], steps: Any
) -> tuple[list[Array], Any]:
    """The free activities after at most ``steps`` steps, and how many were taken."""
    rule = STEPWISE[method]
    coordinates = COORDINATES[rule.coordinates]

    def gradient_at(time: Any, state: Hidden) -> list[Array]:
        precisions = precisions_at(chain, settings, time, steps)
        return coordinates.gradient(chain.layers, precisions, state, chain.output)

    def constant_gradient(run: Iterate) -> list[Array]:
        if settings.schedule is None:
            return run.gradient
        return coordinates.gradient(chain.layers, chain.precisions, run.state, chain.output)

    def advance(run: Iterate) -> Iterate:
        moves, memory = rule.move(settings, run.gradient, run.memory, run.time)
        state = [each + move for each, move in zip(run.state, moves, strict=True)]
        return Iterate(run.time + 1, state, gradient_at(run.time + 1, state), memory)

    state = list(coordinates.from_hidden(chain.layers, start))
    zero = namespace(chain.output).asarray(0)
    run = Iterate(zero, state, gradient_at(zero, state), rule.remember(settings, chain, state))
    if settings.tolerance is None:
        run = repeat(steps, lambda _, run: advance(run), run, chain.output)
    else:
        unfinished = _unfinished(chain, settings.tolerance, coordinates, steps)
        run = loop(lambda run: unfinished(run.time, constant_gradient(run)), advance, run, chain.output)
    return list(coordinates.to_hidden(chain.layers, run.state)), run.time


def precisions_at(chain: FreeChain, settings: Settings, time: Any, steps: Any) -> Precisions:
    """The precisions of a time: the constant ones times the schedule's; a soft output's is constant."""
    depth = len(chain.predicted) - 1
    factors = schedule_at(settings.schedule, time, steps, depth, settings.step_size)
    if factors is None:
        return chain.precisions
    scaled = [
        factors[index] if constant is None else factors[index] * constant
        for index, constant in enumerate(chain.precisions[:depth])
    ]
    return (*scaled, *chain.precisions[depth:])


def _unfinished(
    chain: FreeChain, tolerance: Array, coordinates: Coordinates, steps: Any
) -> Callable[[Any, Hidden], Array]:
    """Whether a loop goes on: by its own gradient and, once that is within tolerance, by the activities' gradient."""
    reference = reference_norm(chain)

    def unfinished(time: Any, gradient: Hidden) -> Array:
        own = relative_norm(gradient, reference)

        def in_activities() -> Array:
            return relative_norm(coordinates.in_activities(chain.layers, gradient), reference)

        residual = choose(own > tolerance, lambda: own, in_activities)
        return (time < steps) & ~(residual <= tolerance) & namespace(residual).isfinite(residual)

    return unfinished


def descend_conjugately(
    method: str, chain: FreeChain, settings: Settings, start: list[Array], steps: Any
) -> tuple[list[Array], Any]:
    """The same by conjugate gradients, every sample on its own, preconditioned by the covariances.

    In error coordinates the preconditioned matrix is the identity plus one of rank ``n_L``.
    """
    layers, precisions = chain.layers, chain.precisions
    coordinates = COORDINATES[CONJUGATE[method]]

    def multiply(columns: Hidden) -> list[Array]:
        return coordinates.gradient(layers, precisions, columns, None)

    def divide(columns: Hidden) -> list[Array]:
        return scale_all(chain.covariances[: len(columns)], columns)

    state = list(coordinates.from_hidden(layers, start))
    slope = coordinates.gradient(layers, precisions, state, chain.output)
    run = conjugate_gradients.begin(state, [-each for each in slope], divide)
    step = partial(conjugate_gradients.advance, multiply=multiply, divide=divide)
    if settings.tolerance is None:
        run = repeat(steps, lambda _, run: step(run), run, chain.output)
    else:
        unfinished = _unfinished(chain, settings.tolerance, coordinates, steps)
        run = loop(lambda run: unfinished(run.steps, run.left), step, run, chain.output)
    return list(coordinates.to_hidden(layers, run.solution)), run.steps


def run_method(
    method: str, chain: FreeChain, settings: Settings, start: list[Array], steps: Any
) -> tuple[list[Array], Any]:
    """Relax from a start in deviations; a chain of one layer has nothing to move."""
    if not start:
        return start, namespace(chain.output).asarray(steps)
    chosen = descend_by if method in STEPWISE else descend_conjugately
    return chosen(method, chain, settings, start, steps)
