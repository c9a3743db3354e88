"""Run the notebooks of docs/, and store what they show: ``make notebooks``."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

for path in sorted((Path(__file__).parents[1] / "docs" / "notebooks").glob("*.ipynb")):
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, record_timing=False).execute()
    nbformat.write(notebook, path)
    print(path)
