"""The learning rules: what they descend, and how far a step moves the prediction."""

from collections.abc import Iterator
from typing import Any

import sympy

from dlntheory import symbolic
from dlntheory.learning.rules import natural_updates
from dlntheory.networks.layer import Layer
from dlntheory.networks.passes import downstream_maps, feedforward, finite_change, first_order_change, total
from dlntheory.numerics.algebra import identity, inner, pinv

from .calculus import derivative, replaced
from .equilibrium import defined_energy, settled_state
from .framework import Case, Proof, Step, appended
from .normal_form import Assumption, Symmetric
from .shared import Shared

ETA = sympy.Symbol("eta")


def symbol(name: str, rows: Any, columns: Any) -> Shared:
    """A matrix of symbols."""
    return Shared(sympy.MatrixSymbol(name, rows, columns))


def updates(case: Case, rule: str, rescaling: str | None = None) -> tuple[Any, ...]:
    """The library's updates."""
    return symbolic.weight_updates(case.net, case.x, case.y, rule, rescaling, covariances=case.covariances)


def change(case: Case, rule: str) -> Any:
    """The library's prediction change."""
    return symbolic.prediction_change(case.net, case.x, case.y, rule, covariances=case.covariances)


def _slope(scalar: Any, layer: Layer) -> tuple[Any, Any]:
    """The derivative of a scalar along a change of a layer's extended weight, and the change."""
    (weight,) = layer.weight.atoms(sympy.MatrixSymbol)
    direction = symbol("H", layer.out_size, layer.in_size)
    slope = derivative(scalar, weight, direction)
    if not layer.learn_bias:
        return slope, direction
    bias = symbol("h", layer.out_size, 1)
    return slope + derivative(scalar, layer.bias, bias), Shared(sympy.BlockMatrix([[direction, bias]]))


def _descends(case: Case, rule: str, scalar: Any, what: str) -> Iterator[Step]:
    for index, (layer, update) in enumerate(zip(case.layers, updates(case, rule), strict=True), 1):
        slope, direction = _slope(scalar, layer)
        text = f"Along any change H of W_{index}, {what} falls by B ⟨ΔW_{index}, H⟩."
        yield Step(text, -1 * slope, case.samples * inner(update, direction))


def pc_gradient(case: Case) -> Iterator[Step]:
    """Predictive coding descends the energy of the equilibrium, which itself depends on the weights."""
    yield from _descends(case, "pc", settled_state(case).energy, "the energy at equilibrium")


def pc_gradient_step() -> Iterator[Step]:
    """The envelope: layers inside the old network see the new layer through the old output's activity only."""
    case = appended()
    result, (inside, layer) = settled_state(case), case.layers
    middle = symbol("z", *result.activities[1].shape)
    alone = defined_energy([inside], case.covariances[:1], [case.x, middle])
    map_, S = inside.weight.inside, case.covariances[0]
    for name, old, moved in (("T", map_, symbol("H", *map_.shape)), ("S", S, Symmetric("H", *S.shape))):
        yield Step(
            f"The new energy depends on {name} as the old one does at the target z, the activity at which its output settles.",
            derivative(result.energy, old, moved),
            replaced(derivative(alone, old, moved), middle.inside, result.activities[1]),
        )
    slope, direction = _slope(result.energy, layer)
    yield Step(
        "On W it depends as the local update says.", -1 * slope, case.samples * inner(updates(case, "pc")[1], direction)
    )


def bp_gradient(case: Case) -> Iterator[Step]:
    """Backpropagation descends the squared error."""
    residual = case.y - feedforward(case.layers, case.x)[-1]
    yield from _descends(case, "bp", inner(residual, residual) / 2, "½‖R‖²")


def bp_gradient_step() -> Iterator[Step]:
    """The loss depends on the old network through its output only."""
    case = appended()
    inside, layer = case.layers
    residual = case.y - feedforward(case.layers, case.x)[-1]
    loss = inner(residual, residual) / 2
    moved = symbol("H", *inside.weight.shape)
    yield Step(
        "The old network feels the error Wᵀ r' at its output.",
        -1 * derivative(loss, inside.weight.inside, moved),
        inner(layer.transpose(residual), moved @ case.x),
    )
    slope, direction = _slope(loss, layer)
    yield Step(
        "On W the loss depends as the local update says.",
        -1 * slope,
        case.samples * inner(updates(case, "bp")[1], direction),
    )


