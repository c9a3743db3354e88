"""An algorithm is five choices; a table names the papers' algorithms."""

from dataclasses import replace
from typing import Any, NamedTuple

import equinox as eqx

from ...inference.precision_schedules import Decaying, Schedule, Spiking
from ...learning.rescaling import RESCALINGS
from ...numerics.checks import as_count, as_number, one_of
from .hopfield import HopfieldMemory
from .initial_states import ClassAverage, Forward, Initial, Null, Random, Zero
from .losses import CrossEntropy, Loss, SquaredError
from .outputs import AveragedNudge, CentredNudge, Clamp, End, Nudge, Output
from .relaxations import ErrorCoordinates, Gradient, Langevin, Newton, Relaxation
from .updates import AtArrival, AtEquilibrium, Averaged, Backpropagation, ForwardUpdate, Incremental, Update


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


class Preset(NamedTuple):
    """A row of the table: an algorithm, its description, and its source."""

    algorithm: Algorithm
    description: str
    source: str


def _table() -> dict[str, Preset]:
    deeper, benchmarking = "Deeper PCNs, section 4", "Benchmarking PCNs, section 4 and appendix B"
    plain, momentum = Gradient(0.05), Gradient(0.05, 0.5)
    back, forward = Backpropagation(), ForwardUpdate()
    pc = Algorithm(relaxation=momentum)
    decaying = replace(pc, schedule=Decaying(1.0))
    spiking = Algorithm(schedule=Spiking(), relaxation=Gradient(0.05, decay_last=True))
    rows = {
        "BP-SE": Preset(Algorithm(update=back, steps=1), "backpropagation of the squared error", benchmarking),
        "BP-CE": Preset(Algorithm(loss=CrossEntropy(), update=back, steps=1), "of the cross-entropy", benchmarking),
        "PC-SE": Preset(pc, "predictive coding, squared error at the output", benchmarking),
        "PC-CE": Preset(replace(pc, loss=CrossEntropy()), "cross-entropy at the output", benchmarking),
        "PN": Preset(replace(pc, output=Nudge(1, 0.5)), "positive nudging", benchmarking),
        "NN": Preset(replace(pc, output=Nudge(-1, 0.5)), "negative nudging", benchmarking),
        "CN": Preset(replace(pc, output=CentredNudge(0.5)), "positive or negative nudging, by epoch", benchmarking),
        "iPC": Preset(Algorithm(relaxation=plain, update=Incremental()), "weights step with the states", benchmarking),
        "D": Preset(decaying, "decaying precision", deeper),
        "S": Preset(spiking, "spiking precision", deeper),
        "F": Preset(replace(pc, update=forward), "forward update", deeper),
        "D+F": Preset(replace(decaying, update=forward), "decaying precision, forward update", deeper),
        "S+F": Preset(replace(spiking, update=forward), "spiking precision, forward update", deeper),
        "ePC": Preset(
            Algorithm(relaxation=ErrorCoordinates(0.05)), "descent on the errors", "docs/theory.md, statement 5.6"
        ),
        "Newton": Preset(
            Algorithm(relaxation=Newton(), steps=100), "equilibrium to a residual by Newton's method", "the library"
        ),
        "MCPC": Preset(
            Algorithm(relaxation=Langevin(0.01, 0.9)), "Langevin dynamics", "Benchmarking PCNs, appendix C.2"
        ),
        "Z-IL": Preset(
            Algorithm(relaxation=Gradient(1.0), update=AtArrival()),
            "every layer learns as its error arrives",
            "Song et al. 2020",
        ),
    }
    frozen = {
        f"{name}+BF": row._replace(description=f"{row.description}; BatchNorm frozen") for name, row in rows.items()
    }
    return rows | frozen


PRESETS = _table()
"""The algorithms of the papers, by name."""

INITIALS: dict[str, Initial] = {
    "forward": Forward(),
    "zero": Zero(),
    "random": Random(),
    "null": Null(),
    "class_average": ClassAverage(),
    "hopfield": HopfieldMemory(),
}
NUDGES: dict[str, Output] = {
    "positive": Nudge(1, 0.5), "negative": Nudge(-1, 0.5), "centred": CentredNudge(0.5), "averaged": AveragedNudge(0.5)
}  # fmt: skip
"""Output conditions that nudge, by name."""
SIGNS = ("epoch", "batch")
PRECISIONS: dict[str, Schedule] = {"decaying": Decaying(1.0), "spiking": Spiking()}
"""Schedules of precisions, by name."""


