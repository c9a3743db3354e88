r"""Updates by backpropagation and predictive coding in a nonlinear network, and how they move the predictions.

The rules are the linear networks' rules, with Jacobians for maps. A layer ``x_l = T_l φ(x_{l-1}) + b_l`` is updated by
``(1/B) Σ_b e_l φ(a_{l-1})ᵀ``. Backpropagation takes errors and activities from the feedforward pass,
``e_l = J_{l+1}ᵀ … J_Lᵀ r`` and ``a = x̂``; predictive coding takes both from the equilibrium, ``e_l = ε*_l`` and
``a = x*``, and as the energy is stationary there, this is minus its gradient in the weights. Rescalings are the
linear networks' too, with the features ``φ(x*)`` and ``φ(x̂)``.
"""

from functools import partial
from typing import Any, Literal, NamedTuple, TypedDict, Unpack, get_args

import equinox as eqx
import jax
from jaxtyping import Array, Float

from ..learning.alignment import cosine
from ..learning.decorrelation import SpectralRegularisation
from ..learning.prediction_change import as_learning_rate
from ..learning.problem import Options, as_options
from ..learning.rescaling import Rescaling, rescale, rescaling_factors
from ..learning.rules import Signals, local_updates
from ..numerics.algebra import common_magnitude
from ..numerics.checks import one_of
from ..numerics.options import takes
from ..numerics.precision import refuse_overflow
from ..numerics.programs import program
from .blocks import Before, Block
from .chains import as_chain, as_problem, cast_blocks, forward, linear_layer, prediction
from .equilibrium import Method, NonlinearEquilibrium, nonlinear_equilibrium, received
from .network import Network, split

Rule = Literal["bp", "pc"]
INFERENCE = ("tolerance", "steps", "method")
"""Options that `nonlinear_equilibrium` takes."""


class NonlinearOptions(TypedDict, total=False):
    """The options of `nonlinear_updates` and the functions like it."""

    tolerance: Any
    steps: int
    method: Method
    rcond: float | None
    regularisation: float | SpectralRegularisation | None


OPTIONS: NonlinearOptions = {
    "tolerance": None, "steps": 100, "method": "newton", "rcond": None, "regularisation": None,
}  # fmt: skip
"""Their defaults."""


class Traces(NamedTuple):
    """The factors of a local rule: each block's signal, its input and feedforward input; and the residual."""

    signals: tuple[Array, ...]
    inputs: tuple[Array, ...]
    predicted: tuple[Array, ...]
    residual: Array


@takes(NonlinearOptions, OPTIONS)
def nonlinear_updates(
    net: Network,
    x: Any,
    y: Any,
    rule: Rule = "pc",
    rescaling: Rescaling | None = None,
    **options: Unpack[NonlinearOptions],
) -> Network:
    r"""The updates of a nonlinear network's parameters, averaged over the batch: descent directions.

    - ``"bp"``: minus the gradient of ``½ ‖y − ŷ‖²``.
    - ``"pc"``: the local rule at equilibrium, minus the gradient of the energy there.

    Args:
        net: the network, as in `nonlinear_equilibrium`.
        x: inputs, ``(B, *shapes[0])`` or ``shapes[0]``.
        y: targets, ``(B, *shapes[-1])`` or ``shapes[-1]``.
        rule: ``"bp"`` or ``"pc"``.
        rescaling: ``None``, ``"adaptive"``, ``"adaptive_positive"`` or ``"decorrelated"``, as in `weight_updates`, with
            the features ``φ(x*_{l-1})`` and ``φ(x̂_{l-1})`` for activities; for `Activated` layers and for dense
            `pcn.Block` objects, whose features are the activities themselves.
        **options: ``tolerance=``, ``steps=`` and ``method=`` as in `nonlinear_equilibrium`; ``rcond=`` and
            ``regularisation=`` as in `weight_updates`.

    Returns:
        A pytree like the network, with ``None`` for what is not learned: ``eqx.apply_updates(net, updates)`` takes a
        step of learning rate one.

    Raises:
        ValueError: for shapes that do not match the network, NaN or infinity, an unknown rule or rescaling, or a
            rescaling of another block.
        TypeError: for something that does not hold real numbers, or an unknown option.
        PrecisionError: where updates are not finite.

    Source:
        Sample Efficiency, equations 2 and 7 with nonlinear layers, 24-27.

    Example:
        >>> from dlntheory import LinearNetwork, NonlinearNetwork
        >>> net = NonlinearNetwork.from_linear(LinearNetwork.from_weights([[[1.0]], [[1.0]]]), "relu")
        >>> [block.layer.weight.round(6).tolist() for block in nonlinear_updates(net, [1.0], [3.0]).blocks]
        [[[1.0]], [[2.0]]]
    """
    found = _updates(*_prepare(net, x, y, rule, rescaling, options)[:-1])
    refuse_overflow("updates", jax.tree.leaves(found))
    return found


