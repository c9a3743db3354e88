r"""Slow and obvious twins of the closed forms, which use nothing of the library but the numbers in its layers.

Rows are samples. A network is a list of `Linear`, ``z_l = T_l z_{l-1} + b_l`` in float64; the energy is written out
once (`energy`), and everything about the equilibrium follows from it by a dense solve, by QR, by
differentiation (complex steps, or JAX), or by letting it descend.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import dlntheory as dln

SMALL = 1e-100  # a complex step, whose square is nothing beside any number


class Parameters(NamedTuple):
    """The weights and the biases (zero where there are none)."""

    weights: list[Any]
    biases: list[Any]


class Problem(NamedTuple):
    """A network, data ``(B, n)``, precisions ``Σ_l⁻¹``, and the softness ``β`` of the output (``None``: clamped)."""

    parameters: Parameters
    skips: list[float]
    x: Any
    y: Any
    precisions: list[Any]
    beta: Any


class Solution(NamedTuple):
    activities: list[np.ndarray]
    errors: list[np.ndarray]
    weighted_errors: list[np.ndarray]
    energy: np.ndarray


def problem_of(case: Any, nudged: bool = True) -> Problem:
    """The case's numbers in float64, with the nudged clamp written as another target."""
    layers = case.net.layers
    weights = [np.asarray(layer.weight, float) for layer in layers]
    biases = [np.zeros(len(layer.weight)) if layer.bias is None else np.asarray(layer.bias, float) for layer in layers]
    parameters, skips = Parameters(weights, biases), [float(isinstance(each, dln.Residual)) for each in layers]
    covariances = case.covariance_list or [1.0] * case.depth
    precisions = [
        np.linalg.inv(np.asarray(each, float) * (1 if np.ndim(each) else np.eye(len(weight))))
        for each, weight in zip(covariances, weights, strict=True)
    ]
    x, y, nudge = np.atleast_2d(case.x).astype(float), np.atleast_2d(case.y).astype(float), case.options["nudge"]
    nudge = nudge if nudged else None
    if isinstance(nudge, dln.SoftOutput):
        return Problem(parameters, skips, x, y, precisions, float(np.asarray(nudge.beta, case.dtype)))
    if nudge is not None:
        predicted = predict(parameters, skips, x)
        y = predicted + float(np.asarray(nudge, case.dtype)) * (y - predicted)
    return Problem(parameters, skips, x, y, precisions, None)


def transform(weight: Any, bias: Any, skip: float, rows: Any) -> Any:
    return rows @ (weight + skip * np.eye(*weight.shape)).T + bias[None, :]


def forward(parameters: Parameters, skips: Sequence[float], x: Any) -> list[Any]:
    activities = [x]
    for weight, bias, skip in zip(*parameters, skips, strict=True):
        activities.append(transform(weight, bias, skip, activities[-1]))
    return activities


def predict(parameters: Parameters, skips: Sequence[float], x: Any) -> Any:
    return forward(parameters, skips, x)[-1]


def energy(parameters: Parameters, problem: Problem, free: Sequence[Any]) -> Any:
    """Of every sample, at hidden activities ``free`` (with the output last where it is soft)."""
    activities = [problem.x, *free] if problem.beta is not None else [problem.x, *free, problem.y]
    total = 0.0
    steps = zip(*parameters, problem.skips, problem.precisions, activities, activities[1:], strict=False)
    for weight, bias, skip, precision, before, after in steps:
        error = after - transform(weight, bias, skip, before)
        total = total + ((error @ precision) * error).sum(axis=-1) / 2
    if problem.beta is not None:
        total = total + problem.beta * ((problem.y - activities[-1]) ** 2).sum(axis=-1) / 2
    return total


def split(problem: Problem, flat: Any) -> list[Any]:
    """Columns of ``flat`` as the free activities of every layer."""
    sizes = [len(weight) for weight in problem.parameters.weights]
    ends = np.cumsum([0, *(sizes if problem.beta is not None else sizes[:-1])])
    return [flat[:, start:end] for start, end in itertools.pairwise(ends)]


