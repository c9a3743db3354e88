"""Theorems 1 and 2, "Theorem 3", and the same rescalings with backpropagation.

None of them uses that ``x*`` is the equilibrium: the activities ``A_{l-1}`` that the update multiplies are symbols of
their own. They use that the errors are ``D_lᵀ λ`` with ``S λ = r``.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import sympy

from dlntheory.equilibria.covariance import forward_covariance
from dlntheory.learning.adaptive_rates import learning_rates
from dlntheory.learning.decorrelation import decorrelations
from dlntheory.learning.rescaling import rescale
from dlntheory.learning.rules import Signals, local_updates
from dlntheory.networks.layer import Layer
from dlntheory.networks.passes import backward_sweep, first_order_change
from dlntheory.numerics.algebra import inner, pinv, solve

from .framework import Case, Proof, Step, appended
from .learning import symbol
from .normal_form import Assumption
from .shared import Shared


def signals(case: Case, own: str | None = "A", multiplier: Any = None) -> Signals:
    """Activities of symbols, and the errors of predictive coding; or backpropagation's, where ``own`` is ``None``."""
    plain = [symbol(f"F_{index}", layer.in_size, case.samples) for index, layer in enumerate(case.layers)]
    residual = symbol("R", case.net.widths[-1], case.samples)
    if own is None:
        return Signals(backward_sweep(case.layers, residual), plain, [*plain, residual], residual)
    activities = [symbol(f"{own}_{index}", layer.in_size, case.samples) for index, layer in enumerate(case.layers)]
    if multiplier is None:
        multiplier = solve(forward_covariance(case.layers, case.covariances), residual)
    return Signals(backward_sweep(case.layers, multiplier), activities, [*plain, residual], residual)


def moved(layers: Sequence[Layer], signals: Signals, factors: Sequence[Any]) -> Any:
    """The prediction change of rescaled local updates."""
    return first_order_change(layers, rescale(local_updates(layers, signals), factors), signals.feedforward)


def _with_covariances(case: Case, factors: Sequence[Any]) -> list[Any]:
    return [each if noise is None else noise * each for noise, each in zip(case.covariances, factors, strict=True)]


def theorem_1(case: Case) -> Iterator[Step]:
    """One sample."""
    found = signals(case)
    rates = _with_covariances(case, learning_rates(case.layers, found))
    yield Step("dŷ = Σ_l D_l Σ_l D_lᵀ λ = S λ = r.", moved(case.layers, found, rates), found.residual)


def rescaled_step() -> Iterator[Step]:
    """The first ``L`` layers have added ``S`` times the error that reaches their output."""
    case = appended(1)
    (_, layer), (S, noise) = case.layers, case.covariances
    multiplier = symbol("lambda", layer.out_size, 1)
    errors = backward_sweep(case.layers, multiplier)
    before, own = S @ errors[0], noise @ errors[1]
    unit = Shared(sympy.Identity(1))
    yield Step(
        "If the change is S e at the old output, where e = Wᵀ λ is its error, and the new layer adds Σ λ, it is S' λ at the new one.",
        first_order_change(case.layers, [before, own], [unit, unit]),
        forward_covariance(case.layers, case.covariances) @ multiplier,
    )
    scalar = sympy.Symbol("sigma", positive=True)
    plain, activity = (symbol(name, layer.in_size, 1) for name in "FA")
    one = Signals([errors[1]], [activity], [plain, None], multiplier)
    rate = scalar * learning_rates([layer], one)[0]
    yield Step(
        "The new layer does add σ λ: its rate cancels x*ᵀx̂.",
        layer.output_change(rescale(local_updates([layer], one), [rate])[0], plain),
        scalar * multiplier,
    )


