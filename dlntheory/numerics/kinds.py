"""The kind of array that computes, which the inputs decide: NumPy, JAX or SymPy.

NumPy arrays are computed with at once. Where any input is a JAX array, or is traced, the same lines run as one compiled
JAX program, and NumPy arrays beside it become JAX arrays. JAX is imported by whoever uses it first.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np

from .record import Record, for_jax

P = ParamSpec("P")
T = TypeVar("T")


def is_symbolic(value: object) -> bool:
    """Tell whether ``value`` is a SymPy matrix, explicit or symbolic, without importing SymPy."""
    return bool(getattr(value, "is_Matrix", False))


def is_explicit(matrix: object) -> bool:
    """Tell whether a SymPy matrix has its entries, rather than being an expression of symbols for matrices."""
    return hasattr(matrix, "tolist")


def is_jax(value: object) -> bool:
    """Tell whether ``value`` is a JAX array or is traced, without importing JAX."""
    if isinstance(value, np.ndarray | np.generic | float | int) or value is None:
        return False
    jax = sys.modules.get("jax")
    return jax is not None and isinstance(value, jax.Array)


def namespace(*likes: Any) -> Any:
    """``jax.numpy`` if one of the values is a JAX array, ``numpy`` otherwise."""
    return sys.modules["jax"].numpy if any(map(is_jax, likes)) else np


def leaves(*trees: Any) -> list[Any]:
    """The leaves of records, tuples, lists, dictionaries and Equinox's modules, in order; ``None`` is nothing."""
    found: list[Any] = []
    for tree in trees:
        _collect(tree, found)
    return found


def _collect(tree: Any, found: list[Any]) -> None:
    if tree is None:
        return
    if isinstance(tree, np.ndarray):
        found.append(tree)
    elif isinstance(tree, Record):
        for name in tree._arrays:
            _collect(tree.__dict__.get(name), found)
    elif isinstance(tree, _SEQUENCES):
        for each in tree:
            _collect(each, found)
    elif isinstance(tree, dict):
        for each in tree.values():
            _collect(each, found)
    elif _is_module(tree):
        found.extend(sys.modules["jax"].tree.leaves(tree))
    else:
        found.append(tree)


_SEQUENCES = (tuple, list)
"""Every call checks against these, and against a tuple faster than against a union."""


def _is_module(tree: Any) -> bool:
    """Whether a value is a pytree of JAX's but no record of this library, such as a module of Equinox."""
    return hasattr(tree, "__dataclass_fields__") and "jax" in sys.modules


