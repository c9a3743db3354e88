"""A figure at toy size, drawn by its command."""

from typer.testing import CliRunner

from dlntheory.cli import app
from experiments import results
from experiments.figures import load_figure


def drawn(name, module, toy, folder, monkeypatch):
    """The result of a figure, and its summary."""
    monkeypatch.setattr(module, "QUICK", toy)
    done = CliRunner().invoke(app, ["figure", name, "--quick", "--out", str(folder)])
    assert done.exit_code == 0, done.output
    assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert load_figure(name) is module
    result = results.load(folder)
    return result, module.summarise(result.config, result.arrays)
