r"""Parameterisations: constants beside the weights, so that one learning rate serves all widths or depths.

- ``"standard"``: none.
- ``"ntk"``: every weight times ``1/√n_in``.
- ``"mupc"``: depth-μP for predictive coding. The first weight times ``1/√n_0``; weights between times ``1/√(n_in L)``
  beside a skip, ``x_l = x_{l-1} + a_l W_l x_{l-1}``; the last times ``1/n_in``.

Sources: Jacot et al. 2018; Innocenti et al. 2025.
"""

import math
from collections.abc import Sequence
from typing import Literal, get_args

from ..numerics.algebra import Array
from .layer import Dense, Layer
from .residual import Residual
from .scaled import Scaled

Parameterisation = Literal["standard", "ntk", "mupc"]
PARAMETERISATIONS: tuple[str, ...] = get_args(Parameterisation)


def parameterised(weights: Sequence[Array], name: str) -> list[Layer]:
    """Dense layers with the weights, and the constants and skips of a parameterisation."""
    if name == "standard":
        return [Dense(weight) for weight in weights]
    if name == "ntk":
        return [Scaled(Dense(weight), 1 / math.sqrt(weight.shape[1])) for weight in weights]
    return [_depth_mup(weight, index, len(weights)) for index, weight in enumerate(weights)]


def _depth_mup(weight: Array, index: int, depth: int) -> Layer:
    outputs, inputs = weight.shape
    if index == depth - 1:
        return Scaled(Dense(weight), 1 / inputs)
    if index == 0:
        return Scaled(Dense(weight), 1 / math.sqrt(inputs))
    if outputs != inputs:
        raise ValueError(
            f"`widths` has {inputs} and {outputs} in hidden layers {index} and {index + 1}; wanted equal ones with "
            "parameterisation='mupc', which has skips there."
        )
    return Residual(Scaled(Dense(weight), 1 / math.sqrt(inputs * depth)))
