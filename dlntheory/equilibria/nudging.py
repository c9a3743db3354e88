r"""Nudging: an output that is drawn to its target, by a strength or by a soft clamp, instead of clamped."""

from typing import Any

from ..numerics.checks import as_real, kept
from ..numerics.record import Record
from .covariance import Covariances, add_noise, is_scalar


class SoftOutput(Record):
    r"""The output is not clamped but drawn to the target by an energy ``½ β ‖y − x_L‖²``.

    As ``β → ∞`` this is predictive coding with a clamped output; as ``β → 0`` the updates divided by ``β``
    become backpropagation's. Pass it as ``nudge=``.

    Args:
        beta: the strength, positive.

    Source:
        docs/theory.md, statement 4.2.

    Example:
        >>> from dlntheory import LinearNetwork, equilibrium
        >>> net = LinearNetwork.from_weights([[[1.0]], [[1.0]]])
        >>> equilibrium(net, [0.0], [3.0], nudge=SoftOutput(1.0)).activities[-1].round(6).tolist()
        [2.0]
    """

    beta: Any

    def __init__(self, beta: Any):
        self.beta = kept(beta)


def as_nudge(nudge: Any, dtype: Any) -> Any:
    """Check and convert: ``None``, a strength, or `SoftOutput` of a positive one."""
    if nudge is None:
        return None
    if isinstance(nudge, SoftOutput):
        return SoftOutput(as_real("nudge.beta", nudge.beta, dtype, positive=True))
    return as_real("nudge", nudge, dtype)


def softened(covariances: Covariances, nudge: Any) -> Covariances:
    """The covariances with which the output is clamped: a soft output's last one is ``Σ_L + β⁻¹ I``."""
    return (*covariances[:-1], _soften(covariances[-1], nudge.beta)) if isinstance(nudge, SoftOutput) else covariances


def _soften(covariance: Any, beta: Any) -> Any:
    """``Σ_L + β⁻¹ I``."""
    if covariance is None or is_scalar(covariance):
        return 1 / beta + (1 if covariance is None else covariance)
    return add_noise(1 / beta, covariance)
