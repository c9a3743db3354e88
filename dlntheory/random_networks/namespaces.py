"""The array library of the inputs: JAX where one of them is a JAX array, NumPy otherwise."""

import sys
from typing import Any

import numpy as np


def is_jax(*values: Any) -> bool:
    """Whether one of the values is a JAX array, traced or not; JAX is not imported to find out."""
    jax = sys.modules.get("jax")
    return jax is not None and any(isinstance(value, jax.Array) for value in values)


def namespace(*values: Any) -> Any:
    """``jax.numpy`` if one of the values is a JAX array, ``numpy`` otherwise."""
    return sys.modules["jax"].numpy if is_jax(*values) else np


def is_traced(value: Any) -> bool:
    """Whether the numbers are not known yet, because JAX traces the computation."""
    return is_jax(value) and isinstance(value, sys.modules["jax"].core.Tracer)


def normal_distribution(value: Any) -> Any:
    """The distribution function of the standard normal law."""
    if is_jax(value):
        return sys.modules["jax"].scipy.special.ndtr(value)
    from scipy.special import ndtr

    return ndtr(value)
