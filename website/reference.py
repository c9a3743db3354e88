"""The reference: a page for each room, of the names that the facades list; mkdocstrings fills in the docstrings."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
NAME = re.compile(r"from (\.\S*) import (\w+) as \w+")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages under Reference."""
    reference = next(entry["Reference"] for entry in config.nav or [] if "Reference" in entry)
    reference[1:1] = [{title: _uri(title)} for title in _pages()]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Write the pages."""
    for title, lines in _pages().items():
        text = f"# {title}\n\n" + "\n\n".join(lines) + "\n"
        files.append(File.generated(config, _uri(title), content=text))
    return files


def _pages() -> dict[str, list[str]]:
    """The lines of each page, by title."""
    pages: dict[str, list[str]] = {}
    for line in (ROOT / "dlntheory" / "__init__.pyi").read_text(encoding="utf-8").splitlines():
        if heading := re.fullmatch(r"# ([^.:]+)", line):
            pages[heading[1]] = []
        elif (found := NAME.match(line)) and found[1] != ".":
            pages[list(pages)[-1]] += _entry(f"dlntheory.{found[2]}")
    pages = {title: lines for title, lines in pages.items() if lines}
    return pages | {"Trainers of nonlinear networks": _trainers(), "Symbols": _entry("dlntheory.symbolic")}


def _trainers() -> list[str]:
    """The names of `dlntheory.pcn`, under a heading for each file."""
    lines: list[str] = []
    for module, name in NAME.findall((ROOT / "dlntheory" / "pcn" / "__init__.pyi").read_text(encoding="utf-8")):
        title = f"## {module.rpartition('.')[2].replace('_', ' ').capitalize()}"
        lines += [] if title in lines else [title]
        lines += [f"{each}\n    options: {{heading_level: 3}}" for each in _entry(f"dlntheory.pcn.{name}")]
    return lines


def _entry(name: str) -> list[str]:
    return [f"::: {name}"]


def _uri(title: str) -> str:
    return f"reference/{re.sub(r'[^a-z]+', '-', title.lower()).strip('-')}.md"
