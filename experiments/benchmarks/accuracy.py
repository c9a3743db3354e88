"""Accuracy of every route in float64 and float32, against the reference in ball arithmetic."""

from collections.abc import Iterator, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

import dlntheory as dln
from dlntheory.equilibria.equilibrium import SOLVERS
from dlntheory.equilibria.hessian import hessian_blocks
from dlntheory.numerics.kinds import cast

from .networks import Case, cases
from .reference import Reference, reference
from .report import number, table

QUANTITIES = ("activities", "errors", "energy", "updates")
EVERYWHERE = ("auto", "square_root")
"""Routes that must reach the bars on networks whose gain grows too; the others may say that they do not."""
SINGLE_BAR = 1e-2
GROWING_BARS = {"activities": 1e-10, "energy": 1e-9, "updates": 1e-9}

Rows = list[dict[str, Any]]


def run(quick: bool = False) -> Rows:
    """One row for each network, dtype and solver."""
    return [row for case in cases(quick) for dtype in ("float64", "float32") for row in measure(case, dtype)]


def measure(case: Case, dtype: str) -> Iterator[dict[str, Any]]:
    """The rows of one network, whose weights and data are first rounded to the dtype."""
    x, y = case.data()
    net, covariances, x, y = cast((case.net, case.covariances, x, y), jnp.dtype(dtype))
    truth = reference(net, x, y, covariances)
    bars = bars_of(case, dtype)
    for solver in SOLVERS:
        row = {"family": case.family, "network": case.name, "grows": case.grows, "dtype": dtype}
        row |= {"solver": solver, "bits": truth.bits, "bars": bars}
        row |= compare(net, x, y, covariances, solver, truth)
        yield row | {"verdict": verdict(row)}


def bars_of(case: Case, dtype: str) -> dict[str, float]:
    """The largest errors allowed."""
    if dtype == "float32":
        return dict.fromkeys(GROWING_BARS if case.grows else QUANTITIES, SINGLE_BAR)
    if case.grows:
        return GROWING_BARS
    return dict.fromkeys(QUANTITIES, 1e-13 * max(1.0, hessian_condition(case)) ** 0.5)


def hessian_condition(case: Case) -> float:
    """The condition number of the energy's Hessian in the hidden activities; one where there are none."""
    if case.net.depth == 1:
        return 1.0
    covariances = (None,) * case.net.depth if case.covariances is None else case.covariances
    diagonal, below = hessian_blocks(case.net.layers, covariances)
    starts = np.cumsum([0, *(len(block) for block in diagonal)])
    hessian = np.zeros((starts[-1], starts[-1]))
    for start, block in zip(starts, diagonal, strict=False):
        hessian[start : start + len(block), start : start + len(block)] = block
    for start, after, block in zip(starts, starts[1:], below, strict=False):
        hessian[after : after + len(block), start:after] = block  # `eigvalsh` reads the lower triangle
    values = np.linalg.eigvalsh(hessian)
    return float(values[-1] / values[0])


def compare(net: dln.LinearNetwork, x: Any, y: Any, covariances: Any, solver: str, truth: Reference) -> dict[str, Any]:
    """The route, the true relative errors and the library's estimate; or that it refuses."""
    try:
        result = dln.equilibrium(net, x, y, covariances, solver=solver)
        updates = dln.weight_updates(net, x, y, covariances=covariances, solver=solver)
    except dln.PrecisionError:
        return {"route": None, "refused": True}
    activities = by_sample(result.activities, truth.activities)
    errors = {
        "activities": activities.max(),
        "errors": by_sample(result.errors, truth.errors).max(),
        "energy": by_sample([result.energy[:, None]], [truth.energy[:, None]]).max(),
        "updates": over_all(updates, truth.updates),
    }
    epsilon = float(jnp.finfo(net.dtype).eps)
    estimate = np.maximum(np.asarray(result.accuracy, np.float64), epsilon)
    return {
        "route": result.solver,
        "refused": False,
        "error": {name: float(value) for name, value in errors.items()},
        "estimate": float(np.max(result.accuracy)),
        "estimate_over_error": float(np.min(estimate / np.maximum(activities, epsilon))),
    }


