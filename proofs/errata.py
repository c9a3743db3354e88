"""Exact counterexamples to what the papers print wrongly."""

from collections.abc import Iterator
from typing import Any

from sympy import Matrix, Rational, eye

from dlntheory import symbolic
from dlntheory.inference.energy import descend, prediction_errors
from dlntheory.learning.adaptive_rates import learning_rates
from dlntheory.learning.decorrelation import decorrelations
from dlntheory.networks.layer import Dense
from dlntheory.networks.network import LinearNetwork
from dlntheory.networks.residual import Residual
from dlntheory.theorems.counterexamples import COUNTEREXAMPLES

from .counterexamples import HALF, Fact, Refutation, chain, column, learning
from .theorems import moved


def recorded(name: str) -> tuple[LinearNetwork, Matrix, Matrix]:
    """A counterexample that `dlntheory verify` checks in floating point, as fractions."""
    example = COUNTEREXAMPLES[name]
    layer = Residual if example.residual else Dense
    net = LinearNetwork([layer(Matrix(weight)) for weight in example.weights])
    return net, Matrix(example.inputs).T, Matrix(example.targets).T


def transposed_factor() -> Iterator[Fact]:
    """Erratum 1."""
    net, x, y = recorded("printed-2")
    found = learning(net, x, y)
    factors = decorrelations(net.layers, found)
    yield Fact("the residuals R", found.residual, Matrix([[2, 2]]))
    yield Fact(
        "dŶ with the printed (mean x*x̂ᵀ)⁺: away from both targets",
        moved(net.layers, found, [each.T for each in factors]),
        Matrix([[-4, -1]]),
    )
    yield Fact("dŶ with (mean x̂x*ᵀ)⁺", moved(net.layers, found, factors), Matrix([[2, 2]]))


def batch_below_widths() -> Iterator[Fact]:
    """Erratum 2: not sufficient."""
    net = LinearNetwork([Dense(eye(3)), Dense(eye(3))])
    x, y = Matrix([[1, 1], [0, 0], [0, 0]]), Matrix([[2, 2], [1, 0], [0, 1]])
    found = learning(net, x, y)
    yield Fact(
        "B = 2 < 3, and the residuals of the two equal inputs differ", found.residual, Matrix([[1, 1], [1, 0], [0, 1]])
    )
    yield Fact(
        "dŶ is the same for both: their mean",
        moved(net.layers, found, decorrelations(net.layers, found)),
        Matrix([[1, 1], [HALF, HALF], [HALF, HALF]]),
    )


def batch_above_widths() -> Iterator[Fact]:
    """Erratum 2: not necessary."""
    net, x, y = chain(1, 1), Matrix([[1, 2, 3]]), Matrix([[3, 6, 9]])
    found = learning(net, x, y)
    yield Fact("B = 3 samples through a width of 1, targets 3x: the residuals", found.residual, Matrix([[2, 4, 6]]))
    yield Fact("dŶ is exact all the same", moved(net.layers, found, decorrelations(net.layers, found)), found.residual)


def negative_rate() -> Iterator[Fact]:
    """Erratum 3: a learning rate below zero."""
    net, x, y = chain(1, 1), column(1), column(-3)
    found = learning(net, x, y)
    rates = learning_rates(net.layers, found)
    yield Fact("x*_1", found.activities[1], column(-1))
    yield Fact("the rates", Matrix(rates), Matrix([1, -1]))
    yield Fact("dŷ = r nevertheless", moved(net.layers, found, rates), column(-4))


def batch_rates() -> Iterator[Fact]:
    """Erratum 3: equation 24 for a batch."""
    net, x, y = recorded("printed-1")
    found = learning(net, x, y)
    yield Fact("the residuals", found.residual, Matrix([[-4, -2]]))
    yield Fact(
        "dŶ with the rates 1/mean(x*ᵀx̂): away from both targets",
        moved(net.layers, found, learning_rates(net.layers, found)),
        Matrix([[Rational(1, 5), Rational(2, 5)]]),
    )


def residual_rates() -> Iterator[Fact]:
    """Erratum 4."""
    net, x, y = recorded("printed-residual")
    found = learning(net, x, y)
    yield Fact("r", found.residual, column(6))
    yield Fact(
        "dŷ with the printed 1/(x*ᵀx*): away from the target",
        moved(net.layers, found, learning_rates(net.layers, found, positive=True)),
        column(-3),
    )
    yield Fact("dŷ with 1/(x*ᵀx̂)", moved(net.layers, found, learning_rates(net.layers, found)), column(6))


