r"""Learning before equilibrium: local updates from the state in which a relaxation ended.

The weight of layer ``l`` moves by the batch mean of ``Σ_l⁻¹ ε_l φ_l(x_{l−1})ᵀ``, with errors and activities as the
relaxation left them, and precisions of its last time; at equilibrium that is ``weight_updates(net, x, y, "pc")``.
Forward updates (Deeper PCNs, equation 6) take ``x_l − x̂_l`` for the error and ``x̂_{l−1}`` for the activity.
"""

from typing import Any

from jaxtyping import Float

from ..equilibria.covariance import scale
from ..equilibria.problem import Problem
from ..inference.energy import precision
from ..inference.relaxation import Relaxation
from ..networks.network import LinearNetwork, as_network
from ..networks.passes import feedforward
from ..networks.samples import as_columns, flat
from ..numerics.algebra import Array
from ..numerics.checks import as_flag, one_of
from ..numerics.kinds import agree, compiled
from ..numerics.precision import refuse_overflow
from ..numerics.record import with_fields
from .alignment import alignment_of
from .prediction_change import change_of_samples
from .problem import Learning, Options, State, check_rescalable, split_changes
from .rescaling import RESCALINGS


def relaxed_weight_updates(
    net: LinearNetwork, relaxation: Any, rescaling: str | None = None, forward: bool = False
) -> tuple[Any, ...]:
    r"""The local weight updates at the end of a relaxation, averaged over the batch: descent directions.

    Args:
        net: the network that relaxed.
        relaxation: the result of `simulate_inference` or `finite_time_activities`.
        rescaling: as in `weight_updates`, with the relaxation's activities in place of the equilibrium's.
        forward: whether to take forward updates, ``Σ_l⁻¹ (x_l − x̂_l) φ_l(x̂_{l−1})ᵀ``.

    Returns:
        ``L`` arrays shaped like the weights.

    Raises:
        ValueError: for a network of other widths, an unknown rescaling, or one with a matrix among the covariances.
        TypeError: for something that is not a relaxation.

    Source:
        Sample Efficiency, equation 2; Deeper PCNs, equations 3 and 6.

    Example:
        >>> from dlntheory import simulate_inference
        >>> net = LinearNetwork.from_weights([[[1.0]], [[1.0]]])
        >>> relaxation = simulate_inference(net, [1.0], [3.0], steps=100, step_size=0.25)
        >>> [update.round(6).tolist() for update in relaxed_weight_updates(net, relaxation)]
        [[[1.0]], [[2.0]]]
    """
    changes = split_changes(_learn(net, relaxation, rescaling, forward))
    return refuse_overflow("updates", tuple(weight for weight, _ in changes))


def relaxed_bias_updates(
    net: LinearNetwork, relaxation: Any, rescaling: str | None = None, forward: bool = False
) -> tuple[Any, ...]:
    """The updates of the learned biases that go with `relaxed_weight_updates`.

    Args:
        net: as in `relaxed_weight_updates`.
        relaxation: as in `relaxed_weight_updates`.
        rescaling: as in `relaxed_weight_updates`.
        forward: as in `relaxed_weight_updates`.

    Returns:
        ``L`` entries: an array ``(n_l,)``, or ``None`` where the bias is not learned.

    Raises:
        ValueError: as `relaxed_weight_updates`.
        TypeError: as `relaxed_weight_updates`.

    Source:
        docs/theory.md, statement 4.8.

    Example:
        >>> from dlntheory import Dense, simulate_inference
        >>> net = LinearNetwork([Dense([[1.0]], learn_bias=True), Dense([[1.0]])])
        >>> relaxation = simulate_inference(net, [1.0], [3.0], steps=100, step_size=0.25)
        >>> relaxed_bias_updates(net, relaxation)[0].round(6).tolist()
        [1.0]
    """
    changes = split_changes(_learn(net, relaxation, rescaling, forward))
    return refuse_overflow("updates", tuple(bias for _, bias in changes))


