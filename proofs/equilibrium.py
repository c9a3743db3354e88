"""The equilibrium of inference: clamp, stationarity, minimality, energy; and its nudged and soft forms."""

from collections.abc import Iterator, Sequence
from typing import Any

import sympy

from dlntheory import SoftOutput, symbolic
from dlntheory.equilibria.covariance import forward_covariance, scale
from dlntheory.equilibria.routes import scale_all
from dlntheory.learning.rules import backpropagation_signals, equilibrium_signals, local_updates
from dlntheory.networks.layer import Layer
from dlntheory.networks.passes import backward_sweep, feedforward, forward_sweep
from dlntheory.numerics.algebra import bias_columns, inner

from .calculus import derivative, replaced
from .framework import Case, Proof, Step, appended

BETA = sympy.Symbol("beta", positive=True)


def settled_state(case: Case, nudge: Any = None, covariances: Any = None) -> Any:
    """The library's equilibrium."""
    return symbolic.equilibrium(case.net, case.x, case.y, covariances or case.covariances, nudge)


def defined_energy(layers: Sequence[Layer], covariances: Sequence[Any], activities: Sequence[Any]) -> Any:
    """The definition: ``½ Σ_l ε_lᵀ Σ_l⁻¹ ε_l`` with ``ε_l = x_l − T_l x_{l-1} − b_l``."""
    total = sympy.Integer(0)
    for layer, covariance, before, after in zip(layers, covariances, activities, activities[1:], strict=False):
        error = after - layer.affine(before)
        total += inner(error, scale(_inverse(covariance), error)) / 2
    return total


def _inverse(covariance: Any) -> Any:
    if covariance is None:
        return None
    return covariance.inverse() if getattr(covariance, "shape", ()) else 1 / covariance


def clamped(case: Case) -> Iterator[Step]:
    """Clamp, and errors that are the errors."""
    result = settled_state(case)
    rows = zip(case.layers, result.activities, result.activities[1:], result.errors, strict=False)
    for index, (layer, before, after, error) in enumerate(rows, 1):
        what = "the target y" if index == case.net.depth else f"x*_{index}"
        yield Step(f"T_{index} x*_{index - 1} + b_{index} + ε*_{index} is {what}.", layer.affine(before) + error, after)


def no_force(case: Case) -> Iterator[Step]:
    """No force on any hidden activity, whether by errors or by the derivative of the energy."""
    result = settled_state(case)
    for index in range(1, case.net.depth):
        pulled = case.layers[index].transpose(result.weighted_errors[index])
        yield Step(
            f"Layer {index}: Σ⁻¹ε*_{index} = T_{index + 1}ᵀ Σ⁻¹ε*_{index + 1}, so ∂E/∂x_{index} = 0.",
            result.weighted_errors[index - 1],
            pulled,
        )
    weighted = scale_all(case.covariances, result.weighted_errors)
    for index, (noise, error) in enumerate(zip(weighted, result.errors, strict=True), 1):
        yield Step(f"ε*_{index} = Σ_{index} D_{index}ᵀ λ.", error, noise)


def minimal(case: Case) -> Iterator[Step]:
    """Away from the equilibrium the energy grows by the energy of the way itself."""
    result = settled_state(case)
    away = [
        sympy.MatrixSymbol(f"h_{index}", layer.out_size, case.samples) for index, layer in enumerate(case.layers, 1)
    ][:-1]
    zeros = [0 * result.activities[0], 0 * result.activities[-1]]
    moved = [
        result.activities[0],
        *(z + h for z, h in zip(result.activities[1:-1], away, strict=True)),
        result.activities[-1],
    ]
    bare = symbolic.LinearNetwork([type(layer)(layer.weight) for layer in case.layers])
    yield Step(
        "E(x* + h) = E(x*) + ½ Σ_l (h_l − T_l h_{l-1})ᵀ Σ_l⁻¹ (h_l − T_l h_{l-1}), with h_0 = h_L = 0; "
        "that is zero only if h_1 = 0, then h_2 = 0, and so on.",
        defined_energy(case.layers, case.covariances, moved),
        result.energy + defined_energy(bare.layers, case.covariances, [zeros[0], *away, zeros[1]]),
    )