def decorrelated_step() -> Iterator[Step]:
    """The same for a batch, where the identity that the factor brings is the hypothesis."""
    case = appended()
    (_, layer), (S, noise) = case.layers, case.covariances
    multiplier = symbol("lambda", layer.out_size, case.samples)
    errors = backward_sweep(case.layers, multiplier)
    unit = Shared(sympy.Identity(case.samples))
    yield Step(
        "If the change is S E at the old output, where E = Wᵀ λ is its error, and the new layer adds Σ λ, it is S' λ at the new one.",
        first_order_change(case.layers, [S @ errors[0], noise @ errors[1]], [unit, unit]),
        forward_covariance(case.layers, case.covariances) @ multiplier,
    )
    plain, activity = (symbol(name, layer.in_size, case.samples) for name in "FA")
    one = Signals([errors[1]], [activity], [plain, None], multiplier)
    yield Step(
        "The new layer does add λ: λ = S'⁻¹ R has its rows in those of R, so the factor acts on it as the identity.",
        layer.output_change(rescale(local_updates([layer], one), decorrelations([layer], one))[0], plain),
        multiplier,
        (Assumption("λ X*ᵀ (X̂ X*ᵀ)⁺ X̂ = λ", _kept(multiplier, activity, plain, layer), multiplier),),
    )


def _kept(rows: Any, activity: Any, plain: Any, layer: Layer) -> Any:
    """``rows X*ᵀ (X̂ X*ᵀ)⁺ X̂``, what a hypothesis is about: without the library's factor, which has to fit it."""
    own, forward = layer.features(activity), layer.features(plain)
    return rows @ own.T @ pinv(forward @ own.T) @ forward


def _factored(rows: Any, activity: Any, plain: Any, layer: Layer) -> Any:
    """``rows X*ᵀ A X̂ / B``, with the library's factor."""
    (factor,) = decorrelations([layer], Signals([], [activity], [plain, None], rows))
    return rows @ layer.features(activity).T @ factor @ layer.features(plain) / rows.shape[1]


def theorem_2(case: Case) -> Iterator[Step]:
    """The sharp form: what the hypotheses give in each layer, and what follows."""
    found = signals(case)
    given = []
    for index, (layer, activity, plain) in enumerate(
        zip(case.layers, found.activities, found.feedforward, strict=False)
    ):
        lifted = symbol(f"C_{index}", found.residual.shape[0], layer.in_size)
        kept = _factored(lifted @ plain, activity, plain, layer)
        rank = Assumption(
            f"X̂_{index} X*_{index}ᵀ (X̂_{index} X*_{index}ᵀ)⁺ X̂_{index} = X̂_{index} (the rank is kept)",
            _kept(plain, activity, plain, layer),
            plain,
        )
        yield Step(
            f"Where the rows of R lie in those of X̂_{index}, R = C X̂_{index}: R X*_{index}ᵀ A X̂_{index} = B R.",
            kept,
            lifted @ plain,
            (rank,),
        )
        given.append(
            Assumption(
                f"R X*_{index}ᵀ (X̂_{index} X*_{index}ᵀ)⁺ X̂_{index} = R",
                _kept(found.residual, activity, plain, layer),
                found.residual,
            )
        )
    factors = _with_covariances(case, decorrelations(case.layers, found))
    yield Step("dŶ = Σ_l D_l Σ_l D_lᵀ S⁻¹ R = R.", moved(case.layers, found, factors), found.residual, tuple(given))


def bp_adaptive(case: Case) -> Iterator[Step]:
    """Backpropagation with Theorem 1's rates."""
    found = signals(case, own=None)
    S = forward_covariance(case.layers, (None,) * case.net.depth)
    rates = learning_rates(case.layers, found)
    yield Step("dŷ = Σ_l D_l D_lᵀ r = S r.", moved(case.layers, found, rates), S @ found.residual)


def bp_decorrelated(case: Case) -> Iterator[Step]:
    """Backpropagation with Theorem 2's matrices."""
    found = signals(case, own=None)
    S = forward_covariance(case.layers, (None,) * case.net.depth)
    given = tuple(
        Assumption(
            f"the rows of R lie in those of X̂_{index}", _kept(found.residual, plain, plain, layer), found.residual
        )
        for index, (layer, plain) in enumerate(zip(case.layers, found.activities, strict=True))
    )
    yield Step(
        "dŶ = Σ_l D_l D_lᵀ R = S R.",
        moved(case.layers, found, decorrelations(case.layers, found)),
        S @ found.residual,
        given,
    )


