"""Claims that are computed on the spot: theorems, initialisations, conditioning, and derivations.

Small random networks stand for all: a claim that one of them refutes is false; one that holds on each draw is proved in
`proofs/`.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

import numpy as np

import dlntheory as dln
from dlntheory.files.builtin import normal_data
from dlntheory.networks.initialisation import with_condition_number
from dlntheory.theorems.counterexamples import COUNTEREXAMPLES

from .data import INITIALISATIONS, Results
from .verdicts import Case, Claim, below, collector

CLAIMS: list[Claim] = []
claim = collector(CLAIMS)

WIDTH = 20
NARROW = 12
SMALL, LARGE = 8, 64
"""Batches below and above every width."""
EXACT = 1e-8
"""The largest deviation from a claim that rounding may cause."""
CLOSE = 0.02
DRAWS = 40
PAPER_INITIALISATIONS = ("kaiming_uniform", "norm_preserving")
INFERENCE_STEPS, INFERENCE_STEP = 10_000, 0.05


@cache
def network(hidden: int = 1, init: str = "kaiming_uniform", seed: int = 0, width: int = WIDTH) -> dln.LinearNetwork:
    """A random network between 20 inputs and 20 outputs."""
    return dln.LinearNetwork.random([WIDTH, *[width] * hidden, WIDTH], init, seed)


@cache
def residual_network(hidden: int, init: str) -> dln.LinearNetwork:
    """The same weights, with a skip around each."""
    return dln.LinearNetwork([dln.Residual(weight) for weight in network(hidden, init).weights])


def architectures(deep: int = 8) -> Iterator[tuple[dict[str, Any], int, str]]:
    """Both initialisations, shallow and deep."""
    for init in PAPER_INITIALISATIONS:
        for hidden in (1, deep):
            yield {"initialisation": INITIALISATIONS[init], "hidden layers": hidden}, hidden, init


def data(net: dln.LinearNetwork, samples: int, linear: bool) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """A batch, and the factors that describe it."""
    where = {"targets": "linear" if linear else "independent", "batch": samples}
    return where, *normal_data(net, samples, seed=1, linear=linear)


def worst(alignment: Any) -> float:
    """The distance of the worst sample's alignment from one."""
    return float(1 - np.min(np.asarray(alignment)))


@claim("C.1.1", f"|mean ‖Wx‖² / ‖x‖² − 1| < {CLOSE}")
def norm_preserving_keeps_the_norm(_: Results) -> Iterable[Case]:
    """Norm-preserving initialisation keeps the expected squared norm of an activity, whatever the widths."""
    for shape in ((64, 64), (16, 64), (64, 16)):
        ratios = [np.sum(matrix**2) / shape[1] for matrix in draws("norm_preserving", shape)]
        yield below({"units": f"{shape[1]} to {shape[0]}"}, abs(np.mean(ratios) - 1), CLOSE)


@claim("C.1.1", f"|mean variance of a unit of Wx − 1| < {CLOSE}")
def norm_preserving_keeps_the_variance(_: Results) -> Iterable[Case]:
    """Norm-preserving initialisation keeps the variance of each unit."""
    for shape in ((64, 64), (16, 64), (64, 16)):
        ratios = [np.sum(matrix**2) / shape[0] for matrix in draws("norm_preserving", shape)]
        kind = {0: "square", 1: "widening", -1: "narrowing"}[int(np.sign(shape[0] - shape[1]))]
        yield below({"layer": kind}, abs(np.mean(ratios) - 1), CLOSE)


@claim("C.1.2", "|3 × mean ratio of norms after and before a layer − 1| < 0.05")
def kaiming_norms_decay_by_three(_: Results) -> Iterable[Case]:
    """With Kaiming weights the norm of activities decays by a factor of 3 in each layer of a square network."""
    shape = (64, 64)
    x = np.random.default_rng(0).standard_normal((shape[1], 64))
    weights = draws("kaiming_uniform", shape)
    ratios = [np.linalg.norm(matrix @ x, axis=0) / np.linalg.norm(x, axis=0) for matrix in weights]
    for name, power in (("squared norm", 2), ("norm", 1)):
        yield below({"measured": name}, abs(3 * np.mean(np.power(ratios, power)) - 1), 0.05)


