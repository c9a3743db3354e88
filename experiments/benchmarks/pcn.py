"""Training steps of nonlinear networks against PCX: the same model, data, precision and number of inference steps.

PCX 0.6.3 needs JAX below 0.5, so it runs in an environment of its own, whose interpreter ``PCX_PYTHON`` names:
``python -m venv pcx && pcx/bin/pip install pcx``. Without it, our steps are timed alone, and no bar is judged.
"""

import os
import statistics
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from dlntheory import pcn

from . import timing
from .pcn_elsewhere import run_elsewhere
from .report import number, relative_error, table, verdict

STEP_SIZE, MOMENTUM, RATE = 0.05, 0.5, 1e-4
SETTINGS = {"MLP": 5, "VGG-5": 5, "VGG-7": 7}
"""Models, and their numbers of inference steps."""
TOGETHER = {"MLP": 20}
"""Models whose step is timed in a program of several too, as `dlntheory train` runs them."""
BATCH = 128
BARS = {("MLP", "pc"): 0.7, ("VGG-5", "pc"): 0.30, ("VGG-7", "pc"): 0.25, ("VGG-5", "bp"): 0.5}
COMPILATION = 30.0
"""Seconds that the program of VGG-15 with 15 inference steps may take to compile."""

Row = dict[str, Any]


def run(quick: bool = False) -> list[Row]:
    """Rows of step times, and one of a compilation."""
    python = os.environ.get("PCX_PYTHON")
    models = {"MLP": SETTINGS["MLP"]} if quick else SETTINGS
    rows = [row for name, steps in models.items() for row in compare(name, steps, python, quick)]
    return [*rows, compilation(quick)]


def compare(name: str, steps: int, python: str | None, quick: bool) -> list[Row]:
    """A step of PC and one of BP, ours and PCX's."""
    network, x, y = problem(name, 8 if quick else BATCH)
    rounds = (5 if quick else 300) if name == "MLP" else 5
    settings = {"steps": steps, "rounds": rounds, "rules": ["pc", "bp"], "rate": RATE}
    settings |= {"step_size": STEP_SIZE, "momentum": MOMENTUM}
    other = run_elsewhere("PCX", python, network, x, y, settings) if python else {}
    ours = {
        (rule, together): our_seconds(network, x, y, steps, rule, rounds, together)
        for together in sorted({1, TOGETHER.get(name, 1)})
        for rule in ("pc", "bp")
    }
    rows = []
    for (rule, together), seconds in ours.items():
        theirs = float(np.median(other[rule][1:, 0])) if other else None
        ratio = statistics.median(seconds) / theirs if theirs else None
        bar = BARS.get((name, rule))
        judged = not quick and ratio is not None and bar is not None
        rows.append({
            "quantity": f"{rule.upper()} step",
            "setting": f"{name}, batch {len(x)}"
            + (f", T = {steps}" if rule == "pc" else "")
            + (f"; {together} in a program" if together > 1 else ""),
            "ours_s": statistics.median(seconds),
            "pcx_s": theirs,
            "value": ratio,
            "bar": bar,
            "distance_of_states": distance(network, x, y, steps, other) if other and rule == "pc" else None,
            "verdict": verdict(judged and ratio <= bar, judged),
        })  # fmt: skip
    return rows


def problem(name: str, batch: int) -> tuple[pcn.Network, jax.Array, jax.Array]:
    """A network in float32 with normal inputs and one-hot targets."""
    network = pcn.mlp((784, 128, 128, 128, 10)) if name == "MLP" else pcn.vgg(name)
    x = jax.random.normal(jax.random.key(1), (batch, *network.input_shape), jnp.float32)
    return network, x, jax.nn.one_hot(np.arange(batch) % 10, 10, dtype=jnp.float32)


def algorithm(steps: int, rule: str) -> pcn.Algorithm:
    """PC with momentum, or BP."""
    if rule == "bp":
        return pcn.algorithm("BP-SE")
    return pcn.algorithm("PC-SE", steps=steps, step_size=STEP_SIZE, momentum=MOMENTUM)


def our_seconds(
    network: pcn.Network, x: jax.Array, y: jax.Array, steps: int, rule: str, rounds: int, together: int
) -> list[float]:
    """Times of steps after the first, alone or several in a program."""
    chosen, optimiser = algorithm(steps, rule), optax.adamw(RATE, weight_decay=1e-4)
    state = pcn.start_training(network, chosen, optimiser, batch_size=len(x))
    train = pcn.train_step
    if together > 1:
        train, x, y = pcn.train_steps, jnp.stack([x] * together), jnp.stack([y] * together)
    call = lambda: train(state, x, y, chosen, optimiser)  # noqa: E731
    timing.seconds(call)
    return [timing.seconds(call) / together for _ in range(-(-rounds // together))]


def distance(network: pcn.Network, x: jax.Array, y: jax.Array, steps: int, other: dict[str, Any]) -> float:
    """The relative distance of our last states from another library's, over all of them."""
    states = pcn.relax(network, x, y, algorithm(steps, "pc")).states
    return relative_error(states, [other[f"state{k}"] for k in range(len(states))])


def compilation(quick: bool) -> Row:
    """The time that the deepest network's program takes to compile; in toys, a shallow one's."""
    name, steps = ("VGG-5", 2) if quick else ("VGG-15", 15)
    network, x, y = problem(name, BATCH)
    chosen, optimiser = algorithm(steps, "pc"), optax.adamw(RATE)
    state = pcn.start_training(network, chosen, optimiser)
    seconds = timing.seconds(lambda: _compiled(state, x, y, chosen, optimiser))
    row: Row = {"quantity": "compilation", "setting": f"{name}, batch {BATCH}, T = {steps}", "ours_s": seconds,
            "pcx_s": None, "value": seconds, "bar": COMPILATION, "distance_of_states": None,
            "verdict": verdict(seconds <= COMPILATION, not quick)}  # fmt: skip
    return row


def _compiled(*arguments: Any) -> tuple[()]:
    eqx.filter_jit(pcn.train_step).lower(*arguments).compile()
    return ()


def markdown(rows: list[Row]) -> str:
    """A table of times and ratios."""
    header = ["quantity", "setting", "ours (s)", "PCX (s)", "ratio, or seconds", "at most", "states differ by", ""]
    lines = [
        [each["quantity"], each["setting"], number(each["ours_s"]), number(each["pcx_s"]), number(each["value"]),
         number(each["bar"]), number(each["distance_of_states"]), each["verdict"]]
        for each in rows
    ]  # fmt: skip
    return table(header, lines)