def energy_identity(case: Case) -> Iterator[Step]:
    """Energy of the errors, of the definition, and of the residual."""
    result = settled_state(case)
    S = forward_covariance(case.layers, case.covariances)
    yield Step(
        "½ Σ_l ε*_lᵀ Σ_l⁻¹ ε*_l is the definition at x*.",
        result.energy,
        defined_energy(case.layers, case.covariances, result.activities),
    )
    yield Step("It equals ½ rᵀ S⁻¹ r.", result.energy, inner(result.residual, S.inverse() @ result.residual) / 2)


def one_more_layer() -> Iterator[Step]:
    """The appended network settles, and what is left of it is the old network at its own equilibrium."""
    case = appended()
    (inside, layer), (S, _) = case.layers, case.covariances
    result = settled_state(case)
    middle = result.activities[1]
    yield Step(
        "The clamp: W z + ε' = y, where z is the old network's output.", layer.affine(middle) + result.errors[1], case.y
    )
    yield Step(
        "The old output's precision-weighted error is Wᵀ λ'.",
        result.weighted_errors[0],
        layer.transpose(result.multiplier),
    )
    yield Step(
        "It is also S⁻¹ (z − ŷ), the multiplier of the old network clamped to z.",
        result.weighted_errors[0],
        S.inverse() @ (middle - inside.affine(case.x)),
    )
    grown = forward_covariance(case.layers, case.covariances)
    yield Step(
        "The old network's energy at target z, and the new layer's, add to ½ r'ᵀ S'⁻¹ r'.",
        result.energy,
        inner(result.residual, grown.inverse() @ result.residual) / 2,
    )
    way = sympy.MatrixSymbol("h", *middle.shape)
    yield Step(
        "If z moves by h, the least energy grows by ½ hᵀ (S⁻¹ + Wᵀ Σ⁻¹ W) h, which is positive.",
        defined_energy(case.layers, case.covariances, [case.x, middle + way, case.y]),
        result.energy + defined_energy(case.layers, case.covariances, [0 * case.x, way, 0 * case.y]),
    )


SAME_STEP = (
    "One layer has no hidden activity: x*_0 = x, x*_1 = y, ε*_1 = r, and S = Σ_1. Suppose the statement holds for L layers and any "
    "target. For given activity z of layer L, the first L layers are a network clamped to z, which settles as supposed, with energy "
    "½ (z − ŷ)ᵀ S⁻¹ (z − ŷ): seen from z, one layer with covariance S. So L + 1 layers are two, and the step settles those."
)


def nudged(case: Case) -> Iterator[Step]:
    """``r → β r``."""
    plain, result = settled_state(case), settled_state(case, BETA)
    yield Step("λ is β times that of the clamp.", result.multiplier, BETA * plain.multiplier)
    yield Step("The energy is β² times that of the clamp.", result.energy, BETA**2 * plain.energy)
    for index, (a, b, c) in enumerate(
        zip(result.activities, plain.activities, feedforward(case.layers, case.x), strict=True)
    ):
        yield Step(f"x*_{index} moves from x̂_{index} by β times as much.", a - c, BETA * (b - c))


def nudged_step() -> Iterator[Step]:
    """The appended network, nudged."""
    yield from nudged(appended())


def soft(case: Case) -> Iterator[Step]:
    """The multiplier of a soft output, and what it becomes at both ends."""
    result, plain = settled_state(case, SoftOutput(BETA)), settled_state(case)
    S, r = forward_covariance(case.layers, case.covariances), plain.residual
    yield Step("(S + I/β) λ = r.", S @ result.multiplier + result.multiplier / BETA, r)
    yield Step("The output stays λ/β short of its target.", case.y - result.activities[-1], result.multiplier / BETA)
    inverse = sympy.Symbol("s")
    yield Step(
        "β → ∞: at 1/β = 0 the multiplier is predictive coding's.",
        replaced(replaced(result.multiplier, BETA, 1 / inverse), inverse, 0),
        plain.multiplier,
    )
    scaled = result.multiplier / BETA
    yield Step("β → 0: (I + β S) (λ/β) = r, and I + β S → I, so λ/β → r.", scaled + BETA * (S @ scaled), r)
    yield from _updates_to_first_order(case, r)


