"""`dlntheory figure`: the papers' figures, and some that are in no paper, as data and as pictures."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .inputs import Json, Seed, refusals, refuse, use_double_precision
from .output import print_json, track

EXPERIMENTS = "experiments.sample_efficiency"
"""Where the paper's figures are: beside the library, not in it, since they stand on it."""
STUDIES = "experiments.inference"
"""Where figures with a name are."""


def figure(
    name: Annotated[
        str,
        typer.Argument(help="The figure's number in Sample Efficiency, or a name; see docs/figures.md.", metavar="N"),
    ],
    full: Annotated[bool, typer.Option("--full/--quick", help="The paper's sizes, or small ones in seconds.")] = True,
    out: Annotated[Path | None, typer.Option(help="Folder of the results.", show_default="figures/figureN")] = None,
    setting: Annotated[
        str | None, typer.Option(help="Figure 2: 'appendix' or 'text'; see docs/figures.md.", show_default="appendix")
    ] = None,
    seed: Seed = 0,
    redraw: Annotated[
        Path | None, typer.Option(help="Draw the data of this folder again; compute nothing.", show_default="no")
    ] = None,
    json: Json = False,
) -> None:
    """Compute and draw a figure of the paper Sample Efficiency, or one with a name.

    Writes config.json, arrays.npz, and the figure as PNG and PDF.

    Exit code 0: drawn; 2: bad usage or input, or no source checkout.
    """
    number = int(name) if name.isdecimal() else name
    module, results = _load(number)
    label = f"figure{number}" if isinstance(number, int) else number
    use_double_precision()
    if redraw is not None:
        folder, files = out or redraw, []
        with refusals("--redraw"):
            result = results.load(redraw)
            if result.config.get("figure") != number:
                raise ValueError(f"{redraw} holds figure {result.config.get('figure')}; wanted {number}.")
    else:
        folder = out or Path("figures") / label
        config = _configure(module, results, number, full, setting, seed)
        with refusals("--out"):
            folder.mkdir(parents=True, exist_ok=True)
        result = results.Result(config, module.run(config, lambda steps: track(steps, "Computing")))
        with refusals("--out"):
            files = results.save(folder, result)
    picture = module.draw(result.config, result.arrays)
    with refusals("--out"):
        files += results.save_figure(folder, label, picture)
    if json:
        summary = module.summarise(result.config, result.arrays)
        print_json({"figure": number, "files": list(map(str, files)), "config": result.config, "summary": summary})
    else:
        typer.echo("\n".join(map(str, files)))


def _load(number: int | str) -> tuple[Any, Any]:
    """The figure's module, and the one that saves and loads results."""
    from importlib import import_module

    try:
        figures = import_module(EXPERIMENTS if isinstance(number, int) else STUDIES)
        results = import_module(f"{EXPERIMENTS.partition('.')[0]}.results")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != EXPERIMENTS.partition(".")[0]:
            raise
        refuse("figures need the source: clone the repository, and run `make env` there.", error)
    with refusals("N"):
        return figures.load_figure(number), results


def _configure(
    module: Any, results: Any, number: int | str, full: bool, setting: str | None, seed: int
) -> dict[str, Any]:
    from ..checks import one_of

    with refusals("--setting"):
        setting = one_of("setting", setting or module.SETTINGS[0], module.SETTINGS)
    size = "full" if full else "quick"
    return results.configuration(
        f"dlntheory figure {number} --{size} --setting {setting} --seed {seed}",
        figure=number,
        size=size,
        setting=setting,
        seed=seed,
        dtype="float64",
        **module.configure(not full, setting, seed),
    )
