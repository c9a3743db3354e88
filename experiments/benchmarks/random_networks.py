"""Formulas for random networks: against networks that are drawn, at three widths, and how fast they are.

At every width the difference between drawn networks and the formula must be within three standard errors of ``c/n``,
with ``c`` fitted on the smaller widths. Standard errors are below 0.002, or of 300 draws, or of what the time allowed.
The largest width, where that takes longest, is a benchmark of its own: `random_networks_wide`.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from dlntheory.random_networks.expected import expected_alignment

from ..random_networks import drawn
from ..random_networks.lines import random_layers
from .report import table, verdict

WIDTHS = (64, 128, 256)
SAMPLES = 8
"""The samples that share a draw of the weights."""
ERROR, DRAWS, SECONDS = 0.002, (20, 300), 240.0
LARGE = 0.1
"""A spread above this is compared as well: there the target's fluctuation is most of it."""
BARS = {"BP, 100 × 100": 2.0, "PC, 100 × 100": 10.0}

Results = dict[str, Any]
Rows = list[Results]


@dataclass(frozen=True)
class Cell:
    """A network whose widths are multiples of ``n``, and a batch.

    Attributes:
        name: what the table calls it.
        layers: from ``n``.
        batch: samples over ``n``; zero for single samples.
        linear: whether a batch's targets are linear in its inputs.
        wide: whether it is drawn at 512 too.
    """

    name: str
    layers: Callable[[int], list[drawn.Layer]]
    batch: float = 0
    linear: bool = False
    wide: bool = False

    def size(self, n: int) -> int:
        """The batch."""
        return round(self.batch * n) or 1


def dense(depth: int, init: str = "kaiming_uniform", residual: bool = False) -> Callable[[int], list[drawn.Layer]]:
    """Equal widths."""
    return lambda n: random_layers([n] * (depth + 1), init, residual=residual)


def scaled(kind: str, depth: int, scale: float) -> Callable[[int], list[drawn.Layer]]:
    """Equal widths, with entries of variance ``scale/n``."""
    return lambda n: [(kind, n, n, scale / n)] * depth


