r"""Precision schedules: scalar precisions that change while inference runs (Deeper PCNs, section 4).

Time counts from 0: the start is the state at time 0, the step from time ``t`` to ``t + 1`` uses the precisions of time
``t``, and a run of ``T`` steps ends at time ``T``, whose precisions weight its errors and the weight update. The
precisions of a schedule multiply the constant ones, ``Σ_l⁻¹``.
"""

import abc
import sys
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from ..numerics.algebra import Array
from ..numerics.checks import as_array, as_number, nan_unless
from ..numerics.kinds import holds_jax, is_concrete
from ..numerics.record import Record, static


class Schedule(Record):
    """The precisions of every layer at every time.

    ``passes`` tells whether they are 1 after ``L`` steps, so that the constant ones decide whether inference is stable.
    """

    passes: ClassVar[bool]

    @abc.abstractmethod
    def precisions(self, time: Any, steps: Any, depth: int, step_size: Any) -> Float[Array, " L"]:
        """The scalar precisions of the layers ``1 … L`` at ``time``, in a run of at most ``steps`` steps."""


class Spiking(Schedule):
    r"""Spiking precision: the covariance of layer ``l`` is the step size at time ``L − l``, and 1 otherwise.

    Then the step from time ``L − l`` hands the error of layer ``l`` to layer ``l − 1`` whole, and not the small share
    that a step size allows: the spike carries backpropagation's error down the network.

    Source:
        Deeper PCNs, equation 4, with the time counted from 0 (the errata say why).

    Example:
        >>> Spiking().precisions(time=0, steps=5, depth=2, step_size=0.1).round(6).tolist()
        [1.0, 10.0]
    """

    passes = True

    def precisions(self, time: Any, steps: Any, depth: int, step_size: Any) -> Float[Array, " L"]:
        """``1 / γ`` where ``l = L − t``."""
        xp = _namespace(time, steps, step_size)
        step_size = xp.asarray(step_size)
        arrived = xp.arange(1, depth + 1) == depth - time
        return xp.where(arrived, 1 / step_size, xp.ones_like(step_size))


class Decaying(Schedule):
    r"""Decaying precision: from time ``L − l`` on, the precision of layer ``l`` decays as ``exp(−k t)``.

    With ``m = t − (L − l)`` the time since the error first reached the layer,
    ``1/Σ_l(t) = exp(−k m) / Σ_{j=0}^{T−L+l} exp(−k j)`` for ``m ≥ 0``, and 1 before. The precisions of a layer sum to
    one over the times from ``L − l`` to ``T``.

    Args:
        k: the rate of the decay, not negative.

    Raises:
        ValueError: for a negative or infinite ``k``.
        TypeError: for something that is not a real number.

    Source:
        Deeper PCNs, equation 5.

    Example:
        >>> Decaying(0.0).precisions(time=1, steps=4, depth=3, step_size=0.5).tolist()
        [1.0, 0.25, 0.2]
    """

    k: float = static()
    passes = False

    def __init__(self, k: Any):
        self.k = as_number("k", k, negative=False)

    def precisions(self, time: Any, steps: Any, depth: int, step_size: Any) -> Float[Array, " L"]:
        """``exp(−k m) / Σ_j exp(−k j)`` where ``m ≥ 0``."""
        xp = _namespace(time, steps, step_size)
        dtype = xp.asarray(step_size).dtype
        missing = depth - xp.arange(1, depth + 1)
        since = (time - missing).astype(dtype)
        terms = xp.maximum(steps - missing + 1, 1).astype(dtype)
        total = xp.expm1(-self.k * terms) / float(np.expm1(-self.k)) if self.k else terms
        active = since >= 0  # no exponential overflows before
        return xp.where(
            active, xp.exp(-self.k * xp.where(active, since, xp.zeros_like(since))) / total, xp.ones_like(total)
        )


class Prescribed(Schedule):
    """Covariances by time and layer, ``(T', L)``; 1 from time ``T'`` on."""

    covariances: Float[Array, "T L"]
    passes = False

    def precisions(self, time: Any, steps: Any, depth: int, step_size: Any) -> Float[Array, " L"]:
        """The inverse of a row."""
        xp = _namespace(time, self.covariances)
        length = len(self.covariances)
        row = 1 / xp.asarray(self.covariances)[xp.minimum(time, length - 1)]
        return xp.where(time < length, row, xp.ones_like(row))


NAMED: dict[str, Schedule | None] = {"unit": None, "spiking": Spiking()}


def as_schedule(schedule: Any, steps: int, depth: int, dtype: Any) -> Schedule | None:
    """Check and convert: ``None``, a name, a `Schedule`, or an array of covariances no longer than the run."""
    if schedule is None or isinstance(schedule, Schedule):
        return schedule
    if isinstance(schedule, str):
        if schedule not in NAMED:
            names = ", ".join(map(repr, NAMED))
            raise ValueError(f"`schedule` is {schedule!r}; wanted {names}, Decaying(k), or an array of covariances.")
        return NAMED[schedule]
    table = as_array("schedule", schedule, dtype)
    if table.ndim != 2 or table.shape[1] != depth or not len(table):
        raise ValueError(f"`schedule` has shape {table.shape}; wanted (times, {depth}), a row for each time.")
    if len(table) > steps:
        raise ValueError(f"`schedule` covers {len(table)} steps but the run has {steps}; wanted no more than the run.")
    if is_concrete(table) and not (np.asarray(table) > 0).all():
        raise ValueError(f"`schedule` holds {float(np.asarray(table).min())}; wanted positive covariances.")
    return Prescribed(nan_unless(table > 0, table).astype(dtype))


def schedule_at(
    schedule: Schedule | None, time: Any, steps: Any, depth: int, step_size: Array
) -> Float[Array, " L"] | None:
    """The precisions of a schedule, ``None`` for ones."""
    return None if schedule is None else schedule.precisions(time, steps, depth, step_size)


def _namespace(*numbers: Any) -> Any:
    """JAX's where one of the numbers is JAX's."""
    return sys.modules["jax"].numpy if holds_jax(*numbers) else np
