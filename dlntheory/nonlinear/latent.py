"""A free input: the state before the first block is drawn from a prior, and relaxes with the hidden states."""

from typing import Any

import equinox as eqx
from jaxtyping import Array, Float


class Latent(eqx.Module):
    r"""The block that draws a free input, ``x_1 ~ N(μ_0, σ_0² I)``: its prediction is ``μ_0``, whatever it reads.

    Its state has the energy ``‖x_1 − μ_0‖² / (2σ_0²)``. Under a flat prior, of infinite variance, it has none, and
    ``μ_0`` is but the place where a forward start puts it.

    Args:
        mean: ``μ_0``, of the state's shape.
        variance: ``σ_0²``, positive, or infinity.
        learned: whether ``μ_0`` is a parameter.
    """

    mean: Float[Array, "..."]
    variance: float = eqx.field(static=True, default=1.0)
    learned: bool = eqx.field(static=True, default=False)

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """``μ_0``."""
        return self.mean


def prior_variance(block: Any) -> float:
    """The variance of a hidden state's error: its prior's if it is a latent, and 1 otherwise."""
    return block.variance if isinstance(block, Latent) else 1.0