def semi_orthogonal(n: int) -> list[drawn.Layer]:
    """Widths that fall and rise, singular values one."""
    widths = [n, n // 2, n, n // 4, n]
    return [("orthogonal", a, b, 1 / max(a, b)) for a, b in pairwise(widths)]


CELLS = (
    Cell("Kaiming, 2 layers", dense(2)),
    Cell("Kaiming, 5 layers", dense(5)),
    Cell("Kaiming, 9 layers", dense(9), wide=True),
    Cell("norm-preserving, 2 layers", dense(2, "norm_preserving")),
    Cell("norm-preserving, 5 layers", dense(5, "norm_preserving")),
    Cell("norm-preserving, 9 layers", dense(9, "norm_preserving"), wide=True),
    Cell("Kaiming, bottleneck n/4", lambda n: random_layers([n, n // 4, n], "kaiming_uniform")),
    Cell("σ² = 2, 4 layers", scaled("dense", 4, 2.0)),
    Cell("residual, σ² = 1/4, 4 layers", scaled("residual", 4, 0.25), wide=True),
    Cell("residual, norm-preserving, 9 layers", dense(9, "norm_preserving", residual=True)),
    Cell("semi-orthogonal, n to n/2, n/4", semi_orthogonal, wide=True),
    Cell("condition number 10, 2 layers", lambda n: random_layers([n] * 3, "kaiming_uniform", 10.0)),
    Cell("Kaiming, 4 layers, batch n", dense(4), batch=1, wide=True),
    Cell("norm-preserving, 4 layers, batch n, linear", dense(4, "norm_preserving"), 1, True, wide=True),
    Cell("residual, σ² = 1/4, 4 layers, batch n/4", scaled("residual", 4, 0.25), batch=0.25),
)


def run(quick: bool = False) -> Rows:
    """A row for every cell at every width, then those of the times."""
    cells = CELLS[::6] if quick else CELLS
    rows = []
    for cell in cells:
        rows += judged([measure(cell, n, quick) for n in ((8, 16) if quick else WIDTHS)])
    return rows + speed(quick)


def measure(cell: Cell, n: int, quick: bool) -> Results:
    """Draw networks until the errors are small; the row has means, errors and deviations beside the formulas."""
    layers, size, found, start = cell.layers(n), cell.size(n), [], time.monotonic()
    fewest, most = (5, 20) if quick else DRAWS
    rng = np.random.default_rng([n, sum(map(ord, cell.name))])
    while len(found) < most and (len(found) < fewest or time.monotonic() - start < SECONDS):
        if size > 1:
            found.append(drawn.batch(rng, layers, size, cell.linear))
        else:
            found.append(drawn.single(rng, layers, SAMPLES))
        if len(found) >= fewest and max(_error(found, rule) for rule in ("bp", "pc")) < ERROR:
            break
    row: Results = {"cell": cell.name, "n": n, "draws": len(found), "seconds": round(time.monotonic() - start, 1)}
    for rule in ("bp", "pc"):
        values = np.array([each[rule] for each in found])
        row[rule] = {"mean": float(values.mean()), "error": _error(found, rule), "deviation": float(values.std(ddof=1))}
        row[rule]["deviation_error"] = _jackknife(values)
        row[rule] |= formula(cell, layers, rule, size)
    print(cell.name, n, len(found), row["seconds"], flush=True)
    return row


def formula(cell: Cell, layers: list[drawn.Layer], rule: Any, size: int) -> dict[str, float | None]:
    """The mean, the spread and the limit to expect; nothing for PC in batches."""
    if rule == "pc" and size > 1:
        return {"expected": None, "spread": None, "limit": None}
    found = expected_alignment(layers=layers, rule=rule, batch=size, target="linear" if cell.linear else "independent")
    spread = None if found.spread is None else float(found.spread)
    return {"expected": float(found.mean), "spread": spread, "limit": float(found.limit)}


def _error(found: Sequence[dict[str, np.ndarray]], rule: str) -> float:
    """The standard error of the mean over draws."""
    means = np.array([each[rule].mean() for each in found])
    return float(means.std(ddof=1) / np.sqrt(len(means)))


def _jackknife(values: np.ndarray) -> float:
    """The standard error of the deviation of single samples, leaving out one draw of the weights at a time."""
    totals, squares, count = values.sum(axis=1), (values**2).sum(axis=1), values.size - values.shape[1]
    if count < 2:
        return float("inf")
    mean = (totals.sum() - totals) / count
    deviations = np.sqrt(np.maximum((squares.sum() - squares) / count - mean**2, 0) * count / (count - 1))
    return float(np.sqrt((len(values) - 1) * deviations.var()))


def judged(rows: Rows) -> Rows:
    """Add to every rule of a cell's rows the term ``c/n`` of the smaller widths, and how many errors are left."""
    for index, row in enumerate(rows):
        for rule in ("bp", "pc"):
            if row[rule]["expected"] is None:
                continue
            smaller = [(each["n"], each[rule]) for each in rows[:index]]
            row[rule] |= excess(row["n"], row[rule], smaller, ("mean", "error", "expected"), "")
            if (row[rule]["spread"] or 0) > LARGE:
                names = ("deviation", "deviation_error", "spread")
                row[rule] |= excess(row["n"], row[rule], smaller, names, "deviation_")
    return rows


def excess(n: int, own: Results, smaller: Sequence[tuple[int, Results]], names: Sequence[str], prefix: str) -> Results:
    """The term ``c/n``, and the difference that is left after it, in standard errors; none at the smallest width."""
    measured, error, expected = names
    if not smaller:
        return {f"{prefix}term": None, f"{prefix}left": None}
    widths = np.array([width for width, _ in smaller])
    differences = np.array([each[measured] - each[expected] for _, each in smaller])
    weights = np.array([1 / each[error] ** 2 for _, each in smaller]) / widths**2
    c = float((differences * widths * weights).sum() / weights.sum())
    allowed = np.hypot(own[error], 1 / np.sqrt(weights.sum()) / n)
    left = (own[measured] - own[expected] - c / n) / allowed
    return {f"{prefix}term": c / n, f"{prefix}left": float(left)}


def speed(quick: bool) -> Rows:
    """Seconds, and seconds of the processor, of grids of depths and variances, and of very deep networks."""
    depths = range(1, 4 if quick else 101)
    scales = np.linspace(0.1, 3, 100)[:, None]

    def grid(rule: Any) -> None:
        for depth in depths:
            expected_alignment([64] * (depth + 1), rule=rule, variances=np.tile(scales / 64, depth))

    def deep(rule: Any, scale: float) -> float:
        depth = 100 if quick else 10_000
        return float(expected_alignment([64] * (depth + 1), rule=rule, variances=[scale / 64] * depth).limit)

    rows = []
    for rule in ("bp", "pc"):
        rows.append({"what": f"{rule.upper()}, 100 × 100", **_seconds(lambda rule=rule: grid(rule))})
        for scale in (1.0, 0.5, 2.0):
            name = f"{rule.upper()}, 10 000 layers, σ² = {scale:g}"
            rows.append({"what": name, **_seconds(lambda rule=rule, scale=scale: deep(rule, scale)),
                         "limit": deep(rule, scale)})  # fmt: skip
    return rows


def _seconds(work: Callable[[], Any]) -> dict[str, float]:
    """The better of two runs; the processor's time, which is judged, leaves out what others take of a busy machine."""
    found = []
    for _ in range(2):
        clock, processor = time.perf_counter(), time.process_time()
        work()
        found.append((time.perf_counter() - clock, time.process_time() - processor))
    wall, own = map(min, zip(*found, strict=True))
    return {"seconds": round(wall, 3), "processor": round(own, 3)}


def markdown(results: Rows) -> str:
    """Tables of both."""
    return f"{drawn_table(results)}\n{_times(results)}"


def drawn_table(rows: Sequence[Results]) -> str:
    """Drawn networks beside the formulas; errors in brackets."""
    header = ["network", "n", "draws", "rule", "drawn", "formula", "c/n", "errors left", "deviation", "spread", "bar"]
    return table(header, _drawn_rows(rows))


def digest(results: Rows) -> str:
    """The number of cells that keep their bar, and the times."""
    return f"{sentence(results)}\n\n{_times(results)}"


def sentence(rows: Sequence[Results]) -> str:
    """The number of comparisons that keep their bar, in a sentence."""
    found = [row for row in _drawn_rows(rows) if row[-1] != "—"]
    kept = sum(row[-1] == "pass" for row in found)
    return f"Of {len(found)} comparisons with drawn networks, {kept} are within three standard errors of `c/n`."


def _drawn_rows(rows: Sequence[Results]) -> Iterator[list[Any]]:
    for row in rows:
        for rule in ("bp", "pc") if "cell" in row else ():
            own = row[rule]
            start = [row["cell"], row["n"], row["draws"], rule.upper(), f"{own['mean']:.4f}({own['error']:.4f})"]
            if own["expected"] is None:
                yield [*start, *["—"] * 6]
                continue
            left = [each for each in (own.get("left"), own.get("deviation_left")) if each is not None]
            bar = verdict(all(abs(each) <= 3 for each in left)) if left else "—"
            spread = "—" if own["spread"] is None else f"{own['spread']:.3f}"
            term = "—" if own["term"] is None else f"{own['term']:+.4f}"
            shown = ", ".join(f"{each:+.1f}" for each in left) or "—"
            yield [*start, f"{own['expected']:.4f}", term, shown, f"{own['deviation']:.3f}", spread, bar]


def _times(results: Rows) -> str:
    rows = []
    for row in [each for each in results if "what" in each]:
        bar = BARS.get(row["what"])
        judgement = ("", "") if bar is None else (bar, verdict(row["processor"] < bar))
        limit = f"{row['limit']:.4f}" if "limit" in row else ""
        rows.append([row["what"], row["seconds"], row["processor"], *judgement, limit])
    return table(["", "s", "s of the processor", "bar (s)", "", "limit"], rows)
