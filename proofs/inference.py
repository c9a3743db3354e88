"""Inference step by step: the block-tridiagonal Hessian, the closed form at every time, and the spike."""

from collections.abc import Iterator
from typing import Any

import sympy

from dlntheory.inference.energy import descend, energy_gradient, precision, prediction_errors
from dlntheory.networks.passes import backward_sweep, feedforward
from dlntheory.numerics.algebra import inner

from . import framework
from .calculus import derivative
from .equilibrium import defined_energy, settled_state
from .framework import Case, Proof, Step
from .learning import symbol

GAMMA = sympy.Symbol("gamma", positive=True)
MORE_DEPTHS = "A hidden layer moves by its own error and the one above it, so what holds in a window of four layers, with layers that move on both sides, holds in any network."


def _precisions(case: Case) -> tuple[Any, ...]:
    return tuple(precision(each) for each in case.covariances)


def _hidden(case: Case, name: str) -> list[Any]:
    return [symbol(f"{name}_{i}", layer.out_size, case.samples) for i, layer in enumerate(case.layers[:-1], 1)]


def gradient(case: Case) -> Iterator[Step]:
    """The local force is minus the derivative of the energy."""
    plain, moved = feedforward(case.layers, case.x), _hidden(case, "u")
    activities = [case.x, *(mean + each for mean, each in zip(plain[1:-1], moved, strict=True)), case.y]
    whole = defined_energy(case.layers, case.covariances, activities)
    residual = case.y - plain[-1]
    yield from _slopes(case, whole, moved, residual)
    if not moved:
        errors = prediction_errors(case.layers, [], residual)
        yield Step("Nothing is hidden: the one error is r.", errors[0], residual)


def _slopes(case: Case, whole: Any, moved: list[Any], residual: Any) -> Iterator[Step]:
    slopes = energy_gradient(case.layers, _precisions(case), moved, residual)
    for index, (variable, slope) in enumerate(zip(moved, slopes, strict=True), 1):
        direction = symbol("h", *variable.shape)
        text = f"∂E/∂x_{index} = Σ⁻¹ε_{index} − T_{index + 1}ᵀ Σ⁻¹ε_{index + 1}."
        yield Step(text, derivative(whole, variable.inside, direction), inner(slope, direction))


def tridiagonal(case: Case) -> Iterator[Step]:
    """``H`` block by block, as the derivative of the gradient."""
    moved, residual = _hidden(case, "u"), symbol("r", case.net.widths[-1], case.samples)
    slopes = energy_gradient(case.layers, _precisions(case), moved, residual)
    for row, slope in enumerate(slopes):
        for column, variable in enumerate(moved):
            direction = symbol("h", *variable.shape)
            text = f"H_{row + 1},{column + 1} is {_described(row, column)}."
            yield Step(
                text, derivative(slope, variable.inside, direction), _block(case, row, column, direction) + 0 * slope
            )
    if not moved:
        yield Step("Without hidden layers there is no H.", symbol("r", 1, 1), symbol("r", 1, 1))


def _described(row: int, column: int) -> str:
    if row == column:
        return "Σ⁻¹ + T_{l+1}ᵀ Σ⁻¹ T_{l+1}"
    return "−Σ⁻¹ T or its transpose" if abs(row - column) == 1 else "zero"


def _block(case: Case, row: int, column: int, direction: Any) -> Any:
    """``H_{row, column}`` applied to a direction, as docs/theory.md, statement 5.3 has it."""
    noise, layers = _precisions(case), case.layers
    weigh = lambda index, it: it if noise[index] is None else noise[index] * it  # noqa: E731
    if row == column:
        above = layers[row + 1].matrix()
        return weigh(row, direction) + above.T @ weigh(row + 1, above @ direction)
    if row == column + 1:
        return -1 * weigh(row, layers[row].matrix() @ direction)
    if column == row + 1:
        return -1 * (layers[column].matrix().T @ weigh(column, direction))
    return 0 * symbol("h", layers[row].out_size, direction.shape[1])


def closed_form(case: Case) -> Iterator[Step]:
    """One step contracts the distance from the equilibrium by ``I − γH``."""
    result, plain = settled_state(case), feedforward(case.layers, case.x)
    away, zeros = _hidden(case, "h"), 0 * case.y
    settled = [own - mean for own, mean in zip(result.activities[1:-1], plain[1:-1], strict=True)]
    residual, noise = case.y - plain[-1], _precisions(case)
    start = [own + way for own, way in zip(settled, away, strict=True)]
    there = descend(case.layers, noise, start, residual, GAMMA)
    linear = descend(case.layers, noise, away, zeros, GAMMA)
    for index, (after, own, way) in enumerate(zip(there, settled, linear, strict=True), 1):
        yield Step(
            f"Layer {index}: z_(t+1) − z* = (I − γH)(z_t − z*), whatever z_t is; so z_t = z* + (I − γH)ᵗ (z_0 − z*).",
            after - own,
            way,
        )
    if not away:
        yield Step("Nothing is hidden, nothing moves.", result.activities[-1], case.y)


