"""What the interface accepts: conversion and refusal of arguments, before anything is compiled.

Every message names the argument, says what it got, and says what it wanted.
"""

import math
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .algebra import is_concrete, is_symbolic

ENABLE_64_BIT = 'import jax; jax.config.update("jax_enable_x64", True)'
_FLOATS = ("float32", "float64")


def as_array(name: str, value: Any, dtype: Any = None) -> Any:
    """Convert to a finite floating-point JAX array; SymPy matrices pass through untouched.

    Integers, and lists of Python numbers, take ``dtype``, or JAX's default float. NumPy and JAX arrays keep
    their precision.
    """
    if is_symbolic(value):
        return value
    if isinstance(value, jax.Array):
        array: Any = value
    else:
        array = _as_numpy(name, value)
    given = str(array.dtype)
    if jnp.issubdtype(array.dtype, jnp.integer) or array.dtype == bool:
        target = dtype or jnp.result_type(float)
    elif given in _FLOATS:
        target = array.dtype if hasattr(value, "dtype") else (dtype or jnp.result_type(float))
    elif jnp.issubdtype(array.dtype, jnp.floating):
        raise ValueError(f"`{name}` has dtype {given}; wanted float32 or float64.")
    else:
        raise TypeError(f"`{name}` has dtype {given}; wanted real numbers.")
    if str(target) == "float64" and not jax.config.jax_enable_x64:  # type: ignore[attr-defined]
        raise ValueError(
            f"`{name}` is float64 but JAX runs in 32-bit mode and would truncate it. "
            f"Run this first: {ENABLE_64_BIT} -- or pass float32."
        )
    if is_concrete(array) and not _all_finite(array):
        raise ValueError(f"`{name}` holds NaN or infinity; wanted finite numbers.")
    converted = jnp.asarray(array, target)
    if is_concrete(converted) and str(target) != given and not _all_finite(converted):
        raise ValueError(f"`{name}` holds numbers beyond {target}; wanted smaller ones, or float64: {ENABLE_64_BIT}")
    return converted


def _all_finite(array: Any) -> bool:
    """Whether every number is finite; an array that is spread over devices is not gathered for it."""
    spread = isinstance(array, jax.Array) and len(array.sharding.device_set) > 1
    return bool((jnp.isfinite(array) if spread else np.isfinite(np.asarray(array))).all())


def _as_numpy(name: str, value: Any) -> np.ndarray:
    if value is None or isinstance(value, str | bytes | dict | set):
        raise TypeError(f"`{name}` is a {type(value).__name__}; wanted an array of real numbers.")
    try:
        return np.asarray(value)
    except (ValueError, TypeError) as error:
        raise ValueError(f"`{name}` is not an array: {error}.") from error


def as_batch(name: str, value: Any, width: Any, dtype: Any) -> jax.Array:
    """Convert to ``(B, n)`` or ``(n,)``, at least one sample, from samples of a width or a shape."""
    array = as_array(name, value, dtype)
    shape = width if isinstance(width, tuple) else (width,)
    if array.ndim - len(shape) not in (0, 1) or array.shape[array.ndim - len(shape) :] != shape:
        listed = ", ".join(map(str, shape))
        one = f"({listed},)" if len(shape) == 1 else f"({listed})"
        raise ValueError(f"`{name}` has shape {array.shape}; wanted (batch, {listed}) or {one}.")
    if array.shape[0] == 0:
        raise ValueError(f"`{name}` is empty, shape {array.shape}; wanted at least one sample.")
    return array if len(shape) == 1 else array.reshape(*array.shape[: array.ndim - len(shape)], math.prod(shape))


def as_list(name: str, value: Any, what: str) -> list[Any]:
    """Convert a list, a tuple or an array of at least one dimension to a list."""
    listed = hasattr(value, "__len__") and hasattr(value, "__iter__") and getattr(value, "ndim", 1) > 0
    if isinstance(value, str | bytes | dict | set) or not listed:
        raise TypeError(f"`{name}` is a {type(value).__name__}; wanted a list of {what}.")
    return list(value)


def as_dtype(name: str, value: Any) -> Any:
    """Convert to float32 or float64; ``None`` is JAX's default float."""
    if value is None:
        return jnp.result_type(float)
    try:
        dtype = np.dtype(value)
    except TypeError as error:
        raise TypeError(f"`{name}` is {value!r}; wanted float32 or float64.") from error
    if dtype.name not in _FLOATS:
        raise ValueError(f"`{name}` is {dtype}; wanted float32 or float64.")
    return as_array(name, np.zeros((), dtype)).dtype


