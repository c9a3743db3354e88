"""Weight and bias updates of every learning rule and rescaling, and the rescalings themselves: the interface."""

from typing import Any, Unpack

import numpy as np
from jaxtyping import Float

from ..networks.layer import Layer
from ..networks.network import LinearNetwork
from ..numerics.algebra import Array, magnitude
from ..numerics.checks import one_of
from ..numerics.kinds import compiled, is_concrete, namespace
from ..numerics.options import takes
from ..numerics.precision import refuse_overflow
from .problem import OPTIONS, Learning, UpdateOptions, as_learning, factors_of, settled, signals_of, split_changes
from .rescaling import Rescaling
from .rules import Rule


@takes(UpdateOptions, OPTIONS)
def weight_updates(
    net: LinearNetwork,
    x: Any,
    y: Any,
    rule: Rule = "pc",
    rescaling: Rescaling | None = None,
    **options: Unpack[UpdateOptions],
) -> tuple[Any, ...]:
    r"""The weight updates of a learning rule, averaged over the batch: descent directions.

    - ``"bp"``: ``(1/B) D_lᵀ R X̂_{l-1}ᵀ``.
    - ``"pc"``: ``(1/B) D_lᵀ S⁻¹ R X*_{l-1}ᵀ = −∂E*/∂W_l``, the local rule at equilibrium.
    - ``"natural"``: ``(1/L) D_l⁺ R X̂_{l-1}⁺``, the natural gradient with a block-diagonal Fisher.
    - ``"evidence"``: predictive coding's minus ``D_lᵀ S⁻¹ D_l W_l S_{l-1}``, which is ``∂ log p(y | x)/∂W_l`` averaged
      over the batch: maximum likelihood, see `log_likelihood`.

    Args:
        net: the network.
        x: inputs, ``(B, n_0)`` or ``(n_0,)``.
        y: targets, ``(B, n_L)`` or ``(n_L,)``.
        rule: ``"bp"``, ``"pc"``, ``"natural"`` or ``"evidence"``.
        rescaling: ``None``; ``"adaptive"`` (`adaptive_learning_rates`); ``"adaptive_positive"``, the rates
            ``1 / mean(x*ᵀ x*)``, which are never negative; ``"decorrelated"`` (`decorrelation_matrices`). With
            ``"natural"`` and ``"evidence"``: ``None`` only.
        **options: ``covariances=``, ``nudge=`` and ``solver=`` as in `equilibrium` (backpropagation and the natural
            gradient have no inference, and do not depend on them; a negative nudge changes the sign of the update,
            so that it stays a descent direction; the evidence is a clamped output's, without a nudge); ``rcond=``,
            the share of the largest singular value below which pseudoinverses take one for zero (default: from dtype
            and size); ``regularisation=``, ``None``, a number ``a``, or `SpectralRegularisation`, for
            ``"decorrelated"``; ``fisher=``, ``"layerwise"`` or ``"full"`` (the whole Fisher matrix's pseudoinverse;
            for small networks), for ``"natural"``.

    Returns:
        ``L`` arrays shaped like the weights; of a `Chain`, a tuple of them.

    Raises:
        ValueError: for shapes that do not match, NaN or infinity, an unknown rule or rescaling, or a rescaling
            with a matrix among the covariances.
        TypeError: for something that does not hold real numbers.
        PrecisionError: as in `equilibrium`, or where results are not finite: they overflow, or a rescaling divides by
            zero. Under ``jax.jit`` and other transformations they stay as they are.

    Source:
        Sample Efficiency, equations 7, 9, 34 and appendix G; Bernacchia et al. 2018 for the natural gradient;
        docs/generative.md, "Learning the evidence".

    Example:
        >>> net = LinearNetwork.from_weights([[[1.0]], [[1.0]]])
        >>> [update.tolist() for update in weight_updates(net, [1.0], [3.0], rule="bp")]
        [[[2.0]], [[2.0]]]
        >>> [update.round(6).tolist() for update in weight_updates(net, [1.0], [3.0], rule="pc")]
        [[[1.0]], [[2.0]]]
    """
    changes = split_changes(settled(as_learning(net, x, y, rule, rescaling, options)))
    return refuse_overflow("updates", tuple(weight for weight, _ in changes))


@takes(UpdateOptions, OPTIONS)
def bias_updates(
    net: LinearNetwork,
    x: Any,
    y: Any,
    rule: Rule = "pc",
    rescaling: Rescaling | None = None,
    **options: Unpack[UpdateOptions],
) -> tuple[Any, ...]:
    r"""The updates of the learned biases, averaged over the batch: descent directions.

    A learned bias is the weight of an activity that is constantly one; so it is updated by the batch mean of the
    layer's error, and a decorrelation matrix mixes it with the weights.

    Args:
        net: the network.
        x: inputs, ``(B, n_0)`` or ``(n_0,)``.
        y: targets, ``(B, n_L)`` or ``(n_L,)``.
        rule: as in `weight_updates`.
        rescaling: as in `weight_updates`.
        **options: as in `weight_updates`.

    Returns:
        ``L`` entries: an array shaped like the bias, or ``None`` where it is not learned.

    Raises:
        ValueError: as `weight_updates`.
        TypeError: as `weight_updates`.
        PrecisionError: as `weight_updates`.

    Source:
        docs/theory.md, statement 4.8.

    Example:
        >>> from dlntheory import Dense
        >>> net = LinearNetwork([Dense([[1.0]], learn_bias=True), Dense([[2.0]])])
        >>> [None if update is None else update.tolist() for update in bias_updates(net, [1.0], [3.0], rule="bp")]
        [[2.0], None]
    """
    changes = split_changes(settled(as_learning(net, x, y, rule, rescaling, options)))
    return refuse_overflow("updates", tuple(bias for _, bias in changes))


