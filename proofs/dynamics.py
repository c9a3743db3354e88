"""Training in continuous time: the balance of two layers, and the curvature of energy and loss at the origin."""

from collections.abc import Iterator
from typing import Any

import sympy

from dlntheory.equilibria.covariance import scale
from dlntheory.inference.energy import precision
from dlntheory.networks.layer import Layer
from dlntheory.networks.passes import backward_sweep, feedforward
from dlntheory.numerics.algebra import inner

from . import framework
from .calculus import derivative, replaced
from .counterexamples import Fact, Refutation, chain, column, learning
from .equilibrium import settled_state
from .framework import Case, Proof, Step, appended
from .learning import symbol, updates

SIZE = sympy.Symbol("t")
"""A factor of all weights: derivatives at zero are those at the origin."""


def imbalance_rate(before: Layer, after: Layer, first: Any, second: Any) -> Any:
    """Half the derivative of ``T_lT_lᵀ − T_{l+1}ᵀT_{l+1}``; the other half is its transpose."""
    return first @ before.matrix().T - after.matrix().T @ second


def pc_balance(case: Case) -> Iterator[Step]:
    """Two neighbouring layers learn the same but for the error between them."""
    result, moved = settled_state(case), updates(case, "pc")
    for index, (before, after) in enumerate(zip(case.layers, case.layers[1:], strict=False)):
        l = index + 1
        yield Step(
            f"ΔW_{l} T_{l}ᵀ − T_{l + 1}ᵀ ΔW_{l + 1} = −(1/B) e_{l} ε*_{l}ᵀ.",
            imbalance_rate(before, after, moved[index], moved[index + 1]),
            -1 * (result.weighted_errors[index] @ result.errors[index].T) / case.samples,
        )


def bp_balance(case: Case) -> Iterator[Step]:
    """Two neighbouring layers learn the same."""
    moved = updates(case, "bp")
    for index, (before, after) in enumerate(zip(case.layers, case.layers[1:], strict=False)):
        l = index + 1
        yield Step(
            f"ΔW_{l} T_{l}ᵀ = T_{l + 1}ᵀ ΔW_{l + 1}.", moved[index] @ before.matrix().T, after.matrix().T @ moved[l]
        )


def balance_step() -> Iterator[Step]:
    """Two neighbouring layers of any network, whatever stands before and after."""
    case = framework.case("dense", 2)
    before, after = case.layers
    error, signal = symbol("E", before.out_size, case.samples), symbol("e", after.out_size, case.samples)
    errors = backward_sweep(case.layers, signal)
    yield Step(
        "With e_l = T_{l+1}ᵀ e_{l+1} and x_l = T_l x_{l−1} + ε_l, two local updates differ by e_l ε_lᵀ; for backpropagation ε_l = 0.",
        imbalance_rate(
            before,
            after,
            before.weight_update(errors[0], case.x),
            after.weight_update(errors[1], before.apply(case.x) + error),
        ),
        -1 * (errors[0] @ error.T),
    )


def _curvature(scalar: Any) -> Any:
    """The second derivative in the size of the weights, at zero."""
    return replaced(derivative(derivative(scalar, SIZE), SIZE), SIZE, 0)


def _sized(case: Case, scalar: Any) -> Any:
    for layer in case.layers:
        (weight,) = layer.weight.atoms(sympy.MatrixSymbol)
        scalar = replaced(scalar, weight, SIZE * weight)
    return scalar


def _product_term(case: Case, signal: Any) -> Any:
    """The term of the prediction: at second order it exists for two layers only."""
    if case.net.depth != 2:
        return 0 * inner(case.y, case.y)
    return -2 * inner(signal, feedforward(case.layers, case.x)[-1])


def energy_at_the_origin(case: Case) -> Iterator[Step]:
    """The energy, to second order in the size of all weights."""
    signal = scale(precision(case.covariances[-1]), case.y)
    found = _curvature(_sized(case, settled_state(case).energy))
    if case.net.depth == 1:
        moved = case.layers[0].apply(case.x)
        yield Step("One layer: ⟨WX, Σ⁻¹WX⟩.", found, inner(moved, scale(precision(case.covariances[-1]), moved)))
        return
    pulled = case.layers[-1].transpose(signal)
    yield Step(
        "−⟨W_LᵀΣ_L⁻¹Y, Σ_{L−1} W_LᵀΣ_L⁻¹Y⟩, and for two layers −2⟨Σ_2⁻¹Y, W_2W_1X⟩.",
        found,
        -1 * inner(pulled, scale(case.covariances[-2], pulled)) + _product_term(case, signal),
    )