def two_numberings() -> Iterator[Fact]:
    """Erratum 5: equation 33's x̂_l = W_{l:1} x with the numbering of equation 4."""
    net, x, y = chain(2, 3), column(1), column(10)
    found = learning(net, x, y)
    yield Fact(
        "r, S and λ: 10 − 6, 1 + 9, 4/10",
        Matrix([found.residual[0], symbolic.output_covariance(net)[0], found.errors[1][0]]),
        Matrix([4, 10, Rational(2, 5)]),
    )
    yield Fact(
        "x*_1 = W_1 x + D_1 λ; with W_{2:1} x = 6 in place of W_1 x it would be 36/5",
        found.activities[1],
        column(Rational(16, 5)),
    )


def wrong_product() -> Iterator[Fact]:
    """Erratum 6: W_{L:l−1} in place of W_{L:l+1}."""
    net, x, y = chain(2, 3), column(1), column(7)
    found = learning(net, x, y, "bp")
    ones = [1] * 2
    yield Fact("r", found.residual, column(1))
    yield Fact(
        "dŷ of backpropagation: 3² · 1² + 1 · 2²; the printed matrix of layer 2 would be W_{2:1}² = 36, and layer 1 would need a W_0",
        moved(net.layers, found, ones),
        column(13),
    )


def batch_factor() -> Iterator[Fact]:
    """Erratum 7: the change is R, not R/B."""
    net, x, y = chain(1), Matrix([[1, 2]]), Matrix([[3, 6]])
    found = learning(net, x, y)
    yield Fact("A_1 = 1/mean(1, 4)", decorrelations(net.layers, found)[0], column(Rational(2, 5)))
    yield Fact(
        "dŶ = R; equation 49 says R/2", moved(net.layers, found, decorrelations(net.layers, found)), Matrix([[2, 4]])
    )


def wrong_sign() -> Iterator[Fact]:
    """Erratum 9: equation 3's sign, and equation 2's variance."""
    net, x, y = chain(1, 1), column(1), column(3)
    result = symbolic.equilibrium(net, x, y)
    grown = LinearNetwork([net.layers[0], Dense(Matrix([[1 + 2 * Rational(1, 4)]]))])
    shrunk = LinearNetwork([net.layers[0], Dense(Matrix([[1 - 2 * Rational(1, 4)]]))])
    yield Fact(
        "E* and the update of W_2", Matrix([result.energy, symbolic.weight_updates(net, x, y)[1][0]]), Matrix([1, 2])
    )
    yield Fact("E* after + ¼ of it", symbolic.equilibrium(grown, x, y).energy, Rational(9, 26))
    yield Fact("E* after − ¼ of it, as printed: it grows", symbolic.equilibrium(shrunk, x, y).energy, Rational(5, 2))
    weighted = symbolic.equilibrium(net, x, y, covariances=(1, 3))
    yield Fact(
        "at rest with Σ = (1, 3): ε_1/1 = ε_2/3",
        Matrix([weighted.errors[0][0], weighted.errors[1][0]]),
        Matrix([HALF, Rational(3, 2)]),
    )
    yield Fact(
        "with the printed ε_2/Σ_1 the force would be ε_2 − ε_1", weighted.errors[1] - weighted.errors[0], column(1)
    )


def precisions_that_sum_to_one() -> Iterator[Fact]:
    """Erratum 10: decay by halves, L = 2, T = 2."""
    sums = [_sum_of_precisions(layer, start) for layer in (1, 2) for start in (1, 2 - layer)]
    yield Fact("layer 1: t = 1 … T, and over its window, which is the same", Matrix(sums[:2]), Matrix([1, 1]))
    yield Fact("layer 2: t = 1 … T, and over its window t = 0 … T", Matrix(sums[2:]), Matrix([Rational(3, 7), 1]))


def _sum_of_precisions(layer: int, start: int, depth: int = 2, steps: int = 2) -> Any:
    """Equation 5 with e^{−k} = ½."""
    window = sum((HALF**j for j in range(steps - depth + layer + 1)), start=Rational(0))
    return sum(
        (
            HALF ** (layer - depth + time) / window if layer >= depth - time else Rational(1)
            for time in range(start, steps + 1)
        ),
        start=Rational(0),
    )


