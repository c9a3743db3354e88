r"""The checked problem of inference: a network, clamped data, covariances, and a nudge."""

import math
from typing import Any

from ..networks.layer import Layer
from ..networks.network import as_network
from ..networks.residual import without_bias
from ..numerics.algebra import Matrix, epsilon, identity
from ..numerics.checks import as_batch, same_batch
from ..numerics.kinds import agree, namespace
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


def unit_residuals(problem: Problem) -> Problem:
    """The same network without biases at zero inputs, and for each output the target that is 1 there and 0 elsewhere.

    At its equilibrium the multiplier is ``S⁻¹``, and layer ``l`` has the activities ``S_l D_lᵀ S⁻¹``, in columns.
    """
    like, outputs = problem.layers[-1].like, problem.layers[-1].out_size
    x = namespace(like).zeros((outputs, problem.layers[0].in_size), like.dtype)
    return Problem(tuple(map(without_bias, problem.layers)), problem.covariances, x, identity(outputs, like), None)


def stationary(dtype: Any) -> float:
    """The residual that counts as converged where the caller names none: the root of the machine epsilon."""
    return math.sqrt(epsilon(dtype))