@takes(UpdateOptions, OPTIONS)
def adaptive_learning_rates(
    net: LinearNetwork, x: Any, y: Any, rule: Rule = "pc", **options: Unpack[UpdateOptions]
) -> Float[Array, " L"]:
    r"""The learning rates of Theorem 1, one per layer: ``1 / mean_b(x*_{l-1}ᵀ x̂_{l-1})``.

    For backpropagation ``1 / mean_b(x̂_{l-1}ᵀ x̂_{l-1})``.

    With them a predictive-coding update of one sample moves the prediction by exactly its residual. They are
    negative where an activity at equilibrium opposes the feedforward one, and infinite where the two are
    orthogonal. A learned bias adds 1 to the inner product; a scalar covariance multiplies the rate.

    Args:
        net: the network.
        x: inputs, ``(B, n_0)`` or ``(n_0,)``.
        y: targets, ``(B, n_L)`` or ``(n_L,)``.
        rule: ``"pc"`` or ``"bp"``.
        **options: as in `weight_updates`.

    Returns:
        ``(L,)``.

    Raises:
        ValueError: as `weight_updates`; also for ``rule="natural"``.
        TypeError: as `weight_updates`.
        PrecisionError: as `weight_updates`.

    Source:
        Sample Efficiency, Theorem 1 and equations 24, 25.

    Example:
        >>> net = LinearNetwork.from_weights([[[1.0]], [[1.0]]])
        >>> adaptive_learning_rates(net, [1.0], [3.0]).round(6).tolist()
        [1.0, 0.5]
    """
    learning = settled(as_learning(net, x, y, one_of("rule", rule, ("pc", "bp")), "adaptive", options))
    rates = _rates(learning)
    with np.errstate(divide="ignore"):
        refuse_overflow("learning rates' inverses", 1 / rates)
    if is_concrete(rates) and np.isinf(rates).any():  # orthogonal, or underflown
        refuse_overflow("learning rates", rates[~np.isinf(_rates(learning, resized=True))])
    return rates


@takes(UpdateOptions, OPTIONS)
def decorrelation_matrices(
    net: LinearNetwork, x: Any, y: Any, rule: Rule = "pc", **options: Unpack[UpdateOptions]
) -> tuple[Float[Array, "..."], ...]:
    r"""The matrices of Theorem 2, one per layer: ``(mean_b x̂_{l-1} x*_{l-1}ᵀ)⁺``.

    For backpropagation ``(mean_b x̂_{l-1} x̂_{l-1}ᵀ)⁺``.

    They multiply the weight updates on the right. (The paper prints the transposed matrix for predictive
    coding; see the errata.) A learned bias makes its layer's matrix one larger; a scalar covariance multiplies it.

    Args:
        net: the network.
        x: inputs, ``(B, n_0)`` or ``(n_0,)``.
        y: targets, ``(B, n_L)`` or ``(n_L,)``.
        rule: ``"pc"`` or ``"bp"``.
        **options: as in `weight_updates`.

    Returns:
        ``L`` arrays ``(n_{l-1}, n_{l-1})``; of a convolution, as large as a patch, and one for each group.

    Raises:
        ValueError: as `weight_updates`; also for ``rule="natural"``.
        TypeError: as `weight_updates`.
        PrecisionError: as `weight_updates`.

    Source:
        Sample Efficiency, Theorem 2 and equations 27, 28, with the order of the factors corrected.

    Example:
        >>> net = LinearNetwork.from_weights([[[1.0]], [[1.0]]])
        >>> [matrix.round(6).tolist() for matrix in decorrelation_matrices(net, [1.0], [3.0])]
        [[[1.0]], [[0.5]]]
    """
    matrices = _factors(settled(as_learning(net, x, y, one_of("rule", rule, ("pc", "bp")), "decorrelated", options)))
    return refuse_overflow("decorrelation matrices", tuple(matrices))


@compiled
def _factors(learning: Learning) -> list[Any]:
    return factors_of(learning, signals_of(learning))


@compiled
def _rates(learning: Learning, resized: bool = False) -> Array:
    layers, signals = learning.problem.layers, signals_of(learning)
    if resized:
        signals = signals._replace(
            activities=[_of_size_one(*each) for each in zip(layers, signals.activities, strict=True)],
            feedforward=[*(_of_size_one(*each) for each in zip(layers, signals.feedforward, strict=False)), None],
        )
    factors = factors_of(learning, signals)
    return namespace(factors[0]).stack(factors)


def _of_size_one(layer: Layer, columns: Array) -> Array:
    """An activity over a power of two, which costs no digit; as it is where features are not in proportion to it."""
    xp = namespace(columns)
    return xp.ldexp(columns, -xp.frexp(magnitude(columns))[1]) if layer.homogeneous else columns