def nudging() -> Iterator[Fact]:
    """Erratum 11."""
    net, x, y = chain(1, 1), column(0), column(1)
    yield Fact(
        "β = ½: λ of the nudged clamp is β/S",
        symbolic.equilibrium(net, x, y, nudge=HALF).multiplier,
        column(Rational(1, 4)),
    )
    yield Fact(
        "λ with an output precision of β is 1/(S − 1 + 1/β)",
        symbolic.equilibrium(net, x, y, covariances=(1, 2)).multiplier,
        column(Rational(1, 3)),
    )
    yield Fact(
        "the first step of inference is the same: β r at the hidden layer", _first_steps(net), Matrix([HALF, HALF])
    )


def _first_steps(net: LinearNetwork) -> Matrix:
    nudged = descend(net.layers, (None, None), [column(0)], column(HALF), 1)
    precise = descend(net.layers, (None, HALF), [column(0)], column(1), 1)
    return Matrix([nudged[0], precise[0]])


def spike_from(time: int, rate: Any = HALF, depth: int = 3) -> Any:
    """The first layer's error when it arrives, in a chain of ones with r = 1; the clock starts at ``time``."""
    net, hidden = chain(*[1] * depth), [column(0)] * (depth - 1)
    for now in range(time, time + depth - 1):
        precisions = tuple(1 / rate if layer == depth - now else None for layer in range(1, depth + 1))
        hidden = descend(net.layers, precisions, hidden, column(1), rate)
    return prediction_errors(net.layers, hidden, column(1))[0]


def spike_time() -> Iterator[Fact]:
    """Erratum 12."""
    yield Fact("γ = ½, time from 0: backpropagation's error arrives whole", spike_from(0), column(1))
    yield Fact("time from 1: every layer costs a factor γ", spike_from(1), column(Rational(1, 4)))


REFUTATIONS = (
    Refutation(
        "erratum-1",
        "Theorem 2 with A_l = (mean x*x̂ᵀ)⁻¹.",
        "docs/errata.md, erratum 1; Sample Efficiency, equations 27 and 50",
        transposed_factor,
    ),
    Refutation(
        "erratum-2-sufficient",
        "Theorem 2 holds if B is smaller than the smallest width.",
        "docs/errata.md, erratum 2; Sample Efficiency, Theorem 2",
        batch_below_widths,
    ),
    Refutation(
        "erratum-2-necessary",
        "Theorem 2 needs B smaller than the smallest width.",
        "docs/errata.md, erratum 2; Sample Efficiency, Theorem 2",
        batch_above_widths,
    ),
    Refutation(
        "erratum-3-sign",
        "Theorem 1's α_l are learning rates: positive.",
        "docs/errata.md, erratum 3; Sample Efficiency, Theorem 1",
        negative_rate,
    ),
    Refutation(
        "erratum-3-batch",
        "Theorem 1 for a batch, with equation 24's rates.",
        "docs/errata.md, erratum 3; Sample Efficiency, equation 24",
        batch_rates,
    ),
    Refutation(
        "erratum-4",
        "Residual networks: α_l = 1/(x*ᵀx*).",
        "docs/errata.md, erratum 4; Sample Efficiency, appendix I",
        residual_rates,
    ),
    Refutation(
        "erratum-5",
        "Equation 33 reads x̂_l = W_{l:1} x with the weights of equation 4.",
        "docs/errata.md, erratum 5; Sample Efficiency, equations 4 and 33",
        two_numberings,
    ),
    Refutation(
        "erratum-6",
        "The residual is distorted by W_{L:l−1} W_{L:l−1}ᵀ.",
        "docs/errata.md, erratum 6; Sample Efficiency, section 3.1.1",
        wrong_product,
    ),
    Refutation(
        "erratum-7",
        "Equation 50's A_l gives dŶ = R/B.",
        "docs/errata.md, erratum 7; Sample Efficiency, equations 49 and 50",
        batch_factor,
    ),
    Refutation(
        "erratum-9",
        "ΔW = −η (ε/Σ) f(x)ᵀ, and the force from above is divided by Σ_l.",
        "docs/errata.md, erratum 9; Deeper PCNs, equations 2 and 3",
        wrong_sign,
    ),
    Refutation(
        "erratum-10",
        "The decaying precisions sum to one over t = 1 … T.",
        "docs/errata.md, erratum 10; Deeper PCNs, equation 5",
        precisions_that_sum_to_one,
    ),
    Refutation(
        "erratum-11",
        "A nudged clamp is an output precision.",
        "docs/errata.md, erratum 11; Deeper PCNs",
        nudging,
    ),
    Refutation(
        "erratum-12",
        "The spike meets the travelling error when time starts at 1.",
        "docs/errata.md, erratum 12; Deeper PCNs, equation 4",
        spike_time,
    ),
)
"""Erratum 8 lists what was run in experiments, which no number can refute."""
