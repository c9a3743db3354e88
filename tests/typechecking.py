"""What checks annotations at run time: beartype, but for words.

A word that an argument does not take is refused by the library, with a message of its own; a type checker that came
first would hide it.
"""

import typing
from collections.abc import Callable
from functools import reduce
from operator import or_
from types import UnionType
from typing import Any, TypeVar

from beartype import beartype

F = TypeVar("F", bound=Callable[..., Any])


def checked(function: F) -> F:
    """Check a function's annotations, with any word in place of the words that a `Literal` lists."""
    function.__annotations__ = {name: without_words(each) for name, each in function.__annotations__.items()}
    return beartype(function)


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
