r"""Alignment of predictive coding in batches of ``B`` samples in a random network, at infinite width and fixed ``B/n``.

Samples ``z = (y, x) ~ N(0, Σ)`` are independent. With ``r = E z``, ``A_l = G_l S⁻¹E``, and ``N_l`` so that
``x*_{l-1,i}ᵀx̂_{l-1,j} = z_iᵀN_l z_j``, the formula of `batch_alignment` for given weights is

``cos = [Σ_l β_l tr(A_lΣEᵀ) + B Σ_l tr(A_lΣN_lΣEᵀ)] / √(tr(EΣEᵀ) D)``,  ``β_l = tr(ΣN_l)``,

``D = Σ_lk [β_lβ_k tr(A_lΣA_kᵀ) + 2Bβ_l tr(A_lΣN_kᵀΣA_kᵀ) + B² tr(A_lΣN_lΣN_kᵀΣA_kᵀ) + B tr(A_lΣA_kᵀ)tr(ΣN_lᵀΣN_k)]``.

Each of these traces is of a product with up to four ``S⁻¹``. Random weights make them self-averaging, and `pencil` has
their limits: a product is a chain of passes and equilibria, from the right end. Samples interfere through ``N_l``.
"""

from typing import Any, Literal, NamedTuple

import numpy as np

from ..numerics.checks import as_count, one_of
from .arguments import RandomInit, as_layers
from .expected import as_setting
from .layer_kinds import DenseKind, widths_of
from .pencil import BACKWARD, FORWARD, Pencil, linear_first_order


def expected_batch_alignment(
    widths: Any,
    init: RandomInit = "kaiming_uniform",
    batch: Any = 2,
    target: Literal["independent", "linear"] = "independent",
    input_norm: Any = None,
    target_norm: Any = None,
    variances: Any = None,
    covariances: Any = None,
) -> float:
    r"""Predict PC's alignment with the samples of a Gaussian batch in a random network, with no weights drawn.

    Widths grow with ``B`` at fixed ratios while the depth stays; layers are dense. For backpropagation
    `expected_alignment` takes a batch. Costs ``O(L⁴)``: a moment up to 20 layers.

    Args:
        widths: ``(n_0, …, n_L)``.
        init: ``"kaiming_uniform"``, ``"norm_preserving"`` or ``"lecun_normal"``, as in `expected_alignment`.
        batch: number of samples ``B``. Terms of order ``1/n`` are left out, and so is the difference to ``B − 1``.
        target: ``"independent"`` Gaussian targets, or ``"linear"``, a random map of the inputs.
        input_norm: root mean square of ``|x|``; ``√n_0`` if left out.
        target_norm: root mean square of ``|y|``; ``√n_L`` if left out.
        variances: of the weights of each layer, ``(L,)``, in place of ``init``'s.
        covariances: scalar covariances ``c_l`` of the energy, ``(L,)``; ones if left out.

    Returns:
        The alignment.

    Raises:
        ValueError: for widths, variances, covariances or norms that are not positive, grids of them, an unknown name,
            or orthogonal layers.
        TypeError: for widths or a batch that are not whole numbers.

    Source:
        docs/random-networks-derived.md.

    Example:
        >>> round(expected_batch_alignment([128] * 5, batch=128), 4)
        0.3602
        >>> round(expected_batch_alignment([128] * 5, "norm_preserving", batch=128, target="linear"), 4)
        0.745
    """
    one_of("target", target, ("independent", "linear"))
    count = as_count("batch", batch)
    layers = as_layers(widths, init, variances, None)
    if not all(isinstance(layer, DenseKind) for layer in layers):
        raise ValueError(f"`init` is {init!r}; wanted dense layers: their limit is the only one known in batches.")
    setting = as_setting(layers, covariances, input_norm, target_norm)
    if np.shape(setting.log_input):
        raise ValueError(
            f"`variances`, `covariances` or norms have a grid {np.shape(setting.log_input)}; wanted one network."
        )
    scale = [float(np.exp(each)) for each in (setting.log_input, setting.log_target, setting.log_output)]
    traces = batch_traces(setting, scale[0] / layers[0].n_in, scale[1] / layers[-1].n_out, target == "linear")
    return _cosine(traces, count, scale[1] + scale[2])


class BatchTraces(NamedTuple):
    """The limits of the traces, by layer ``(L,)`` or by pair of layers ``(L, L)``."""

    activities: np.ndarray  # β_l
    changes: np.ndarray  # tr A_lΣEᵀ
    shared: np.ndarray  # tr A_lΣN_lΣEᵀ
    squares: np.ndarray  # tr A_lΣA_kᵀ
    overlaps: np.ndarray  # tr ΣN_lᵀΣN_k
    mixed: np.ndarray  # tr A_lΣN_kᵀΣA_kᵀ
    fourth: np.ndarray  # tr A_lΣN_lΣN_kᵀΣA_kᵀ


def _cosine(found: BatchTraces, batch: int, residual: float) -> float:
    """The formula of this file."""
    beta = found.activities
    squares = np.outer(beta, beta) * found.squares + 2 * batch * beta[:, None] * found.mixed
    squares += batch**2 * found.fourth + batch * found.squares * found.overlaps
    return float((beta @ found.changes + batch * found.shared.sum()) / np.sqrt(residual * squares.sum()))


def batch_traces(setting: Any, input_variance: float, target_variance: float, linear: bool) -> BatchTraces:
    """Find all limits; variances are of an entry of the inputs and of the targets."""
    widths = widths_of(setting.layers)
    variances = [float(layer.variance) for layer in setting.layers]
    map_variance = target_variance / (widths[0] * input_variance) if linear else 0.0
    first_order = linear_first_order(setting.equilibrium, [float(each) for each in setting.covariances])
    pencil = Pencil(widths, variances, first_order, map_variance=map_variance)
    top = pencil.depth
    own = 0.0 if linear else target_variance  # a map's targets come with the inputs
    between = pencil.coupling((0, BACKWARD, BACKWARD, input_variance), (top, BACKWARD, BACKWARD, own))  # Σ
    inputs = pencil.coupling((0, BACKWARD, BACKWARD, input_variance))  # Σ of the inputs alone
    # An error starts a pass, or an activity meets another: at the layer k that comes first in a product, or at l.
    errors = np.stack([pencil.coupling((l + 1, BACKWARD, BACKWARD, 1.0)) for l in range(top)], axis=2)
    states = np.stack([pencil.coupling((l, FORWARD, FORWARD, 1.0)) for l in range(top)], axis=2)
    error_k, state_k = errors[:, :, :, None], states[:, :, :, None]

    def trace(systems: str, *couplings: np.ndarray) -> np.ndarray:
        found = pencil.trace([_SYSTEMS[each] for each in systems], couplings, top, FORWARD)
        return found if found.ndim == 1 else found.T

    def input_trace(systems: str, *couplings: np.ndarray) -> np.ndarray:
        return input_variance * pencil.trace([_SYSTEMS[each] for each in systems], couplings, 0, BACKWARD)

    return BatchTraces(
        activities=input_trace("fs", states),
        changes=trace("fsf", -between, errors),
        shared=trace("ffssf", -inputs, states, between, errors),
        squares=trace("fssf", error_k, between, errors),
        overlaps=input_trace("fssf", state_k, between, states),
        mixed=trace("fssfsf", error_k, between, state_k, inputs, errors),
        fourth=trace("fssffssf", error_k, between, state_k, inputs, states, between, errors),
    )


_SYSTEMS: dict[str, Any] = {"f": "free", "s": "settled"}
