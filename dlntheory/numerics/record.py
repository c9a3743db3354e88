"""Immutable records of arrays, which JAX takes apart and puts together as pytrees.

A record is a dataclass whose fields are set once. It needs no JAX: where JAX is never imported, a record of NumPy
arrays is nothing more. JAX sees records as pytrees as soon as it is imported. It is given JAX arrays only: a NumPy
record that reaches one of its transformations is converted, or refused where JAX would cut 64 bits to 32.
"""

import abc
import dataclasses
import importlib.abc
import importlib.util
import sys
from collections.abc import Callable, Iterable, Sequence
from types import ModuleType
from typing import Any, ClassVar, dataclass_transform

import numpy as np

from .presentation import Presented

ENABLE_64_BIT = 'import jax; jax.config.update("jax_enable_x64", True)'


def static(**options: Any) -> Any:
    """A field that is no array: JAX compiles a program for each of its values."""
    return dataclasses.field(metadata={"static": True}, **options)


@dataclass_transform(field_specifiers=(dataclasses.field, static))
class Record(Presented, abc.ABC):
    """The base of everything that holds arrays: layers, networks, problems and results.

    Where a class says no facts, or its arrays are traced, it shows its fields with their shapes.
    """

    _arrays: ClassVar[tuple[str, ...]] = ()
    _static: ClassVar[tuple[str, ...]] = ()
    _initialises_itself: ClassVar[bool] = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._initialises_itself = "__init__" in cls.__dict__ or cls._initialises_itself
        dataclasses.dataclass(eq=False, repr=False, init=not cls._initialises_itself)(cls)
        fields = dataclasses.fields(cls)  # type: ignore[arg-type]
        cls._arrays = tuple(field.name for field in fields if not field.metadata.get("static"))
        cls._static = tuple(field.name for field in fields if field.metadata.get("static"))
        _waiting.append(cls)
        if "jax" in sys.modules and _Watch not in map(type, sys.meta_path):
            register()

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__dict__ or name not in (*self._arrays, *self._static):
            raise dataclasses.FrozenInstanceError(f"cannot set {name!r}: a {type(self).__name__} does not change")
        self.__dict__[name] = value

    def __delattr__(self, name: str) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot delete {name!r}: a {type(self).__name__} does not change")

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return _equal(self.__dict__, other.__dict__)

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return self.summary() if self._tells() else repr(self)

    def _repr_html_(self) -> str | None:
        return super()._repr_html_() if self._tells() else None

    def _tells(self) -> bool:
        """Whether a record has facts to tell, and numbers for them."""
        return type(self)._facts is not Presented._facts and not _is_traced(self)

    def __repr__(self) -> str:
        if self._tells():
            return super().__repr__()
        shown = (f"{name}={_summary(self.__dict__.get(name))}" for name in (*self._arrays, *self._static))
        return f"{type(self).__name__}({', '.join(shown)})"


def with_fields(record: Any, **fields: Any) -> Any:
    """The record with other fields."""
    copy = object.__new__(type(record))
    copy.__dict__.update(record.__dict__)
    copy.__dict__.update(fields)
    return copy


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal(left[key], right[key]) for key in left)
    if isinstance(left, tuple | list) and isinstance(right, tuple | list):
        return len(left) == len(right) and all(map(_equal, left, right))
    if hasattr(left, "ndim") and hasattr(right, "ndim"):
        return left.shape == right.shape and left.dtype == right.dtype and bool((left == right).all())
    return bool(left == right)


def _is_traced(value: Any) -> bool:
    if isinstance(value, Record | dict):
        return any(map(_is_traced, (value.__dict__ if isinstance(value, Record) else value).values()))
    if isinstance(value, tuple | list):
        return any(map(_is_traced, value))
    jax = sys.modules.get("jax")
    return jax is not None and isinstance(value, jax.core.Tracer)


def _summary(value: Any) -> str:
    if isinstance(value, tuple | list):
        return f"({', '.join(map(_summary, value))})"
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return f"{value.dtype}[{','.join(map(str, value.shape))}]"
    return repr(value)


_waiting: list[type[Record]] = []
"""The classes that JAX does not know yet."""


def register() -> None:
    """Make JAX know every class of records."""
    from jax.tree_util import GetAttrKey, register_pytree_with_keys

    while _waiting:
        cls = _waiting.pop()
        names, fixed = cls._arrays, cls._static
        keys = [GetAttrKey(name) for name in names]

        def flatten(record: Record, names: Sequence[str] = names, fixed: Sequence[str] = fixed) -> Any:
            children = tuple(for_jax(record.__dict__.get(name)) for name in names)
            return children, tuple(record.__dict__.get(name) for name in fixed)

        def flatten_with_keys(record: Record, flatten: Callable[..., Any] = flatten, keys: Any = keys) -> Any:
            children, rest = flatten(record)
            return tuple(zip(keys, children, strict=True)), rest

        def unflatten(
            rest: Any, children: Iterable[Any], cls: Any = cls, names: Any = names, fixed: Any = fixed
        ) -> Any:
            record = object.__new__(cls)
            record.__dict__.update(zip(names, children, strict=True))
            record.__dict__.update(zip(fixed, rest, strict=True))
            return record

        register_pytree_with_keys(cls, flatten_with_keys, unflatten, flatten)


def for_jax(value: Any, name: str = "the network or its data") -> Any:
    """NumPy arrays as JAX arrays, through tuples, lists and dictionaries; refused where JAX would cut their digits."""
    if isinstance(value, np.ndarray | np.generic):
        import jax

        if value.dtype == np.float64 and not jax.config.jax_enable_x64:  # type: ignore[attr-defined]
            raise ValueError(
                f"`{name}` is float64 but JAX runs in 32-bit mode and would truncate it. "
                f"Run this first: {ENABLE_64_BIT} -- or pass float32."
            )
        return jax.numpy.array(value)
    if isinstance(value, dict):
        return {key: for_jax(each, name) for key, each in value.items()}
    if isinstance(value, tuple | list):
        converted = [for_jax(each, name) for each in value]
        return type(value)(*converted) if hasattr(value, "_fields") else type(value)(converted)
    return value


class _Watch(importlib.abc.MetaPathFinder):
    """Registers all classes once JAX has been imported, whoever imports it."""

    def find_spec(self, fullname: str, path: Any, target: ModuleType | None = None) -> Any:
        if fullname != "jax":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_register(module: ModuleType) -> None:
                execute(module)
                register()

            spec.loader.exec_module = execute_and_register  # type: ignore[method-assign]
        return spec


if "jax" not in sys.modules:
    sys.meta_path.insert(0, _Watch())
