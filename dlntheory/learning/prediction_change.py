r"""The change of the prediction by an update, in continuous time or by a finite step."""

from typing import Any, Unpack

from jaxtyping import Float

from ..networks.network import LinearNetwork
from ..networks.passes import change_of
from ..networks.samples import as_rows, shaped
from ..numerics.algebra import Array
from ..numerics.checks import as_real
from ..numerics.kinds import compiled
from ..numerics.options import takes
from ..numerics.precision import refuse_overflow
from .problem import OPTIONS, Learning, UpdateOptions, as_learning, changes_of, settled, signals_of
from .rescaling import Rescaling
from .rules import Rule, Signals


def as_learning_rate(learning_rate: Any, dtype: Any) -> Any:
    """Check: ``None``, or a real number."""
    return None if learning_rate is None else as_real("learning_rate", learning_rate, dtype)


def moved_by(learning: Learning, signals: Signals, learning_rate: Any) -> Float[Array, "n B"]:
    """The prediction change as columns."""
    return change_of(learning.problem.layers, changes_of(learning, signals), signals.feedforward, learning_rate)


def change_of_samples(learning: Learning, learning_rate: Any) -> Float[Array, "..."]:
    """The prediction change as the caller has samples, by a learning rate that is checked here."""
    moved = _change_in_rows(learning, as_learning_rate(learning_rate, learning.problem.x.dtype))
    return shaped(refuse_overflow("prediction changes", moved), learning.problem.layers[-1].out_shape)


@compiled
def _change_in_rows(learning: Learning, learning_rate: Any) -> Float[Array, "*B n"]:
    return as_rows(moved_by(learning, signals_of(learning), learning_rate), learning.problem.x.ndim == 1)


@takes(UpdateOptions, OPTIONS)
def prediction_change(
    net: LinearNetwork,
    x: Any,
    y: Any,
    rule: Rule = "pc",
    rescaling: Rescaling | None = None,
    learning_rate: Any = None,
    **options: Unpack[UpdateOptions],
) -> Float[Array, "..."]:
    r"""The change of the predictions for the batch's own inputs under the batch's weight update.

    In continuous time ``dŶ = Σ_l D_l ΔW_l X̂_{l-1}``, the derivative of the prediction along the update; for a
    learning rate ``η``, ``ΔŶ = (Π_l (W_l + η ΔW_l) − Π_l W_l) X``. Learned biases move too.

    Args:
        net: the network.
        x: inputs, ``(B, n_0)`` or ``(n_0,)``.
        y: targets, ``(B, n_L)`` or ``(n_L,)``.
        rule: as in `weight_updates`.
        rescaling: as in `weight_updates`.
        learning_rate: ``None`` for continuous time, or the learning rate ``η`` of a finite step.
        **options: as in `weight_updates`.

    Returns:
        ``(B, n_L)``, or images.

    Raises:
        ValueError: as `weight_updates`.
        TypeError: as `weight_updates`.
        PrecisionError: as `weight_updates`.

    Source:
        Sample Efficiency, equations 6, 8, 43 and 45.

    Example:
        >>> net = LinearNetwork.from_weights([[[1.0]], [[1.0]]])
        >>> prediction_change(net, [1.0], [3.0], rule="pc", rescaling="adaptive").round(6).tolist()
        [2.0]
        >>> prediction_change(net, [1.0], [3.0], rule="bp", learning_rate=0.5).tolist()
        [3.0]
    """
    return change_of_samples(settled(as_learning(net, x, y, rule, rescaling, options)), learning_rate)
