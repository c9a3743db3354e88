"""The papers' algorithms by name, also with other hyperparameters: fields of the choices that an algorithm is."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

from ...inference.precision_schedules import Decaying, Schedule, Spiking
from ...numerics.checks import as_count, as_number, as_share, one_of
from .algorithms import Algorithm
from .hopfield import HopfieldMemory
from .initial_states import ClassAverage, Forward, Initial, Null, Random, Zero
from .losses import CrossEntropy
from .outputs import AveragedNudge, CentredNudge, End, Nudge, Output
from .relaxations import ErrorCoordinates, Gradient, Langevin, Newton
from .updates import AtArrival, AtEquilibrium, Averaged, Backpropagation, ForwardUpdate, Incremental, Update

Choice = TypeVar("Choice")


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
"""The algorithms of the papers, by name, and those that `register` adds."""
OF_PAPERS = frozenset(PRESETS)
"""The names that are taken."""

INITIALS: dict[str, Initial] = {
    "forward": Forward(),
    "zero": Zero(),
    "random": Random(),
    "null": Null(),
    "class_average": ClassAverage(),
    "hopfield": HopfieldMemory(),
}
"""Starts of inference, by name."""
NUDGES: dict[str, Output] = {
    "positive": Nudge(1, 0.5), "negative": Nudge(-1, 0.5), "centred": CentredNudge(0.5), "averaged": AveragedNudge(0.5)
}  # fmt: skip
"""Output conditions that nudge, by name."""
PRECISIONS: dict[str, Schedule] = {"decaying": Decaying(1.0), "spiking": Spiking()}
"""Schedules of precisions, by name."""
SIGNS = {"epoch": False, "batch": True}
"""The values of `CentredNudge.by_batch`, by name."""
NAMES = {"rate": "beta_rate", "end": "beta_end", "by_batch": "sign_by", "k": "decay"}
"""The hyperparameters that are called otherwise than the fields that they set."""


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
    preset = PRESETS[one_of("name", name, PRESETS)].algorithm
    if not infers(name):
        _refuse(name, steps=steps, step_size=step_size, momentum=momentum, initial=initial, variance=variance,
                nudging=nudging, precisions=precisions)  # fmt: skip
    if not preset.relaxation.stepwise:
        _refuse(name, variance=variance)
    relaxation = preset.relaxation
    if precisions is not None and isinstance(relaxation, Gradient):  # spikes come with a decaying step
        relaxation = replace(relaxation, decay_last=precisions == "spiking")
    return Algorithm(
        initial=initial if isinstance(initial, Initial) else _named("initial", initial, INITIALS, preset.initial),
        output=_changed(
            name,
            _named("nudging", nudging, NUDGES, preset.output),
            beta=_share("beta", beta),
            rate=_share("beta_rate", beta_rate),
            end=beta_end,
            by_batch=_named("sign_by", sign_by, SIGNS, None),
        ),
        loss=_changed(name, preset.loss, variance=_number("variance", variance, positive=True)),
        schedule=_changed(name, _named("precisions", precisions, PRECISIONS, preset.schedule), k=decay),
        relaxation=_changed(
            name,
            relaxation,
            step_size=_number("step_size", step_size, positive=True),
            momentum=_share("momentum", momentum),
            noise=_number("noise", noise, negative=False),
        ),
        update=_learning(name, preset.update, rescaling, average_from),
        steps=preset.steps if steps is None else as_count("steps", steps),
    )


def register(name: Any, algorithm: Any, description: str = "", source: str = "") -> None:
    """Give an algorithm of your own a name in this process, by which `algorithm`, runs, searches and studies know it.

    Fields of its choices that bear the names of the presets' hyperparameters, such as ``step_size``, take them.

    Args:
        name: any but those of the papers; your own are replaced.
        algorithm: the algorithm.
        description: what it is, for lists.
        source: where it is from, for lists.

    Raises:
        ValueError: for a name of the papers, or one that is no word.
        TypeError: for something that is no algorithm.

    Example:
        >>> from dlntheory import pcn
        >>> pcn.register("PC-Adam", pcn.Algorithm(relaxation=pcn.Adam(0.05)), "Adam moves the states")
        >>> pcn.algorithm("PC-Adam", step_size=0.01, steps=5).relaxation.step_size
        0.01
    """
    if not isinstance(name, str) or not name or set(name) & set(" ,/") or name.endswith("+BF"):
        raise ValueError(f"`name` is {name!r}; wanted a word without blanks, commas, slashes, and +BF at its end.")
    if name in OF_PAPERS:
        raise ValueError(f"`name` is {name!r}, which is an algorithm of the papers; wanted another.")
    if not isinstance(algorithm, Algorithm):
        raise TypeError(f"`algorithm` is {algorithm!r}; wanted an Algorithm.")
    PRESETS[name] = Preset(algorithm, description, source)


def infers(name: str) -> bool:
    """Whether the algorithm of that name infers states, and does not propagate errors alone."""
    return not isinstance(PRESETS[one_of("algorithm", name, PRESETS)].algorithm.update, Backpropagation)


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


def _learning(name: str, update: Update, rescaling: str | None, average_from: int | None) -> Update:
    """The update with a rescaling, or averaged over states."""
    if not isinstance(update, AtEquilibrium) or rescaling is not None:
        _refuse(name if rescaling is None else f"{name} with a rescaling", average_from=average_from)
    if average_from is not None:
        return Averaged(first=as_count("average_from", average_from, minimum=0))
    return _changed(name, update, rescaling=rescaling)


def _changed(name: str, choice: Choice, **fields: Any) -> Choice:
    """A choice with the fields that are given; one that it does not have is refused."""
    own = getattr(choice, "__dataclass_fields__", ())
    _refuse(name, **{NAMES.get(field, field): value for field, value in fields.items() if field not in own})
    given = {field: value for field, value in fields.items() if value is not None}
    return replace(choice, **given) if given else choice  # type: ignore[type-var]


def _refuse(name: str, **hyperparameters: Any) -> None:
    for each, value in hyperparameters.items():
        if value is not None:
            raise ValueError(f"`{each}` is given, but {name} has no use for it; wanted None.")


def _named(name: str, word: str | None, table: Mapping[str, Any], otherwise: Any) -> Any:
    """Look a word up; without one, keep the preset's choice."""
    return otherwise if word is None else table[one_of(name, word, table)]


def _number(name: str, value: Any, **limits: bool) -> float | None:
    return None if value is None else as_number(name, value, **limits)


def _share(name: str, value: Any) -> float | None:
    return None if value is None else as_share(name, value, one=True)