def _updates_to_first_order(case: Case, r: Any) -> Iterator[Step]:
    """With ``λ = β r``, the updates of predictive coding are ``β`` times backpropagation's, up to terms in ``β²``."""
    errors = backward_sweep(case.layers, BETA * r)
    offsets = [case.layers[0].affine(case.x)]
    offsets += [None if layer.bias is None else bias_columns(layer.bias, case.x) for layer in case.layers[1:]]
    hidden = forward_sweep(case.layers, offsets, scale_all(case.covariances, errors))
    signals = equilibrium_signals(case.layers, case.x, case.y, errors, [case.x, *hidden[:-1]])
    plain = local_updates(case.layers, backpropagation_signals(case.layers, case.x, case.y))
    for index, (update, expected) in enumerate(zip(local_updates(case.layers, signals), plain, strict=True), 1):
        first_order = replaced(derivative(update, BETA), BETA, 0)
        yield Step(f"ΔW_{index}/β at β = 0 is backpropagation's.", first_order, expected)


def soft_step() -> Iterator[Step]:
    """The appended network with a soft output."""
    case = appended()
    result = settled_state(case, SoftOutput(BETA))
    S = forward_covariance(case.layers, case.covariances)
    yield Step("(S' + I/β) λ = r'.", S @ result.multiplier + result.multiplier / BETA, settled_state(case).residual)


def weighted_output(case: Case) -> Iterator[Step]:
    """Erratum 11: an output precision of ``β``."""
    precise = (*case.covariances[:-1], 1 / BETA)
    result, S = settled_state(case, covariances=precise), forward_covariance(case.layers, case.covariances)
    left = S @ result.multiplier + (1 / BETA - 1) * result.multiplier
    yield Step("An output precision of β gives (S − I + I/β) λ = r, not λ = β S⁻¹ r.", left, result.residual)
    yield Step(
        "At β = 1 the two agree.",
        replaced(result.multiplier, BETA, 1),
        settled_state(case, sympy.Integer(1)).multiplier,
    )


def weighted_output_step() -> Iterator[Step]:
    """The appended network with an output precision."""
    case = appended()
    yield from weighted_output(case._replace(covariances=(case.covariances[0], None)))


PROOFS = (
    Proof(
        "equilibrium-clamp",
        "x*_l = T_l x*_{l-1} + b_l + ε*_l with x*_L = y.",
        "docs/theory.md, statement 2.2; Sample Efficiency, equations 33-36",
        clamped,
        one_more_layer,
        SAME_STEP,
    ),
    Proof(
        "equilibrium-stationary",
        "At x* no hidden activity feels a force: Σ_l⁻¹ε*_l = T_{l+1}ᵀ Σ_{l+1}⁻¹ε*_{l+1} = D_lᵀ λ.",
        "docs/theory.md, statement 2.2; Sample Efficiency, appendix E",
        no_force,
        one_more_layer,
        SAME_STEP,
    ),
    Proof(
        "equilibrium-minimum",
        "x* is the only minimum of the energy.",
        "docs/theory.md, statement 2.2",
        minimal,
        one_more_layer,
        SAME_STEP,
    ),
    Proof(
        "energy-identity",
        "E* = ½ Σ_l ε*_lᵀ Σ_l⁻¹ ε*_l = ½ rᵀ S⁻¹ r.",
        "docs/theory.md, statement 2.3; Sample Efficiency, equation 4",
        energy_identity,
        one_more_layer,
        SAME_STEP,
    ),
    Proof(
        "nudged-clamp",
        "Clamping the output to ŷ + β r gives λ = β S⁻¹ r and β² times the energy.",
        "docs/theory.md, statement 4.3",
        nudged,
        nudged_step,
        "Seen from layer L, a network is one layer with covariance S, as for the equilibrium; the step nudges the appended one.",
    ),
    Proof(
        "soft-output",
        "An energy ½β‖y − x_L‖² gives λ = (S + I/β)⁻¹ r: predictive coding as β → ∞, backpropagation (divided by β) as β → 0.",
        "docs/theory.md, statement 4.2",
        soft,
        soft_step,
        "Seen from layer L, a network is one layer with covariance S; the soft output only adds I/β to the last covariance. The limits "
        "rest on that and on the updates, which are local.",
    ),
    Proof(
        "nudging-is-not-precision",
        "An output precision of β gives λ = (S − I + I/β)⁻¹ r, which is not β S⁻¹ r unless β = 1.",
        "docs/theory.md, statement 4.4, and erratum 11; Deeper PCNs",
        weighted_output,
        weighted_output_step,
        "The output's covariance enters S as its last term only, at any depth.",
        kinds=("dense", "residual", "fixed biases"),
    ),
)
