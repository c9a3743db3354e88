"""An algorithm is five choices; those that do not go together are refused."""

from typing import Any

import equinox as eqx

from ...inference.precision_schedules import Schedule
from ...learning.rescaling import RESCALINGS
from ...numerics.checks import as_count, one_of
from .initial_states import Forward, Initial
from .losses import CrossEntropy, Loss, SquaredError
from .outputs import AveragedNudge, Clamp, Output
from .relaxations import Gradient, Relaxation
from .updates import AtArrival, AtEquilibrium, Averaged, Incremental, Update

KINDS: dict[str, tuple[Any, str]] = {
    "initial": (Initial, "pcn.Forward()"),
    "output": (Output, "pcn.Clamp()"),
    "loss": (Loss, "pcn.SquaredError()"),
    "schedule": (Schedule | None, "dln.Spiking()"),
    "relaxation": (Relaxation, "pcn.Gradient(0.1)"),
    "update": (Update, "pcn.AtEquilibrium()"),
}
"""By choice its kind, and an example."""


class Algorithm(eqx.Module):
    """A way to learn from a batch.

    Args:
        initial: the start of inference.
        output: the condition on the output.
        loss: the output's energy.
        schedule: the precisions by time, ``None`` for ones.
        relaxation: the rule by which the states move.
        update: when and where the weights learn.
        steps: inference steps ``T``.

    Raises:
        ValueError: for choices that do not go together, or numbers out of their range.
        TypeError: for something of another kind, such as a choice's name.

    Example:
        >>> from dlntheory import pcn
        >>> pcn.Algorithm(initial=pcn.Zero(), relaxation=pcn.Adam(0.05), steps=10).steps
        10
    """

    initial: Initial = Forward()
    output: Output = Clamp()
    loss: Loss = SquaredError()
    schedule: Schedule | None = None
    relaxation: Relaxation = Gradient(0.1)
    update: Update = AtEquilibrium()
    steps: int = eqx.field(static=True, default=8)

    def __check_init__(self) -> None:
        as_count("steps", self.steps)
        for name, (wanted, example) in KINDS.items():
            if not isinstance(getattr(self, name), wanted):
                raise TypeError(f"`{name}` is {getattr(self, name)!r}; wanted an object such as {example}.")
        if not self.relaxation.stepwise:
            self._check_timeless()
        if self.relaxation.coordinates == "errors" and not self.output.clamped:
            raise ValueError("`output` is free with error coordinates; wanted a clamped output.")
        if isinstance(self.loss, CrossEntropy) and not self.output.clamped:
            raise ValueError("`loss` is CrossEntropy with a free output, which it does not bound; wanted SquaredError.")
        if self.update.at_forward and not self.initial.forward:
            raise ValueError(
                f"`initial` is {type(self.initial).__name__} with a {type(self.update).__name__}, "
                "which needs the forward pass; wanted Forward."
            )
        if self.update.at_arrival and self.relaxation.coordinates == "errors":
            raise ValueError("`update` is AtArrival with error coordinates, where no error travels; wanted another.")
        one_of("rescaling", self.update.rescaling, RESCALINGS)
        if self.update.rescaling and isinstance(self.update, Incremental | Averaged | AtArrival):
            kind = type(self.update).__name__
            raise ValueError(f"`rescaling` is {self.update.rescaling!r} with {kind}, which has none; wanted None.")
        if isinstance(self.update, Incremental | Averaged) and isinstance(self.output, AveragedNudge):
            kind = type(self.update).__name__
            raise ValueError(f"`output` is AveragedNudge with {kind}, which has one run; wanted another.")
        if isinstance(self.update, Averaged):
            self._check_averaged(self.update)

    def _check_averaged(self, update: Averaged) -> None:
        """Refuse an average over nothing, or over states that do not relax."""
        if update.first >= self.steps:
            raise ValueError(f"`first` is {update.first} with {self.steps} steps; wanted a time before the last.")
        if self.relaxation.coordinates == "errors":
            raise ValueError("`update` is Averaged with error coordinates; wanted another, or a relaxation of states.")

    def _check_timeless(self) -> None:
        """Refuse options that a relaxation without steps in time cannot have."""
        kind = type(self.relaxation).__name__
        if self.schedule is not None:
            raise ValueError(
                f"`schedule` is {type(self.schedule).__name__} with {kind}, which has no times; wanted None."
            )
        if not self.output.clamped:
            raise ValueError(f"`output` is free with {kind}; wanted a clamped output.")
        if not isinstance(self.loss, SquaredError):
            raise ValueError(f"`loss` is {type(self.loss).__name__} with {kind}; wanted SquaredError.")
        if self.loss.variance != 1:
            raise ValueError(f"`loss` has the variance {self.loss.variance} with {kind}; wanted 1.")
        if isinstance(self.update, Incremental | Averaged | AtArrival):
            raise ValueError(
                f"`update` is {type(self.update).__name__} with {kind}, which has no times; wanted another."
            )

    @property
    def weight_steps(self) -> int:
        """Steps of the optimiser in a batch."""
        return self.steps if isinstance(self.update, Incremental) else 1


def check_algorithm(algorithm: Any) -> None:
    """Refuse anything that is no algorithm."""
    if not isinstance(algorithm, Algorithm):
        raise TypeError(f"`algorithm` is a {type(algorithm).__name__}; wanted one from dlntheory.pcn.algorithm.")