@takes(NonlinearOptions, OPTIONS)
def nonlinear_prediction_change(
    net: Network,
    x: Any,
    y: Any,
    rule: Rule = "pc",
    rescaling: Rescaling | None = None,
    learning_rate: Any = None,
    **options: Unpack[NonlinearOptions],
) -> Float[Array, "..."]:
    """The change of the predictions for the batch's own inputs under the batch's update.

    Args:
        net: the network.
        x: as in `nonlinear_updates`.
        y: as in `nonlinear_updates`.
        rule: as in `nonlinear_updates`.
        rescaling: as in `nonlinear_updates`.
        learning_rate: ``None`` for continuous time, or the learning rate of a finite step.
        **options: as in `nonlinear_updates`.

    Returns:
        Shaped like the targets.

    Raises:
        ValueError: as `nonlinear_updates`.
        TypeError: as `nonlinear_updates`.
        PrecisionError: as `nonlinear_updates`.

    Source:
        Sample Efficiency, equation 6, with nonlinear layers.

    Example:
        >>> from dlntheory import LinearNetwork, NonlinearNetwork
        >>> net = NonlinearNetwork.from_linear(LinearNetwork.from_weights([[[1.0]], [[1.0]]]), "relu")
        >>> nonlinear_prediction_change(net, [1.0], [3.0], "bp").tolist()
        [4.0]
    """
    return refuse_overflow("prediction changes", _evaluate(net, x, y, rule, rescaling, learning_rate, options)[0])


@takes(NonlinearOptions, OPTIONS)
def nonlinear_alignment(
    net: Network,
    x: Any,
    y: Any,
    rule: Rule = "pc",
    rescaling: Rescaling | None = None,
    learning_rate: Any = None,
    **options: Unpack[NonlinearOptions],
) -> Float[Array, "*B"]:
    r"""The cosine between each sample's residual ``r = y − ŷ`` and the change of its prediction.

    For a single sample, adaptive predictive coding reaches one to leading order in ``r``, and exactly where the
    activations are linear between the feedforward pass and the equilibrium; see the page on nonlinear networks.

    Args:
        net: the network.
        x: as in `nonlinear_updates`.
        y: as in `nonlinear_updates`.
        rule: as in `nonlinear_updates`.
        rescaling: as in `nonlinear_updates`.
        learning_rate: as in `nonlinear_prediction_change`.
        **options: as in `nonlinear_updates`.

    Returns:
        ``(B,)``, each from −1 to 1; NaN for a sample without residual or whose prediction does not change.

    Raises:
        ValueError: as `nonlinear_updates`.
        TypeError: as `nonlinear_updates`.
        PrecisionError: as `nonlinear_updates`.

    Source:
        Sample Efficiency, equation 5, with nonlinear layers.

    Example:
        >>> import jax.numpy as jnp
        >>> from dlntheory import LinearNetwork, NonlinearNetwork
        >>> net = NonlinearNetwork.from_linear(LinearNetwork.random([4, 4, 4, 4]), "relu")
        >>> x, y = jnp.ones(4), net(jnp.ones(4)) + jnp.asarray([0.01, 0.0, 0.0, 0.0])
        >>> round(float(nonlinear_alignment(net, x, y, "pc", "adaptive", tolerance=1e-10)), 6)
        1.0
    """
    return _evaluate(net, x, y, rule, rescaling, learning_rate, options)[1]


def _evaluate(
    net: Network,
    x: Any,
    y: Any,
    rule: str,
    rescaling: str | None,
    learning_rate: Any,
    options: NonlinearOptions,
) -> tuple[Float[Array, "..."], Float[Array, "*B"]]:
    net, traces, rescaling, chosen, single = _prepare(net, x, y, rule, rescaling, options)
    rate = as_learning_rate(learning_rate, traces.residual.dtype)
    moved, alignment = change_and_alignment(net, traces, rescaling, chosen, rate)
    moved = net.outside(moved)
    return (moved[0], alignment[0]) if single else (moved, alignment)


def _prepare(
    net: Network, x: Any, y: Any, rule: str, rescaling: str | None, options: NonlinearOptions
) -> tuple[Network, Traces, str | None, Options, bool]:
    """Check everything, and find the rule's factors."""
    as_chain("net", net)
    one_of("rule", rule, get_args(Rule))
    inference: Any = {name: each for name, each in options.items() if name in INFERENCE}
    chosen = as_options(rule, rescaling, {name: each for name, each in options.items() if name not in INFERENCE})
    for index, block in enumerate(net.blocks):
        if rescaling is not None and linear_layer(block) is None:
            raise ValueError(
                f"`rescaling` is {rescaling!r} but `blocks[{index}]` is a {type(block).__name__}, whose features are "
                "not known; wanted an Activated layer or a dense block, or None."
            )
    x, y, single = as_problem(net, x, y)
    net = eqx.tree_at(lambda it: it.blocks, net, cast_blocks(net.blocks, x.dtype))
    if rule == "bp":
        return net, backpropagated(net, x, y), rescaling, chosen, single
    settled = nonlinear_equilibrium(net, net.outside(x), net.outside(y), **inference)
    return net, at_equilibrium(net, settled), rescaling, chosen, single


