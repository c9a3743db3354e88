"""The command line. JAX is imported only by a command that computes."""

from collections.abc import Callable
from typing import Annotated

import typer

from .align import align
from .claims import claims
from .figure import figure
from .figures import figures
from .prove import prove
from .search import search
from .train import train
from .train_linear import train_linear
from .verify import verify

app = typer.Typer(
    name="dlntheory",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> bool:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"dlntheory {version('dlntheory')}")
        raise typer.Exit
    return wanted


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """The analytical theory of deep linear networks: backpropagation and predictive coding."""


EXAMPLES: dict[Callable[..., None], str] = {
    verify: "dlntheory verify weights.npz --inputs x.npy --targets y.npy",
    align: "dlntheory align weights.npz --inputs x.npy --targets y.npy --plot alignment.png",
    figure: "dlntheory figure 2 --quick --out figures",
    figures: "dlntheory figures --all --quick --out figures",
    claims: "dlntheory claims --results figures",
    train_linear: "dlntheory train-linear --widths 20,40,20 --inputs x.npy --targets y.npy --rule pc --out trained.npz",
    train: "dlntheory train --data digits --algorithm PC-SE --epochs 10 --out runs/digits",
    search: "dlntheory search --data digits --algorithm PC-SE --trials 20 --epochs 5 --out search/digits",
    prove: "dlntheory prove theorem-1 --latex",
}
for command, example in EXAMPLES.items():
    app.command(epilog=f"Example: {example}")(command)


def main() -> None:
    """Run the command line. Bad usage and bad input end with exit code 2, an interruption with 130."""
    app(prog_name="dlntheory")
