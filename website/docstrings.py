"""What the reader of docstrings must be told: what an example is called here, and how records are made."""

import re
from typing import Any

import griffe


class House(griffe.Extension):
    """Reads ``Example:`` as a section, and the fields of a record or an Equinox module as its arguments."""

    def on_object(self, *, obj: griffe.Object, **options: Any) -> None:
        """Name the section as Griffe does."""
        if obj.docstring:
            obj.docstring.value = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE)

    def on_package(self, *, pkg: griffe.Module, **options: Any) -> None:
        """Give classes without a constructor the one that their fields make."""
        without = [cls for cls in _classes(pkg) if "__init__" not in cls.all_members]
        for cls in without:
            itself = griffe.Parameter("self", kind=griffe.ParameterKind.positional_or_keyword)
            parameters = griffe.Parameters(itself, *_fields(cls))
            cls.set_member("__init__", griffe.Function("__init__", parameters=parameters))


def _classes(module: griffe.Module) -> list[griffe.Class]:
    found = [each for each in module.members.values() if isinstance(each, griffe.Class)]
    inside = (each for each in module.members.values() if isinstance(each, griffe.Module))
    return [*found, *(cls for each in inside for cls in _classes(each))]


def _fields(cls: griffe.Class) -> list[griffe.Parameter]:
    """The annotated attributes of the class and of what it derives from."""
    parents = [*reversed(cls.mro()), cls]
    attributes = {
        name: each
        for parent in parents
        for name, each in parent.members.items()
        if isinstance(each, griffe.Attribute) and each.annotation and not {"property", "module-attribute"} & each.labels
    }
    public = {name: each for name, each in attributes.items() if not name.startswith("_")}
    return [
        griffe.Parameter(
            name,
            annotation=each.annotation,
            kind=griffe.ParameterKind.positional_or_keyword,
            default=_default(each.value),
        )
        for name, each in public.items()
    ]


def _default(value: Any) -> Any:
    """The default of a field, which may stand in a call of ``field``."""
    if isinstance(value, griffe.ExprCall) and str(value.function).endswith(("field", "static")):
        return next((each.value for each in value.arguments if getattr(each, "name", "") == "default"), None)
    return value