def algorithm(
    name: str,
    *,
    steps: int | None = None,
    step_size: float | None = None,
    momentum: float | None = None,
    beta: float | None = None,
    beta_rate: float | None = None,
    beta_end: End | None = None,
    decay: float | None = None,
    initial: str | Initial | None = None,
    rescaling: str | None = None,
    variance: float | None = None,
    average_from: int | None = None,
    nudging: str | None = None,
    sign_by: str | None = None,
    precisions: str | None = None,
    noise: float | None = None,
) -> Algorithm:
    """A preset, with other hyperparameters where they are given.

    Args:
        name: a name from `PRESETS`.
        steps: inference steps ``T``; with Newton, the most that it takes.
        step_size: the state learning rate ``γ``.
        momentum: the momentum of the states.
        beta: the strength of nudging.
        beta_rate: by how much it grows with every epoch.
        beta_end: the end of negative nudging, ``"reflection"`` (the default) or ``"target"``, as in `Nudge`.
        decay: ``k`` of decaying precision.
        initial: the start of inference, an object or a name from `INITIALS`.
        rescaling: the rescaling of the weights' updates, ``"adaptive"``, ``"adaptive_positive"`` or ``"decorrelated"``.
        variance: ``σ²`` of the output's squared error.
        average_from: learn the mean over the states from this time on (`Averaged`), instead of at the last.
        nudging: an output condition from `NUDGES` instead of the preset's.
        sign_by: whether centred nudging draws its sign by ``"epoch"`` or by ``"batch"``.
        precisions: a schedule from `PRECISIONS` instead of the preset's.
        noise: the standard deviation of Langevin dynamics.

    Returns:
        The algorithm.

    Raises:
        ValueError: for an unknown name, a number out of its range, or one that the preset has no use for.
        TypeError: for something that is not a number.

    Example:
        >>> from dlntheory import pcn
        >>> pcn.algorithm("PC-SE", steps=5, step_size=0.1).steps
        5
        >>> pcn.algorithm("D+F", nudging="centred", beta=0.3).output.beta
        0.3
    """
    chosen = PRESETS[one_of("name", name, PRESETS)].algorithm
    if isinstance(chosen.update, Backpropagation):
        _refuse(name, steps=steps, step_size=step_size, momentum=momentum, initial=initial, variance=variance,
                nudging=nudging, precisions=precisions)  # fmt: skip
    if precisions is not None:
        chosen = _with_precisions(chosen, one_of("precisions", precisions, PRECISIONS))
    if isinstance(chosen.relaxation, Newton):
        _refuse(name, step_size=step_size, momentum=momentum, variance=variance)
    if not isinstance(chosen.loss, SquaredError):
        _refuse(name, variance=variance)
    if not isinstance(chosen.update, AtEquilibrium) or rescaling is not None:
        _refuse(name if rescaling is None else f"{name} with a rescaling", average_from=average_from)
    if not isinstance(chosen.schedule, Decaying):
        _refuse(name, decay=decay)
    if not isinstance(chosen.relaxation, Langevin):
        _refuse(name, noise=noise)
    changes: dict[str, Any] = {"output": _nudged(name, chosen.output, nudging, beta, beta_rate, beta_end, sign_by)}
    if steps is not None:
        changes["steps"] = as_count("steps", steps)
    if _given({"step_size": step_size, "momentum": momentum, "noise": noise}):
        changes["relaxation"] = _moved(chosen.relaxation, step_size, momentum, noise)
    if decay is not None:
        changes["schedule"] = Decaying(decay)
    if initial is not None:
        changes["initial"] = initial if isinstance(initial, Initial) else INITIALS[one_of("initial", initial, INITIALS)]
    if variance is not None:
        changes["loss"] = SquaredError(as_number("variance", variance, positive=True))
    if average_from is not None:
        changes["update"] = Averaged(first=as_count("average_from", average_from, minimum=0))
    if rescaling is not None:
        changes["update"] = replace(chosen.update, rescaling=rescaling)
    return replace(chosen, **changes)


def norm_of(name: str) -> str | None:
    """The batch normalisation that a preset asks of its model: ``"frozen"`` for those with ``+BF``.

    Args:
        name: a name from `PRESETS`.

    Returns:
        ``"frozen"`` or ``None``.

    Raises:
        ValueError: for an unknown name.

    Example:
        >>> from dlntheory import pcn
        >>> pcn.norm_of("PC-SE+BF"), pcn.norm_of("PC-SE")
        ('frozen', None)
    """
    one_of("algorithm", name, PRESETS)
    return "frozen" if name.endswith("+BF") else None


def _refuse(name: str, **options: Any) -> None:
    for option in _given(options):
        raise ValueError(f"`{option}` is given, but {name} has no use for it; wanted None.")


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _with_precisions(chosen: Algorithm, name: str) -> Algorithm:
    """The algorithm with a schedule; where states descend, spikes come with the last state's decaying step."""
    relaxation = chosen.relaxation
    if isinstance(relaxation, Gradient):
        relaxation = replace(relaxation, decay_last=name == "spiking")
    return replace(chosen, schedule=PRECISIONS[name], relaxation=relaxation)


def _nudged(
    name: str,
    output: Output,
    nudging: str | None,
    beta: float | None,
    rate: float | None,
    end: End | None,
    sign_by: str | None,
) -> Output:
    """The output condition that a preset asks for, with another strength or kind of nudging."""
    if nudging is not None:
        output = NUDGES[one_of("nudging", nudging, NUDGES)]
    if not hasattr(output, "beta"):
        _refuse(name, beta=beta, beta_rate=rate)
    if not hasattr(output, "end"):
        _refuse(name, beta_end=end)
    if not isinstance(output, CentredNudge):
        _refuse(name, sign_by=sign_by)
    given = {"beta": _share("beta", beta), "rate": _share("beta_rate", rate), "end": end}
    by_batch = {} if sign_by is None else {"by_batch": one_of("sign_by", sign_by, SIGNS) == "batch"}
    return replace(output, **_given(given), **by_batch)


def _moved(relaxation: Relaxation, step_size: float | None, momentum: float | None, noise: float | None) -> Relaxation:
    """The relaxation with another step size, momentum and noise."""
    given = {
        "step_size": None if step_size is None else as_number("step_size", step_size, positive=True),
        "momentum": _share("momentum", momentum),
        "noise": None if noise is None else as_number("noise", noise, negative=False),
    }
    return replace(relaxation, **_given(given))


def _share(name: str, value: Any) -> float | None:
    if value is None:
        return None
    number = as_number(name, value)
    if not 0 <= number <= 1:
        raise ValueError(f"`{name}` is {number}; wanted a number from 0 to 1.")
    return number
