"""Notebooks become pages of the site, with what they store."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each notebook; the notebook stays, to be downloaded."""
    for path in sorted(Path(config.docs_dir).rglob("*.ipynb")):
        name = path.relative_to(config.docs_dir).with_suffix(".md").as_posix()
        download = f"\n\n[The notebook]({path.name}){{ download }}\n"
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        files.append(File.generated(config, name, content="\n\n".join(map(_cell, cells)) + download))
    return files


def on_page_markdown(markdown: str, page: Any, config: MkDocsConfig, files: Files) -> str:
    """Point links to notebooks at their pages, but for the one that downloads."""
    return re.sub(r"(\]\([^)]+)\.ipynb\)(?!\{)", r"\1.md)", markdown)


def _cell(cell: dict[str, Any]) -> str:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return source
    return "\n\n".join([f"```python\n{source}\n```", *_outputs(cell["outputs"])])


def _outputs(outputs: list[dict[str, Any]]) -> Iterator[str]:
    for output in outputs:
        if "text" in output:
            yield f"```text\n{''.join(output['text'])}```"
        elif "image/png" in output.get("data", {}):
            yield f"![what the cell draws](data:image/png;base64,{output['data']['image/png'].strip()})"
