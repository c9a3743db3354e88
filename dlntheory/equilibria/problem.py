r"""The checked problem of inference: a network, clamped data, covariances, and how the output is held."""

import math
from typing import Any

from ..networks.layer import Layer
from ..networks.network import as_network
from ..numerics.algebra import Matrix, epsilon
from ..numerics.checks import as_batch, as_real, kept, same_batch
from ..numerics.kinds import agree
from ..numerics.record import Record
from .covariance import Covariances, add_noise, as_covariances, is_scalar


class PrecisionError(ArithmeticError):
    """The arithmetic's precision does not suffice for this network and data."""


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


class Problem(Record):
    """Checked arguments, all of one dtype; a sample is a row of numbers, images too."""

    layers: tuple[Layer, ...]
    covariances: Covariances
    x: Matrix
    y: Matrix
    nudge: Any

    @property
    def samples(self) -> int:
        """``B``; one without a batch dimension."""
        return 1 if self.x.ndim == 1 else len(self.x)


def as_problem(net: Any, x: Any, y: Any, covariances: Any, nudge: Any) -> Problem:
    """Check the arguments against the network and bring them to one dtype."""
    net = as_network("net", net)
    x = as_batch("x", x, net.shapes[0], net.dtype)
    y = as_batch("y", y, net.shapes[-1], net.dtype)
    same_batch(x, y)
    covariances = as_covariances(net.layers, covariances, net.dtype)
    nudge = as_nudge(nudge, net.dtype)
    return Problem(*agree(net=net.layers, covariances=covariances, x=x, y=y, nudge=nudge))


def as_nudge(nudge: Any, dtype: Any) -> Any:
    """Check and convert: ``None``, a strength, or `SoftOutput` of a positive one."""
    if nudge is None:
        return None
    if isinstance(nudge, SoftOutput):
        return SoftOutput(as_real("nudge.beta", nudge.beta, dtype, positive=True))
    return as_real("nudge", nudge, dtype)


def soften(covariance: Any, beta: Any) -> Any:
    """``Σ_L + β⁻¹ I``."""
    if covariance is None or is_scalar(covariance):
        return 1 / beta + (1 if covariance is None else covariance)
    return add_noise(1 / beta, covariance)


def stationary(dtype: Any) -> float:
    """The residual that counts as converged where the caller names none: the root of the machine epsilon."""
    return math.sqrt(epsilon(dtype))
