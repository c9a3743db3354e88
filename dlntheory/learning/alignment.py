"""The alignment of an update's prediction change with the residual."""

import math
from functools import cache
from typing import Any, Unpack

import numpy as np
from jaxtyping import Float

from ..networks.network import LinearNetwork
from ..networks.passes import changes_by_layer
from ..networks.samples import as_rows
from ..numerics.algebra import Array, magnitude
from ..numerics.checks import as_flag
from ..numerics.kinds import compiled, is_concrete, namespace, stop_gradient
from ..numerics.options import takes
from ..numerics.precision import PrecisionError, refuse_overflow
from .prediction_change import as_learning_rate, moved_by
from .problem import OPTIONS, Learning, UpdateOptions, as_learning, changes_of, settled, signals_of
from .rescaling import Rescaling
from .rules import Rule, Signals, of_size_one


def cosine(left: Float[Array, "n ..."], right: Float[Array, "n ..."]) -> Float[Array, "..."]:
    """The cosine of the angle between columns, safe from overflow; NaN where a column is zero."""
    xp = namespace(left)
    left, right = (each / stop_gradient(magnitude(each, axis=0)) for each in (left, right))
    squares = (left**2).sum(axis=0) * (right**2).sum(axis=0)
    defined = squares > 0
    norms = xp.sqrt(xp.where(defined, squares, xp.ones_like(squares)))
    return xp.where(defined, (left * right).sum(axis=0) / norms, xp.full_like(norms, xp.nan))


def alignment_of(learning: Learning, learning_rate: Any) -> Float[Array, "*B"]:
    """Each sample's alignment; where the prediction change under- or overflows, from signals of size one."""
    learning_rate = as_learning_rate(learning_rate, learning.problem.x.dtype)
    if is_concrete(learning.problem, learning_rate):
        moved, alignment = _change_and_alignment(learning, learning_rate)
        if _in_range(moved):
            return alignment
    moved, alignment = _change_and_alignment(learning, learning_rate, resized=True)
    return refuse_lost_digits(learning, moved, alignment)


def refuse_lost_digits(learning: Learning, moved: Float[Array, "... n"], alignment: Array) -> Array:
    """The alignment; refused where a prediction change from resized signals still over- or underflowed.

    One that is zero, and its angle undefined, underflowed if products of its signals do.
    """
    if not is_concrete(moved) or _in_range(moved):
        return alignment
    refuse_overflow("prediction changes", moved)
    tiny, sizes = np.finfo(moved.dtype).tiny, np.abs(moved).max(axis=-1)
    lost = (sizes < tiny) & ~np.isnan(alignment)
    if lost.any() or (not sizes.all() and _smallest_product(learning) < tiny):
        raise PrecisionError(f"the prediction change underflows in {moved.dtype}. Scale the data and the biases.")
    return alignment


@compiled
def _smallest_product(learning: Learning) -> Any:
    """The smallest product, over layers, of the sizes of a resized activity and prediction."""
    signals, _ = resized_signals(learning)
    pairs = zip(signals.activities, signals.feedforward, strict=False)
    return namespace(signals.residual).stack([magnitude(one) * magnitude(other) for one, other in pairs]).min()


@compiled
def _change_and_alignment(
    learning: Learning, learning_rate: Any, resized: bool = False
) -> tuple[Float[Array, "*B n"], Float[Array, "*B"]]:
    single = learning.problem.x.ndim == 1
    signals, size = resized_signals(learning) if resized else (signals_of(learning), None)
    if resized and learning_rate is not None:
        learning_rate = _resized_rate(learning_rate, size)
    moved = moved_by(learning, signals, learning_rate)
    alignment = cosine(signals.residual, moved)
    return as_rows(moved, single), alignment[0] if single else alignment


def _resized_rate(learning_rate: Any, size: Any) -> Any:
    """The learning rate of an update of size one. A rate that would underflow is raised: both are continuous time."""
    xp, dtype = namespace(learning_rate, size), learning_rate.dtype
    return xp.sign(learning_rate) * xp.maximum(abs(learning_rate * size), _smallest(dtype)).astype(dtype)


@cache
def _smallest(dtype: Any) -> float:
    """A size beside which no digit underflows."""
    limits = np.finfo(dtype)
    return float(limits.tiny / limits.eps**2)


def _in_range(moved: Array) -> bool:
    """Whether the change of every sample is finite, and large enough for all digits."""
    rows = np.asarray(moved).reshape(-1, moved.shape[-1])
    squares = np.einsum("bi,bi->b", rows, rows)
    return bool(_smallest(rows.dtype) < np.minimum.reduce(squares) and np.maximum.reduce(squares) < math.inf)


@compiled
def resized_signals(learning: Learning) -> tuple[Signals, Any]:
    """The signals, of size one but where the rule is not homogeneous in them, and the size of their update."""
    signals = signals_of(learning)
    if learning.rule == "evidence":
        return signals, 1
    scaled, sizes = of_size_one(learning.problem.layers, signals)
    if learning.rule == "natural":
        return scaled, sizes.residual / sizes.feedforward
    if learning.rescaling is None:
        return scaled, sizes.errors * sizes.activities
    positive = learning.rescaling == "adaptive_positive"
    return scaled, sizes.errors / (sizes.activities if positive else sizes.feedforward)


@compiled
def _change_and_alignment_by_layer(learning: Learning) -> tuple[Float[Array, "*B L n"], Float[Array, "*B L"]]:
    """Each sample's prediction change by each layer's own update, and its alignment."""
    signals, xp = resized_signals(learning)[0], namespace(learning.problem.x)
    moved = changes_by_layer(learning.problem.layers, changes_of(learning, signals), signals.feedforward)
    columns = xp.stack(moved, axis=-1)
    rows, alignment = columns.transpose(1, 2, 0), cosine(signals.residual[..., None], columns)
    return (rows[0], alignment[0]) if learning.problem.x.ndim == 1 else (rows, alignment)


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
        PrecisionError: as `weight_updates`; also where a learned bias, or a bias within a chain, keeps the data's size
            from being divided out, and the change over- or underflows.

    Source:
        Sample Efficiency, equation 5 and appendix D.1.

    Example:
        >>> net = LinearNetwork.from_weights([[[1.0, 0.0], [0.0, 2.0]], [[1.0, 1.0], [0.0, 1.0]]])
        >>> round(float(target_alignment(net, [1.0, 1.0], [0.0, 0.0], rule="bp")), 4)
        0.9999
        >>> round(float(target_alignment(net, [1.0, 1.0], [0.0, 0.0], rule="pc", rescaling="adaptive")), 12)
        1.0
    """
    learning = settled(as_learning(net, x, y, rule, rescaling, options))
    if as_flag("by_layer", by_layer):
        if learning_rate is not None:
            raise ValueError(f"`learning_rate` is {learning_rate!r} with by_layer=True; wanted None, continuous time.")
        return refuse_lost_digits(learning, *_change_and_alignment_by_layer(learning))
    return alignment_of(learning, learning_rate)
