"""Compiled programs of functions whose arguments and results hold more than arrays, such as networks of blocks."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, NamedTuple, ParamSpec, TypeVar

import jax
import numpy as np

P = ParamSpec("P")
T = TypeVar("T")

ARRAYS = (jax.Array, np.ndarray, np.generic)


def program(function: Callable[P, T]) -> Callable[P, T]:
    """Compile a function: the arrays of its arguments are traced, and what else they hold decides the program.

    It finds what Equinox's ``filter_jit`` does, with less Python at every call. As `jax.jit` does, and ``filter_jit``
    does not, a call returns before its arrays are there; until then it computes with copies of NumPy's.
    """

    def traced(form: _Form, arrays: list[Any]) -> _Result:
        args, kwargs = _joined(form, arrays)
        return _Result(*_split(function(*args, **kwargs)))

    traced.__name__ = getattr(function, "__name__", "traced")  # what profiles and logs call the program
    compiled = jax.jit(traced, static_argnums=0)

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        form, arrays = _split((args, kwargs))
        result = compiled(form, [jax.numpy.array(each) if isinstance(each, np.ndarray) else each for each in arrays])
        return _joined(result.form, result.arrays)

    return call


class _Form(NamedTuple):
    """A tree without its arrays: its structure, and its leaves with ``None`` for every array."""

    structure: Any
    leaves: tuple[Hashable, ...]


@partial(jax.tree_util.register_dataclass, data_fields=["arrays"], meta_fields=["form"])
@dataclass
class _Result:
    """The result of a program; tracing finds its form."""

    form: _Form
    arrays: list[Any]


def _split(tree: Any) -> tuple[_Form, list[Any]]:
    leaves, structure = jax.tree.flatten(tree)
    arrays = [leaf for leaf in leaves if isinstance(leaf, ARRAYS)]
    return _Form(structure, tuple([None if isinstance(leaf, ARRAYS) else leaf for leaf in leaves])), arrays


def _joined(form: _Form, arrays: Any) -> Any:
    remaining = iter(arrays)
    return jax.tree.unflatten(form.structure, [next(remaining) if leaf is None else leaf for leaf in form.leaves])
