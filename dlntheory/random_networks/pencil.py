r"""Traces of products in a random network, by Dyson's equation of a linear pencil.

Passes and equilibria solve equations that are linear in the weights. A *system* has a forward signal ``x_l`` and a
backward signal ``e_l`` at every layer ``l = 0 … L``, and sources ``s_l``, ``t_l``:

``x_l − W_l F x_{l-1} − c_l e_l = s_l``,  ``e_l − F W_{l+1}ᵀe_{l+1} = t_l``,

where ``F`` holds the slopes of activations, ones in a linear network. In a *free* system ``c = 0``, so that it is a
forward and a backward pass. In a *settled* one ``c`` are the covariances and the output is clamped to the target ``y``:
``−W_L F x_{L-1} − c_L e_L = s_L − y``, so that ``x`` are the activities at equilibrium and ``e`` their errors over the
covariances.

A product of such maps is a chain of systems in which signals of one are sources of the next, and its trace is the trace
of a block of the inverse of *one* matrix, linear in the weights. At large width the expectation ``G`` of that inverse
solves ``G = (H − Σ(G))⁻¹``, where ``H`` is the matrix without weights. For Gaussian weights ``Σ`` connects neighbours:

``Σ_ee,l = v_l tr F²G_xx,l-1``,  ``Σ_xx,l = F² v_{l+1} tr G_ee,l+1``.

So ``G`` is one small matrix per layer and kind of unit, of which there is one in a linear network. Between the systems
of a chain it is lower triangular: what is on its diagonal first order knows, and every other block solves linear
equations of its own.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from .first_order import RandomEquilibrium

System = Literal["free", "settled"]
FORWARD, BACKWARD = 0, 1
"""Signals, and with the same numbers sources: a source ``t`` is ``FORWARD``, as the transpose of ``x`` has it there."""
Array = np.ndarray


class FirstOrder(NamedTuple):
    """Two numbers per layer at equilibrium: the variance of a unit's input from below, and the pull from above.

    Attributes:
        own: ``c_l + Σ_ee,l``, ``(L+1,)``; zero at the input, which is clamped.
        pull: ``−Σ_xx,l`` at slope one, ``(L+1,)``; zero at the output.
    """

    own: Array
    pull: Array


def linear_first_order(equilibrium: RandomEquilibrium, covariances: Sequence[float]) -> FirstOrder:
    """First order in a linear network: ``c_l + N_{l-1}/a_l`` and ``v_{l+1} a_{l+1}``."""
    traces = np.exp([float(each) for each in equilibrium.log_traces])
    occupied = np.array([float(each) for each in equilibrium.occupied])
    variances = np.array([float(layer.variance) for layer in equilibrium.layers])
    own = np.asarray(covariances, np.float64) + occupied[:-1] / traces
    return FirstOrder(np.array([0.0, *own]), np.array([*(variances * traces), 0.0]))


class Chain(NamedTuple):
    """The blocks ``G`` of a chain and their ``Σ``, by later and earlier system.

    Attributes:
        blocks: each ``(2, 2, …, L+1, units)``: signal, source, the axes of the couplings, layer, kind of unit.
        connections: ``Σ_xx`` at slope one and ``Σ_ee``, each ``(2, …, L+1)``.
    """

    blocks: dict[tuple[int, int], Array]
    connections: dict[tuple[int, int], Array]


class Pencil:
    """Chains of systems in one random network.

    Args:
        widths: ``n_0 … n_L``.
        variances: of the weights, ``(L,)``.
        first_order: of settled systems.
        slopes: ``F`` by layer and kind of unit, ``(L+1, units)``; ones if left out.
        shares: of the kinds of units, ``(units,)``; they add up to one.
        map_variance: of the entries of a random map ``M`` by which targets follow from inputs; 0 if they do not.
    """

    def __init__(
        self,
        widths: Sequence[int],
        variances: Sequence[float],
        first_order: FirstOrder,
        slopes: Array | None = None,
        shares: Array | None = None,
        map_variance: float = 0.0,
    ):
        self.widths, self.depth = np.asarray(widths, np.float64), len(variances)
        self._edges = [(l, l + 1, float(variance)) for l, variance in enumerate(variances)]
        if map_variance:
            self._edges.append((0, self.depth, map_variance))
        squares = np.ones((self.depth + 1, 1)) if slopes is None else slopes**2
        self._shares = np.ones(1) if shares is None else shares
        self._passed = np.stack([squares, np.ones_like(squares)])  # with which Σ_xx and Σ_ee enter a unit
        self._diagonal = {"free": _free(squares), "settled": self._settled(first_order, map_variance)}
        self._transfer = self._neighbours()
        self._responses: dict[tuple[str, str], Array] = {}

    def coupling(self, *entries: tuple[int, int, int, float]) -> Array:
        """The way in which signals of a system enter the next as sources: ``(layer, source, signal, factor)`` for each.

        Returns:
            ``(2, 2, L+1)``: source, signal and layer.
        """
        coupling = np.zeros((2, 2, self.depth + 1))
        for layer, source, signal, factor in entries:
            coupling[source, signal, layer] += factor
        return coupling

    def mean(self, values: Array) -> Any:
        """The mean over the units of a layer, the last axis."""
        return values @ self._shares

    def trace(self, systems: Sequence[System], couplings: Sequence[Array], layer: int, signal: int) -> Any:
        """Trace over a layer's units of a product: from sources of the first system to signals of the last.

        Args:
            systems: from the first, which is the right end of the product.
            couplings: of each system into the next, ``(2, 2, …, L+1)``; axes between are kept.
            layer: where the product starts and ends.
            signal: ``FORWARD`` or ``BACKWARD``, at both ends.
        """
        whole = self.chain(systems, couplings).blocks[len(systems) - 1, 0]
        return self.widths[layer] * self.mean(whole[signal, signal, ..., layer, :])

    def chain(self, systems: Sequence[System], couplings: Sequence[Array]) -> Chain:
        """Find all blocks, from the diagonal outwards."""
        G, connections = {(i, i): self._diagonal[system] for i, system in enumerate(systems)}, {}
        for index in range(len(systems)):
            diagonal = np.split(self._transfer @ self._averages(G[index, index]), 2)
            connections[index, index] = np.stack(diagonal)
        # What a system takes from an earlier one: couplings and Σ.
        taken = {(b + 1, b): coupling[..., None] for b, coupling in enumerate(couplings)}
        for gap in range(1, len(systems)):
            for b in range(len(systems) - gap):
                a = b + gap
                passed = [_product(taken[a, c], G[c, b]) for c in range(b, a) if (a, c) in taken]
                known = _product(G[a, a], sum(passed, start=np.zeros(())))
                response = self._response(systems[a], systems[b])
                connections[a, b] = np.stack(np.split(self._averages(known) @ response.T, 2, axis=-1))
                own = np.zeros_like(known)
                for each in (FORWARD, BACKWARD):
                    own[each, each] = connections[a, b][each][..., None] * self._passed[each]
                taken[a, b] = own + taken.get((a, b), 0)
                G[a, b] = known + _product(_product(G[a, a], own), G[b, b])
        return Chain(G, connections)

    def _settled(self, first_order: FirstOrder, map_variance: float) -> Array:
        """``G`` at equilibrium: the inverse of ``[[F² pull, 1], [1, −own]]``, and at the output of its last entry."""
        own, pull = first_order
        pull = pull + map_variance / own[-1] * self.widths[-1] * (np.arange(self.depth + 1) == 0)
        pulls, owns = pull[:, None] * self._passed[FORWARD], own[:, None] * self._passed[BACKWARD]
        G = np.array([[owns, np.ones_like(owns)], [np.ones_like(owns), -pulls]]) / (1 + pulls * owns)
        G[..., -1, :] = 0.0
        G[BACKWARD, BACKWARD, -1] = -1 / own[-1]
        return G

    def _neighbours(self) -> Array:
        """The matrix from averages of ``G``'s diagonal to ``Σ``, over signals and layers."""
        found = np.zeros((2, self.depth + 1, 2, self.depth + 1))
        for low, high, variance in self._edges:
            found[BACKWARD, high, FORWARD, low] = variance * self.widths[low]
            found[FORWARD, low, BACKWARD, high] = variance * self.widths[high]
        return found.reshape(2 * (self.depth + 1), -1)

    def _averages(self, block: Array) -> Array:
        """``F²G_xx`` and ``G_ee`` over the units, one after the other: ``(…, 2(L+1))``."""
        both = [self.mean(self._passed[each] * block[each, each]) for each in (FORWARD, BACKWARD)]
        return np.concatenate(both, axis=-1)

    def _response(self, later: System, earlier: System) -> Array:
        """The matrix from the averages of ``K`` to ``Σ(G)``, where ``G = K + G_a Σ(G) G_b``: signals and layers."""
        if (later, earlier) not in self._responses:
            both = self._diagonal[later] * self._diagonal[earlier].swapaxes(0, 1)
            weights = self.mean(self._passed[:, None] * self._passed * both)
            size = 2 * (self.depth + 1)
            returned = np.einsum("ijl,lm->iljm", weights, np.eye(self.depth + 1)).reshape(size, size)
            self._responses[later, earlier] = self._transfer @ np.linalg.inv(np.eye(size) - returned @ self._transfer)
        return self._responses[later, earlier]


def _free(units: Array) -> Array:
    """``G`` of passes: signals are their sources."""
    return np.array([[0.0, 1.0], [1.0, 0.0]])[..., None, None] * np.ones_like(units)


def _product(A: Array, B: Array) -> Array:
    """Multiply small matrices, at every layer and unit."""
    return np.einsum("ij...,jk...->ik...", A, B)
