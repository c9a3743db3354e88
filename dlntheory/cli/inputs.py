"""The input of the commands: a file of weights and two of data, and their refusal in terms of the command line."""

import io
import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from ..networks.network import LinearNetwork

QUICK_COMPILATION = "--xla_cpu_use_fusion_emitters=false --xla_backend_optimization_level=0"
TRIED_JAXLIB = "0.10."
SAMPLES = 16
"""The number of samples that are drawn where no data are given."""
REFUSALS = (ValueError, TypeError, ArithmeticError, ImportError, OSError)
"""The errors by which the library refuses what it is given."""

Weights = Annotated[
    Path | None,
    typer.Argument(help="Weights: .npz, .safetensors, .pt or .pth.", metavar="[WEIGHTS]", show_default="built in"),
]
Inputs = Annotated[Path | None, typer.Option(help="Inputs: .npy, (samples, n_0), or images.", show_default="drawn")]
Targets = Annotated[Path | None, typer.Option(help="Targets: .npy, (samples, n_L).", show_default="drawn")]
Order = Annotated[
    str | None,
    typer.Option(
        help="Names of the weights, from the input's to the output's.", metavar="W1,W2", show_default="by number"
    ),
]
Seed = Annotated[int, typer.Option(help="Seed of all random draws.", min=0)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON only.")]


def use_double_precision() -> None:
    """Compute in 64 bits."""
    import jax

    jax.config.update("jax_enable_x64", True)


def use_all_cores() -> None:
    """Make each core a device of JAX, for computations that share their work out; too late where JAX has begun."""
    use_devices(os.cpu_count() or 1)


def use_devices(count: int) -> None:
    """Make so many devices of JAX out of the processor; too late where JAX has begun."""
    import jax

    with suppress(RuntimeError):
        jax.config.update("jax_num_cpu_devices", count)


def use_quick_compilation() -> None:
    """Compile faster, to programs that are good enough for small sizes; too late where JAX has begun.

    XLA ends a process that passes an unknown flag, so only versions that were tried get one.
    """
    from importlib.metadata import version

    flags = os.environ.get("XLA_FLAGS", "")
    if version("jaxlib").startswith(TRIED_JAXLIB) and QUICK_COMPILATION not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {QUICK_COMPILATION}".strip()


def use_one_lapack_thread() -> None:
    """Keep LAPACK to one thread, unless the environment says more; its threads starve where cores are shared.

    LAPACK reads this once, as NumPy is imported.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def use_all_of_the_machine(quick: bool) -> None:
    """Compute in 64 bits on all cores, with one thread of LAPACK each; small sizes are compiled quickly."""
    use_one_lapack_thread()
    if quick:
        use_quick_compilation()
    use_double_precision()
    use_all_cores()


@contextmanager
def refusals(name: str = "", kinds: tuple[type[Exception], ...] = REFUSALS) -> Iterator[None]:
    """Turn the library's refusals into one line on the standard error, and exit code 2."""
    try:
        yield
    except kinds as error:
        refuse(f"{name}: {error}" if name else str(error), error)


def refuse_unwritable(name: str, path: Path, endings: Iterable[str]) -> None:
    """Refuse an option's file that could not be written later."""
    from ..files.arrays import as_new_file

    with refusals():
        as_new_file(path, endings, name)


def file_refusals(name: str = "") -> AbstractContextManager[None]:
    """Turn the file system's refusals into one line, and exit code 2; anything else is an error of ours."""
    return refusals(name, (OSError,))


def refuse(message: str, cause: BaseException | None = None) -> NoReturn:
    """Print the error in the arguments, and end with exit code 2."""
    typer.echo(f"Error: {message}", err=True)
    raise typer.Exit(2) from cause


def check_combination(weights: Path | None, **options: Any) -> None:
    """Refuse options without the weights that they are about, and inputs without targets."""
    given = [name for name, value in options.items() if value is not None]
    if weights is None and given:
        refuse(f"--{given[0]} needs WEIGHTS; the built-in networks bring their own.")
    if len({"inputs", "targets"} & set(given)) == 1:
        missing = ({"inputs", "targets"} - set(given)).pop()
        refuse(f"--{missing} is missing; wanted --inputs and --targets together.")


def read_or_digits(
    weights: Path | None, inputs: Path | None, targets: Path | None, order: str | None, seed: int
) -> tuple[str, str, tuple["LinearNetwork", Any, Any]]:
    """A network's name, the source of its data, the network and the data; without a file, handwritten digits."""
    check_combination(weights, inputs=inputs, targets=targets, order=order)
    if weights is not None:
        return weights.name, describe_data(inputs, targets, seed), read_problem(weights, inputs, targets, order, seed)
    from ..files.builtin import digits

    return "digits", "trained on handwritten digits", digits()


def read_problem(
    weights: Path, inputs: Path | None, targets: Path | None, order: str | None, seed: int
) -> tuple["LinearNetwork", Any, Any]:
    """The network of a file, with a batch of the given data or of drawn ones."""
    from ..files.builtin import normal_data

    net = read_network(weights, order)
    if inputs is None or targets is None:
        return net, *normal_data(net, SAMPLES, seed)
    return net, *read_data(net, inputs, targets)


def read_network(weights: Path, order: str | None) -> "LinearNetwork":
    """The network of a file, in 64 bits whatever the file holds."""
    import numpy as np

    from ..files.weights import load_weights
    from ..numerics.kinds import cast

    with refusals("WEIGHTS"):
        return cast(load_weights(weights, order), np.dtype(float))


def read_data(net: "LinearNetwork", inputs: Path, targets: Path) -> tuple[Any, Any]:
    """Inputs and targets of a network, the same number of samples."""
    x, y = read_batch("--inputs", inputs, net.shapes[0]), read_batch("--targets", targets, net.shapes[-1])
    if len(x) != len(y):
        refuse(f"--inputs has {len(x)} samples but --targets has {len(y)}; wanted the same number of samples.")
    return x, y


def describe_data(inputs: Path | None, targets: Path | None, seed: int) -> str:
    """The source of the data, in words."""
    if inputs is None or targets is None:
        return f"normal inputs, targets linear in them, seed {seed}"
    return f"data of {inputs.name} and {targets.name}"


def read_batch(name: str, path: Path, shape: tuple[int, ...]) -> Any:
    """A batch of samples from an ``.npy`` file, in 64 bits whatever the file holds; one sample is a batch of one."""
    import numpy as np

    from ..networks.samples import shaped
    from ..numerics.checks import as_batch

    with refusals(name):
        array = _read_npy(path)
        if array.dtype.kind in "iu" and array.ndim == 1 and array.shape != shape and len(shape) == 1:
            raise ValueError(f"{path} has {len(array)} whole numbers; wanted rows of {shape[0]} numbers. Classes make "
                             f"rows with a single 1: np.eye({shape[0]})[classes].")  # fmt: skip
        if array.dtype.kind == "f" and np.can_cast(array.dtype, float):
            array = array.astype(float)
        return shaped(np.atleast_2d(as_batch(name.strip("-"), array, shape, float)), shape)


def _read_npy(path: Path) -> Any:
    """The only array of a file."""
    import numpy as np

    try:
        with path.open("rb") as opened:
            file = opened if opened.seekable() else io.BytesIO(opened.read())
            array = np.lib.format.read_array(file, allow_pickle=False)
            if file.read(1):
                raise ValueError("it goes on after its first array; wanted one array")
    except (ValueError, EOFError) as error:
        reason = "wanted what `np.save` writes." if "magic string" in str(error) else error
        raise ValueError(f"{path} cannot be read as .npy: {reason}") from error
    return array


def whole_numbers(name: str, text: str) -> tuple[int, ...]:
    """Whole numbers with commas between them."""
    parts = text.split(",")
    if not all(each.strip().isdecimal() for each in parts):
        refuse(f"{name} is {text!r}; wanted whole numbers such as 128,128,128.")
    return tuple(map(int, parts))