def first_order(case: Case) -> Iterator[Step]:
    """A finite step as a polynomial in the learning rate."""
    changes = [
        symbol(f"H_{index}", layer.out_size, layer.in_size + int(layer.learn_bias))
        for index, layer in enumerate(case.layers, 1)
    ]
    plain = feedforward(case.layers, case.x)
    moved = finite_change(case.layers, changes, plain, ETA)
    yield Step("With η = 0 nothing moves.", replaced(moved, ETA, 0), 0 * case.y)
    yield Step(
        "The derivative at η = 0 is the change in continuous time.",
        replaced(derivative(moved, ETA), ETA, 0),
        first_order_change(case.layers, changes, plain),
    )
    maps = zip(case.layers, downstream_maps(case.layers), changes, plain, strict=False)
    parts = [downstream.T @ (each @ layer.features(activity)) for layer, downstream, each, activity in maps]
    yield Step("It is Σ_l D_l ΔW_l φ_l(X̂_{l-1}).", first_order_change(case.layers, changes, plain), total(*parts))


def first_order_step() -> Iterator[Step]:
    """One more layer, whose input moves by ``η m + η² q``."""
    case = appended()
    layer = case.layers[1]
    moved, rest = (symbol(name, layer.in_size, case.samples) for name in "mq")
    extra, plain = symbol("H", layer.out_size, layer.in_size), feedforward(case.layers, case.x)
    one = [identity(case.samples, case.x), *plain[1:]]  # the old network's finite change, as it stands
    grown = finite_change(case.layers, [moved + ETA * rest, extra], one, ETA)
    yield Step("With η = 0 nothing moves.", replaced(grown, ETA, 0), 0 * case.y)
    yield Step(
        "If the old output moves by η m + η² q, the new one moves by η (W m + H x̂) and terms in η².",
        replaced(derivative(grown, ETA), ETA, 0),
        first_order_change(case.layers, [moved, extra], one),
    )
    yield Step(
        "So every D_l becomes W D_l, and one term is added.",
        layer.apply(moved) + layer.output_change(extra, plain[1]),
        first_order_change(case.layers, [moved, extra], one),
    )


def changes_of_rules(case: Case) -> Iterator[Step]:
    """Equations 6 and 8: the prediction changes written out."""
    result, plain = settled_state(case), feedforward(case.layers, case.x)
    own = result.activities
    for rule, what, signal, activities in (
        ("bp", "backpropagation", result.residual, plain),
        ("pc", "predictive coding", result.multiplier, own),
    ):
        parts = [
            downstream.T @ (downstream @ signal) @ (layer.features(activity).T @ layer.features(forward)) / case.samples
            for layer, downstream, activity, forward in zip(
                case.layers, downstream_maps(case.layers), activities, plain, strict=False
            )
        ]
        text = f"{what}: dŶ = (1/B) Σ_l D_l D_lᵀ {'R X̂' if rule == 'bp' else 'S⁻¹R X*'}_{{l-1}}ᵀ X̂_{{l-1}}."
        yield Step(text, change(case, rule), total(*parts))


def changes_of_rules_step() -> Iterator[Step]:
    """The old network's change passes through W, and the new layer adds its own."""
    case = appended()
    layer = case.layers[1]
    plain = feedforward(case.layers, case.x)
    moved, error, own = (
        symbol("m", layer.in_size, case.samples),
        symbol("e", layer.out_size, case.samples),
        symbol("A", layer.in_size, case.samples),
    )
    one = [identity(case.samples, case.x), *plain[1:]]
    yield Step(
        "With the local update e aᵀ/B of the new layer, dŶ' = W dŶ + e (aᵀ x̂)/B.",
        first_order_change(case.layers, [moved, layer.weight_update(error, own) / case.samples], one),
        layer.weight @ moved + error @ (own.T @ plain[1]) / case.samples,
    )


def natural(case: Case) -> Iterator[Step]:
    """The natural gradient with full ranks."""
    predicted = [symbol(f"F_{i}", layer.in_size, case.samples) for i, layer in enumerate(case.layers)]
    residual = symbol("R", case.net.widths[-1], case.samples)
    moved = natural_updates(case.layers, [*predicted, residual], residual, None)
    yield Step(
        "D_l D_l⁺ = I and R X̂⁺ X̂ = R in every layer: each adds R/L, and dŶ = R.",
        first_order_change(case.layers, moved, predicted),
        residual,
        tuple(_ranks_kept(case.layers, predicted, residual)),
    )


