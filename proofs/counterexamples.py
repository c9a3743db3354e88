"""Exact counterexamples: fractions that the library's kernels find, small enough to be redone by hand."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from sympy import Matrix, Rational

from dlntheory import symbolic
from dlntheory.learning.rules import Signals, backpropagation_signals, equilibrium_signals
from dlntheory.networks.layer import Dense
from dlntheory.networks.network import LinearNetwork

HALF = Rational(1, 2)


class Fact(NamedTuple):
    """A number that the library finds exactly, and the one worked out by hand."""

    text: str
    found: Any
    by_hand: Any

    def holds(self) -> bool:
        """Whether the two are the same."""
        return self.found == self.by_hand


class Refutation(NamedTuple):
    """A printed claim, and the facts on one small network that refute it.

    Attributes:
        name: its name for `dlntheory prove`.
        claim: a printed statement, or a theorem without one of its hypotheses.
        source: the erratum of the theory, and the paper.
        facts: the numbers.
    """

    name: str
    claim: str
    source: str
    facts: Callable[[], Iterator[Fact]]


def column(*entries: Any) -> Matrix:
    """A single sample."""
    return Matrix(list(entries))


def chain(*weights: Any) -> LinearNetwork:
    """A network of one unit per layer."""
    return LinearNetwork([Dense(Matrix([[weight]])) for weight in weights])


def learning(net: LinearNetwork, x: Matrix, y: Matrix, rule: str = "pc") -> Signals:
    """The errors and activities that a rule multiplies, exactly."""
    if rule == "bp":
        return backpropagation_signals(net.layers, x, y)
    result = symbolic.equilibrium(net, x, y)
    return equilibrium_signals(net.layers, x, y, result.weighted_errors, result.activities)
