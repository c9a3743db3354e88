"""Run benchmarks: write their data, then the pages made of them."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import jax

from ..provenance import configuration
from . import (
    accuracy,
    first_answer,
    imports,
    inference,
    matrix_free,
    newton,
    pcn,
    pcn_libraries,
    random_networks,
    random_networks_wide,
    speed,
    sweeps,
)
from .report import DOCS, RESULTS, describe, fill, save, write

BENCHMARKS = {
    "first-answer": first_answer,
    "speed": speed,
    "accuracy": accuracy,
    "import": imports,
    "inference": inference,
    "sweeps": sweeps,
    "pcn": pcn,
    "pcn-libraries": pcn_libraries,
    "matrix-free": matrix_free,
    "newton": newton,
    "random-networks": random_networks,
    "random-networks-wide": random_networks_wide,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Without a name, run every benchmark. Results go into the docs, those of quick runs only where told."""
    parser = argparse.ArgumentParser("python -m experiments.benchmarks", description=main.__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="toy sizes, to see that everything runs")
    parser.add_argument("--out", type=Path, help="where results go")
    chosen = parser.parse_args(arguments)
    names = [name.replace("_", "-") for name in chosen.names]
    if unknown := set(names) - set(BENCHMARKS):
        parser.error(f"no benchmark named {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    jax.config.update("jax_enable_x64", True)
    out = chosen.out or (None if chosen.quick else RESULTS)
    for name in names or BENCHMARKS:
        results = BENCHMARKS[name].run(chosen.quick)
        print(BENCHMARKS[name].markdown(results))
        if out is not None:
            command = f"python -m experiments.benchmarks {name}{' --quick' if chosen.quick else ''}"
            save(out / f"{name}.json", configuration(command), results)
            publish(out)


def publish(out: Path) -> None:
    """Write the table of all results that the folder has, and the figures in the page on performance."""
    parts = ["# Benchmarks\n"]
    for name, benchmark in BENCHMARKS.items():
        path = out / f"{name}.json"
        if path.exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            origin = describe(found["config"])
            parts.append(f"## {name.capitalize()}\n\n{origin}\n\n{benchmark.markdown(found['results'])}")
            if out == RESULTS:
                digest = getattr(benchmark, "digest", benchmark.markdown)
                fill(DOCS / "performance.md", name, f"{digest(found['results'])}\n{origin}")
    write(out / "README.md", "\n".join(parts))


if __name__ == "__main__":
    main()
