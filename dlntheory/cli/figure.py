"""`dlntheory figure`: the papers' figures, and some that are in no paper, as data and as pictures."""

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from .beside import load_beside
from .inputs import Json, Seed, file_refusals, refusals, refuse, use_all_of_the_machine
from .output import print_json, track

EXPERIMENTS = "experiments"
"""The package of the figures."""
STORE = ".parts"
"""The folder, among the results, of what has been computed until everything is saved."""

Full = Annotated[bool, typer.Option("--full/--quick", help="The paper's sizes, or small ones in seconds.")]
DataDir = Annotated[
    Path | None,
    typer.Option(
        help="Folder of MNIST in IDX format, for the panels that need it.", show_default="left out; digits with --quick"
    ),
]


class Choices(NamedTuple):
    """The options of a figure."""

    full: bool
    setting: str | None
    seed: int
    data_dir: Path | None


def figure(
    name: Annotated[
        str,
        typer.Argument(help="The figure's number in Sample Efficiency, or a name; see docs/figures.md.", metavar="N"),
    ],
    full: Full = True,
    out: Annotated[Path | None, typer.Option(help="Folder of the results.", show_default="figures/figureN")] = None,
    setting: Annotated[
        str | None,
        typer.Option(help="'appendix' or 'text', where the paper says two things.", show_default="the figure's first"),
    ] = None,
    seed: Seed = 0,
    data_dir: DataDir = None,
    redraw: Annotated[
        Path | None, typer.Option(help="Draw the data of this folder again; compute nothing.", show_default="no")
    ] = None,
    json: Json = False,
) -> None:
    """Compute and draw a figure of the paper Sample Efficiency, or one with a name.

    Writes config.json, arrays.npz, and the figure as PNG and PDF, all of them or none; with --quick a PNG with fewer
    dots and ticks alone, and --redraw writes the others. An interrupted figure goes on with what it had computed.

    Exit code 0: drawn; 2: bad usage or input.
    """
    use_all_of_the_machine(quick=not full)
    number = as_number(name)
    module = load(number)
    if redraw is not None:
        result, files = redrawn(module, number, redraw, out or redraw)
    else:
        folder = out or Path("figures") / label(number)
        config = configure(module, number, Choices(full, setting, seed, data_dir))
        result, files = computed(module, number, config, folder, folder / STORE)
        shutil.rmtree(folder / STORE, ignore_errors=True)
    if json:
        summary = module.summarise(result.config, result.arrays)
        print_json({"figure": number, "files": list(map(str, files)), "config": result.config, "summary": summary})
    else:
        typer.echo("\n".join(map(str, files)))


def as_number(name: str) -> int | str:
    """A figure's number, if it is one."""
    return int(name) if name.isdecimal() else name


def label(number: int | str) -> str:
    """The name of a figure's files and folder."""
    return f"figure{number}" if isinstance(number, int) else number


def load(number: int | str) -> Any:
    """The figure."""
    figures = source("figures")
    with refusals("N"):
        return figures.load_figure(number)


def needs_folder(module: Any, quick: bool) -> bool:
    """Whether nothing of the figure can be drawn without the folder of a data set."""
    return hasattr(module, "lacks_data") and module.lacks_data(quick)


def source(module: str) -> Any:
    """A module of the experiments."""
    return load_beside(f"{EXPERIMENTS}.{module}")


def configure(module: Any, number: int | str, choices: Choices) -> dict[str, Any]:
    """Everything that the figure's arrays depend on, and where they come from."""
    from ..numerics.checks import one_of

    with refusals("--setting"):
        setting = one_of("setting", choices.setting or module.SETTINGS[0], module.SETTINGS)
    size = "full" if choices.full else "quick"
    command = f"dlntheory figure {number} --{size} --setting {setting} --seed {choices.seed}"
    data: dict[str, Any] = {}
    if choices.data_dir is not None:
        if not getattr(module, "needs_data", False):
            refuse(f"--data-dir: figure {number} reads no data set.")
        data["data_dir"] = choices.data_dir
        command += f" --data-dir {choices.data_dir}"
    with refusals("--data-dir"):
        chosen = module.configure(not choices.full, setting, choices.seed, **data)
    dtype = getattr(module, "DTYPE", "float64")
    own = {"figure": number, "size": size, "setting": setting, "seed": choices.seed, "dtype": dtype}
    config: dict[str, Any] = source("results").configuration(command, **own, **chosen)
    return config


def computed(
    module: Any, number: int | str, config: dict[str, Any], folder: Path, store: Path, quiet: bool = False
) -> tuple[Any, list[Path]]:
    """Compute a figure, except for what the store has already, and save it."""
    name, results = label(number), source("results")

    def show(steps: Sequence[Any], part: str) -> Iterable[Any]:
        return steps if quiet else track(steps, f"Computing {name} {part}".rstrip())

    if left_out := config.get("left_out"):
        typer.echo(f"figure {number}: left out {', '.join(left_out)}, for want of --data-dir.", err=True)
    with file_refusals("--out"):
        folder.mkdir(parents=True, exist_ok=True)  # refused now, and not after an hour
        store.mkdir(parents=True, exist_ok=True)
    with file_refusals():
        result = source("parts").compute(module, config, show, store)
    pictures = results.pictures(name, module.draw(result.config, result.arrays), quick=config["size"] == "quick")
    with file_refusals("--out"):
        return result, results.save(folder, result, pictures)


def redrawn(module: Any, number: int | str, saved: Path, folder: Path) -> tuple[Any, list[Path]]:
    """Draw saved data."""
    results = source("results")
    with refusals("--redraw"):
        result = results.load(saved)
        if result.config.get("figure") != number:
            raise ValueError(f"{saved} holds figure {result.config.get('figure')}; wanted {number}.")
    pictures = results.pictures(label(number), module.draw(result.config, result.arrays))
    with file_refusals("--out"):
        return result, results.save_files(folder, pictures)
