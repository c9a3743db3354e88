"""Conversion and refusal of arguments, before anything is computed.

Every message names the argument, says what it got, and says what it wanted. Arguments are copied: nothing that a caller
passes is shared.
"""

import difflib
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from .kinds import holds_jax, is_concrete, is_jax, is_symbolic, namespace, to_jax
from .record import ENABLE_64_BIT

_FLOATS = (np.dtype(np.float64), np.dtype(np.float32))


def as_array(name: str, value: Any, dtype: Any = None) -> Any:
    """Convert to a finite floating-point array of its own memory, JAX's or NumPy's.

    JAX arrays, and lists that hold one, stay JAX's; everything else becomes a NumPy array. Integers and Python numbers
    take ``dtype``, or float64 (JAX's default float in a JAX array). Floating-point arrays keep their precision.
    """
    array = value if is_jax(value) else as_own(name, value)
    _check_numbers(name, array)
    target = _target(array, value, dtype)
    if is_concrete(array) and not _all_finite(array):
        raise ValueError(f"`{name}` holds NaN or infinity; wanted finite numbers.")
    with np.errstate(over="ignore"):
        converted = array if array.dtype == target else array.astype(target)
    if converted is not array and is_concrete(converted) and not _all_finite(converted):
        raise ValueError(f"`{name}` holds numbers beyond {target}; wanted smaller ones, or float64: {ENABLE_64_BIT}")
    if array.dtype.kind in "iu" and is_concrete(array) and not _exact(array, target):
        raise ValueError(
            f"`{name}` holds whole numbers that {np.dtype(target)} would round; wanted smaller ones, or fractions."
        )
    return converted


def as_parameter(name: str, value: Any, dtype: Any = None) -> Any:
    """Convert a layer's parameter to an array; SymPy matrices pass through."""
    return value if is_symbolic(value) else as_array(name, value, dtype)


def _exact(whole: Any, target: Any) -> bool:
    """Whether the target represents every whole number exactly."""
    digits = np.finfo(target).nmant + 1
    if whole.dtype.itemsize * 8 <= digits or not whole.size:
        return True
    return -(2**digits) <= int(whole.min()) and int(whole.max()) <= 2**digits


def _check_numbers(name: str, array: Any) -> None:
    kind = array.dtype.kind
    if array.dtype in _FLOATS or kind in "iub":
        return
    given = str(array.dtype)
    if kind == "f" or given.startswith(("bfloat", "float")):
        raise ValueError(f"`{name}` has dtype {given}; wanted float32 or float64.")
    raise TypeError(f"`{name}` has dtype {given}; wanted real numbers.")


def _target(array: Any, value: Any, dtype: Any) -> Any:
    """The dtype to convert to: arrays keep their own; whole and Python's numbers have none."""
    if array.dtype.kind == "f" and not _is_plain(value):
        return array.dtype
    if dtype is not None:
        return dtype
    return namespace(array).result_type(float) if is_jax(array) else np.dtype(np.float64)


def _is_plain(value: Any) -> bool:
    """Whether a value holds Python's own numbers only, in lists or by themselves."""
    if isinstance(value, tuple | list):
        return all(map(_is_plain, value))
    return isinstance(value, int | float) and not isinstance(value, np.generic)


def _all_finite(array: Any) -> bool:
    """Whether every number is finite; an array that is spread over devices is not gathered for it."""
    spread = is_jax(array) and len(array.sharding.device_set) > 1
    return bool((namespace(array) if spread else np).isfinite(array if spread else np.asarray(array)).all())