@program
def at_equilibrium(net: Network, settled: NonlinearEquilibrium) -> Traces:
    """The factors of predictive coding's rule, for a batch that has settled."""
    predicted = forward(net.blocks, settled.activities[0])[:-1]
    return Traces(settled.signals, settled.activities[:-1], tuple(predicted), settled.residual)


@program
def backpropagated(net: Network, x: Array, y: Array) -> Traces:
    """The residual, pulled back block by block at the feedforward pass."""
    predicted = forward(net.blocks, x)
    errors = [y - predicted[-1]]
    for block, activity in zip(net.blocks[:0:-1], predicted[-2:0:-1], strict=True):
        errors.append(jax.vjp(partial(prediction, block), activity)[1](errors[-1])[0])
    inputs = tuple(predicted[:-1])
    signals = [received(*each) for each in zip(net.blocks, inputs, errors[::-1], strict=True)]
    return Traces(tuple(signals), inputs, inputs, errors[0])


@program
def _updates(net: Network, traces: Traces, rescaling: str | None, options: Options) -> Network:
    return updates_of(net, traces, rescaling, options)


def updates_of(net: Network, traces: Traces, rescaling: str | None, options: Options) -> Network:
    """The updates of all blocks."""
    triples = zip(net.blocks, traces.signals, traces.inputs, strict=True)
    changes = (
        [block_update(*each) for each in triples]
        if rescaling is None
        else _layer_updates(net, traces, rescaling, options)
    )
    return eqx.tree_at(lambda it: it.blocks, net, tuple(changes))


def block_update(block: Any, signals: Array, inputs: Array) -> Any:
    """The batch mean of ``(∂T/∂θ)ᵀ e``, of any block; ``None`` for what is not learned."""
    learns = Before(block) if isinstance(block, Block) else block
    moving, fixed = split(learns)

    def predict(moving: Any) -> Array:
        return prediction(eqx.combine(moving, fixed), inputs)

    [pulled] = jax.vjp(predict, moving)[1](signals / len(signals))
    return pulled.block if isinstance(block, Block) else pulled


def _layer_updates(net: Network, traces: Traces, rescaling: str, options: Options) -> list[Any]:
    """Rescaled updates of layers, as in linear networks, with features for activities."""
    layers = [linear_layer(block) for block in net.blocks]
    columns = [flat_columns(each) for each in traces.signals]
    inputs, predicted = (
        [flat_columns(features(block, each)) for block, each in zip(net.blocks, batch, strict=True)]
        for batch in (traces.inputs, traces.predicted)
    )
    signals = Signals(columns, inputs, [*predicted, None], flat_columns(traces.residual))
    factors = rescaling_factors(rescaling, layers, signals, options.regularisation, options.rcond)
    changes = rescale(local_updates(layers, signals), factors)
    return [as_block(*each) for each in zip(net.blocks, layers, changes, strict=True)]


def features(block: Any, x: Array) -> Array:
    """The features that a layer's weight multiplies."""
    return x if isinstance(block, Block) else block.activation(x)


def as_block(block: Any, layer: Any, change: Array) -> Any:
    """A change of the extended weight of a block's linear layer in the place of the weight and the bias."""
    empty = eqx.filter(block, False)
    return eqx.tree_at(
        lambda it: (it.layer.weight, it.layer.bias), empty, layer.split(change), is_leaf=lambda it: it is None
    )


@program
def change_and_alignment(
    net: Network, traces: Traces, rescaling: str | None, options: Options, learning_rate: Array | None
) -> tuple[Array, Array]:
    """The prediction change, and each sample's alignment."""
    updates = updates_of(net, traces, rescaling, options)
    moving, fixed = eqx.partition(
        net, jax.tree.map(lambda each: each is not None, updates, is_leaf=lambda it: it is None)
    )
    x = traces.inputs[0]

    def predict(moving: Any) -> Array:
        return forward(eqx.combine(moving, fixed).blocks, x)[-1]

    size: Any = 1
    if learning_rate is None:
        size = common_magnitude(jax.tree.leaves(updates))  # no digit of the direction underflows
        direction = jax.jvp(predict, (moving,), (jax.tree.map(lambda change: change / size, updates),))[1]
    else:
        step = jax.tree.map(lambda p, change: p + learning_rate * change, moving, updates)
        direction = predict(step) - predict(moving)
    return size * direction, cosine(flat_columns(traces.residual), flat_columns(direction))


def flat_columns(batch: Array) -> Array:
    """``(B, …)`` as one column per sample."""
    return batch.reshape(len(batch), -1).T