def draws(init: str, shape: tuple[int, int]) -> list[np.ndarray]:
    """Weights of that initialisation, ``(n_out, n_in)``."""
    return [dln.LinearNetwork.random(shape[::-1], init, seed).weights[0] for seed in range(DRAWS)]


@claim("D.2, equations 30–32", "relative change < 1e-3 of the wanted condition number; < 1e-8 of the others")
def conditioning_changes_nothing_else(_: Results) -> Iterable[Case]:
    """Conditioning sets the condition number, and keeps the Frobenius norm and the singular directions."""
    weight = network().weights[0]
    left, _values, right = np.linalg.svd(np.asarray(weight))
    for wanted in (1.0, 10.0, 1e6):
        new = np.asarray(with_condition_number(weight, wanted))
        rotated = left.T @ new @ right.T
        kept = np.linalg.norm(new) / np.linalg.norm(weight)
        turned = np.linalg.norm(rotated - np.diag(np.diagonal(rotated))) / np.linalg.norm(new)
        where = {"condition number": wanted}
        yield below({**where, "property": "condition number"}, abs(np.linalg.cond(new) / wanted - 1), 1e-3)
        yield below({**where, "property": "Frobenius norm"}, abs(kept - 1), EXACT)
        yield below({**where, "property": "singular directions"}, turned, EXACT)


@claim("A.3", f"rank of W_data, {WIDTH} × {WIDTH} as appendix A.1 draws it, < {WIDTH}")
def the_teacher_is_low_rank(_: Results) -> Iterable[Case]:
    """The map W_data is a low-rank transformation."""
    for seed in range(3):
        teacher = np.random.default_rng(seed).standard_normal((WIDTH, WIDTH)) / np.sqrt(WIDTH)
        yield below({"seed": seed}, int(np.linalg.matrix_rank(teacher)), WIDTH - 0.5)