def as_own(name: str, value: Any) -> Any:
    """A NumPy array of its own, in this machine's byte order; of a list that holds JAX arrays, a JAX array."""
    if value is None or isinstance(value, str | bytes | dict | set) or is_symbolic(value):
        raise TypeError(f"`{name}` is a {type(value).__name__}; wanted an array of real numbers.")
    if _is_masked(value):
        raise ValueError(f"`{name}` has masked entries; wanted numbers. Fill them, or leave the samples out.")
    if isinstance(value, tuple | list) and holds_jax(value):
        import jax.numpy

        return jax.numpy.asarray(to_jax(value, name))
    try:
        array = np.array(value)
    except Exception as error:  # whatever another library's array raises
        raise ValueError(f"`{name}` is not an array: {_first_line(error)}.") from error
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def kept(value: Any) -> Any:
    """A copy of what a caller may write to later, before it is checked: NumPy arrays, and lists of them."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if type(value) in (list, tuple):
        return type(value)(map(kept, value))
    return value


def _is_masked(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return any(map(_is_masked, value))
    return isinstance(value, np.ma.MaskedArray) and bool(np.ma.is_masked(value))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def as_batch(name: str, value: Any, width: Any, dtype: Any) -> Any:
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


def as_list(name: str, value: Any, what: str, *, empty: bool = True) -> list[Any]:
    """Convert a list, a tuple or an array of at least one dimension to a list, which may be empty or not."""
    listed = hasattr(value, "__len__") and hasattr(value, "__iter__") and getattr(value, "ndim", 1) > 0
    if isinstance(value, str | bytes | dict | set) or not listed:
        raise TypeError(f"`{name}` is a {type(value).__name__}; wanted a list of {what}.")
    if not empty and not len(value):
        raise ValueError(f"`{name}` is empty; wanted at least one.")
    return list(value)


def as_dtype(name: str, value: Any) -> Any:
    """Convert to float32 or float64, the default."""
    if value is None:
        return np.dtype(np.float64)
    try:
        dtype = np.dtype(value)
    except TypeError as error:
        raise TypeError(f"`{name}` is {value!r}; wanted float32 or float64.") from error
    if dtype not in _FLOATS:
        raise ValueError(f"`{name}` is {dtype}; wanted float32 or float64.")
    return dtype


def as_key(name: str, value: Any) -> Any:
    """Convert a whole number or a JAX random key to a JAX random key."""
    import jax

    if isinstance(value, jax.Array) and not jax.numpy.issubdtype(value.dtype, jax.numpy.integer):
        if jax.numpy.issubdtype(value.dtype, jax.dtypes.prng_key) and value.ndim == 0:
            return value
        raise TypeError(f"`{name}` has dtype {value.dtype}; wanted a whole number or one JAX random key.")
    if isinstance(value, jax.Array) and value.shape == (2,) and value.dtype == jax.numpy.uint32:
        return jax.random.wrap_key_data(value)
    return jax.random.key(as_seed(name, value))


def as_seed(name: str, value: Any) -> int:
    """Convert to a whole number that seeds a generator."""
    seed = as_count(name, value, minimum=0)
    if seed >= 2**63:
        raise ValueError(f"`{name}` is {seed}; wanted a seed below 2**63.")
    return seed


def same_batch(x: Any, y: Any) -> None:
    """Refuse inputs and targets of different batch shapes."""
    if x.shape[:-1] != y.shape[:-1]:
        raise ValueError(f"`x` has shape {x.shape} but `y` has shape {y.shape}; wanted the same number of samples.")


def one_of(name: str, value: Any, choices: Iterable[Any]) -> Any:
    """Return ``value`` if it is among ``choices``."""
    choices = tuple(choices)
    if not any(value is choice or (isinstance(value, str) and value == choice) for choice in choices):
        wanted = ", ".join(repr(choice) for choice in choices)
        raise ValueError(f"`{name}` is {value!r}; wanted one of {wanted}.{meant(value, choices)}")
    return value


def meant(value: Any, choices: Iterable[Any]) -> str:
    """A question that names the choice that was probably meant; nothing where none is near.

    Example:
        >>> meant("PC", ["iPC", "PC-SE", "PC-CE"]), meant("adaptve", [None, "adaptive"]), meant("hebb", ["bp", "pc"])
        (" Did you mean 'PC-SE'?", " Did you mean 'adaptive'?", '')
    """
    if not isinstance(value, str) or not value:
        return ""
    names = {each.lower(): each for each in choices if isinstance(each, str)}
    longer = [name for name in names if name.startswith(value.lower())]
    near = longer or difflib.get_close_matches(value.lower(), names, 1)
    return f" Did you mean {names[near[0]]!r}?" if near else ""


def as_real(name: str, value: Any, dtype: Any, *, positive: bool = False) -> Any:
    """Convert to a finite real scalar, positive if asked."""
    if isinstance(value, str | bytes | bool) or value is None:
        raise TypeError(f"`{name}` is {value!r}; wanted a real number.")
    array = as_array(name, value.item() if isinstance(value, np.floating | np.integer) else value, dtype)
    if array.ndim != 0:
        raise ValueError(f"`{name}` has shape {array.shape}; wanted one number.")
    if positive and is_concrete(array) and not array > 0:
        raise ValueError(f"`{name}` is {float(array)}; wanted a positive number.")
    if is_jax(array):
        import jax

        dtype = jax.dtypes.canonicalize_dtype(dtype)  # a network of 64 bits is refused by name, in place of a warning
    return (nan_unless(array > 0, array) if positive else array).astype(dtype)[()]


def nan_unless(valid: Any, array: Any) -> Any:
    """Make a value that is out of its range NaN where it is traced, and nothing can be raised."""
    if is_concrete(array):
        return array
    xp = namespace(array)
    return xp.where(valid, array, xp.full_like(array, xp.nan))


def as_number(name: str, value: Any, *, positive: bool = False, negative: bool = True) -> float:
    """Convert to a finite Python number, known before anything is traced; positive, or not negative, if asked."""
    if isinstance(value, str | bytes | bool) or value is None:
        raise TypeError(f"`{name}` is {value!r}; wanted a real number.")
    if not is_concrete(value):
        raise TypeError(f"`{name}` is traced by JAX; wanted a number that is known before tracing.")
    array = np.asarray(as_own(name, value))
    if array.dtype.kind not in "iuf":
        raise TypeError(f"`{name}` has dtype {array.dtype}; wanted a real number.")
    if array.ndim != 0:
        raise ValueError(f"`{name}` has shape {array.shape}; wanted one number.")
    if not np.isfinite(array):
        raise ValueError(f"`{name}` holds NaN or infinity; wanted finite numbers.")
    number = float(array)
    if positive and number <= 0:
        raise ValueError(f"`{name}` is {number}; wanted a positive number.")
    if not negative and number < 0:
        raise ValueError(f"`{name}` is {number}; wanted a number that is not negative.")
    return number


def is_one_number(value: Any) -> bool:
    """Tell one number that can be checked from a traced one, and from an array of numbers for `jax.vmap`."""
    return is_concrete(value) and np.ndim(value) == 0


def as_share(name: str, value: Any, *, zero: bool = True, one: bool = False) -> float:
    """Convert to a Python number from 0 to 1; the ends count or not."""
    number = as_number(name, value)
    if not (0 < number < 1 or (zero and number == 0) or (one and number == 1)):
        wanted = "from 0 to 1" if one else "from 0 to below 1" if zero else "between 0 and 1"
        raise ValueError(f"`{name}` is {number}; wanted a number {wanted}.")
    return number


def as_count(name: str, value: Any, minimum: int = 1) -> int:
    """Convert to a whole number of at least ``minimum``."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"`{name}` is {value!r}; wanted a whole number.")
    if value < minimum:
        raise ValueError(f"`{name}` is {value}; wanted at least {minimum}.")
    return int(value)


def as_flag(name: str, value: Any) -> bool:
    """Convert to a Boolean; refuse everything else."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"`{name}` is {value!r}; wanted True or False.")
    return bool(value)


def as_counts(name: str, value: Any, what: str = "whole numbers", minimum: int = 1) -> tuple[int, ...]:
    """Convert a list of whole numbers, each of at least ``minimum``."""
    return tuple(as_count(f"{name}[{index}]", each, minimum) for index, each in enumerate(as_list(name, value, what)))


def as_widths(name: str, value: Any) -> tuple[int, ...]:
    """Convert ``(n_0, …, n_L)`` to whole numbers, an input's and an output's width at least."""
    widths = as_counts(name, value)
    if len(widths) < 2:
        raise ValueError(f"`{name}` is {widths}; wanted at least an input and an output width.")
    return widths


def as_pair(name: str, value: Any, minimum: int = 1) -> tuple[int, int]:
    """Convert a whole number, or two of them, to two."""
    if not isinstance(value, tuple | list):
        value = (value, value)
    if len(value) != 2:
        raise ValueError(f"`{name}` is {value!r}; wanted one whole number, or two.")
    first, second = (as_count(name, each, minimum) for each in value)
    return first, second
