"""A page in Markdown that shows every figure in a folder, and what each cost."""

import re
from pathlib import Path
from typing import Any

from dlntheory.files.arrays import write_atomically

from .provenance import first_with
from .results import CONFIG, load

PAGE = "README.md"
CAPTION = "The lines above the panels of each picture say what is drawn, and what its lines, bands and marks are."


def write(folder: Path) -> Path:
    """Write the page, from the results that stand in the folder's folders."""
    found = sorted((path.parent for path in folder.glob(f"*/{CONFIG}")), key=_natural)
    write_atomically(folder / PAGE, page(found).encode())
    return folder / PAGE


def page(folders: list[Path]) -> str:
    """The page that shows the results of these folders."""
    return "\n\n".join(["# Figures", CAPTION, *(section(each) for each in folders)]) + "\n"


def section(folder: Path) -> str:
    """The section of one figure: its picture, and its source."""
    config = load(folder).config
    number = config["figure"]
    name = f"figure{number}" if isinstance(number, int) else number
    lines = [
        f"## {title(number)}, setting {config['setting']}",
        f"![{name}]({folder.name}/{name}.png)",
        origin(config),
        costs(config["seconds"]),
    ]
    if config.get("recomputed"):
        lines.append(recomputed(**config["recomputed"]))
    if config.get("left_out"):
        lines.append(f"Left out, as their data were not given: {', '.join(config['left_out'])}.")
    return "\n\n".join(lines)


def origin(config: dict[str, Any]) -> str:
    """The command, the date, the machine and the code."""
    machine = config["machine"]
    return f"`{config['command']}`, {config['date']}, on {machine['cores']} cores of {machine['cpu']}, {code(config)}."


def code(config: dict[str, Any]) -> str:
    """The commit of the code; where it was not recorded, the one that brought the result into the repository."""
    if config.get("commit"):
        return f"commit {config['commit']}"
    known = first_with(f'"date": "{config["date"]}"')
    return "commit not recorded" + (f", in the repository since {known}" if known else "")


def recomputed(curves: dict[str, list[str]], what: str, date: str, commit: str) -> str:
    """The curves that are younger than their figure, and why."""
    listed = "; ".join(f"{panel} {', '.join(names)}" for panel, names in curves.items())
    return f"Recomputed, {date}, commit {commit}: {listed} ({what})."


def title(number: int | str) -> str:
    """The name of a figure on the page."""
    return f"Figure {number}" if isinstance(number, int) else number.capitalize().replace("-", " ")


def costs(seconds: dict[str, float]) -> str:
    """The seconds that each panel took."""
    total = f"Computed in {sum(seconds.values()):.1f} s"
    panels = ", ".join(f"{panel} {spent:.1f} s" for panel, spent in seconds.items() if panel)
    return f"{total}: {panels}." if panels else f"{total}."


def _natural(path: Path) -> list[Any]:
    """A key that sorts figure2 before figure10, and both before those with a name."""
    parts = re.split(r"(\d+)", path.name)
    return [len(parts) == 1, *(int(part) if index % 2 else part for index, part in enumerate(parts))]