def energy_step() -> Iterator[Step]:
    """A layer more, W, on a network whose map T and covariance S depend on the size of its weights."""
    case = appended()
    (map_,), (weight,) = (layer.weight.atoms(sympy.MatrixSymbol) for layer in case.layers)
    inside = case.covariances[0]
    rest = symbol("C", *inside.shape)
    energy = replaced(settled_state(case).energy, weight, SIZE * weight)
    energy = replaced(energy, inside, (inside + SIZE**2 * (rest @ rest.T)).inside)
    signal = scale(precision(case.covariances[-1]), case.y)
    pulled = case.layers[-1].transpose(signal)
    for power, text in ((1, "one layer"), (2, "two layers"), (3, "three layers")):
        yield Step(
            f"A map of {text} is of order t^{power}, and S = Σ + terms in t²: of S, only Σ counts.",
            _curvature(replaced(energy, map_, SIZE**power * map_)),
            -1 * inner(pulled, inside @ pulled) + (_product_term(case, signal) if power == 1 else 0),
        )


def loss_at_the_origin(case: Case) -> Iterator[Step]:
    """The squared error, to second order in the size of all weights."""
    residual = case.y - feedforward(case.layers, case.x)[-1]
    found = _curvature(_sized(case, inner(residual, residual) / 2))
    if case.net.depth == 1:
        moved = case.layers[0].apply(case.x)
        yield Step("One layer: ⟨WX, WX⟩.", found, inner(moved, moved))
        return
    yield Step("For two layers −2⟨Y, W_2W_1X⟩; for more, zero.", found, _product_term(case, case.y))


def loss_step() -> Iterator[Step]:
    """A layer more on a network of two, or more."""
    case = appended()
    (map_,), (weight,) = (layer.weight.atoms(sympy.MatrixSymbol) for layer in case.layers)
    residual = case.y - feedforward(case.layers, case.x)[-1]
    loss = replaced(inner(residual, residual) / 2, weight, SIZE * weight)
    for power in (2, 3):
        yield Step(
            f"A map of order t^{power}, and one factor t more, leave nothing at second order.",
            _curvature(replaced(loss, map_, SIZE**power * map_)),
            0 * inner(case.y, case.y),
        )


def balance_lost() -> Iterator[Fact]:
    """A chain of two weights, from balance."""
    net, x, y = chain(1, 1), column(1), column(3)
    for rule, by_hand in (("bp", (2, 2)), ("pc", (1, 2))):
        found = learning(net, x, y, rule)
        moved = [e @ a.T for e, a in zip(found.errors, found.activities, strict=True)]
        yield Fact(f"the updates of {rule.upper()}", sympy.Matrix(moved), column(*by_hand))
        rate = imbalance_rate(*net.layers, *moved)
        yield Fact(f"half the rate of w_1² − w_2² with {rule.upper()}", rate, column(by_hand[0] - by_hand[1]))


LOCAL = "Each statement is about two neighbouring layers: their updates, the error that comes down to them, and the activity between them."
ORDERS = (
    "Scale all weights by t. The old map is of order t^L, and S is Σ up to terms in t² that W, itself of order t, brings to fourth order. "
    "So the second derivative at t = 0 has the term of W and S, and that of the map only if L + 1 = 2."
)

PROOFS = (
    Proof(
        "pc-balance",
        "ΔW_l T_lᵀ − T_{l+1}ᵀ ΔW_{l+1} = −(1/B) e_l ε*_lᵀ: T_{l+1}ᵀT_{l+1} − T_lT_lᵀ grows by twice the mean of ε*_lε*_lᵀ, weighted by precision.",
        "docs/theory.md, statement 5.8",
        pc_balance,
        balance_step,
        LOCAL,
        kinds=("dense", "residual", "scalar covariances", "matrix covariances"),
    ),
    Proof(
        "bp-balance",
        "ΔW_l T_lᵀ = T_{l+1}ᵀ ΔW_{l+1}: backpropagation conserves T_lT_lᵀ − T_{l+1}ᵀT_{l+1}.",
        "docs/theory.md, statement 5.8; Saxe et al. 2014",
        bp_balance,
        balance_step,
        LOCAL,
        kinds=("dense", "residual"),
    ),
    Proof(
        "energy-at-the-origin",
        "To second order B E* falls by ½⟨W_LᵀΣ_L⁻¹Y, Σ_{L−1} W_LᵀΣ_L⁻¹Y⟩, at every depth L ≥ 2: unless Y = 0, the origin is a strict saddle.",
        "docs/theory.md, statement 5.10; Innocenti et al. 2024",
        energy_at_the_origin,
        energy_step,
        ORDERS,
        kinds=("dense", "scalar covariances", "matrix covariances"),
    ),
    Proof(
        "loss-at-the-origin",
        "To second order the loss at the origin is constant for L > 2, and −⟨Y, W_2W_1X⟩ for L = 2.",
        "docs/theory.md, statement 5.10; Innocenti et al. 2024",
        loss_at_the_origin,
        loss_step,
        ORDERS,
        kinds=("dense",),
    ),
)

REFUTATIONS = (
    Refutation(
        "pc-conserves-no-balance",
        "Predictive coding conserves w_1² − w_2².",
        "docs/theory.md, statement 5.8; Saxe et al. 2014",
        balance_lost,
    ),
)
