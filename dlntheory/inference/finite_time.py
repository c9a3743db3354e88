"""Inference in closed form at finite time: by modes, or by a Chebyshev series where the Hessian is large."""

from typing import Any

import numpy as np

from ..equilibria.problem import stationary
from ..networks.network import LinearNetwork
from ..numerics.algebra import epsilon
from ..numerics.checks import as_count, one_of
from ..numerics.kinds import is_concrete, namespace
from .chebyshev import ROUNDING, apply_series, padded, series
from .eigenmodes import Descent, as_descent, by_modes, concluded, decompose, drive, is_early, simulated
from .relaxation import Relaxation, free_chain, norm
from .settings import warn_caller
from .spectrum import extreme_vectors, rayleigh_quotient

SOLVERS = ("auto", "modes", "series")
DECOMPOSED = 2048
"""Up to so many hidden units ``solver="auto"`` decomposes the Hessian."""
DECOMPOSABLE = 8192
"""Up to so many it does where the series does not end: a Hessian of half a gibibyte."""


def finite_time_activities(
    net: LinearNetwork,
    x: Any,
    y: Any,
    steps: Any,
    step_size: Any,
    momentum: Any = 0.0,
    start: Any = "forward",
    covariances: Any = None,
    nudge: Any = None,
    solver: str = "auto",
    key: Any = 0,
) -> Relaxation:
    r"""Inference after ``T`` steps of gradient descent with heavy-ball momentum, in closed form, for any ``T``.

    Without momentum ``z_T = z* + (I − γH)ᵀ (z_0 − z*)``, with ``H`` the energy's Hessian in the hidden activities and
    ``z*`` the equilibrium. To ask for many times of one network, keep its `InferenceModes`.

    Up to 32 steps, or twice the depth if that is more, the steps are simulated, and every layer keeps its digits
    however little has reached it. Afterwards the error is a few epsilons of the whole movement, not of each layer's
    share, times the number of steps for a step size next to the stability limit.

    Args:
        net: the network.
        x: inputs, ``(B, n_0)`` or ``(n_0,)``.
        y: targets, ``(B, n_L)`` or ``(n_L,)``.
        steps: ``T``, not negative; its size costs nothing.
        step_size: ``γ``, positive.
        momentum: ``μ``, from 0 to 1.
        start: as in `simulate_inference`.
        covariances: as in `equilibrium`.
        nudge: as in `equilibrium`.
        solver: ``"modes"`` decomposes the Hessian; ``"series"`` multiplies by it (not in traced programs), and tells
            what it leaves out in ``truncation``; ``"auto"`` decomposes up to 2048 hidden units, and up to 8192 where
            the series does not end.
        key: as in `simulate_inference`.

    Returns:
        The `Relaxation`, as `simulate_inference` would leave it.

    Raises:
        ValueError: as `simulate_inference`, or for an unknown solver.
        TypeError: as `simulate_inference`.

    Warns:
        UserWarning: for a step size above the stability limit, or for a series whose ``truncation`` exceeds the root
            of the machine epsilon. Not in traced programs.

    Source:
        docs/theory.md, statement 5.3.

    Example:
        >>> net = LinearNetwork.from_weights([[[1.0]], [[1.0]]])
        >>> relaxation = finite_time_activities(net, [1.0], [3.0], steps=10**6, step_size=0.25)
        >>> round(float(relaxation.activities[1][0]), 6), relaxation.outcome
        (2.0, 'converged')
    """
    one_of("solver", solver, SOLVERS)
    steps = as_count("steps", steps, minimum=0)
    descent = as_descent(net, x, y, step_size, momentum, start, covariances, nudge, key)
    concrete = is_concrete(descent)
    if solver == "series" and not concrete:
        raise TypeError("`solver` is 'series' in a traced program, which cannot choose a length; wanted 'modes'.")
    if is_early(descent, steps):
        return simulated(descent, steps)
    units = sum(free_chain(descent.problem).sizes)
    if solver == "modes" or (solver == "auto" and (units <= DECOMPOSED or not concrete)):
        return by_modes(descent, decompose(descent.problem), steps)
    endless = solver == "series" or units > DECOMPOSABLE
    relaxation = _by_series(descent, steps, endless)
    if relaxation is not None and relaxation.truncation <= stationary(relaxation.truncation.dtype):
        return relaxation
    if relaxation is None or not endless:
        return by_modes(descent, decompose(descent.problem), steps)
    warn_caller(f"The series leaves out {float(relaxation.truncation):.1g} of the result; solver='modes' does not.")
    return relaxation


def _by_series(descent: Descent, steps: int, endless: bool) -> Relaxation | None:
    """The relaxation by the series; ``None`` if the series does not end, unless an ``endless`` one will do."""
    chain = free_chain(descent.problem)
    if not chain.sizes:
        return concluded(descent, steps, [])
    vectors = extreme_vectors(chain, "activities")
    low, high = (float(rayleigh_quotient(chain, "activities", vector)) for vector in vectors)
    margin = ROUNDING * epsilon(descent.step_size.dtype)
    interval = low * (1 - margin), high * (1 + margin)
    left, gained = series(descent, steps, interval)
    if not (endless or (left.ended and gained.ended)):
        return None
    ends = np.asarray(interval, descent.step_size.dtype)
    forces = drive(chain)
    moved = apply_series(chain, ends, *padded(gained.coefficients), forces)
    lost = gained.lost * norm(forces)
    if descent.start is not None:
        kept = apply_series(chain, ends, *padded(left.coefficients), descent.start)
        moved = [one + other for one, other in zip(moved, kept, strict=True)]
        lost = lost + left.lost * norm(descent.start)
    size, xp = norm(moved), namespace(chain.output)
    return concluded(descent, steps, moved, lost / xp.where(size > 0, size, xp.ones_like(size)))
