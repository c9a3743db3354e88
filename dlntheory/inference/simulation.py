"""Predictive-coding inference at finite time, simulated: the interface."""

import inspect
import os
import warnings
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jaxtyping

from ..equilibria.problem import Problem, as_problem, stationary
from ..networks.network import LinearNetwork
from ..numerics.checks import as_count, as_real, nan_unless, one_of
from ..numerics.kinds import is_concrete
from .energy import precision
from .methods import CONJUGATE, METHODS, RULES, Settings, precisions_at, run_method
from .relaxation import Inference, Relaxation, as_inference, as_start, conclude, judge, residual_norm, starting_point
from .schedules import as_schedule
from .spectrum import largest_eigenvalue, stability_limit

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
    method: str = "gradient",
    tolerance: Any = None,
    key: Any = 0,
) -> Relaxation:
    r"""Inference step by step: the hidden activities go down the energy ``½ Σ_l ε_lᵀ Σ_l⁻¹ ε_l``.

    Args:
        net: the network.
        x: inputs, ``(B, n_0)`` or ``(n_0,)``.
        y: targets, ``(B, n_L)`` or ``(n_L,)``.
        steps: how many steps, or at most how many with a ``tolerance``; zero returns the start.
        step_size: ``γ``, positive. Conjugate gradients ignore it; it multiplies Newton's step, 1 by default.
        momentum: ``μ``, from 0 to 1; with ``"gradient"``, ``"nesterov"`` and ``"error_coordinates"``.
        start: ``"forward"`` (the feedforward pass), ``"zero"``, ``"random"`` (standard normal), or ``L + 1``
            activities shaped like ``relaxation.activities``, of which those that are clamped do not matter.
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
        as_momentum(momentum, dtype),
        None if tolerance is None else as_real("tolerance", tolerance, dtype, positive=True),
        as_schedule(schedule, steps, depth, dtype),
    )
    _check_options(method, settings)
    start, key = as_start(start, problem, key)
    unstable = _is_unstable(problem, settings, method) and steps > 0
    concrete = is_concrete((problem, settings, start, key))
    fields, last = _simulate(method, problem, settings, start, key, jnp.asarray(steps) if concrete else steps, unstable)
    return Relaxation(**fields, problem=Problem(problem.layers, last, problem.x, problem.y, problem.nudge))


def as_step_size(step_size: Any, method: str, dtype: Any) -> jax.Array:
    """Check a step size; the methods that need none have 1."""
    if step_size is None and (method in CONJUGATE or method == "newton"):
        return jnp.ones((), dtype)
    if step_size is None:
        raise ValueError(f"`step_size` is None with {method!r}; wanted a positive number, see inference_spectrum.")
    return as_real("step_size", step_size, dtype, positive=True)


def as_momentum(momentum: Any, dtype: Any) -> jax.Array | None:
    """Check a momentum; a plain zero is none."""
    if isinstance(momentum, int | float) and momentum == 0 and not isinstance(momentum, bool):
        return None
    array = as_real("momentum", momentum, dtype)
    if is_concrete(array) and not 0 <= array < 1:
        raise ValueError(f"`momentum` is {float(array)}; wanted a number from 0 to below 1.")
    return nan_unless((array >= 0) & (array < 1), array)


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


def warn_unstable(problem: Problem, step_size: jax.Array, momentum: Any, method: str = "gradient") -> bool:
    """Tell whether a step size exceeds the stability limit, and warn; traced programs cannot."""
    if not is_concrete((problem, step_size, momentum)) or len(as_inference(problem).layers) == 1:
        return False
    limit = _stability_limit(as_inference(problem), 0.0 if momentum is None else float(momentum), method)
    if float(step_size) <= limit:
        return False
    message = f"`step_size` is {float(step_size):.6g}, above the stability limit {limit:.6g}: inference diverges."
    warn_caller(message)
    return True


def warn_caller(message: str) -> None:
    """Warn at the line that called this package, past the libraries that wrap its classes and functions."""
    inside = tuple(str(Path(module).parent) + os.sep for module in (__file__, eqx.__file__, jaxtyping.__file__))
    files = [frame.filename for frame in inspect.stack(context=0)]
    level = next((level for level, file in enumerate(files) if not file.startswith(inside)), len(files))
    warnings.warn(message, UserWarning, stacklevel=level + 1)


def _stability_limit(inference: Inference, momentum: float, method: str) -> float:
    """Newton's step is the whole way times the step size, whatever the spectrum."""
    if method == "newton":
        return 2.0
    return stability_limit(largest_eigenvalue(inference, RULES[method].coordinates), momentum, method == "nesterov")


@eqx.filter_jit
def _simulate(
    method: str, problem: Problem, settings: Settings, start: Any, key: Any, steps: Any, unstable: bool
) -> tuple[dict[str, Any], Any]:
    """The fields of the relaxation, and the covariances of its last time."""
    inference = as_inference(problem)
    first = starting_point(inference, start, key)
    before = residual_norm(inference, first)
    hidden, count = run_method(method, inference, settings, first, steps)
    precisions = precisions_at(inference, settings, count, steps)
    fields = conclude(inference, precisions, hidden, problem.x.ndim == 1)
    residual = fields["residual_norm"]
    tolerance = stationary(residual.dtype) if settings.tolerance is None else settings.tolerance
    status = judge(residual, before, tolerance, unstable)
    fields |= {"count": count, "status": status, "truncation": jnp.zeros_like(residual)}
    last = (
        problem.covariances if settings.schedule is None else tuple(map(precision, precisions[: len(problem.layers)]))
    )
    return fields, last
