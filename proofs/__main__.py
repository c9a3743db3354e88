"""Write the table of README.md anew: statement, proof, test, equation."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from . import FORMAL, PROOFS, REFUTATIONS
from .machine_checked import theorems

README = Path(__file__).parent / "README.md"
START, END = "<!-- table -->\n", "<!-- end of table -->"


def table() -> str:
    """Both tables in Markdown."""
    lines = [
        "| statement | says | derived in | Coq | source |",
        "| --- | --- | --- | --- | --- |",
        *(
            _row(each.name, each.statement, [each.fixed, each.step], each.source)
            for each in PROOFS.values()
        ),
        "",
        "| counterexample | refutes | worked out in | Coq | source |",
        "| --- | --- | --- | --- | --- |",
        *(_row(each.name, each.claim, [each.facts], each.source) for each in REFUTATIONS),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _row(name: str, text: str, functions: list[Callable[..., Any]], source: str) -> str:
    where = ", ".join(dict.fromkeys(f"`{each.__module__.split('.')[-1]}.{each.__name__}`" for each in functions))
    formal = ", ".join(_formal(name)) or "—"
    plain = text.replace("|", "∣").replace("*", r"\*").replace("_", r"\_")  # formulas, which are no Markdown
    return f"| `{name}` | {plain} | {where} | {formal} | {source} |"


def _formal(name: str) -> Iterator[str]:
    listed = theorems()
    for each in FORMAL.get(name, ()):
        yield f"[`{listed[each]['name']}`](formal/{listed[each]['file']})"


def main() -> None:
    """Replace what stands between the marks."""
    before, _, rest = README.read_text(encoding="utf-8").partition(START)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{START}\n{table()}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