def by_sample(found: Sequence[Any], truth: Sequence[np.ndarray]) -> np.ndarray:
    """The relative error of each sample, in the norm over all layers."""
    exact = np.concatenate(truth, axis=1)
    wrong = np.concatenate([np.asarray(each, np.float64) for each in found], axis=1) - exact
    return np.linalg.norm(wrong, axis=1) / np.linalg.norm(exact, axis=1)


def over_all(found: Sequence[Any], truth: Sequence[np.ndarray]) -> float:
    """The relative error in the norm over all layers."""
    flat, exact = (np.concatenate([np.ravel(np.asarray(e, np.float64)) for e in many]) for many in (found, truth))
    return float(np.linalg.norm(flat - exact) / np.linalg.norm(exact))


def verdict(row: dict[str, Any]) -> str:
    """``pass``; ``refused``; ``declared``, an error above the bar that the estimate tells of; or ``FAIL``."""
    demanding = row["dtype"] == "float64" and (row["solver"] in EVERYWHERE or not row["grows"])
    if row["refused"]:
        return "FAIL" if demanding else "refused"
    if all(row["error"][name] <= bar for name, bar in row["bars"].items()):
        return "pass"
    declared = row["estimate"] > min(row["bars"].values()) and row["estimate_over_error"] >= 0.1
    return "declared" if declared and not demanding and row["dtype"] == "float64" else "FAIL"


NOTE = """\
Relative errors of the worst sample (updates: of the batch), in the norm over all layers. In float64 every route
must reach the bars on ordinary networks, `auto` and `square_root` also where the gain grows; there the others may
refuse, or declare through `accuracy` what they cannot reach. The estimate is compared with the true error of the
same sample's activities, both taken to be at least epsilon.
"""


def markdown(rows: Rows) -> str:
    """A summary by family, dtype and solver, then every row."""
    header = ["network", "dtype", "solver", "route", "bar", *QUANTITIES, "estimate", "verdict"]
    listing = table(header, map(_line, rows))
    return f"{NOTE}\n{summary(rows, 'family')}\n### Every network\n\n{listing}"


def digest(rows: Rows) -> str:
    """The worst of the ordinary and of the growing networks."""
    kinds = {False: "ordinary", True: "gain grows with depth"}
    return summary([row | {"kind": kinds[row["grows"]]} for row in rows], "kind")


def summary(rows: Rows, key: str) -> str:
    """The worst of each group of networks."""
    groups: dict[tuple[str, str, str], Rows] = {}
    for row in rows:
        groups.setdefault((row[key], row["dtype"], row["solver"]), []).append(row)
    header = ["networks", "dtype", "solver", *QUANTITIES, "least estimate / error", "verdicts"]
    return table(header, [[*group, *_worst(members), _verdicts(members)] for group, members in groups.items()])


def _worst(rows: Rows) -> list[str]:
    answered = [row for row in rows if not row["refused"]]
    if not answered:
        return ["—"] * (len(QUANTITIES) + 1)
    worst = [max(row["error"][name] for row in answered) for name in QUANTITIES]
    return [number(each) for each in (*worst, min(row["estimate_over_error"] for row in answered))]


def _verdicts(rows: Rows) -> str:
    found = [row["verdict"] for row in rows]
    return ", ".join(f"{found.count(name)} {name}" for name in dict.fromkeys(found))


def _line(row: dict[str, Any]) -> list[str]:
    bar = number(row["bars"]["activities"])
    start = [row["network"], row["dtype"], row["solver"], row["route"] or "—", bar]
    if row["refused"]:
        return [*start, *["—"] * (len(QUANTITIES) + 1), row["verdict"]]
    errors = [number(row["error"][name]) for name in QUANTITIES]
    return [*start, *errors, number(row["estimate"]), row["verdict"]]
