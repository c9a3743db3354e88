"""The command line. JAX is imported only by a command that computes."""

import os
import sys
from collections.abc import Callable
from typing import Annotated, NoReturn

import typer

from .align import align
from .cache import keep_programs
from .claims import claims
from .expect import expect
from .explore import explore
from .figure import figure
from .figures import figures
from .interruptions import insist_on_interruptions
from .prove import prove
from .report import report
from .search import search
from .streams import OutputError, protect_streams
from .study import study
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
    """Print the version and exit; the value if that is not wanted."""
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
    report: "dlntheory report weights.npz --inputs x.npy --targets y.npy --out page.html",
    explore: "dlntheory explore --port 8000",
    expect: "dlntheory expect --widths 512,512,512,512 --init norm_preserving",
    figure: "dlntheory figure 2 --quick --out figures",
    figures: "dlntheory figures --all --quick --out figures",
    claims: "dlntheory claims --results figures",
    train_linear: "dlntheory train-linear --widths 20,40,20 --inputs x.npy --targets y.npy --rule pc --out trained.npz",
    train: "dlntheory train --data digits --algorithm PC-SE --epochs 10 --out runs/digits",
    study: "dlntheory study 002-table-1 --only MLP,mnist,PC-SE",
    search: "dlntheory search --data digits --algorithm PC-SE --trials 20 --epochs 5 --out search/digits",
    prove: "dlntheory prove theorem-1 --latex",
}
for command, example in EXAMPLES.items():
    app.command(epilog=f"Example: {example}")(command)


def main() -> None:
    """Run the command line.

    Bad usage and bad input end with exit code 2, an interruption with 130. A reader of the output that goes away
    changes nothing.
    """
    protect_streams()
    insist_on_interruptions()
    keep_programs()
    try:
        try:
            app(prog_name="dlntheory")
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except OutputError as error:
        _end(str(error))
    except (RuntimeError, AssertionError) as error:
        if (reason := why_jax_fails()) is None:
            raise
        _end(reason, error)


def _end(message: str, cause: BaseException | None = None) -> NoReturn:
    typer.echo(f"Error: {message}", err=True)
    raise SystemExit(2) from cause


def why_jax_fails() -> str | None:
    """The reason why JAX finds no device, in a line; ``None`` if it finds one, or has not been asked."""
    if "jax" not in sys.modules:
        return None
    import jax

    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:  # without a sign of the device, JAX asserts that there is one
        wanted = os.environ.get("JAX_PLATFORMS", "")
        reason = str(error).partition("\n")[0] or "there is no such device."
        return f"JAX_PLATFORMS is {wanted!r}, and JAX cannot begin: {reason} Unset it, or set it to cpu."
    return None