def quadratic(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """The energy's Hessian in the free activities, and its gradients ``(B, n)`` where they are zero.

    Exact from values, as the energy is quadratic: ``H_ij = E(u_i + u_j) − E(u_i) − E(u_j)`` without data and biases,
    and ``g_i = (E(u_i) − E(−u_i)) / 2``.
    """
    sizes = [len(weight) for weight in problem.parameters.weights]
    units = np.eye(sum(sizes if problem.beta is not None else sizes[:-1]))

    def value(free: np.ndarray, sample: int | None) -> np.ndarray:
        def copies(rows: np.ndarray) -> np.ndarray:
            return np.zeros((len(free), rows.shape[1])) if sample is None else np.tile(rows[sample], (len(free), 1))

        weights, biases = problem.parameters
        biases = biases if sample is not None else [0 * bias for bias in biases]
        one = problem._replace(x=copies(problem.x), y=copies(problem.y))
        return energy(Parameters(weights, biases), one, split(problem, free))

    alone = value(units, None)
    size = len(units)
    pairs = value(np.repeat(units, size, axis=0) + np.tile(units, (size, 1)), None).reshape(size, size)
    gradients = [(value(units, sample) - value(-units, sample)) / 2 for sample in range(len(problem.x))]
    return pairs - alone[:, None] - alone[None], np.array(gradients)


def solution(problem: Problem, free: Sequence[Any]) -> Solution:
    """Errors and energies by their definitions, from the free activities."""
    activities = [problem.x, *map(np.asarray, free)]
    activities += [] if problem.beta is not None else [problem.y]
    steps = zip(*problem.parameters, problem.skips, activities, activities[1:], strict=False)
    errors = [after - transform(weight, bias, skip, before) for weight, bias, skip, before, after in steps]
    weighted = [error @ precision for error, precision in zip(errors, problem.precisions, strict=True)]
    return Solution(activities, errors, weighted, np.asarray(energy(problem.parameters, problem, free)))


def dense_equilibrium(problem: Problem) -> tuple[Solution, float]:
    """Where the energy's gradient is zero, by a dense solve with its Hessian; and the Hessian's condition number."""
    hessian, gradients = quadratic(problem)
    condition = float(np.linalg.cond(hessian)) if hessian.size else 1.0
    return solution(problem, split(problem, -np.linalg.solve(hessian, gradients.T).T)), condition


def slopes(problem: Problem, free: list[Any]) -> list[Any]:
    """The energy's gradient in the free activities, by complex steps: a unit at a time, in all samples at once."""
    moved, found = [np.array(each, complex) for each in free], [np.zeros(np.shape(each)) for each in free]
    for rows, slope in zip(moved, found, strict=True):
        for unit in range(rows.shape[1]):
            rows.imag[:, unit] = SMALL
            slope[:, unit] = np.imag(energy(problem.parameters, problem, moved)) / SMALL
            rows.imag[:, unit] = 0
    return found


def simulated_equilibrium(problem: Problem) -> Solution:
    """Gradient descent on the energy, step by step from the forward pass until it converges."""
    free = forward(problem.parameters, problem.skips, problem.x)[1:]
    free = free if problem.beta is not None else free[:-1]
    values = np.linalg.eigvalsh(quadratic(problem)[0]) if free else np.ones(1)
    step, steps = 2 / (values[0] + values[-1]), int(20 * values[-1] / values[0]) + 1

    gradient = jax.grad(lambda free: jnp.sum(energy(problem.parameters, problem, free)))

    def descend(_: Any, free: Any) -> Any:
        return [value - step * slope for value, slope in zip(free, gradient(free), strict=True)]

    with jax.disable_jit(False):
        return solution(problem, jax.lax.fori_loop(0, steps, descend, list(map(jnp.asarray, free))))


def downstream(problem: Problem) -> list[np.ndarray]:
    """``D_1 … D_L``, each as the product of all the maps above."""
    maps = [
        weight + skip * np.eye(len(weight), weight.shape[1])
        for weight, skip in zip(problem.parameters.weights, problem.skips, strict=True)
    ]
    size = len(maps[-1])
    return [np.linalg.multi_dot([np.eye(size), np.eye(size), *maps[:l:-1]]) for l in range(len(maps))]


def output_covariance(problem: Problem) -> np.ndarray:
    """``Σ_l D_l Σ_l D_lᵀ``, and ``I/β`` for a soft output."""
    pairs = zip(downstream(problem), problem.precisions, strict=True)
    total = sum(D @ np.linalg.inv(precision) @ D.T for D, precision in pairs)
    return total if problem.beta is None else total + np.eye(len(total)) / problem.beta


def equilibrium_energy(parameters: Parameters, problem: Problem) -> Any:
    """The batch mean of ``½ rᵀ S⁻¹ r`` as a function of the weights, to differentiate."""
    gap = problem.y - predict(parameters, problem.skips, problem.x)
    size = gap.shape[1]
    D, S = np.eye(size), np.zeros((size, size)) if problem.beta is None else np.eye(size) / problem.beta
    for weight, skip, precision in reversed(
        list(zip(parameters.weights, problem.skips, problem.precisions, strict=True))
    ):
        S = S + D @ np.linalg.inv(precision) @ D.T
        D = D @ (weight + skip * np.eye(*weight.shape))
    return np.sum(gap * np.linalg.solve(S, gap.T).T) / 2 / len(gap)


def loss(parameters: Parameters, problem: Problem) -> Any:
    """The batch mean of half the squared residual, which backpropagation descends."""
    return ((problem.y - predict(parameters, problem.skips, problem.x)) ** 2).sum() / 2 / len(problem.y)


def derivatives(function: Callable[[Parameters], Any], parameters: Parameters) -> Parameters:
    """Of a function's value, or of its vector of values, in every number of the parameters, whose axes come last.

    By complex steps: the imaginary part of ``f(θ + i h)`` over ``h``. Nothing is subtracted, so ``h`` may be so small
    that no other term is left. The function must be analytic, without conjugates and absolute values.
    """
    moved = Parameters(*([np.array(each, complex) for each in kind] for kind in parameters))

    def derivative(array: np.ndarray) -> np.ndarray:
        slopes = []
        for index in np.ndindex(array.shape):
            array.imag[index] = SMALL
            slopes.append(np.imag(function(moved)) / SMALL)
            array.imag[index] = 0
        slopes = np.moveaxis(np.array(slopes), 0, -1)
        return slopes.reshape(*slopes.shape[:-1], *array.shape)

    return Parameters(*([derivative(each) for each in kind] for kind in moved))


def least_norm_errors(problem: Problem) -> list[np.ndarray]:
    """The errors of least energy that carry the prediction to the target, by QR of ``[D_1 Σ_1^½ … D_L Σ_L^½]ᵀ``."""
    roots = [np.linalg.cholesky(np.linalg.inv(precision)) for precision in problem.precisions]
    blocks = [D @ root for D, root in zip(downstream(problem), roots, strict=True)]
    soft = [] if problem.beta is None else [np.eye(len(blocks[-1])) / np.sqrt(problem.beta)]
    basis, upper = np.linalg.qr(np.hstack(blocks + soft).T)
    residual = problem.y - predict(problem.parameters, problem.skips, problem.x)
    noise = basis @ np.linalg.solve(upper.T, residual.T)
    ends = np.cumsum([0, *(root.shape[0] for root in roots)])
    parts = [noise[start:end] for start, end in itertools.pairwise(ends)]
    return [(root @ part).T for root, part in zip(roots, parts, strict=True)]


def jacobian(problem: Problem, learned: Sequence[bool]) -> list[np.ndarray]:
    """Of all predictions, ``B n_L`` rows, with respect to each layer's weight, followed by its bias if learned."""

    def flat(parameters: Parameters) -> Any:
        return predict(parameters, problem.skips, problem.x).ravel()

    by_weight, by_bias = derivatives(flat, problem.parameters)
    return [
        np.hstack([weight.reshape(len(weight), -1)] + [bias] * learns)
        for weight, bias, learns in zip(by_weight, by_bias, learned, strict=True)
    ]


def flatten(weights: Sequence[Any], biases: Sequence[Any]) -> list[np.ndarray]:
    """Each layer's update in the order of `jacobian`'s columns."""
    pairs = zip(weights, biases, strict=True)
    return [np.hstack([np.ravel(each).astype(float) for each in pair if each is not None]) for pair in pairs]


def stepped(problem: Problem, weights: Sequence[Any], biases: Sequence[Any], learning_rate: float) -> Problem:
    """The problem after the updates have been applied."""
    pairs = zip(problem.parameters.weights, weights, strict=True)
    moved = [old + learning_rate * np.asarray(new, float) for old, new in pairs]
    pairs = zip(problem.parameters.biases, biases, strict=True)
    shifted = [old if new is None else old + learning_rate * np.asarray(new, float) for old, new in pairs]
    return problem._replace(parameters=Parameters(moved, shifted))


def rank(matrix: np.ndarray) -> int:
    """Well above rounding, well below every singular value that the grid's networks make."""
    return int(np.linalg.matrix_rank(matrix, tol=1e-10 * np.linalg.norm(matrix)))


def pinv(matrix: np.ndarray, of_rank: int | None = None) -> np.ndarray:
    """The pseudoinverse with as many singular values as the rank."""
    left, values, right = np.linalg.svd(matrix)
    kept = rank(matrix) if of_rank is None else of_rank
    return right[:kept].T @ np.diag(1 / values[:kept]) @ left[:, :kept].T
