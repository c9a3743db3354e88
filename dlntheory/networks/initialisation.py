r"""Random weights with the papers' distributions, and with a prescribed condition number.

Sources: Sample Efficiency, appendices A.2 and C.1 (Kaiming uniform, norm-preserving, orthogonal) and D.2,
equations 30-32 (condition number); LeCun et al. 1998 (LeCun normal, appendix A.3).
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from ..numerics.algebra import Array
from ..numerics.checks import as_dtype, as_key, as_real, as_seed, one_of
from ..numerics.kinds import is_concrete, is_jax, namespace
from ..numerics.record import ENABLE_64_BIT
from .aligned_variances import aligned_variances

Shape: TypeAlias = tuple[int, int]


class NumpySource(NamedTuple):
    """A NumPy generator; the numbers are drawn in 64 bits."""

    generator: np.random.Generator
    dtype: Any

    def split(self, count: int) -> "Sequence[Source]":
        """The generator itself, from which weights are drawn in turn."""
        return [self] * count

    def uniform(self, shape: Shape) -> Array:
        """Uniform on ±1."""
        return self.generator.uniform(-1, 1, shape).astype(self.dtype)

    def normal(self, shape: Shape) -> Array:
        """Standard normal."""
        return self.generator.standard_normal(shape).astype(self.dtype)

    def orthogonal(self, size: int) -> Array:
        """The Q of a normal matrix's QR factorisation, with the signs that make it unique (Mezzadri 2007)."""
        basis, triangular = np.linalg.qr(self.generator.standard_normal((size, size)))
        return (basis * np.where(np.diagonal(triangular) < 0, -1.0, 1.0)).astype(self.dtype)


class JaxSource(NamedTuple):
    """A JAX random key."""

    key: Any
    dtype: Any

    def split(self, count: int) -> "Sequence[Source]":
        """A key for each of so many draws."""
        import jax

        return [JaxSource(key, self.dtype) for key in jax.random.split(self.key, count)]

    def uniform(self, shape: Shape) -> Array:
        """Uniform on ±1."""
        import jax

        return jax.random.uniform(self.key, shape, self.dtype, -1, 1)

    def normal(self, shape: Shape) -> Array:
        """Standard normal."""
        import jax

        return jax.random.normal(self.key, shape, self.dtype)

    def orthogonal(self, size: int) -> Array:
        """JAX's own."""
        import jax

        return jax.random.orthogonal(self.key, size, dtype=self.dtype)


Source: TypeAlias = NumpySource | JaxSource


def as_source(name: str, value: Any, dtype: Any) -> Source:
    """Convert a whole number, a NumPy generator or a JAX random key."""
    if is_jax(value):
        import jax.numpy

        key = as_key(name, value)
        given = jax.numpy.result_type(float) if dtype is None else as_dtype("dtype", dtype)
        if given == np.float64 and not jax.config.jax_enable_x64:  # type: ignore[attr-defined]
            raise ValueError(
                "`dtype` is float64 but JAX runs in 32-bit mode and would truncate it. "
                f"Run this first: {ENABLE_64_BIT} -- or pass float32, or a seed for NumPy."
            )
        return JaxSource(key, given)
    if not isinstance(value, np.random.Generator):
        value = np.random.default_rng(as_seed(name, value))
    return NumpySource(value, as_dtype("dtype", dtype))


def kaiming_uniform(source: Source, shape: Shape) -> Array:
    """Uniform on ``±1/sqrt(n_in)``, the default of PyTorch's linear layers (appendix C.1.2)."""
    return source.uniform(shape) / math.sqrt(shape[1])


def norm_preserving(source: Source, shape: Shape) -> Array:
    """Normal with variance ``1/n_out``, which keeps the expected norm of an activity (equation 18)."""
    return source.normal(shape) / math.sqrt(shape[0])


def lecun_normal(source: Source, shape: Shape) -> Array:
    """Normal with variance ``1/n_in``."""
    return source.normal(shape) / math.sqrt(shape[1])


def standard_normal(source: Source, shape: Shape) -> Array:
    """Normal with variance one, for parameterisations that scale beside the weight."""
    return source.normal(shape)


def orthogonal(source: Source, shape: Shape) -> Array:
    """Orthonormal rows or columns, whichever are fewer, uniformly distributed."""
    return source.orthogonal(max(shape))[: shape[0], : shape[1]]


Init = Literal["kaiming_uniform", "norm_preserving", "orthogonal", "lecun_normal", "standard_normal", "pc_aligned"]

INITIALISERS: dict[str, Callable[[Source, Shape], Array]] = {
    "kaiming_uniform": kaiming_uniform,
    "norm_preserving": norm_preserving,
    "orthogonal": orthogonal,
    "lecun_normal": lecun_normal,
    "standard_normal": standard_normal,
}


def with_condition_number(weight: Array, condition_number: Any) -> Array:
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
    xp = namespace(weight)
    left, values, right = xp.linalg.svd(weight, full_matrices=False)
    # From the small end, so that sigma_min / sigma_max is 1/c to rounding even where 1 - 1/c rounds to 1.
    position = xp.linspace(1, 0, values.size, dtype=weight.dtype) if values.size > 1 else xp.ones_like(values)
    spaced = position + (1 - position) / condition
    spaced = spaced * (xp.linalg.norm(values) / xp.linalg.norm(spaced))
    return left @ (spaced[:, None] * right)


def random_weights(
    widths: tuple[int, ...], init: str, source: Source, condition_number: Any = None, growth: Any = 3.0
) -> list[Array]:
    """One weight matrix between each two neighbouring widths."""
    shapes = list(zip(widths[1:], widths[:-1], strict=True))
    sources: Sequence[Source] = source.split(len(shapes))
    if one_of("init", init, (*INITIALISERS, "pc_aligned")) == "pc_aligned":
        triples = zip(aligned_variances(widths, growth), sources, shapes, strict=True)
        weights = [math.sqrt(variance) * each.normal(shape) for variance, each, shape in triples]
    else:
        weights = [INITIALISERS[init](each, shape) for each, shape in zip(sources, shapes, strict=True)]
    if condition_number is None:
        return weights
    return [with_condition_number(weight, condition_number) for weight in weights]
