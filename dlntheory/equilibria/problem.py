r"""The checked problem of inference: a network, clamped data, covariances, and a nudge."""

import math
from typing import Any

from ..networks.layer import Layer
from ..networks.network import as_network
from ..numerics.algebra import Matrix, epsilon
from ..numerics.checks import as_batch, same_batch
from ..numerics.kinds import agree
from ..numerics.record import Record
from .covariance import Covariances, as_covariances
from .nudging import as_nudge


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


def stationary(dtype: Any) -> float:
    """The residual that counts as converged where the caller names none: the root of the machine epsilon."""
    return math.sqrt(epsilon(dtype))
