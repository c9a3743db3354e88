"""The evidence: the log-determinant that it adds to the energy, and the samples whose local updates ascend it."""

from collections.abc import Iterator
from typing import Any

import sympy

from dlntheory.equilibria.covariance import forward_covariance
from dlntheory.equilibria.routes import solve_by_covariance
from dlntheory.learning.rules import log_determinant_updates
from dlntheory.networks.layer import Layer
from dlntheory.networks.passes import backward_sweep, downstream_maps
from dlntheory.numerics.algebra import identity, inner, solve

from .calculus import derivative
from .framework import Case, Proof, Step, appended
from .learning import symbol
from .normal_form import Symmetric
from .shared import Shared


def _inverse(S: Any) -> Any:
    return solve(S, identity(S.shape[0], S))


def _updates(case: Case) -> list[Any]:
    """The library's updates of ½ log det S, from the equilibrium of zero inputs and unit outputs."""
    maps = downstream_maps(case.layers)
    offsets = [0 * maps[0], *[None] * (len(maps) - 2), -maps[-1]]
    _, activities = solve_by_covariance(case.layers, case.covariances, offsets[-len(maps) :])
    return log_determinant_updates(case.layers, activities[:-1])


def _change(layer: Layer) -> tuple[Any, Any]:
    """A change of a layer's weight, and the same change of its extended weight."""
    direction = symbol("H", layer.out_size, layer.in_size)
    if not layer.learn_bias:
        return direction, direction
    return direction, Shared(sympy.BlockMatrix([[direction, symbol("h", layer.out_size, 1)]]))


def _weight(layer: Layer) -> Any:
    (weight,) = layer.weight.atoms(sympy.MatrixSymbol)
    return weight


def determinant_gradient(case: Case) -> Iterator[Step]:
    """Jacobi's formula ``d log det S = tr(S⁻¹ dS)``, against the library's updates."""
    S = forward_covariance(case.layers, case.covariances)
    first, _ = _change(case.layers[0])
    yield Step("S does not depend on W_1.", derivative(S, _weight(case.layers[0]), first), 0 * S)
    updates = _updates(case)
    for index, (layer, update) in enumerate(zip(case.layers[1:], updates, strict=True), 2):
        direction, extended = _change(layer)
        yield Step(
            f"Along any change H of W_{index}, and h of its bias, ½ tr(S⁻¹ dS) = ⟨D_lᵀ S⁻¹ D_l W_l S_{{l-1}}, H⟩.",
            inner(_inverse(S), derivative(S, _weight(layer), direction)) / 2,
            inner(update, extended),
        )


def determinant_step() -> Iterator[Step]:
    """Layers inside the old network see ``Wᵀ S'⁻¹ W`` in place of ``S⁻¹``."""
    case = appended()
    S, direction = forward_covariance(case.layers, case.covariances), Symmetric("H", *case.covariances[0].shape)
    weight = case.layers[1].weight
    yield Step(
        "On S the new log-determinant depends as the old one does, with Wᵀ S'⁻¹ W in place of S⁻¹.",
        inner(_inverse(S), derivative(S, case.covariances[0], direction)) / 2,
        inner(weight.T @ _inverse(S) @ weight, direction) / 2,
    )
    yield Step(
        "The errors of the layers inside do too: D_lᵀ S⁻¹ D_l becomes (W D_l)ᵀ S'⁻¹ (W D_l).",
        backward_sweep(case.layers, _inverse(S))[0] @ weight,
        weight.T @ _inverse(S) @ weight,
    )
    yield from list(determinant_gradient(case))[1:]


def fisher(case: Case) -> Iterator[Step]:
    """The posterior covariance of an error and the activity below it, by Gaussian conditioning on the output."""
    S, maps = forward_covariance(case.layers, case.covariances), downstream_maps(case.layers)
    updates = _updates(case)
    for index, update in enumerate(updates, 2):
        below = forward_covariance(case.layers[: index - 1], case.covariances[: index - 1])
        yield Step(
            f"Before y is known ε_{index} and x_{index - 1} are independent; given y, Σ_l⁻¹ Cov(ε_l, x_{{l-1}}) = "
            "−Σ_l⁻¹ Cov(ε_l, y) S⁻¹ Cov(y, x_{l-1}) = −D_lᵀ S⁻¹ D_{l-1} S_{l-1}, which is minus the update of ½ log det S.",
            maps[index - 1] @ _inverse(S) @ maps[index - 2].T @ below,
            update,
        )
    yield Step("The last noise enters the output as it is: Cov(ε_L, y) = Σ_L.", maps[-1], identity(S.shape[0], S))


def fisher_step() -> Iterator[Step]:
    """The appended layer, and the errors of those inside."""
    yield from fisher(appended())
    yield from list(determinant_step())[1:2]


INSIDE = (
    "The log-determinant of L + 1 layers depends on the weights of the first L through their covariance S only, as that of the L "
    "layers does with Wᵀ S'⁻¹ W in place of S⁻¹; so do the errors D_lᵀ S⁻¹ of the updates, and the activities are the same."
)
PROOFS = (
    Proof(
        "evidence-gradient",
        '½ ∂ log det S/∂W_l = D_lᵀ S⁻¹ D_l W_l S_{l-1}, and 0 for l = 1: with pc-gradient, rule "evidence" is ∂ log p/∂W_l.',
        "docs/theory.md, statement 7.4",
        determinant_gradient,
        determinant_step,
        INSIDE,
    ),
    Proof(
        "fisher-identity",
        "The posterior mean of Σ_l⁻¹ ε_l x_{l-1}ᵀ is ∂ log p/∂W_l: the posterior covariance is what predictive coding leaves out.",
        "docs/theory.md, statement 7.5; Oliviers et al. 2024",
        fisher,
        fisher_step,
        INSIDE,
        kinds=("dense", "residual", "scalar covariances", "matrix covariances", "fixed biases"),
    ),
)
