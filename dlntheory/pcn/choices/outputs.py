"""Output conditions: where inference holds the output, and in which direction the weights then learn."""

import abc
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from ...numerics.checks import one_of
from .losses import Loss

Scalar = Any
"""A Python number, or a scalar array."""
End = Literal["reflection", "target"]
ENDS = ("reflection", "target")
"""The end of negative nudging, where ``β`` is 1: ``2μ_L − y``, or ``y`` as in plain predictive coding."""


class Phase(NamedTuple):
    """One run of inference: the strength of the nudge, ``None`` for a clamp, and the weight of its update."""

    nudge: Scalar | None
    weight: Scalar


class Output(eqx.Module):
    """The runs of inference that a batch takes."""

    clamped = True
    """Whether the output stays where the condition puts it; otherwise it relaxes with the hidden states."""
    by_batch = False
    """Whether the output condition draws for every batch; otherwise it draws for a whole epoch."""

    @abc.abstractmethod
    def phases(self, epoch: Scalar, key: jax.Array) -> tuple[Phase, ...]:
        """The runs in an epoch; ``key`` is the epoch's, or the batch's."""


class Clamp(Output):
    """The output is the target."""

    def phases(self, epoch: Scalar, key: jax.Array) -> tuple[Phase, ...]:
        """One run at the target."""
        return (Phase(None, 1.0),)


class Nudge(Output):
    r"""The output is its prediction, moved a part of the way to the target: ``μ_L + β (y − μ_L)``.

    Negative nudging moves it away, ``μ_L − β (y − μ_L)``, and turns the update round.

    Args:
        sign: 1 for positive nudging, −1 for negative.
        beta: the part ``β`` in the first epoch.
        rate: by how much ``β`` grows with every epoch, up to 1.
        end: where negative nudging ends: ``"reflection"``, at ``2μ_L − y``, or ``"target"``, at ``y``. The paper's text
            has both readings (docs/errata.md); the first continues the rule without a jump.

    Source:
        Benchmarking PCNs, appendix B (PN, NN).
    """

    sign: int = eqx.field(static=True)
    beta: Scalar
    rate: Scalar = 0.0
    end: End = eqx.field(static=True, default="reflection")

    def __check_init__(self) -> None:
        one_of("end", self.end, ENDS)

    def phases(self, epoch: Scalar, key: jax.Array) -> tuple[Phase, ...]:
        """One run, with the strength of the epoch."""
        return (signed(self.sign, strength(self.beta, self.rate, epoch), self.end),)


class CentredNudge(Output):
    r"""Positive and negative nudging in turn: the sign is drawn at random for each epoch or batch.

    Args:
        beta: the strength ``β`` in the first epoch.
        rate: by how much ``β`` grows with every epoch, up to 1.
        end: the end of negative nudging, as in `Nudge`.
        by_batch: whether the sign is drawn for every batch, and not for every epoch.

    Source:
        Benchmarking PCNs, appendix B (CN), by epoch; Deeper PCNs, by epoch and batch.
    """

    beta: Scalar
    rate: Scalar = 0.0
    end: End = eqx.field(static=True, default="reflection")
    by_batch: bool = eqx.field(static=True, default=False)

    def __check_init__(self) -> None:
        one_of("end", self.end, ENDS)

    def phases(self, epoch: Scalar, key: jax.Array) -> tuple[Phase, ...]:
        """One run, whose sign is drawn."""
        beta = strength(self.beta, self.rate, epoch)
        sign = jnp.where(jax.random.bernoulli(key), jnp.ones_like(beta), -jnp.ones_like(beta))
        return (signed(sign, beta, self.end),)


class AveragedNudge(Output):
    r"""Positive and negative nudging on every batch, and the mean of their updates.

    Args:
        beta: the strength ``β`` in the first epoch.
        rate: by how much ``β`` grows with every epoch, up to 1.

    Source:
        Scellier et al. 2024, as Benchmarking PCNs describes it.
    """

    beta: Scalar
    rate: Scalar = 0.0

    def phases(self, epoch: Scalar, key: jax.Array) -> tuple[Phase, ...]:
        """Two runs."""
        beta = strength(self.beta, self.rate, epoch)
        return Phase(beta, 0.5), Phase(-beta, -0.5)


class Free(Output):
    """The output is free, and relaxes with the hidden states: the network generates."""

    clamped = False

    def phases(self, epoch: Scalar, key: jax.Array) -> tuple[Phase, ...]:
        """One run."""
        return (Phase(None, 1.0),)


class Cue(Free):
    """The output starts at the target and is free: a noisy memory is refined.

    Source:
        Benchmarking PCNs, appendix C.3.
    """


def strength(beta: Scalar, rate: Scalar, epoch: Scalar) -> jax.Array:
    """``min(β + rate × epoch, 1)``, in the dtype of ``β``."""
    beta = jnp.asarray(beta)
    return jnp.minimum(beta + jnp.asarray(rate, beta.dtype) * jnp.asarray(epoch, beta.dtype), 1)


def signed(sign: Scalar, beta: jax.Array, end: End) -> Phase:
    """The run of positive or negative nudging with strength ``β``."""
    if end == "target":
        sign = jnp.where(beta < 1, sign, jnp.ones_like(sign))
    return Phase(sign * beta, sign)


def target(loss: Loss, prediction: jax.Array, y: jax.Array, phase: Phase) -> jax.Array:
    """The value that a phase gives the output, from its first prediction."""
    if phase.nudge is None:
        return y
    mean = loss.mean(prediction)
    return mean + jnp.asarray(phase.nudge, y.dtype) * (y - mean)