def _ranks_kept(layers: Any, predicted: list[Any], residual: Any) -> Iterator[Assumption]:
    for index, (downstream, activity) in enumerate(zip(downstream_maps(layers), predicted, strict=False), 1):
        unit = identity(residual.shape[0], residual)
        if index < len(layers):
            yield Assumption(f"D_{index} D_{index}⁺ = I", downstream.T @ pinv(downstream.T), unit)
        yield Assumption(f"R X̂_{index - 1}⁺ X̂_{index - 1} = R", residual @ pinv(activity) @ activity, residual)


def natural_step() -> Iterator[Step]:
    """One layer more of any network: the change so far, seen from the output, grows by ``R/L``."""
    case = appended()
    layer = case.layers[1]
    count, depth = sympy.symbols("l L", positive=True)
    size = sympy.Symbol("n_out", integer=True, positive=True)
    downstream, moved = symbol("D", size, layer.out_size), symbol("m", layer.in_size, case.samples)
    residual, plain = symbol("R", size, case.samples), symbol("F", layer.in_size, case.samples)
    update = pinv(downstream) @ residual @ pinv(plain) / depth
    given = (
        Assumption("D_l W m = (l/L) R so far", downstream @ layer.weight @ moved, count / depth * residual),
        Assumption("D D⁺ = I", downstream @ pinv(downstream), identity(size, residual)),
        Assumption("R X̂⁺ X̂ = R", residual @ pinv(plain) @ plain, residual),
    )
    one = [identity(case.samples, case.x), plain]
    yield Step(
        "After layer l + 1 the change, seen from the output, is (l + 1)/L R; after the last it is R.",
        downstream @ first_order_change(case.layers, [moved, update], one),
        (count + 1) / depth * residual,
        given,
    )


LAST_LAYER = (
    "The change of the prediction is carried forward layer by layer. Suppose that it, or the derivative, is as stated at the output "
    "of L layers. The appended layer maps it by W and adds its own; nothing else happens."
)

PROOFS = (
    Proof(
        "pc-gradient",
        "ΔW_l = (1/B) D_lᵀ S⁻¹ R X*_{l-1}ᵀ = −∂E*/∂W_l / B.",
        "docs/theory.md, statement 3.1; Sample Efficiency, equations 7 and 34",
        pc_gradient,
        pc_gradient_step,
        "The energy of L + 1 layers depends on the weights of the first L through their map T and covariance S only. The step shows "
        "that it does so as the energy of the L layers alone at the target z, whose gradients are the local updates by supposition.",
    ),
    Proof(
        "bp-gradient",
        "ΔW_l = (1/B) D_lᵀ R X̂_{l-1}ᵀ is minus the gradient of ½‖R‖²/B.",
        "docs/theory.md, statement 3.1; Sample Efficiency, equation 9",
        bp_gradient,
        bp_gradient_step,
        "The loss of L + 1 layers depends on the first L through their output only, which feels the error Wᵀ r'; for that error their "
        "gradients are the local updates by supposition.",
    ),
    Proof(
        "prediction-change",
        "(Π(T_l + η ΔT_l) − ΠT_l) X = η Σ_l D_l ΔW_l φ_l(X̂_{l-1}) + terms in η².",
        "docs/theory.md, statement 3.2; Sample Efficiency, equation 6",
        first_order,
        first_order_step,
        LAST_LAYER,
    ),
    Proof(
        "prediction-changes-of-the-rules",
        "BP: dŶ = (1/B) Σ_l D_l D_lᵀ R X̂_{l-1}ᵀ X̂_{l-1}. PC: S⁻¹R in place of R, X*_{l-1} in place of the first X̂_{l-1}.",
        "docs/theory.md, statement 3.2; Sample Efficiency, equations 6, 8, 43 and 45",
        changes_of_rules,
        changes_of_rules_step,
        LAST_LAYER,
    ),
    Proof(
        "natural-gradient",
        "ΔW_l = (1/L) D_l⁺ R X̂_{l-1}⁺ gives dŶ = R where every D_l has full row rank and the rows of R lie in those of X̂_{l-1}.",
        "docs/theory.md, statement 3.3; Bernacchia et al. 2018",
        natural,
        natural_step,
        "Seen from the output, the change after the first layer is D_1 ΔW_1 X̂_0 = R/L. The step adds R/L with every layer.",
        kinds=("dense", "residual", "fixed biases"),
    ),
)
