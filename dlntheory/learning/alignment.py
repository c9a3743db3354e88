"""The alignment of an update's prediction change with the residual."""

from typing import Any, Unpack

from jaxtyping import Float

from ..networks.network import LinearNetwork
from ..networks.passes import changes_by_layer
from ..networks.samples import as_rows
from ..numerics.algebra import Array, magnitude
from ..numerics.kinds import compiled, namespace, stop_gradient
from ..numerics.options import takes
from .prediction_change import as_learning_rate, moved_by
from .rescaling import Rescaling
from .rules import EVERY_RULE, Rule
from .updates import OPTIONS, Learning, UpdateOptions, changes_of, prepare, refuse_overflow, signals_of


def cosine(left: Float[Array, "n B"], right: Float[Array, "n B"]) -> Float[Array, " B"]:
    """The cosine of the angle between columns, safe from overflow; NaN where a column is zero."""
    xp = namespace(left)
    left, right = (each / stop_gradient(magnitude(each, axis=0)) for each in (left, right))
    squares = (left**2).sum(axis=0) * (right**2).sum(axis=0)
    defined = squares > 0
    norms = xp.sqrt(xp.where(defined, squares, xp.ones_like(squares)))
    return xp.where(defined, (left * right).sum(axis=0) / norms, xp.full_like(norms, xp.nan))


@compiled
def change_and_alignment(learning: Learning, learning_rate: Any) -> tuple[Float[Array, "*B n"], Float[Array, "*B"]]:
    """The prediction change as the caller's rows, and each sample's alignment."""
    single, signals = learning.problem.x.ndim == 1, signals_of(learning)
    moved = moved_by(learning, signals, learning_rate)
    alignment = cosine(signals.residual, moved)
    return as_rows(moved, single), alignment[0] if single else alignment


@compiled
def _alignment_by_layer(learning: Learning) -> Float[Array, "*B L"]:
    """Each sample's alignment with the prediction change by each layer's own update."""
    signals, xp = signals_of(learning), namespace(learning.problem.x)
    moved = changes_by_layer(learning.problem.layers, changes_of(learning, signals), signals.feedforward)
    alignment = xp.stack([cosine(signals.residual, each) for each in moved], axis=-1)
    return alignment[0] if learning.problem.x.ndim == 1 else alignment


@takes(UpdateOptions, OPTIONS)
def target_alignment(
    net: LinearNetwork,
    x: Any,
    y: Any,
    rule: Rule = "pc",
    rescaling: Rescaling | None = None,
    learning_rate: Any = None,
    by_layer: bool = False,
    **options: Unpack[UpdateOptions],
) -> Float[Array, "..."]:
    r"""The cosine between each sample's residual ``r = y − ŷ`` and the change of its prediction.

    One: the update moves the prediction straight towards the target. The papers' figure for a batch is the mean
    over its samples.

    Args:
        net: the network.
        x: inputs, ``(B, n_0)`` or ``(n_0,)``.
        y: targets, ``(B, n_L)`` or ``(n_L,)``.
        rule: as in `weight_updates`.
        rescaling: as in `weight_updates`.
        learning_rate: as in `prediction_change`.
        by_layer: whether to take each layer's update on its own, as if the other layers did not learn; in continuous
            time, where the changes of the layers add up.
        **options: as in `weight_updates`.

    Returns:
        ``(B,)``, or ``(B, L)`` by layer, each from −1 to 1; NaN for a sample without residual or whose prediction does
        not change, where the angle is undefined.

    Raises:
        ValueError: as `weight_updates`; also for a learning rate by layer.
        TypeError: as `weight_updates`.
        PrecisionError: as `weight_updates`.

    Source:
        Sample Efficiency, equation 5 and appendix D.1.

    Example:
        >>> net = LinearNetwork.from_weights([[[1.0, 0.0], [0.0, 2.0]], [[1.0, 1.0], [0.0, 1.0]]])
        >>> round(float(target_alignment(net, [1.0, 1.0], [0.0, 0.0], rule="bp")), 4)
        0.9999
        >>> round(float(target_alignment(net, [1.0, 1.0], [0.0, 0.0], rule="pc", rescaling="adaptive")), 12)
        1.0
    """
    learning = prepare(net, x, y, rule, rescaling, options, EVERY_RULE)
    if by_layer:
        if learning_rate is not None:
            raise ValueError(f"`learning_rate` is {learning_rate!r} with by_layer=True; wanted None, continuous time.")
        return _alignment_by_layer(learning)
    moved, alignment = change_and_alignment(learning, as_learning_rate(learning_rate, learning.problem.x.dtype))
    refuse_overflow("prediction change", moved)
    return alignment
