"""`write_report`: the findings about a network and its data, as one page that can be mailed."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from ...files.arrays import as_new_file, write_atomically
from ...networks.network import LinearNetwork, as_network
from ...networks.samples import shaped
from ...numerics.checks import as_batch, as_seed, same_batch
from ...numerics.presentation import plain
from .findings import findings
from .render import check_libraries, render, vega
from .summary import sentences

SUFFIXES = (".html", ".htm")
BY_LIBRARY = "import dlntheory as dln\n\ndln.write_report(net, x, y, {path!r}, seed={seed})"


def write_report(
    net: LinearNetwork,
    x: Any,
    y: Any,
    path: Any,
    name: str = "A linear network",
    description: str = "Data passed to write_report",
    command: str | None = None,
    seed: int = 0,
) -> Path:
    r"""Write everything that the library finds about a network and its data as one HTML page.

    Alignment by rule and batch size, with distributions and bootstrap intervals; energies and conditioning by layer;
    the theorems with their deciding numbers; the spectrum and the course of inference; update kernels; random networks
    of the same shape beside this one; and how to reproduce it. The page needs no network and no server, and is about a
    megabyte.

    Args:
        net: the network.
        x: inputs, ``(B, n_0)`` or ``(n_0,)``.
        y: targets, ``(B, n_L)`` or ``(n_L,)``.
        path: the file, ``.html``.
        name: the page's title.
        description: the source of the network or the data.
        command: the command that makes the page again; by default a call of this function.
        seed: the seed of the batches, the bootstrap and the random networks.

    Returns:
        The path.

    Raises:
        ValueError: as `target_alignment`, or for a path that does not end in ``.html``.
        TypeError: as `target_alignment`.
        FileNotFoundError: for a folder that does not exist.
        PrecisionError: as `equilibrium`.
        ImportError: without the extra ``report``.

    Example:
        >>> net = LinearNetwork.random([4, 3, 2], key=0)
        >>> rng = np.random.default_rng(0)
        >>> write_report(net, rng.normal(size=(6, 4)), rng.normal(size=(6, 2)), "report.html").name
        'report.html'
    """
    target = as_new_file(path, SUFFIXES)
    call = BY_LIBRARY.format(path=target.name, seed=seed) if command is None else command
    publish(net, x, y, target, name, description, call, seed)
    return target


def publish(
    net: LinearNetwork, x: Any, y: Any, path: Path, name: str, description: str, command: str, seed: int
) -> dict[str, Any]:
    """Measure, write the page, and return the findings."""
    check_libraries()
    with ThreadPoolExecutor(1) as beside:
        script = beside.submit(vega)  # seconds of another core, while this one measures
        found = find(net, x, y, seed)
        script.result()
    write_page(found, path, name, description, command)
    return found


def find(net: LinearNetwork, x: Any, y: Any, seed: int = 0) -> dict[str, Any]:
    """The findings, of checked arguments, as plain numbers."""
    own = as_network("net", net).to_numpy()
    x, y = (
        np.atleast_2d(np.asarray(as_batch(argument, value, shape, own.dtype)))
        for argument, value, shape in (("x", x, own.shapes[0]), ("y", y, own.shapes[-1]))
    )
    same_batch(x, y)
    found = findings(own, shaped(x, own.shapes[0]), shaped(y, own.shapes[-1]), as_seed("seed", seed))
    return plain(found, finite=True)


def write_page(found: dict[str, Any], path: Path, name: str, description: str, command: str) -> None:
    """Write the page of such findings, whole or not at all."""
    from .charts import charts  # needs the extra

    known = [each for each in found["alignment"] if each.get("mean") is not None]
    page = render(
        "report.html",
        ("report.js",),
        name=name,
        description=description,
        command=command,
        found=found,
        charts=charts(found),
        sentences=list(sentences(found)),
        sizes=sorted({each["batch"] for each in known}),
        labels=list(dict.fromkeys(each["label"] for each in known)),
    )
    write_atomically(path, page.encode())
