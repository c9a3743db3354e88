r"""Alignment of a batch of Gaussian samples for given weights: one draw of the weights predicts the others.

Samples are linear in Gaussian variables ``z ~ N(0, Σ)``: the input ``x̂_{l-1} = B_l z``, the residual ``r = E z``, the
activity ``x*_{l-1} = F_l z``. With ``A_l = G_l S⁻¹E`` (``G_l E`` for backpropagation), ``N_l = F_lᵀB_l`` and
``m = Σ_l [tr(ΣN_l) A_l + B A_l Σ N_l]``,

``cos = tr(mΣEᵀ) / √(tr(EΣEᵀ) (tr(mΣmᵀ) + B Σ_{lk} tr(A_l Σ A_kᵀ) tr(ΣN_lᵀ ΣN_k)))``

to leading order in ``n`` at a fixed ratio ``B/n``.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..numerics.checks import as_count, as_list, one_of
from .arguments import as_positive


def batch_alignment(
    network: Any,
    batch: Any,
    rule: str = "pc",
    target: Any = "independent",
    input_norm: Any = None,
    target_norm: Any = None,
    seed: Any = 0,
) -> float:
    r"""Predict the alignment that a network has with the samples of a Gaussian batch, without drawing the batch.

    Args:
        network: maps ``W_1 … W_L`` of the layers, ``(n_l, n_{l-1})``, or a network with such ``weights``. A residual
            layer's map is ``I + W``.
        batch: number of samples ``B``.
        rule: ``"pc"`` or ``"bp"``.
        target: ``"independent"`` Gaussian targets; the matrix ``(n_L, n_0)`` of a linear map that gives them; or
            ``"linear"``, a map with independent normal entries.
        input_norm: root mean square of ``|x|``; ``√n_0`` if left out.
        target_norm: root mean square of ``|y|``; ``√n_L`` if left out. Not with a matrix, which sets it.
        seed: of the map, where ``target`` is ``"linear"``.

    Returns:
        The alignment, up to ``O(1/n)``.

    Raises:
        ValueError: for matrices that do not chain, an unknown name, or norms that are not positive.
        TypeError: for a batch that is not a whole number.

    Source:
        docs/random-networks.md.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> weights = rng.normal(size=(4, 128, 128)) / np.sqrt(128)
        >>> 0.67 < batch_alignment(weights, batch=128) < 0.70
        True
    """
    weights = _as_weights(network)
    one_of("rule", rule, ("bp", "pc"))
    count, n_0, n_L = as_count("batch", batch), weights[0].shape[1], weights[-1].shape[0]
    input_variance = _square("input_norm", input_norm, n_0) / n_0
    target_variance = _square("target_norm", target_norm, n_L) / n_L
    outcomes, residual, deviations = _residual(weights, target, input_variance, target_variance, target_norm, seed)
    above, covariance = _passes(weights)
    multiplier = np.linalg.solve(covariance, residual) if rule == "pc" else residual
    changes, products = [], []  # A_l √Σ and √Σ N_l √Σ
    activity = inputs = np.hstack([np.zeros((n_0, outcomes)), np.eye(n_0)]) * deviations
    for index, weight in enumerate(weights):
        down = above[index]
        products.append(activity.T @ inputs)
        changes.append(down @ (down.T @ multiplier))
        inputs = weight @ inputs
        activity = weight @ activity + (down.T @ multiplier if rule == "pc" else 0)
    return _cosine(np.stack(changes), np.stack(products), residual, count)


def _cosine(changes: np.ndarray, products: np.ndarray, residual: np.ndarray, batch: int) -> float:
    """The formula of this file, in variables of unit variance."""
    diagonal = np.trace(products, axis1=1, axis2=2)
    mean = np.einsum("l,lij->ij", diagonal, changes) + batch * (changes @ products).sum(axis=0)
    flat_changes, flat_products = changes.reshape(len(changes), -1), products.reshape(len(products), -1)
    noise = batch * ((flat_changes @ flat_changes.T) * (flat_products @ flat_products.T)).sum()
    return float((mean * residual).sum() / np.sqrt((residual**2).sum() * ((mean**2).sum() + noise)))


def _passes(weights: Sequence[np.ndarray]) -> tuple[list[np.ndarray], np.ndarray]:
    """``D_1 … D_L`` and ``S``."""
    above = [np.eye(weights[-1].shape[0])]
    for weight in reversed(weights[1:]):
        above.insert(0, above[0] @ weight)
    covariance = np.zeros_like(above[-1])
    for down in above:
        covariance += down @ down.T
    return above, covariance


def _residual(
    weights: list[np.ndarray], target: Any, input_variance: float, target_variance: float, target_norm: Any, seed: int
) -> tuple[int, np.ndarray, np.ndarray]:
    """The number of variables that are the target's own, ``E √Σ``, and the deviations ``√Σ`` of all variables."""
    n_0, n_L = weights[0].shape[1], weights[-1].shape[0]
    whole = weights[0]
    for weight in weights[1:]:
        whole = weight @ whole
    inputs = np.full(n_0, np.sqrt(input_variance))
    if isinstance(target, str):
        one_of("target", target, ("independent", "linear"))
        if target == "independent":
            own = np.sqrt(target_variance) * np.eye(n_L)
            return n_L, np.hstack([own, -whole * inputs]), np.concatenate([np.ones(n_L), inputs])
        entries = np.sqrt(target_variance / (n_0 * input_variance))
        data = entries * np.random.default_rng(seed).normal(size=(n_L, n_0))
    else:
        data = np.asarray(target, np.float64)
        if data.shape != (n_L, n_0):
            raise ValueError(f"`target` has shape {data.shape}; wanted ({n_L}, {n_0}), or a name.")
        if target_norm is not None:
            raise ValueError("`target_norm` came with a matrix for `target`, which sets it; wanted one of the two.")
    return 0, (data - whole) * inputs, inputs


def _as_weights(network: Any) -> list[np.ndarray]:
    """Convert to float64 matrices that chain."""
    listed = as_list("network", getattr(network, "weights", network), "matrices", empty=False)
    weights = [np.asarray(each, np.float64) for each in listed]
    for index, weight in enumerate(weights):
        width = weights[index - 1].shape[0] if index and weights[index - 1].ndim == 2 else None
        if weight.ndim != 2 or 0 in weight.shape or (width is not None and weight.shape[1] != width):
            wanted = "(n_out, n_in)" if width is None else f"(n_out, {width})"
            raise ValueError(f"`network[{index}]` has shape {weight.shape}; wanted {wanted}.")
        if not np.isfinite(weight).all():
            raise ValueError(f"`network[{index}]` holds NaN or infinity; wanted finite numbers.")
    return weights


def _square(name: str, norm: Any, width: int) -> float:
    """``norm²``, and the width if there is none."""
    if norm is None:
        return float(width)
    array = as_positive(name, norm)
    if array.ndim:
        raise ValueError(f"`{name}` has shape {array.shape}; wanted one number.")
    return float(array) ** 2