def interference_free(case: Case) -> Iterator[Step]:
    """Plain predictive coding with covariances in proportion to ``x*ᵀ x̂``."""
    scale = sympy.Symbol("c", positive=True)
    found = signals(case, multiplier=symbol("lambda", case.net.widths[-1], 1))
    products = [
        scale * inner(layer.features(own), layer.features(plain))
        for layer, own, plain in zip(case.layers, found.activities, found.feedforward, strict=False)
    ]
    settled = case._replace(covariances=tuple(products))
    found = signals(settled)
    ones = [sympy.Integer(1)] * case.net.depth
    yield Step(
        "With Σ_l = c x*_{l-1}ᵀ x̂_{l-1}: dŷ = Σ_l D_l (Σ_l/c) D_lᵀ λ = r/c.",
        moved(case.layers, found, ones),
        found.residual / scale,
    )


ADDED_UP = (
    "One layer changes the prediction by Σ_1 λ = S_1 λ. Suppose that L layers change their output by S_L e, where e is the error that reaches it. "
    "The step shows the same of L + 1 layers. At the output e is λ, and S λ = r."
)

PROOFS = (
    Proof(
        "theorem-1",
        "With α_l = Σ_l/(x*_{l-1}ᵀ x̂_{l-1}), none of them infinite, an update of one sample gives dŷ = r.",
        "docs/theory.md, statement 3.5; Sample Efficiency, Theorem 1 and appendix F",
        theorem_1,
        rescaled_step,
        ADDED_UP,
        kinds=("dense", "residual", "scalar covariances", "fixed biases", "learned biases"),
        samples=1,
    ),
    Proof(
        "theorem-2",
        "With A_l = (mean X̂X*ᵀ)⁺, if rank(X̂X*ᵀ) = rank X̂ and the rows of R lie in those of X̂ in every layer, dŶ = R.",
        "docs/theory.md, statements 3.6 and 5.1, and errata 1, 2 and 7; Sample Efficiency, Theorem 2 and appendix H, corrected",
        theorem_2,
        decorrelated_step,
        ADDED_UP,
        kinds=("dense", "residual", "scalar covariances", "fixed biases"),
    ),
    Proof(
        "bp-adaptive",
        "Backpropagation with α_l = 1/(x̂_{l-1}ᵀ x̂_{l-1}) gives dŷ = S r, which is not parallel to r in general.",
        "docs/theory.md, statement 3.7; Sample Efficiency, appendix C",
        bp_adaptive,
        rescaled_step,
        ADDED_UP.replace("S λ = r", "backpropagation has r in place of λ, so dŷ = S r"),
        kinds=("dense", "residual", "fixed biases", "learned biases"),
        samples=1,
    ),
    Proof(
        "bp-decorrelated",
        "Backpropagation with A_l = (mean X̂X̂ᵀ)⁺ gives dŶ = S R, if the rows of R lie in those of X̂ in every layer.",
        "docs/theory.md, statement 3.7; Sample Efficiency, appendix C",
        bp_decorrelated,
        decorrelated_step,
        ADDED_UP.replace("S λ = r", "backpropagation has R in place of λ, so dŶ = S R"),
        kinds=("dense", "residual", "fixed biases"),
    ),
    Proof(
        "theorem-3",
        "If Σ_l = c x*_{l-1}ᵀ x̂_{l-1} with one c > 0 for all layers, plain predictive coding gives dŷ = r/c.",
        "docs/theory.md, statement 5.2",
        interference_free,
        rescaled_step,
        ADDED_UP.replace("S λ = r", "S λ = r; each layer's own share is its covariance divided by c"),
        kinds=("dense", "residual", "fixed biases", "learned biases"),
        samples=1,
    ),
)
