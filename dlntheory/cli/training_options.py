"""The options of a training on the command line, made from the fields of its configuration."""

from collections.abc import Callable
from dataclasses import Field, fields
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Annotated, Any

import typer

from ..pcn.runs.options import Options
from .inputs import whole_numbers

WIDTHS = {each.name for each in fields(Options) if each.type == tuple[int, ...] | None}
"""Options that are lists of numbers."""


def takes_options(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of a training, all if none is named; it receives those that are set as ``**given``."""
    chosen = [each for each in fields(Options) if not names or each.name in names]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def run(**arguments: Any) -> None:
            given = {each.name: arguments.pop(each.name) for each in chosen}
            given = {name: value for name, value in given.items() if value is not None}
            for name in given.keys() & WIDTHS:
                given[name] = whole_numbers(f"--{name}", given[name])
            command(**arguments, **given)

        own = [each for each in signature(command).parameters.values() if each.kind is not Parameter.VAR_KEYWORD]
        run.__signature__ = Signature([*map(_parameter, chosen), *own])  # type: ignore[attr-defined]
        return run

    return decorate


def _parameter(option: Field[Any]) -> Parameter:
    """The parameter of a command, ``None`` where it is not given."""
    default, about = option.default, option.metadata
    shown = str(about["absent"] if default is None else default)
    if isinstance(default, bool):
        shown = option.name if default else f"no-{option.name}"
    help = typer.Option(help=about["help"], rich_help_panel=about["group"], show_default=shown)
    kind: Any = str if option.name in WIDTHS else option.type
    return Parameter(
        option.name, Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=Annotated[kind | None, help]
    )