def spike(case: Case) -> Iterator[Step]:
    """Inference from a forward start, time from 0, the covariance ``γ`` at layer ``L − t`` and 1 elsewhere."""
    depth = case.net.depth
    residual = case.y - feedforward(case.layers, case.x)[-1]
    hidden = [0 * each for each in _hidden(case, "u")]
    pulled = backward_sweep(case.layers, residual)
    for time in range(depth):
        layer = depth - time
        errors = prediction_errors(case.layers, hidden, residual)
        yield Step(f"At time {time} the error of layer {layer} is D_{layer}ᵀ r.", errors[layer - 1], pulled[layer - 1])
        noise = tuple(1 / GAMMA if index == layer else None for index in range(1, depth + 1))
        hidden = descend(case.layers, noise, hidden, residual, GAMMA)


def spike_step() -> Iterator[Step]:
    """From layer ``l + 1`` to layer ``l``: below, nothing has moved; the error above is the signal."""
    case = framework.case("dense", 3)
    signal = symbol("e", case.net.widths[-1], case.samples)
    hidden = [0 * each for each in _hidden(case, "u")]
    errors = prediction_errors(case.layers, hidden, signal)
    yield Step("The layers below have no error yet, and layer l + 1 has the error e = D_{l+1}ᵀ r.", errors[-1], signal)
    after = descend(case.layers, (None, None, 1 / GAMMA), hidden, signal, GAMMA)
    yield Step(
        "One step with the covariance γ at layer l + 1 moves layer l by W_{l+1}ᵀ e: γ and 1/γ cancel.",
        after[-1],
        case.layers[-1].transpose(signal),
    )
    yield Step(
        "Nothing below moves, so that is layer l's error, D_lᵀ r.",
        prediction_errors(case.layers, after, signal)[1],
        case.layers[-1].transpose(signal),
    )


def window_step() -> Iterator[Step]:
    """Gradient, Hessian and contraction in a window of four layers, whose covariances are matrices."""
    case = framework.case("matrix covariances", 4)
    yield from gradient(case)
    yield from tridiagonal(case)
    yield from closed_form(case)


def attenuation(case: Case) -> Iterator[Step]:
    """Without a spike, the signal that first reaches a layer has lost a factor ``γ`` for each layer."""
    depth = case.net.depth
    residual = case.y - feedforward(case.layers, case.x)[-1]
    hidden, noise = [0 * each for each in _hidden(case, "u")], (None,) * depth
    pulled = backward_sweep(case.layers, residual)
    for time in range(depth):
        layer = depth - time
        errors = prediction_errors(case.layers, hidden, residual)
        yield Step(
            f"At time {time} the error of layer {layer} is γ^{time} D_{layer}ᵀ r.",
            errors[layer - 1],
            GAMMA**time * pulled[layer - 1],
        )
        hidden = descend(case.layers, noise, hidden, residual, GAMMA)


def attenuation_step() -> Iterator[Step]:
    """The same window without the spike."""
    case = framework.case("dense", 3)
    signal = symbol("e", case.net.widths[-1], case.samples)
    hidden = [0 * each for each in _hidden(case, "u")]
    after = descend(case.layers, (None,) * 3, hidden, signal, GAMMA)
    yield Step("One step moves layer l by γ W_{l+1}ᵀ e.", after[-1], GAMMA * case.layers[-1].transpose(signal))
    yield Step("Nothing below moves.", after[0], hidden[0])


PROOFS = (
    Proof(
        "inference-gradient",
        "∂E/∂x_l = Σ_l⁻¹ε_l − T_{l+1}ᵀ Σ_{l+1}⁻¹ε_{l+1}, a local rule.",
        "docs/theory.md, statement 5.3; Deeper PCNs, equation 2 (erratum 9)",
        gradient,
        window_step,
        MORE_DEPTHS,
    ),
    Proof(
        "hessian",
        "H is block-tridiagonal: H_ll = Σ_l⁻¹ + T_{l+1}ᵀ Σ_{l+1}⁻¹ T_{l+1}, H_{l+1,l} = −Σ_{l+1}⁻¹ T_{l+1}.",
        "docs/theory.md, statement 5.3",
        tridiagonal,
        window_step,
        MORE_DEPTHS,
    ),
    Proof(
        "inference-in-closed-form",
        "Gradient descent gives z_t = z* + (I − γH)ᵗ (z_0 − z*).",
        "docs/theory.md, statement 5.3",
        closed_form,
        window_step,
        f"{MORE_DEPTHS} In time the induction is the power: each step multiplies by I − γH once more.",
    ),
    Proof(
        "spike",
        "With time from 0 and the covariance γ at layer L − t, the error of layer l at time L − l is D_lᵀ r, backpropagation's.",
        "docs/theory.md, statement 5.5, and erratum 12; Deeper PCNs, equation 4",
        spike,
        spike_step,
        "At time 0 the output's error is r = D_Lᵀ r, and nothing has moved. The step carries the signal from layer l + 1 to layer l and leaves the layers below at rest.",
        kinds=("dense", "residual", "fixed biases"),
    ),
    Proof(
        "attenuation",
        "With unit precision, the error of layer l at time L − l is γ^(L−l) D_lᵀ r: its energy has lost a factor γ² a layer.",
        "docs/theory.md, statement 5.4",
        attenuation,
        attenuation_step,
        "As for the spike, with a factor γ more for every layer.",
        kinds=("dense", "residual", "fixed biases"),
    ),
)