def as_key(name: str, value: Any) -> jax.Array:
    """Convert a whole number or a JAX random key to a key."""
    if isinstance(value, jax.Array) and not jnp.issubdtype(value.dtype, jnp.integer):
        if jnp.issubdtype(value.dtype, jax.dtypes.prng_key) and value.ndim == 0:
            return value
        raise TypeError(f"`{name}` has dtype {value.dtype}; wanted a whole number or one JAX random key.")
    if isinstance(value, jax.Array) and value.shape == (2,) and value.dtype == jnp.uint32:
        return jax.random.wrap_key_data(value)
    seed = as_count(name, value, minimum=0)
    if seed >= 2**63:
        raise ValueError(f"`{name}` is {seed}; wanted a seed below 2**63.")
    return jax.random.key(seed)


def widest(*trees: Any) -> Any:
    """The floating-point dtype of highest precision among the leaves."""
    return max((leaf.dtype for leaf in jax.tree.leaves(trees)), key=lambda dtype: dtype.itemsize)


def same_batch(x: jax.Array, y: jax.Array) -> None:
    """Refuse inputs and targets of different batch shapes."""
    if x.shape[:-1] != y.shape[:-1]:
        raise ValueError(f"`x` has shape {x.shape} but `y` has shape {y.shape}; wanted the same number of samples.")


def one_of(name: str, value: Any, choices: Iterable[Any]) -> Any:
    """Return ``value`` if it is among ``choices``."""
    choices = tuple(choices)
    if not any(value is choice or (isinstance(value, str) and value == choice) for choice in choices):
        wanted = ", ".join(repr(choice) for choice in choices)
        raise ValueError(f"`{name}` is {value!r}; wanted one of {wanted}.")
    return value


def as_real(name: str, value: Any, dtype: Any, *, positive: bool = False) -> jax.Array:
    """Convert to a finite real scalar, positive if asked."""
    if isinstance(value, str | bytes | bool) or value is None:
        raise TypeError(f"`{name}` is {value!r}; wanted a real number.")
    array = as_array(name, value.item() if isinstance(value, np.generic) else value, dtype)
    if array.ndim != 0:
        raise ValueError(f"`{name}` has shape {array.shape}; wanted one number.")
    if positive and is_concrete(array) and not array > 0:
        raise ValueError(f"`{name}` is {float(array)}; wanted a positive number.")
    return (nan_unless(array > 0, array) if positive else array).astype(dtype)


def nan_unless(valid: Any, array: jax.Array) -> jax.Array:
    """Make a value that is out of its range NaN where it is traced, and nothing can be raised."""
    return array if is_concrete(array) else jnp.where(valid, array, jnp.full_like(array, jnp.nan))


def as_number(name: str, value: Any) -> float:
    """Convert to a finite Python number, known before anything is traced."""
    if isinstance(value, str | bytes | bool) or value is None:
        raise TypeError(f"`{name}` is {value!r}; wanted a real number.")
    if not is_concrete(value):
        raise TypeError(f"`{name}` is traced by JAX; wanted a number that is known before tracing.")
    array = _as_numpy(name, value)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"`{name}` has dtype {array.dtype}; wanted a real number.")
    if array.ndim != 0:
        raise ValueError(f"`{name}` has shape {array.shape}; wanted one number.")
    if not np.isfinite(array):
        raise ValueError(f"`{name}` holds NaN or infinity; wanted finite numbers.")
    return float(array)


def as_count(name: str, value: Any, minimum: int = 1) -> int:
    """Convert to a whole number of at least ``minimum``."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"`{name}` is {value!r}; wanted a whole number.")
    if value < minimum:
        raise ValueError(f"`{name}` is {value}; wanted at least {minimum}.")
    return int(value)


def as_pair(name: str, value: Any, minimum: int = 1) -> tuple[int, int]:
    """Convert a whole number, or two of them, to two."""
    if not isinstance(value, tuple | list):
        value = (value, value)
    if len(value) != 2:
        raise ValueError(f"`{name}` is {value!r}; wanted one whole number, or two.")
    first, second = (as_count(name, each, minimum) for each in value)
    return first, second
