"""Proofs: a statement, and steps that the normal form decides, at fixed depths and from one depth to the next."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import sympy

from dlntheory import symbolic
from dlntheory.networks.layer import Dense, Layer
from dlntheory.networks.network import LinearNetwork

from .normal_form import Algebra, Assumption, Symmetric
from .shared import Shared

DEPTHS = (1, 2, 3, 4, 5)
KINDS = ("dense", "residual", "scalar covariances", "matrix covariances", "fixed biases", "learned biases")


class Step(NamedTuple):
    """One equality of a derivation, and what it assumes."""

    text: str
    left: Any
    right: Any
    given: tuple[Assumption, ...] = ()

    def holds(self) -> bool:
        """Whether the normal forms agree."""
        return Algebra(self.given).equal(self.left, self.right)


class Case(NamedTuple):
    """A network of symbols with its covariances, inputs and targets."""

    kind: str
    net: LinearNetwork
    covariances: tuple[Any, ...]
    x: Any
    y: Any

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, from the input's to the output's."""
        return self.net.layers

    @property
    def samples(self) -> Any:
        """``B``."""
        return self.x.shape[1]


class Proof(NamedTuple):
    """A statement with its derivations.

    Attributes:
        name: its name for `dlntheory prove`.
        statement: the statement that is proved, in one line.
        source: the section of the theory, and the paper's equation.
        fixed: the steps for one network.
        step: the steps from a network of any depth to that with a layer more.
        why_every_depth: why the base case and the step give the statement for every depth.
        kinds: the networks for which it is proved.
        samples: the size of the batch; ``None`` for the symbol ``B``.
    """

    name: str
    statement: str
    source: str
    fixed: Callable[[Case], Iterable[Step]]
    step: Callable[[], Iterable[Step]]
    why_every_depth: str
    kinds: Sequence[str] = KINDS
    samples: int | None = None


class Result(NamedTuple):
    """The result of a tier of a proof: its failed steps, by where they failed, and the number of all steps."""

    failed: list[tuple[str, Step]]
    steps: int
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether there were steps and none failed."""
        return self.steps > 0 and not self.failed


def case(kind: str, depth: int, samples: int | None = None, widths: Sequence[int] | None = None) -> Case:
    """A network of a kind; of symbolic widths if none are given."""
    bias = kind.partition(" ")[0] if kind.endswith("biases") else "none"
    net = symbolic.network(depth, widths, "residual" if kind == "residual" else "dense", bias)
    layers = [_through_map(layer) if kind == "residual" else _shared(layer) for layer in net.layers]
    x, y = map(Shared, symbolic.data(net, samples))
    return Case(kind, LinearNetwork(layers), _covariances(kind, net), x, y)


def _shared(layer: Layer) -> Layer:
    return type(layer)(Shared(layer.weight), layer.bias, layer.learn_bias)


def _through_map(layer: Layer) -> Layer:
    """``W = T − I``: the weight is written through the layer's map, so that words stay as few as in a dense network."""
    map_ = sympy.MatrixSymbol(layer.weight.name.replace("W", "T"), *layer.weight.shape)
    return type(layer)(Shared(map_) - sympy.Identity(layer.in_size))


def _covariances(kind: str, net: LinearNetwork) -> tuple[Any, ...]:
    if kind == "scalar covariances":
        return tuple(sympy.symbols(f"sigma_1:{net.depth + 1}", positive=True))
    if kind == "matrix covariances":
        return tuple(
            Symmetric(f"Sigma_{index}", layer.out_size, layer.out_size) for index, layer in enumerate(net.layers, 1)
        )
    return (None,) * net.depth


def appended(samples: int | None = None) -> Case:
    """A network of any depth, and one more layer.

    Seen from its output, a network is one layer with the map ``T = T_L … T_1`` and the noise covariance ``S``; ``W`` and
    ``Σ`` are the appended layer's.
    """
    sizes = sympy.symbols("n_0 n_L m", integer=True, positive=True)
    map_, weight = (sympy.MatrixSymbol(name, *shape) for name, shape in (("T", sizes[1::-1]), ("W", sizes[:0:-1])))
    net = LinearNetwork([Dense(Shared(map_)), Dense(Shared(weight))])
    x, y = map(Shared, symbolic.data(net, samples))
    return Case("appended", net, (Symmetric("S", sizes[1], sizes[1]), Symmetric("Sigma", sizes[2], sizes[2])), x, y)


def at_fixed_depth(proof: Proof, depths: Iterable[int] = DEPTHS) -> Result:
    """Every step, at every depth and kind of network."""
    where = [(kind, depth) for kind in proof.kinds for depth in depths]
    return run((f"{kind}, depth {depth}", proof.fixed(case(kind, depth, proof.samples))) for kind, depth in where)


def by_induction(proof: Proof) -> Result:
    """The base case, one layer of every kind; and the step."""
    base = [(f"base, {kind}", proof.fixed(case(kind, 1, proof.samples))) for kind in proof.kinds]
    return run([*base, ("step", proof.step())])


def by_normal_form() -> Callable[[Step], bool]:
    """Decide steps; those that assume nothing share what has been worked out."""
    shared = Algebra()
    return lambda step: step.holds() if step.given else shared.equal(step.left, step.right)


def run(derivations: Iterable[tuple[str, Iterable[Step]]], decider: Callable[[], Any] = by_normal_form) -> Result:
    """Every step of the derivations, each derivation with a decider of its own."""
    began = time.perf_counter()
    failed, count = [], 0
    for where, steps in derivations:
        holds = decider()
        for step in steps:
            count += 1
            if not holds(step):
                failed.append((where, step))
    return Result(failed, count, time.perf_counter() - began)


def derivation(proof: Proof, depth: int | None = None) -> Iterator[Step]:
    """The steps of a network of the first kind, or of the induction."""
    yield from proof.step() if depth is None else proof.fixed(case(proof.kinds[0], depth, proof.samples))
