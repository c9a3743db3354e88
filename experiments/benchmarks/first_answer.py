"""First answers in fresh processes, and what the library adds to the arithmetic when the same is asked again.

Every process runs with one thread of LAPACK, several times; medians are judged. A time is judged as the processor's,
which is the wall time of an idle machine, and which other processes hardly change; the wall time stands beside it.
Ratios compare two times of one process. JPC is compared where it is installed.
"""

import functools
import importlib.util
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .plain import plain_alignment
from .processes import ROOT, answer, in_fresh_process
from .report import number, outcome, table

MODULE = "experiments.benchmarks.first_answer"
PROCESSES = 5
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "COLUMNS": "100", "PYTHONDONTWRITEBYTECODE": ""}
"""One thread of LAPACK; Python's compiled modules are kept, as they are for every user."""

Row = dict[str, Any]


class Bar(NamedTuple):
    """The largest value allowed, in ``ms`` or as a ratio, ``×``."""

    most: float
    unit: str = "ms"


REPEATED = {"3 × 20, batch 8": 4.0, "9 × 64, batch 16": 2.0, "9 × 512, batch 64": 1.3}
"""The longest time of a repeated call, as a multiple of the plain arithmetic."""
NETWORKS = {"3 × 20, batch 8": (3, 20, 8), "9 × 64, batch 16": (9, 64, 16), "9 × 512, batch 64": (9, 512, 64)}
SMALL = tuple(NETWORKS)[:2]
RULES = (
    ("bp", None), ("bp", "adaptive"), ("bp", "decorrelated"), ("pc", None), ("pc", "adaptive"),
    ("pc", "adaptive_positive"), ("pc", "decorrelated"), ("natural", None), ("evidence", None),
)  # fmt: skip
CALLS = ("equilibrium", "weight_updates", "target_alignment")
SOLVERS = ("hessian", "square_root", "cg")
DEEP = {"target_alignment": 1500.0, "equilibrium": 1500.0, "inference_spectrum": 5000.0}
AUTO = {"9 × 512": (9, 512), "33 × 128": (33, 128), "33 × 64": (33, 64)}
COMMANDS = {
    "verify": 10e3, "verify --quick": 2e3, "align": 2.5e3, "claims": 5e3, "figure 2 --quick": 5e3,
}  # fmt: skip
FASTER_THAN_JPC = 50


# What a fresh process measures.


def random_network(depth: int, width: int, batch: int, init: str = "kaiming_uniform") -> tuple[Any, Any, Any]:
    """A network with normal data."""
    import dlntheory as dln

    x, y = np.random.default_rng(1).normal(size=(2, batch, width))
    return dln.LinearNetwork.random([width] * (depth + 1), init, key=0), x, y


def timed(call: Callable[[], Any]) -> dict[str, float]:
    """Milliseconds of the processor and of the wall clock."""
    wall, processor = time.perf_counter(), time.process_time()
    call()
    return {"ms": 1e3 * (time.process_time() - processor), "wall_ms": 1e3 * (time.perf_counter() - wall)}