def relaxed_prediction_change(
    net: LinearNetwork,
    relaxation: Any,
    rescaling: str | None = None,
    learning_rate: Any = None,
    forward: bool = False,
) -> Float[Array, "..."]:
    """The change of the predictions under the updates of `relaxed_weight_updates`.

    Args:
        net: as in `relaxed_weight_updates`.
        relaxation: as in `relaxed_weight_updates`.
        rescaling: as in `relaxed_weight_updates`.
        learning_rate: as in `prediction_change`.
        forward: as in `relaxed_weight_updates`.

    Returns:
        ``(B, n_L)``.

    Raises:
        ValueError: as `relaxed_weight_updates`.
        TypeError: as `relaxed_weight_updates`.

    Source:
        Sample Efficiency, equation 6.

    Example:
        >>> from dlntheory import simulate_inference
        >>> net = LinearNetwork.from_weights([[[1.0]], [[1.0]]])
        >>> relaxation = simulate_inference(net, [1.0], [3.0], steps=1, step_size=0.25)
        >>> relaxed_prediction_change(net, relaxation).round(6).tolist()
        [2.75]
    """
    return change_of_samples(_learn(net, relaxation, rescaling, forward), learning_rate)


def relaxed_alignment(
    net: LinearNetwork,
    relaxation: Any,
    rescaling: str | None = None,
    learning_rate: Any = None,
    forward: bool = False,
) -> Float[Array, "*B"]:
    """The target alignment of the updates of `relaxed_weight_updates`: the cosine of residual and prediction change.

    Args:
        net: as in `relaxed_weight_updates`.
        relaxation: as in `relaxed_weight_updates`.
        rescaling: as in `relaxed_weight_updates`.
        learning_rate: as in `prediction_change`.
        forward: as in `relaxed_weight_updates`.

    Returns:
        ``(B,)``; NaN where the angle is undefined.

    Raises:
        ValueError: as `relaxed_weight_updates`.
        TypeError: as `relaxed_weight_updates`.

    Source:
        Sample Efficiency, equation 5.

    Example:
        >>> from dlntheory import simulate_inference
        >>> net = LinearNetwork.from_weights([[[1.0, 0.0], [0.0, 2.0]], [[1.0, 1.0], [0.0, 1.0]]])
        >>> relaxation = simulate_inference(net, [1.0, 1.0], [0.0, 0.0], steps=200, step_size=0.3)
        >>> round(float(relaxed_alignment(net, relaxation, rescaling="adaptive")), 9)
        1.0
    """
    return alignment_of(_learn(net, relaxation, rescaling, forward), learning_rate)


def _learn(net: LinearNetwork, relaxation: Any, rescaling: str | None, forward: bool) -> Learning:
    """The relaxation's state in the place of the equilibrium."""
    net = as_network("net", net)
    one_of("rescaling", rescaling, RESCALINGS)
    as_flag("forward", forward)
    if not isinstance(relaxation, Relaxation):
        raise TypeError(f"`relaxation` is a {type(relaxation).__name__}; wanted a Relaxation.")
    given = relaxation.problem
    batch = given.x.ndim - 1
    shapes = tuple(each.shape[batch:] for each in relaxation.activities)
    if shapes != net.shapes:
        widths = tuple(shape[0] if len(shape) == 1 else shape for shape in shapes)
        raise ValueError(f"`relaxation` has the widths {widths} but `net` has {net.widths}; wanted the same.")
    if rescaling is not None and any(each is not None and each.ndim == 2 for each in given.covariances):
        raise ValueError("`covariances` of the relaxation hold a matrix; wanted scalars or None with a rescaling.")
    check_rescalable("pc", rescaling, (), net.layers)
    layers, given, activities, errors = agree(
        net=net.layers,
        problem=given,
        activities=tuple(map(flat, relaxation.activities, shapes)),
        errors=tuple(map(flat, relaxation.weighted_errors, shapes[1:])),
    )
    problem = with_fields(given, layers=layers)
    return Learning(problem, _state(problem, activities, errors, forward), Options(), "pc", rescaling)


@compiled
def _state(problem: Problem, activities: tuple[Array, ...], errors: tuple[Array, ...], forward: bool) -> State:
    """Errors and activities as columns; for a forward update, moves from the feedforward pass, and its activities."""
    predicted = feedforward(problem.layers, as_columns(problem.x))
    columns, weighted = tuple(map(as_columns, activities)), tuple(map(as_columns, errors))
    if forward:
        triples = zip(problem.covariances, columns[1:], predicted[1:], strict=True)
        weighted = tuple(scale(precision(covariance), after - before) for covariance, after, before in triples)
        columns = tuple(predicted)
    return State(weighted, columns, predicted, as_columns(problem.y) - predicted[-1])