@claim("E, equations 3, 7 and 34", f"relative distance from the derivative of equation 3 by complex steps < {EXACT}")
def pc_descends_the_equilibrated_energy(_: Results) -> Iterable[Case]:
    """PC's local update at equilibrium is minus the derivative of the energy of equation 3."""
    net = network()
    _where, x, y = data(net, SMALL, linear=False)

    def energy(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        residual = y.T - second @ first @ x.T
        precision = np.linalg.inv(np.eye(WIDTH) + second @ second.swapaxes(-1, -2))
        return np.sum(residual * (precision @ residual), axis=(-1, -2)) / (2 * len(x))

    first, second = net.weights
    gradients = [
        by_complex_steps(lambda w: energy(w, second), first),
        by_complex_steps(lambda w: energy(first, w), second),
    ]
    for layer, (update, gradient) in enumerate(zip(dln.weight_updates(net, x, y), gradients, strict=True), start=1):
        yield below({"layer": layer}, relative(update, -gradient), EXACT)


def by_complex_steps(function: Callable[[np.ndarray], np.ndarray], weight: np.ndarray) -> np.ndarray:
    """The derivative of an analytic function of matrices, exact to rounding: ``Im f(w + ih)/h`` with a tiny ``h``."""
    step = 1e-30
    steps = 1j * step * np.eye(weight.size).reshape(weight.size, *weight.shape)
    return np.imag(function(weight + steps)).reshape(weight.shape) / step


def relative(found: Any, wanted: Any) -> float:
    """The relative distance."""
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


@claim("B.2", f"share of the slowest mode after {INFERENCE_STEPS} steps of {INFERENCE_STEP} < {EXACT}")
def ten_thousand_steps_reach_equilibrium(_: Results) -> Iterable[Case]:
    """10 000 inference steps of 0.05 ensure that the activities reach their steady state (here: in linear networks)."""
    for where, hidden, init in architectures():
        rate = float(dln.inference_spectrum(network(hidden, init)).rate(INFERENCE_STEP))
        yield below(where, rate**INFERENCE_STEPS, EXACT)


@claim("Theorem 1 and appendix F", f"relative distance of the prediction's change from the residual < {EXACT}")
def theorem_1(_: Results) -> Iterable[Case]:
    """With the rates 1/(x*ᵀx̂) PC's prediction for a single sample changes by exactly its residual."""
    for where, hidden, init in architectures(deep=3):
        nets = {"plain": network(hidden, init)}
        if hidden == 1:
            nets["residual"] = residual_network(hidden, init)
        for kind, net in nets.items():
            _where, x, y = data(net, 1, linear=False)
            yield below({**where, "network": kind}, dln.verify(net, x, y, theorem=1).error, EXACT)


@claim("Theorem 1", "1 if x*ᵀx̂ vanishes in some layer, so that there is no rate, else 0; wanted 0")
def theorem_1_needs_nothing_of_the_activities(_: Results) -> Iterable[Case]:
    """Theorem 1 holds irrespective of neural activities."""
    chain = dln.LinearNetwork.from_weights([[[1.0]], [[1.0]]])
    for name, target in (("x*ᵀx̂ ≠ 0", 2.0), ("x*ᵀx̂ = 0", -1.0)):
        verdict = dln.verify(chain, [1.0], [target], theorem=1)
        yield below({"activities": name}, float(not verdict.applicable), 0.5)


@claim("C.2", f"largest number of layers with a negative rate in {DRAWS} draws < 0.5")
def adaptive_rates_are_learning_rates(_: Results) -> Iterable[Case]:
    """The rates 1/(x*ᵀx̂) can be interpreted as effective learning rates, so they are positive."""
    for where, hidden, init in architectures():
        negative = 0
        for seed in range(DRAWS):
            net = network(hidden, init, seed)
            x, y = normal_data(net, 1, seed, linear=False)
            negative = max(negative, int(np.sum(np.asarray(dln.adaptive_learning_rates(net, x, y)) < 0)))
        yield below(where, negative, 0.5)


@claim("Theorem 2, equations 27 and 50", f"1 − alignment of the worst sample < {EXACT}")
def theorem_2_as_printed(_: Results) -> Iterable[Case]:
    """With A = (mean x* x̂ᵀ)⁻¹ and a batch below every width, PC is perfectly aligned."""
    example, net = COUNTEREXAMPLES["printed-2"], network()
    _where, x, y = data(net, SMALL, linear=True)
    problems = {"by hand (counterexample)": example.problem(), "random": (net, x, y)}
    for name, problem in problems.items():
        yield below({"network": name}, worst(dln.verify(*problem, theorem="printed-2").alignment), EXACT)


@claim("Theorem 2", f"relative distance of the predictions' change from the residuals, factor corrected, < {EXACT}")
def batches_below_the_width_suffice(_: Results) -> Iterable[Case]:
    """If the batch is smaller than every width, rescaled PC's predictions change by exactly their residuals."""
    net = network()
    for linear in (True, False):
        where, x, y = data(net, SMALL, linear)
        yield below({**where, "inputs": "distinct"}, dln.verify(net, x, y, theorem=2).error, EXACT)
        if not linear:  # or the targets would be the same twice, too
            twice = np.concatenate([x[:1], x[:1], x[2:]])
            yield below({**where, "inputs": "one twice"}, dln.verify(net, twice, y, theorem=2).error, EXACT)


@claim("Theorem 2 and A.2", f"1 − alignment of the worst sample, factor corrected, in batches of {LARGE}, > 0.01")
def batches_must_be_below_the_width(_: Results) -> Iterable[Case]:
    """Rescaled PC is no longer perfectly aligned if the batch exceeds the smallest width."""
    for name, net in (("no bottleneck", network()), ("a bottleneck", network(width=NARROW))):
        for linear in (True, False):
            where, x, y = data(net, LARGE, linear)
            yield Case({**where, "network": name}, worst(dln.verify(net, x, y, theorem=2).alignment), 0.01)


@claim("3.3 and C.3", f"1 − alignment of the worst sample, factor corrected, < {EXACT}")
def pseudoinverses_are_stable(_: Results) -> Iterable[Case]:
    """Moore–Penrose pseudoinverses, whose cut-off is not given, keep rescaled PC perfectly aligned."""
    net = dln.LinearNetwork.random([3 * WIDTH] * 3, "norm_preserving", 0)
    for samples in (WIDTH, 3 * WIDTH - 2):
        _where, x, y = data(net, samples, linear=True)
        for cut in (1e-12, 1e-6, 1e-3, 1e-2):
            alignment = dln.target_alignment(net, x, y, "pc", "decorrelated", rcond=cut)
            where = {"batch": f"batch {samples} of width {3 * WIDTH}", "cut-off": cut}
            yield below(where, worst(alignment), EXACT)


@claim("I", f"1 − alignment of the worst sample, factor corrected, < {EXACT}")
def decorrelation_is_exact_in_resnets(_: Results) -> Iterable[Case]:
    """Batch decorrelation achieves perfect alignment for several samples in ResNets."""
    net = residual_network(1, "kaiming_uniform")
    for samples in (SMALL, LARGE):
        for linear in (True, False):
            where, x, y = data(net, samples, linear)
            yield below(where, worst(dln.verify(net, x, y, theorem=2).alignment), EXACT)


@claim("I", "1 if the printed rates 1/(x*ᵀx*) change the prediction by the residual, else 0; wanted 1")
def printed_rates_are_exact_in_resnets(_: Results) -> Iterable[Case]:
    """The rates 1/(x*ᵀx*) guarantee perfect alignment in ResNets."""
    net = residual_network(1, "kaiming_uniform")
    _where, x, y = data(net, 1, linear=False)
    problems = {"by hand (counterexample)": COUNTEREXAMPLES["printed-residual"].problem(), "random": (net, x, y)}
    for name, problem in problems.items():
        yield Case({"network": name}, float(dln.verify(*problem, theorem="printed-residual").holds), 0.5)


@claim("I", "smallest difference of singular values of same rank, of ∏(I + W) minus those of ∏W, > 0")
def skips_keep_singular_values_larger(_: Results) -> Iterable[Case]:
    """The singular values of ∏(I + W) remain larger than those of ∏W."""
    for where, plain, skips in products():
        values = [np.linalg.svd(product, compute_uv=False) for product in (plain, skips)]
        yield Case(where, float(np.min(values[1] - values[0])))


@claim("I", "log10 of the condition number of ∏W over that of ∏(I + W) > 0, the median of the draws")
def skips_improve_conditioning(_: Results) -> Iterable[Case]:
    """Skips improve the conditioning of accumulated weights."""
    found: dict[tuple[Any, ...], list[float]] = {}
    for where, plain, skips in products():
        place = tuple((name, value) for name, value in where.items() if name != "seed")
        found.setdefault(place, []).append(float(np.log10(np.linalg.cond(plain) / np.linalg.cond(skips))))
    for place, ratios in found.items():
        yield Case(dict(place), float(np.median(ratios)))


def products() -> Iterator[tuple[dict[str, Any], np.ndarray, np.ndarray]]:
    """The whole maps of networks without and with skips."""
    for where, hidden, init in architectures():
        for seed in range(5):
            weights = [np.asarray(weight) for weight in network(hidden, init, seed).weights]
            plain = np.linalg.multi_dot(weights[::-1])
            skips = np.linalg.multi_dot([np.eye(WIDTH) + weight for weight in weights[::-1]])
            yield {**where, "seed": seed}, plain, skips


@claim("2.3", f"1 − alignment of the worst sample < {EXACT}")
def natural_gradient_is_perfectly_aligned(_: Results) -> Iterable[Case]:
    """Natural gradients guarantee maximally aligned updates."""
    for name, net in (("no bottleneck", network()), ("a bottleneck", network(width=NARROW))):
        for samples in (SMALL, LARGE):
            for linear in (True, False):
                where, x, y = data(net, samples, linear)
                yield below({**where, "network": name}, worst(dln.target_alignment(net, x, y, "natural")), EXACT)


@claim("3.2, 3.3 and J.2", f"1 − cosine between rescaled PC's and the natural gradient's < {EXACT}")
def rescaled_pc_is_a_natural_gradient(_: Results) -> Iterable[Case]:
    """In larger batches rescaled PC reduces to the natural gradient."""
    net = network()
    _where, x, y = data(net, LARGE, linear=True)
    updates, changes = [], []
    for rule in (("pc", "decorrelated"), ("natural", None)):
        updates.append(np.concatenate([each.ravel() for each in dln.weight_updates(net, x, y, *rule)]))
        changes.append(dln.prediction_change(net, x, y, *rule).ravel())
    for name, (first, second) in (("weight updates", updates), ("prediction changes", changes)):
        cosine = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
        yield below({"compared": name}, float(1 - cosine), EXACT)
