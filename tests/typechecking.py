"""What checks annotations at run time: beartype, but for words; and jaxtyping, where annotations have shapes.

A word that an argument does not take is refused by the library, with a message of its own; a type checker that came
first would hide it. jaxtyping keeps what every call says of shapes, which takes longer than the check: a function
without shapes does without. Checks of every call took as long as what they check, in tests that compute with NumPy: in
every test the first calls of a function are checked, and all of them with --everything.
"""

import functools
import inspect
import typing
from collections.abc import Callable
from functools import partial, reduce
from operator import or_
from types import UnionType
from typing import Any, TypeVar

import jaxtyping
from beartype import BeartypeConf, beartype

F = TypeVar("F", bound=Callable[..., Any])

calls: dict[Any, int] = {}
"""By function, its calls in this test that were checked."""
most: float = 10
"""So many calls are checked."""


def checked(function: F) -> F:
    """Check a function's annotations, with any word in place of the words that a `Literal` lists.

    What does not fit is a `TypeError`, as it is where the library checks it.
    """
    function.__annotations__ = {name: without_words(each) for name, each in function.__annotations__.items()}
    return beartype(conf=BeartypeConf(violation_type=TypeError))(function)


def where_shapes(jaxtyped: Callable[..., Any]) -> Callable[..., Any]:
    """`jaxtyping.jaxtyped` as a decorator, but a function without shapes is checked by the type checker alone."""

    def decorator(*, typechecker: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def decorate(function: Any) -> Any:
            if inspect.isclass(function) and getattr(function.__init__, "__globals__", None) is globals():
                return function  # whose constructor is decorated already
            if not inspect.isfunction(function):
                return jaxtyped(function, typechecker=typechecker)
            if not function.__annotations__:
                return function
            shapes = has_shapes(function)
            return at_first(function, partial(jaxtyped, typechecker=typechecker) if shapes else without_shapes)

        return decorate

    return decorator


def at_first(function: F, check: Callable[[F], F]) -> F:
    """The function, checked in its first calls of every test, by what `check` makes of it at the very first."""
    strict: F | None = None

    def call(*arguments: Any, **options: Any) -> Any:
        nonlocal strict
        made = calls.get(function, 0)
        if made >= most or jaxtyping.config.jaxtyping_disable:
            return function(*arguments, **options)
        calls[function] = made + 1
        strict = strict or check(function)
        return strict(*arguments, **options)

    return functools.wraps(function)(like_jaxtyping(call))


def without_shapes(function: F) -> F:
    """The function with its annotations checked by the type checker alone."""
    annotations = function.__annotations__
    strict = like_jaxtyping(checked(function))
    function.__annotations__ = annotations
    return strict


def like_jaxtyping(wrapper: F) -> F:
    """The wrapper with frames like those of jaxtyping's, past which a warning seeks its caller."""
    wrapper.__code__ = wrapper.__code__.replace(co_filename=jaxtyping.__file__)
    return wrapper


def has_shapes(function: Callable[..., Any]) -> bool:
    """Whether an annotation is one of jaxtyping's, or has a quotation mark, within which one may stand."""

    def may(hint: Any) -> bool:
        return isinstance(hint, str) or "jaxtyping." in str(hint) or (not isinstance(hint, type) and "'" in str(hint))

    return any(map(may, function.__annotations__.values()))


def without_words(hint: Any) -> Any:
    """A type with the types of its words in place of them.

    Example:
        >>> without_words(typing.Literal["a", 1] | None)
        str | int | None
    """
    if typing.get_origin(hint) is typing.Literal:
        return _union(type(word) for word in typing.get_args(hint))
    if typing.get_origin(hint) in (typing.Union, UnionType):
        return _union(without_words(each) for each in typing.get_args(hint))
    return hint


def _union(hints: Any) -> Any:
    return reduce(or_, hints)
