"""Files outside docs/ that pages link to become pages of the site: Markdown as it is, code with its colours."""

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"(?<=\]\()([^)#\s:]+)(#[^)\s]*)?(?=\))")
LANGUAGES = {".py": "python", ".v": "coq", ".toml": "toml", ".json": "json"}
FOLDER = "source"
"""Where they are in the site."""

pages: dict[str, Path] = {}
"""The file of each page, by the page's address in the site."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each file outside docs/ that a page links to, and for those that they link to."""
    pages.clear()
    waiting = [Path(page.abs_src_path) for page in files.documentation_pages() if page.abs_src_path]
    while waiting:
        for target in _linked(waiting.pop()):
            if _address(target, config) not in pages and not target.is_relative_to(_docs(config)):
                pages[_address(target, config)] = target
                files.append(File.generated(config, _address(target, config), content=_content(target)))
                waiting += [target] if target.suffix == ".md" else []
    return files


def on_page_markdown(markdown: str, page: Any, config: MkDocsConfig, files: Files) -> str:
    """Point the links of a page at the pages that stand for files outside docs/; search leaves code and tables out."""
    here = page.file.src_uri
    if here in pages or here.startswith("results/"):
        page.meta["search"] = {"exclude": True}
    folder = pages.get(here, _docs(config) / here).parent

    def moved(link: re.Match[str]) -> str:
        target = (folder / link[1]).resolve()
        address = _address(target, config)
        if not target.is_file() or (here not in pages and address not in pages):
            return link[0]
        return "../" * here.count("/") + address + (link[2] or "")

    return LINK.sub(moved, markdown)


def _linked(page: Path) -> list[Path]:
    targets = ((page.parent / link[1]).resolve() for link in LINK.finditer(page.read_text(encoding="utf-8")))
    return [target for target in targets if target.is_file() and target.is_relative_to(ROOT)]


def _docs(config: MkDocsConfig) -> Path:
    return Path(config.docs_dir).resolve()


def _address(target: Path, config: MkDocsConfig) -> str:
    if target.is_relative_to(_docs(config)):
        return target.relative_to(_docs(config)).as_posix()
    name = target.relative_to(ROOT).as_posix() if target.is_relative_to(ROOT) else target.name
    return f"{FOLDER}/{name}" if target.suffix == ".md" else f"{FOLDER}/{name}.md"


def _content(target: Path) -> str:
    text = target.read_text(encoding="utf-8")
    if target.suffix == ".md":
        return text
    header = f"---\nhide: [toc]\n---\n# {target.relative_to(ROOT)}\n\n"
    return f"{header}````{LANGUAGES.get(target.suffix, 'text')}\n{text}````\n"