def map_leaves(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Apply a function to every leaf, and to the leaves in its place in trees of the same structure."""
    if tree is None:
        return None
    if isinstance(tree, Record):
        copy = object.__new__(type(tree))
        copy.__dict__.update(tree.__dict__)
        for name in tree._arrays:
            parts = [other.__dict__.get(name) for other in others]
            copy.__dict__[name] = map_leaves(function, tree.__dict__.get(name), *parts)
        return copy
    if isinstance(tree, dict):
        return {key: map_leaves(function, each, *(other[key] for other in others)) for key, each in tree.items()}
    if _is_module(tree):
        return sys.modules["jax"].tree.map(function, tree, *others)
    if isinstance(tree, _SEQUENCES):
        mapped = [map_leaves(function, *parts) for parts in zip(tree, *others, strict=True)]
        return type(tree)(*mapped) if hasattr(tree, "_fields") else type(tree)(mapped)
    return function(tree, *others)


def holds_jax(*trees: Any) -> bool:
    """Tell whether a leaf is a JAX array."""
    return "jax" in sys.modules and any(map(is_jax, leaves(*trees)))


def is_concrete(*trees: Any) -> bool:
    """Tell whether no leaf is being traced by JAX."""
    jax = sys.modules.get("jax")
    return jax is None or not any(isinstance(leaf, jax.core.Tracer) for leaf in leaves(*trees))


def known(tree: Any) -> Any:
    """Concrete arrays as NumPy's, to decide by: of small ones JAX computes each operation as a program of its own."""
    return map_leaves(np.asarray, tree) if is_concrete(tree) else tree


def to_jax(tree: Any, name: str = "the network or its data") -> Any:
    """Every NumPy array as a JAX array; refused where JAX would cut its digits."""
    return map_leaves(lambda leaf: for_jax(leaf, name), tree)


def to_numpy(tree: Any) -> Any:
    """Every JAX array as a NumPy array of its own."""
    return map_leaves(lambda leaf: np.array(leaf)[()] if is_jax(leaf) else leaf, tree)


def widest(*trees: Any) -> Any:
    """The floating-point dtype of highest precision among the leaves."""
    return _widest(_dtypes(leaves(*trees)))


def _dtypes(found: Iterable[Any]) -> set[Any]:
    return {leaf.dtype for leaf in found if hasattr(leaf, "dtype")}


def _widest(dtypes: Iterable[Any]) -> Any:
    return max(dtypes, key=lambda dtype: dtype.itemsize)


def cast(tree: Any, dtype: Any) -> Any:
    """Bring every array of a tree to ``dtype``; SymPy matrices stay as they are."""
    return map_leaves(lambda leaf: leaf.astype(dtype) if getattr(leaf, "dtype", dtype) != dtype else leaf, tree)


def agree(**parts: Any) -> Any:
    """Bring the parts to the highest precision among them, and to JAX where one of them holds a JAX array."""
    found = leaves(*parts.values())
    if any(map(is_jax, found)) and any(isinstance(leaf, np.ndarray | np.generic) for leaf in found):
        parts = {name: to_jax(part, name) for name, part in parts.items()}
    together = tuple(parts.values())
    dtypes = _dtypes(found)
    return together if len(dtypes) == 1 else cast(together, _widest(dtypes))


def stop_gradient(array: Any) -> Any:
    """The array as a constant of differentiation."""
    return sys.modules["jax"].lax.stop_gradient(array) if is_jax(array) else array


def compiled(function: Callable[P, T]) -> Callable[P, T]:
    """Run as one compiled program where an argument holds a JAX array, and line by line otherwise.

    NumPy's warnings of overflow and division by zero are silenced, as JAX has none: results say it.
    """
    programs: list[Callable[P, T]] = []

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        if not holds_jax(args, kwargs):
            with np.errstate(all="ignore"):
                return function(*args, **kwargs)
        if not programs:
            from .programs import program

            programs.append(program(function))
        return programs[0](*args, **kwargs)

    return run


@contextmanager
def in_double_precision() -> Iterator[None]:
    """Let JAX compute in 64 bits, here only."""
    import jax
    import jax.experimental

    older = not hasattr(jax, "enable_x64")
    scope = jax.experimental.enable_x64 if older else jax.enable_x64  # type: ignore[attr-defined]
    with scope(True):
        yield


def by_jax(function: Callable[P, T]) -> Callable[P, T]:
    """Run a function that is a JAX program by nature: NumPy arguments go in as JAX arrays of their own precision.

    The results are NumPy's then.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        if holds_jax(args, kwargs):
            return function(*args, **kwargs)
        with in_double_precision():
            return to_numpy(function(*to_jax(args), **to_jax(kwargs)))

    return run


def each_of(function: Callable[..., Any], *arrays: Any, at_once: int | None = None) -> Any:
    """Apply a function to every entry of arrays, and stack the results; in JAX to all or so many at once."""
    if not is_jax(arrays[0]):
        first, *others = map(function, *arrays)
        return map_leaves(lambda *parts: np.stack(parts), first, *others)
    import jax

    if at_once is None:
        return jax.vmap(function)(*arrays)
    return jax.lax.map(lambda entry: function(*entry), arrays, batch_size=None if at_once == 1 else at_once)


def told(name: str, index: Any, texts: Iterable[str], field: str) -> Any:
    """The text of an index, or an array of them; while the index is traced, a refusal that names the field it is in."""
    if not is_concrete(index):
        raise TypeError(f"`{name}` is known after tracing only; return `{field}`.")
    chosen = np.array(list(texts))[np.asarray(index, int)]
    return str(chosen) if chosen.ndim == 0 else chosen


def choose(condition: Any, first: Callable[[], Any], second: Callable[[], Any]) -> Any:
    """One of two results of the same structure, chosen within JAX's program if it traces the condition."""
    if is_jax(condition) and not is_concrete(condition):
        import jax

        return jax.lax.cond(condition, first, second)
    return first() if condition else second()


def loop(unfinished: Callable[[Any], Any], advance: Callable[[Any], Any], state: Any, like: Any) -> Any:
    """Advance a state while it is unfinished; ``like`` says of which kind it is."""
    if is_jax(like):
        import jax

        return jax.lax.while_loop(unfinished, advance, state)
    while unfinished(state):
        state = advance(state)
    return state
