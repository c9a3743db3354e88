r"""Random weights with the papers' distributions, and with a prescribed condition number.

Sources: Sample Efficiency, appendices A.2 and C.1 (Kaiming uniform, norm-preserving, orthogonal) and D.2,
equations 30-32 (condition number); LeCun et al. 1998 (LeCun normal, appendix A.3).
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ..numerics.algebra import is_concrete
from ..numerics.checks import as_real, one_of


def kaiming_uniform(key: jax.Array, shape: tuple[int, int], dtype: Any) -> jax.Array:
    """Uniform on ``±1/sqrt(n_in)``, the default of PyTorch's linear layers (appendix C.1.2)."""
    bound = 1 / math.sqrt(shape[1])
    return jax.random.uniform(key, shape, dtype, -bound, bound)


def norm_preserving(key: jax.Array, shape: tuple[int, int], dtype: Any) -> jax.Array:
    """Normal with variance ``1/n_out``, which keeps the expected norm of an activity (equation 18)."""
    return jax.random.normal(key, shape, dtype) / math.sqrt(shape[0])


def lecun_normal(key: jax.Array, shape: tuple[int, int], dtype: Any) -> jax.Array:
    """Normal with variance ``1/n_in``."""
    return jax.random.normal(key, shape, dtype) / math.sqrt(shape[1])


def orthogonal(key: jax.Array, shape: tuple[int, int], dtype: Any) -> jax.Array:
    """Orthonormal rows or columns, whichever are fewer, uniformly distributed."""
    return jax.random.orthogonal(key, max(shape), dtype=dtype)[: shape[0], : shape[1]]


INITIALISERS: dict[str, Callable[[jax.Array, tuple[int, int], Any], jax.Array]] = {
    "kaiming_uniform": kaiming_uniform,
    "norm_preserving": norm_preserving,
    "orthogonal": orthogonal,
    "lecun_normal": lecun_normal,
}


def with_condition_number(weight: jax.Array, condition_number: Any) -> jax.Array:
    r"""Give ``weight`` linearly spaced singular values with the ratio ``condition_number``.

    Singular vectors and Frobenius norm are kept: with ``k = min(shape)`` and condition number ``c``,
    ``sigma_i = sigma_max (1 - (i-1)/(k-1) (1 - 1/c))``, rescaled.

    Args:
        weight: ``(n_out, n_in)``.
        condition_number: ``sigma_max / sigma_min``, at least 1.

    Returns:
        The conditioned weight, ``(n_out, n_in)``.

    Raises:
        ValueError: if the condition number is below 1.

    Source:
        Sample Efficiency, equations 30-32 (where equation 30 prints ``U S W'`` for ``U S V'``).
    """
    condition = as_real("condition_number", condition_number, weight.dtype)
    if is_concrete(condition) and condition < 1:
        raise ValueError(f"`condition_number` is {condition_number}; wanted at least 1.")
    left, values, right = jnp.linalg.svd(weight, full_matrices=False)
    # From the small end, so that sigma_min / sigma_max is 1/c to rounding even where 1 - 1/c rounds to 1.
    position = jnp.linspace(1, 0, values.size, dtype=weight.dtype) if values.size > 1 else jnp.ones_like(values)
    spaced = position + (1 - position) / condition
    spaced = spaced * (jnp.linalg.norm(values) / jnp.linalg.norm(spaced))
    return left @ (spaced[:, None] * right)


def random_weights(
    widths: tuple[int, ...], init: str, key: jax.Array, condition_number: Any, dtype: Any
) -> list[jax.Array]:
    """One weight matrix between each two neighbouring widths."""
    draw = INITIALISERS[one_of("init", init, INITIALISERS)]
    keys = jax.random.split(key, len(widths) - 1)
    shapes = zip(widths[1:], widths[:-1], strict=True)
    weights = [draw(each, shape, dtype) for each, shape in zip(keys, shapes, strict=True)]
    if condition_number is None:
        return weights
    return [with_condition_number(weight, condition_number) for weight in weights]
