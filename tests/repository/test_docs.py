"""What README.md and docs/ show works: examples run, commands exist, links lead somewhere, and no example is missed.

Python blocks run, and `$ dlntheory …` in console blocks. The examples of a page build on each other, and share a
directory. `<!-- skip: next -->` leaves the next one out.
"""

import doctest
import inspect
import re
import shlex
import warnings
from pathlib import Path
from typing import Any

import jax
import pytest
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser
from typer.core import TyperCommand, TyperGroup
from typer.testing import CliRunner

import dlntheory as dln
from dlntheory.cli import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NOTES = [*sorted(ROOT.glob("*.md")), *PAGES[1:]]

DAILY = {
    "docs/choose-a-step.md": "tests/inference and tests/training call its functions",
    "docs/cli.md": "tests/cli runs every command, and `test_shown_command_exists` reads every option",
    "docs/devices.md": "tests/equilibria/test_sharding.py runs it on eight devices",
    "docs/dynamics.md": "tests/training compares its functions with trainings",
    "docs/figures.md": "tests/experiments/test_figures.py draws such figures, and draws them again from their data",
    "docs/generative.md": "tests/equilibria, tests/inference and tests/pcn/test_pcn_generation.py call its functions",
    "docs/inference.md": "tests/inference calls its functions",
    "docs/layers.md": "tests/networks has its layers, and tests/equilibria and tests/learning what it asks of them",
    "docs/nonlinear.md": "tests/nonlinear calls its functions",
    "docs/pcn.md": "docs/from-jpc-and-pcx.md and docs/own-data.md train such networks, too",
    "docs/precision.md": "tests/inference and tests/theorems call its functions",
    "docs/random-networks.md": "tests/random_networks calls its functions",
    "docs/report.md": "tests/report writes such pages, by the same command and function",
    "docs/studies.md": "tests/experiments/test_studies.py runs such studies at toy size",
    "docs/train-own-model.md": "docs/from-jpc-and-pcx.md trains such networks, and tests/pcn calls its functions",
    "docs/training.md": "tests/training trains, sweeps and goes on from checkpoints in the same ways",
    "docs/train.md": "tests/cli/test_cli_train.py and docs/own-data.md run such trainings",
    "docs/your-model.md": "tests/learning, tests/nonlinear and tests/files call its functions; Flax's are called there alone",
}
"""Pages whose examples run once a day, since they take long, and why nothing is lost."""
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHELLS = {"sh", "bash", "shell", "console"}


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def run_console(example: Example) -> str | None:
    """Run the commands of a block. They must succeed; what they print may vary with the machine."""
    for line in example.parsed.splitlines():
        if line.startswith("$ dlntheory"):
            done = run_command(*shlex.split(line, comments=True)[2:])
            if done.exit_code:
                return f"{line}\nended with exit code {done.exit_code}\n{done.output}{done.exception!r}"
    return None


def run_command(*arguments: str) -> Any:
    """Run a command within this process, which has imported what takes a new one seconds."""
    with warnings.catch_warnings(action="ignore"):  # a user reads them, and the command goes on
        return CliRunner().invoke(app, arguments, prog_name="dlntheory")


EXAMPLES = Sybil(
    [
        PythonCodeBlockParser(doctest_optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE),
        CodeBlockParser("console", run_console),
        SkipParser(),
    ]
)


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, id=name(page), marks=[pytest.mark.daily] if name(page) in DAILY else []) for page in PAGES],
)
def test_examples_of_page(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert jax.config.jax_enable_x64
    for example in EXAMPLES.parse(page).examples():
        example.evaluate()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_example_stands_in_a_python_block(page):
    """An example anywhere else would not run."""
    blocks = FENCE.findall(text(page))
    assert not [block for language, block in blocks if language != "python" and ">>> " in block]
    assert not re.search(r"^\s*>>> ", FENCE.sub("", text(page)), re.MULTILINE)


def commands_of(page: Path) -> set[tuple[str, ...]]:
    """The arguments of every `dlntheory` command on a page, in shell blocks and in running text."""
    blocks = [block for language, block in FENCE.findall(text(page)) if language in SHELLS]
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    lines += re.findall(r"`(dlntheory [^`…]+)`", FENCE.sub("", text(page)))
    return {tuple(shlex.split(line, comments=True)[1:]) for line in lines if line.startswith("dlntheory ")}


@pytest.mark.parametrize(
    "arguments", sorted(set().union(*map(commands_of, NOTES))), ids=lambda arguments: " ".join(arguments)
)
def test_shown_command_exists(arguments, monkeypatch):
    """`--help` comes after parsing, so an option that does not exist is found and nothing is computed."""
    for kind in (TyperCommand, TyperGroup):  # laying the help out takes longer than everything else
        monkeypatch.setattr(kind, "format_help", lambda _, context, page: page.write(f"Usage: {context.command_path}"))
    done = run_command(*arguments, "--help")
    assert done.exit_code == 0, done.output
    assert "Usage: dlntheory" in done.stdout


def test_unknown_option_is_found():
    assert run_command("verify", "--no-such-option", "--help").exit_code == 2


def links_of(page: Path) -> set[str]:
    """The targets of a page's links within the repository."""
    links = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", FENCE.sub("", text(page))))
    return {link for link in links if not re.match(r"[a-z]+:", link)}


def anchors_of(page: Path) -> set[str]:
    """What GitHub calls a page's headings, and the names that it gives itself."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text(page)), re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)"', text(page)))


@pytest.mark.parametrize("page", NOTES, ids=name)
def test_links_resolve(page):
    for link in links_of(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_relative_to(ROOT), f"{link} leaves the repository"
        assert target.exists(), f"{link} leads nowhere"
        if anchor:
            assert anchor in anchors_of(target), f"{link}: no such heading among {sorted(anchors_of(target))}"


def test_every_page_is_reached_from_the_index():
    index = ROOT / "docs" / "index.md"
    reached = {(index.parent / link.partition("#")[0]).resolve() for link in links_of(index)}
    pages = set((ROOT / "docs").glob("*.md")) - {index}
    assert not {name(page) for page in pages - reached}


SIGNATURES = re.findall(r"`dln\.([\w.]+)(\([^`]*\))`", text(ROOT / "docs" / "api.md"))


@pytest.mark.parametrize(("path", "signature"), SIGNATURES, ids=[path for path, _ in SIGNATURES])
def test_signature_in_api_page(path, signature):
    target = dln
    for part in path.split("."):
        target = getattr(target, part)
    parameters = inspect.signature(target).parameters.values()
    bare = [each.replace(annotation=inspect.Parameter.empty) for each in parameters]
    assert signature.replace('"', "'") == str(inspect.Signature(bare))
