"""Predictive-coding inference at finite time, simulated: the interface."""

from typing import Any

import numpy as np

from ..equilibria.problem import Problem, as_problem, stationary
from ..networks.network import LinearNetwork
from ..numerics.checks import as_count, as_real, one_of
from ..numerics.kinds import agree, by_jax, compiled, is_concrete, namespace
from ..numerics.record import with_fields
from .energy import precision
from .methods import CONJUGATE, METHODS, MethodName, Settings, precisions_at, run_method
from .precision_schedules import as_schedule
from .relaxation import Relaxation, as_start, conclude, free_chain, judge, residual_norm, starting_point
from .settings import as_momentum, as_step_size, warn_unstable

LONGEST = 2**31
"""Simulated steps are counted in 32 bits."""


def simulate_inference(
    net: LinearNetwork,
    x: Any,
    y: Any,
    steps: Any,
    step_size: Any = None,
    momentum: Any = 0.0,
    start: Any = "forward",
    covariances: Any = None,
    nudge: Any = None,
    schedule: Any = None,
    method: MethodName = "gradient",
    tolerance: Any = None,
    key: Any = 0,
) -> Relaxation:
    r"""Inference step by step: the hidden activities go down the energy ``½ Σ_l ε_lᵀ Σ_l⁻¹ ε_l``.

    Args:
        net: the network.
        x: inputs, ``(B, n_0)`` or ``(n_0,)``.
        y: targets, ``(B, n_L)`` or ``(n_L,)``.
        steps: the number of steps, with a ``tolerance`` the largest; zero returns the start.
        step_size: ``γ``, positive. Conjugate gradients ignore it; it multiplies Newton's step, 1 by default.
        momentum: ``μ``, from 0 to 1; with ``"gradient"``, ``"nesterov"`` and ``"error_coordinates"``.
        start: ``"forward"`` (the feedforward pass), ``"zero"``, ``"random"`` (standard normal), or ``L + 1``
            activities shaped like ``relaxation.activities``, the clamped ones of which do not matter.
        covariances: as in `equilibrium`.
        nudge: as in `equilibrium`; with `SoftOutput` the output's activity moves too.
        schedule: ``None`` or ``"unit"``; `Spiking` or ``"spiking"``; `Decaying`; or covariances by time and layer,
            ``(T', L)``, for the times ``0 … T'−1``, and 1 afterwards. They multiply ``covariances``.
        method: ``"gradient"`` (heavy-ball momentum), ``"nesterov"``, ``"adam"``, ``"error_coordinates"`` (gradient
            descent with the hidden errors as variables), ``"cg"`` and ``"cg_activities"`` (conjugate gradients in the
            errors and in the activities), ``"newton"``.
        tolerance: stop where ``residual_norm`` is this small; ``None`` to take every step. A run with one has no
            reverse-mode derivative, only a forward one.
        key: an integer seed or a JAX random key, of use to a random start only.

    Returns:
        The `Relaxation`. Its outcome is ``"converged"`` where ``residual_norm`` is at most the tolerance, or without
        one the root of the machine epsilon; ``"diverged"`` where the step size exceeds the stability limit, whatever
        the residual, or the residual has grown a thousandfold; ``"not finite"``; or ``"step limit"``. In traced
        programs, and with `Decaying` or covariances by time, no limit is known, and the residual alone decides.

        In traced programs an option out of its range makes the result NaN, except for a tolerance, which no residual
        then meets.

    Raises:
        ValueError: for shapes that do not match, negative steps, covariances or a step size that are not positive, a
            momentum outside [0, 1), a schedule longer than the run, or a momentum or a schedule that the method has no
            use for. From JAX, for the reverse-mode derivative of a run with a tolerance.
        TypeError: for a number of steps that is not whole, or something that does not hold real numbers.

    Warns:
        UserWarning: for a step size above the stability limit, which it names. Not in traced programs.

    Source:
        Deeper PCNs, equations 1 to 5; docs/theory.md, statements 5.3 to 5.6.

    Example:
        >>> net = LinearNetwork.from_weights([[[1.0]], [[1.0]]])
        >>> relaxation = simulate_inference(net, [1.0], [3.0], steps=1, step_size=0.25)
        >>> [activity.tolist() for activity in relaxation.activities]
        [[1.0], [1.5], [3.0]]
        >>> simulate_inference(net, [1.0], [3.0], steps=100, step_size=0.25).outcome
        'converged'
    """
    method = one_of("method", method, METHODS)
    steps = as_count("steps", steps, minimum=0)
    if steps >= LONGEST:
        raise ValueError(f"`steps` is {steps}; wanted fewer than 2^31. finite_time_activities takes any number.")
    problem = as_problem(net, x, y, covariances, nudge)
    dtype, depth = problem.x.dtype, len(problem.layers)
    settings = Settings(
        as_step_size(step_size, method, dtype),
        None if _is_zero(momentum) else as_momentum(momentum, dtype),
        None if tolerance is None else as_real("tolerance", tolerance, dtype, positive=True),
        as_schedule(schedule, steps, depth, dtype),
    )
    _check_options(method, settings)
    problem, settings, start = agree(net=problem, settings=settings, start=as_start(start, problem, key))
    unstable = _is_unstable(problem, settings, method) and steps > 0
    counted = np.asarray(steps) if is_concrete(problem, settings, start) else steps
    fields, last = _simulate(method, problem, settings, start, counted, unstable)
    return Relaxation(**fields, problem=with_fields(problem, covariances=last))


def _is_zero(momentum: Any) -> bool:
    """Whether a momentum is a plain zero, which needs no velocity."""
    return isinstance(momentum, int | float) and not isinstance(momentum, bool) and bool(momentum == 0)


def _check_options(method: str, settings: Settings) -> None:
    if settings.momentum is not None and (method in CONJUGATE or method in ("newton", "adam")):
        raise ValueError(f"`momentum` is given with {method!r}, which has none; wanted 0.")
    if settings.schedule is not None and (method in CONJUGATE or method == "newton"):
        raise ValueError(f"`schedule` is given with {method!r}; wanted None, as its steps need a constant energy.")


def _is_unstable(problem: Problem, settings: Settings, method: str) -> bool:
    """Warn where the step size exceeds the stability limit, unless a schedule or the method leaves it unknown."""
    passes = settings.schedule is None or settings.schedule.passes
    if method == "adam" or method in CONJUGATE or not passes:
        return False
    return warn_unstable(problem, settings.step_size, settings.momentum, method)


@by_jax
@compiled
def _simulate(
    method: str, problem: Problem, settings: Settings, start: Any, steps: Any, unstable: bool
) -> tuple[dict[str, Any], Any]:
    """The fields of the relaxation, and the covariances of its last time."""
    chain = free_chain(problem)
    first = starting_point(chain, start)
    before = residual_norm(chain, first)
    hidden, count = run_method(method, chain, settings, first, steps)
    precisions = precisions_at(chain, settings, count, steps)
    fields = conclude(chain, precisions, hidden, problem.x.ndim == 1)
    residual = fields["residual_norm"]
    tolerance = stationary(residual.dtype) if settings.tolerance is None else settings.tolerance
    status = judge(residual, before, tolerance, unstable)
    fields |= {"count": count, "status": status, "truncation": namespace(residual).zeros_like(residual)}
    last = (
        problem.covariances if settings.schedule is None else tuple(map(precision, precisions[: len(problem.layers)]))
    )
    return fields, last
