r"""Minibatches with the same second moments and fewer samples.

A linear network without biases learns from a minibatch through ``X Xᵀ``, ``Y Xᵀ`` and ``Y Yᵀ`` alone: activities,
errors and residuals are linear in ``(X, Y)``, and updates and rescalings multiply two of them over the samples. So if
``[Xᵀ Yᵀ] = Q R`` with orthonormal columns of ``Q``, the rows of ``R`` teach the same as the samples. There are at most
``n_0 + n_L``, and where targets are linear in the inputs ``n_0``, since the other rows are zero.
"""

from typing import Any

import numpy as np
from jaxtyping import Float


def condense(
    x: Float[np.ndarray, "*T B n"], y: Float[np.ndarray, "*T B m"]
) -> tuple[Float[np.ndarray, "*T k n"], Float[np.ndarray, "*T k m"]]:
    """The fewest samples with the same mean second moments, the same number ``k`` for all minibatches.

    Args:
        x: inputs.
        y: targets.

    Returns:
        Inputs and targets; as they are, if no fewer samples do.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(64, 3))
        >>> fewer, targets = condense(x, x @ np.ones((3, 2)))
        >>> fewer.shape, targets.shape, bool(np.allclose(fewer.T @ fewer / 3, x.T @ x / 64))
        ((3, 3), (3, 2), True)
    """
    samples, width = x.shape[-2:]
    triangular: Any = np.linalg.qr(np.concatenate([x, y], axis=-1), mode="r")
    sizes = np.abs(triangular).reshape(-1, *triangular.shape[-2:]).max(axis=(0, 2))
    kept = triangular[..., sizes > samples * np.finfo(x.dtype).eps * sizes.max(), :]
    if kept.shape[-2] in (0, samples):
        return x, y
    scaled = kept * np.sqrt(np.asarray(kept.shape[-2] / samples, x.dtype))
    return scaled[..., :width], scaled[..., width:]
