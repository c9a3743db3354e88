"""Options of public functions, named one by one: for type checkers by a `TypedDict`, for people by the signature."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_type_hints

F = TypeVar("F", bound=Callable[..., Any])


def takes(kind: Any, defaults: Mapping[str, Any]) -> Callable[[F], F]:
    """Show each option with its default in place of ``**options``, to ``help``, completion and `inspect.signature`.

    Args:
        kind: the options with their types, a `TypedDict`.
        defaults: the options with their defaults.

    Returns:
        A decorator, which returns the function itself.

    Example:
        >>> from typing import TypedDict
        >>> @takes(TypedDict("Few", {"solver": str}), {"solver": "auto"})
        ... def answer(x, **options):
        ...     return options
        >>> inspect.signature(answer)
        <Signature (x, *, solver: str = 'auto')>
    """

    def shown(function: F) -> F:
        signature = inspect.signature(function)
        kept = [each for each in signature.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
        named = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=defaults[name], annotation=each)
            for name, each in get_type_hints(kind).items()
        ]
        function.__signature__ = signature.replace(parameters=[*kept, *named])  # type: ignore[attr-defined]
        return function

    return shown


def refuse_others(given: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Refuse an option that is not known."""
    for name in given:
        if name not in known:
            raise TypeError(f"`{name}` is no option here; wanted one of {', '.join(known)}.")
