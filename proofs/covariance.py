"""The output covariance: its two orders of summation, its recursion, its symmetry and its positivity."""

from collections.abc import Iterator

import sympy

from dlntheory.equilibria.covariance import backward_covariance, forward_covariance, scale
from dlntheory.networks.layer import Dense
from dlntheory.networks.passes import downstream_maps
from dlntheory.numerics.algebra import inner

from .framework import Case, Proof, Step, appended


def both_orders(case: Case) -> Iterator[Step]:
    """The recursion against the sum, and against the recursion ended one layer earlier."""
    S = forward_covariance(case.layers, case.covariances)
    yield Step(
        "The recursion S_l = Σ_l + T_l S_{l-1} T_lᵀ ends at the sum Σ_l D_l Σ_l D_lᵀ.",
        S,
        backward_covariance(downstream_maps(case.layers), case.covariances),
    )
    if case.net.depth > 1:
        before = forward_covariance(case.layers[:-1], case.covariances[:-1])
        yield Step(
            "All layers but the last enter through their own covariance only.",
            S,
            forward_covariance(case.layers[-2:], (before, case.covariances[-1])),
        )


def one_more_layer() -> Iterator[Step]:
    """The step of both recursions."""
    case = appended()
    (_, layer), (S, noise) = case.layers, case.covariances
    grown = forward_covariance(case.layers, case.covariances)
    yield Step("The recursion adds a layer: S' = Σ + W S Wᵀ.", grown, noise + layer.weight @ S @ layer.weight.T)
    yield Step(
        "So does the sum: every D_l becomes W D_l, and D_L = I is added.",
        backward_covariance(downstream_maps(case.layers), case.covariances),
        grown,
    )


def positivity(case: Case) -> Iterator[Step]:
    """Symmetry, and the quadratic form as a sum of squares."""
    S = forward_covariance(case.layers, case.covariances)
    yield Step("S is symmetric.", S, S.T)
    vector = sympy.MatrixSymbol("v", case.net.widths[-1], 1)
    squares = [inner(each @ vector, scale(covariance, each @ vector)) for each, covariance in _maps(case)]
    yield Step(
        "vᵀ S v = Σ_l (D_lᵀ v)ᵀ Σ_l (D_lᵀ v), a sum of terms that are not negative; the last is vᵀ Σ_L v, which is positive.",
        inner(vector, S @ vector),
        sum(squares[1:], start=squares[0]),
    )


def positivity_of_one_more_layer() -> Iterator[Step]:
    """``S'`` inherits symmetry, and its quadratic form is a sum of two."""
    case = appended()
    (_, layer), (S, noise) = case.layers, case.covariances
    grown = forward_covariance(case.layers, case.covariances)
    yield Step("S' is symmetric if S is.", grown, grown.T)
    vector = sympy.MatrixSymbol("v", layer.out_size, 1)
    pulled = layer.transpose(vector)
    yield Step(
        "vᵀ S' v = vᵀ Σ v + (Wᵀ v)ᵀ S (Wᵀ v): positive, if S is not negative.",
        inner(vector, grown @ vector),
        inner(vector, noise @ vector) + inner(pulled, S @ pulled),
    )


def _maps(case: Case) -> Iterator[tuple]:
    return zip(downstream_maps(case.layers), case.covariances, strict=True)


def biased(case: Case) -> Iterator[Step]:
    """``S`` with biases, and without."""
    bare = tuple(Dense(layer.weight) for layer in case.layers)
    yield Step(
        "Biases move means, not covariances.",
        forward_covariance(case.layers, case.covariances),
        forward_covariance(bare, case.covariances),
    )
    layer = case.layers[-1]
    own, plain = (sympy.MatrixSymbol(name, layer.in_size, case.samples) for name in ("A", "F"))
    extra = case.samples if layer.learn_bias else 0
    yield Step(
        "A learned bias adds 1 to every sample's x*ᵀ x̂.",
        inner(layer.features(own), layer.features(plain)),
        inner(own, plain) + extra,
    )


def biased_step() -> Iterator[Step]:
    """No bias enters the recursion."""
    case = appended()
    layers = [Dense(each.weight, sympy.MatrixSymbol(f"b_{i}", each.out_size, 1)) for i, each in enumerate(case.layers)]
    yield Step(
        "The appended layer's bias does not enter S'.",
        forward_covariance(layers, case.covariances),
        forward_covariance(case.layers, case.covariances),
    )


PROOFS = (
    Proof(
        "covariance-recursion",
        "S = Σ_l D_l Σ_l D_lᵀ obeys S_1 = Σ_1, S_l = Σ_l + T_l S_{l-1} T_lᵀ.",
        "docs/theory.md, statement 2.1; Sample Efficiency, equation 4",
        both_orders,
        one_more_layer,
        "One layer has D_1 = I, so both orders begin at Σ_1. A layer added at the output multiplies every D_l by W and brings "
        "the term Σ; the recursion does the same to S. So if they agree for L layers, they agree for L + 1.",
    ),
    Proof(
        "covariance-positive",
        "S is symmetric, and vᵀ S v is a sum of squares: S ⪰ Σ_L, so S is invertible.",
        "docs/theory.md, statement 2.1",
        positivity,
        positivity_of_one_more_layer,
        "S_1 = Σ_1 is symmetric and positive. The step carries both from S to S'.",
    ),
    Proof(
        "biases",
        "Biases leave S unchanged; a learned one adds 1 to x*_{l-1}ᵀ x̂_{l-1}.",
        "docs/theory.md, statement 4.8",
        biased,
        biased_step,
        "The second part is about one layer, at any depth. For the first, S_1 = Σ_1 has no bias, and the recursion adds none.",
        kinds=("learned biases", "fixed biases"),
    ),
)