def in_turns(calls: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of the processor, of calls that take turns."""
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            found[name].append(timed(call)["ms"])
    return found


def import_others() -> None:
    """Import what the library needs of others at the first use of a name; first answers are timed without it."""
    for name in ("scipy.linalg.lapack", "scipy.sparse.linalg", "jaxtyping"):
        importlib.import_module(name)


def imports() -> list[Row]:
    """Time the imports that `import dlntheory` leaves for the first use of a name: SciPy, and modules of its own."""
    import dlntheory as dln

    theirs = timed(import_others)
    ours = timed(lambda: [getattr(dln, name) for name in ("LinearNetwork", "equilibrium", "target_alignment")])
    return [
        {"quantity": "imports of SciPy and jaxtyping at the first use", "setting": "", **theirs},
        {"quantity": "imports of our own at the first use", "setting": "", **ours},
    ]


def first(name: str, setting: str) -> list[Row]:
    """The first call of a public function; of the updates and alignments, the slowest rule and rescaling."""

    import dlntheory as dln

    import_others()
    function, problem = getattr(dln, name), random_network(*NETWORKS[setting])
    rules = [()] if name == "equilibrium" else RULES
    times = {rule: timed(functools.partial(function, *problem, *rule)) for rule in rules}
    slowest = max(times, key=lambda rule: times[rule]["ms"])
    return [{"quantity": f"first {name}", "setting": setting, "of": " ".join(filter(None, slowest)), **times[slowest]}]


def again(setting: str, rounds: int) -> list[Row]:
    """Repeated calls as multiples of the plain script; the two take turns."""
    import dlntheory as dln

    net, x, y = random_network(*NETWORKS[setting])
    np.testing.assert_allclose(dln.target_alignment(net, x, y), plain_alignment(net.weights, x, y), atol=1e-9)
    calls = {
        "plain": lambda: plain_alignment(net.weights, x, y),
        **{name: functools.partial(getattr(dln, name), net, x, y) for name in CALLS},
    }
    many = range(max(1, 2_000_000 // NETWORKS[setting][0] // NETWORKS[setting][1] ** 2 // 40))
    found = in_turns({name: lambda call=call: [call() for _ in many] for name, call in calls.items()}, rounds)
    medians = {name: statistics.median(times) / len(many) for name, times in found.items()}
    return [
        {"quantity": f"{name}, repeated / plain", "setting": setting, "ms": medians[name],
         "ratio": medians[name] / medians["plain"]}
        for name in CALLS
    ]  # fmt: skip


def theorem(number: int) -> list[Row]:
    """The first `verify`."""

    import dlntheory as dln

    import_others()
    verify, problem = dln.verify, random_network(*NETWORKS[SMALL[0]])
    return [
        {"quantity": f"first verify(theorem={number})", "setting": SMALL[0],
         **timed(lambda: verify(*problem, theorem=number))}
    ]  # fmt: skip


def deep(name: str, depth: int) -> list[Row]:
    """The first answer for a network of very many layers."""

    import dlntheory as dln

    import_others()
    function, (net, x, y) = getattr(dln, name), random_network(depth, 64, 16)
    arguments = (net,) if name == "inference_spectrum" else (net, x, y)
    return [{"quantity": f"first {name}", "setting": f"{depth} × 64, batch 16", **timed(lambda: function(*arguments))}]


def thousand(depth: int) -> list[Row]:
    """Time other answers, one after the other; Kaiming activities would underflow when squared."""
    import_others()
    import dlntheory as dln

    problem = random_network(depth, 64, 16, "norm_preserving")
    net, x = problem[:2]
    calls: dict[str, Callable[[], Any]] = {
        "output_covariance": lambda: dln.output_covariance(net),
        **{f"equilibrium, {name}": functools.partial(dln.equilibrium, *problem, solver=name) for name in SOLVERS},
        **{f"target_alignment, {' '.join(filter(None, rule))}": functools.partial(dln.target_alignment, *problem, *rule)
           for rule in RULES if rule != ("pc", None)},
        "log_likelihood": lambda: dln.log_likelihood(*problem),
        "posterior": lambda: dln.posterior(*problem),
        "sample_activities": lambda: dln.sample_activities(net, x[0], count=16),
        "energy_propagation": lambda: dln.energy_propagation(*problem, steps=depth, step_size=0.1),
        "finite_time_activities, 100 steps": lambda: dln.finite_time_activities(*problem, 100, 0.1),
        "verify, theorem 1": lambda: dln.verify(*problem, theorem=1),
        "verify, theorem 2": lambda: dln.verify(*problem, theorem=2),
        "verify, nudging": lambda: dln.verify(*problem, theorem="nudging"),
        "verify, spike": lambda: dln.verify(*problem, theorem="spike"),
        "expected_alignment": lambda: dln.expected_alignment([64] * (depth + 1)),
    }  # fmt: skip
    return [
        {"quantity": name, "setting": f"{depth} × 64, batch 16, norm-preserving", **timed(call)}
        for name, call in calls.items()
    ]


def compiled(depth: int) -> list[Row]:
    """The first equilibrium in JAX, with its compilation."""
    import jax

    import dlntheory as dln

    jax.config.update("jax_enable_x64", True)
    net, x, y = random_network(depth, 64, 16)
    net = net.to_jax()
    call = timed(lambda: jax.block_until_ready(dln.equilibrium(net, x, y).activities))
    return [{"quantity": "first equilibrium, JAX", "setting": f"{depth} × 64, batch 16", **call}]


def auto(setting: str, rounds: int) -> list[Row]:
    """`auto` on a norm-preserving network as a multiple of its bare products, compiled by JAX."""
    import jax

    import dlntheory as dln

    from .speed import bare_products

    jax.config.update("jax_enable_x64", True)
    net, x, y = random_network(*AUTO[setting], 64, "norm_preserving")
    net, x, y = net.to_jax(), *map(jax.numpy.asarray, (x, y))
    result = dln.equilibrium(net, x, y)
    calls = {
        "bare": lambda: jax.block_until_ready(bare_products(net.weights, x.T, y.T)),
        "auto": lambda: jax.block_until_ready(dln.equilibrium(net, x, y).activities),
    }
    medians = {name: statistics.median(times[1:] or times) for name, times in in_turns(calls, rounds).items()}
    setting = f"norm-preserving, {setting}, batch 64, by {result.solver}, error {float(result.accuracy.max()):.1e}"
    return [
        {"quantity": "auto / bare products, JAX", "setting": setting, "ms": medians["auto"],
         "ratio": medians["auto"] / medians["bare"]}
    ]  # fmt: skip


def jpc() -> list[Row]:
    """JPC's first energy at the equilibrium of a linear network."""
    import jax
    import jpc

    depth, width, batch = NETWORKS[SMALL[0]]
    model = jpc.make_mlp(jax.random.key(0), width, width, depth, width, "linear")
    x, y = jax.numpy.asarray(np.random.default_rng(1).normal(size=(2, batch, width)))
    call = timed(lambda: jax.block_until_ready(jpc.linear_equilib_energy(model, x, y)))
    return [{"quantity": "JPC's first linear_equilib_energy", "setting": SMALL[0], **call}]


PARTS: dict[str, Callable[..., list[Row]]] = {
    "imports": imports, "first": first, "again": again, "theorem": theorem, "deep": deep, "thousand": thousand,
    "compiled": compiled, "auto": auto, "jpc": jpc,
}  # fmt: skip


# What is run, and judged.


def run(quick: bool = False) -> list[Row]:
    """Rows of medians over fresh processes, judged."""
    processes, rounds = (1, 1) if quick else (PROCESSES, 9)
    parts: list[tuple[Any, ...]] = [("imports",)]
    parts += [("first", name, setting) for setting in (SMALL[:1] if quick else SMALL) for name in CALLS]
    parts += [("again", setting, rounds) for setting in (SMALL[:1] if quick else NETWORKS)]
    parts += [("theorem", 1), ("theorem", 2)]
    parts += [("deep", name, 10 if quick else 1000) for name in DEEP]
    parts += [("thousand", 10 if quick else 1000)]
    parts += [] if quick else [("compiled", depth) for depth in (15, 150)]
    parts += [] if quick else [("auto", setting, rounds) for setting in AUTO]
    parts += [("jpc",)] if importlib.util.find_spec("jpc") else []
    rows = [
        row
        for part in parts
        for row in medians([in_fresh_process(MODULE, *part, **ENVIRONMENT) for _ in range(processes)])
    ]
    commands = {"align": COMMANDS["align"]} if quick else COMMANDS
    rows += [row for name in commands for row in medians([[command(name)] for _ in range(processes)])]
    rows += comparisons(rows)
    return [judged(row) | {"processes": processes} for row in rows]


def command(name: str) -> Row:
    """One run of a command of ours, with its imports, in a folder of its own."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        out = ["--out", folder] if name.startswith("figure") else []
        call = [sys.executable, "-m", "dlntheory", *name.split(), *out, "--json"]
        done = subprocess.run(call, cwd=ROOT, env=os.environ | ENVIRONMENT, capture_output=True, text=True)
    if done.returncode == 2 or (done.returncode and name != "claims"):
        raise RuntimeError(f"dlntheory {name} ended with exit code {done.returncode}: {done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    wall = time.perf_counter() - start
    return {"quantity": f"dlntheory {name}", "setting": "whole process", "ms": 1e3 * processor, "wall_ms": 1e3 * wall}


def medians(processes: Sequence[Sequence[Row]]) -> list[Row]:
    """Each row with the medians of its numbers over the processes."""
    return [
        {key: statistics.median(row[key] for row in rows) if isinstance(value, float) else value
         for key, value in rows[0].items()}
        for rows in zip(*processes, strict=True)
    ]  # fmt: skip


def comparisons(rows: Sequence[Row]) -> list[Row]:
    """Ratios of times of different processes: of depths in JAX, and of JPC's first answer to ours."""
    found = {(row["quantity"], row["setting"]): row["ms"] for row in rows}
    made = []
    shallow, deeper = (found.get(("first equilibrium, JAX", f"{depth} × 64, batch 16")) for depth in (15, 150))
    if shallow and deeper:
        made.append({"quantity": "first call at 150 layers / at 15, JAX", "setting": "64", "ratio": deeper / shallow})
    theirs, ours = (found.get((name, SMALL[0])) for name in ("JPC's first linear_equilib_energy", "first equilibrium"))
    if theirs and ours:
        made.append({"quantity": "our first equilibrium / JPC's", "setting": SMALL[0], "ratio": ours / theirs})
    return made


def bar_of(row: Row) -> Bar | None:
    """The bar of a row."""
    quantity, setting = row["quantity"], row["setting"]
    if quantity.endswith("repeated / plain"):
        return Bar(REPEATED[setting], "×")
    if quantity.startswith("first verify"):
        return Bar(50.0)
    if quantity.startswith("first ") and setting in SMALL:
        return Bar(10.0)
    if quantity.startswith("first ") and setting.startswith("1000"):
        return Bar(DEEP[quantity.removeprefix("first ")])
    if quantity.startswith("dlntheory "):
        return Bar(COMMANDS[quantity.removeprefix("dlntheory ")])
    ratios = {
        "first call at 150 layers / at 15, JAX": 1.5, "auto / bare products, JAX": 1.8,
        "our first equilibrium / JPC's": 1 / FASTER_THAN_JPC,
    }  # fmt: skip
    return Bar(ratios[quantity], "×") if quantity in ratios else None


def judged(row: Row) -> Row:
    """Add the bar, and whether it is kept; most first answers are judged as times, and what is repeated as a ratio."""
    bar = bar_of(row)
    value = row.get("ratio", row.get("ms"))
    return row | {"bar": None if bar is None else bar._asdict(), "passes": None if bar is None else value <= bar.most}


def markdown(rows: Sequence[Row]) -> str:
    """One table."""
    skipped = "" if any("JPC" in row["quantity"] for row in rows) else "\nJPC is not installed: no comparison.\n"
    header = ["quantity", "setting", "processor, ms", "wall, ms", "ratio", "bar", ""]
    counted = f"Medians of fresh processes, {rows[0]['processes']} for each row.\n\n"
    return counted + table(header, map(_line, rows)) + skipped


digest = markdown


def _line(row: Row) -> list[str]:
    numbers = [number(row.get(key)) for key in ("ms", "wall_ms", "ratio")]
    bar = f"{row['bar']['most']:g} {row['bar']['unit']}" if row["bar"] else ""
    setting = f"{row['setting']}, {row['of']}" if row.get("of") else row["setting"]
    return [row["quantity"], setting, *numbers, bar, outcome(row["passes"])]


if __name__ == "__main__":
    answer(lambda part, *arguments: PARTS[part](*arguments))
