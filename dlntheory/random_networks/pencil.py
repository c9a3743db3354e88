r"""Traces of products in a random dense network, by Dyson's equation of a linear pencil.

Passes and equilibria solve equations that are linear in the weights. A *system* has a forward signal ``x_l`` and a
backward signal ``e_l`` at every layer ``l = 0 … L``, and sources ``s_l``, ``t_l``:

``x_l − W_l x_{l-1} − c_l e_l = s_l``,  ``e_l − W_{l+1}ᵀe_{l+1} = t_l``.

In a *free* system ``c = 0``, so that it is a forward and a backward pass. In a *settled* one ``c`` are the covariances
and the output is clamped to the target ``y``: ``−W_L x_{L-1} − c_L e_L = s_L − y`` at the output, so that ``x`` are the
activities at equilibrium and ``e`` their errors over the covariances.

A product of such maps is a chain of systems in which signals of one are sources of the next, and its trace is the trace
of a block of the inverse of *one* matrix, linear in the weights. At large width the expectation ``G`` of that inverse
solves ``G = (H − Σ(G))⁻¹``, where ``H`` is the matrix without weights. For Gaussian weights ``Σ`` connects neighbours:

``Σ_ee,l = v_l n_{l-1} G_xx,l-1``,  ``Σ_xx,l = v_{l+1} n_{l+1} G_ee,l+1``.

Units of a layer are alike, so that ``G`` has one small matrix per layer. Between the systems of a chain it is lower
triangular: what is on its diagonal first order knows, and every other block solves linear equations of its own.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from .first_order import RandomEquilibrium

System = Literal["free", "settled"]
FORWARD, BACKWARD = 0, 1
"""Signals, and with the same numbers sources: a source ``t`` is ``FORWARD``, as the transpose of ``x`` has it there."""


class Pencil:
    """Chains of systems in one random dense network.

    Args:
        equilibrium: first order.
        covariances: ``c_1 … c_L``.
        map_variance: of the entries of a random map ``M`` by which targets follow from inputs; 0 if they do not.
    """

    def __init__(self, equilibrium: RandomEquilibrium, covariances: Sequence[float], map_variance: float = 0.0):
        layers = equilibrium.layers
        self.widths = np.array([layers[0].n_in, *(layer.n_out for layer in layers)], np.float64)
        self.depth = len(layers)
        edges = [(l, l + 1, float(layer.variance)) for l, layer in enumerate(layers)]
        self._edges = [*edges, (0, self.depth, map_variance)] if map_variance else edges
        traces = np.exp([float(each) for each in equilibrium.log_traces])
        occupied = np.array([float(each) for each in equilibrium.occupied])
        self._diagonal = {"free": _free(self.depth), "settled": self._settled(traces, occupied, covariances)}
        self._transfer = self._neighbours()
        self._responses: dict[tuple[str, str], np.ndarray] = {}

    def coupling(self, *entries: tuple[int, int, int, float]) -> np.ndarray:
        """How signals of a system enter the next as sources: ``(layer, source, signal, factor)`` for each.

        Returns:
            ``(2, 2, L+1)``: source, signal and layer.
        """
        coupling = np.zeros((2, 2, self.depth + 1))
        for layer, source, signal, factor in entries:
            coupling[source, signal, layer] += factor
        return coupling

    def trace(self, systems: Sequence[System], couplings: Sequence[np.ndarray], layer: int, signal: int) -> Any:
        """Trace over a layer's units of a product: from sources of the first system to signals of the last.

        Args:
            systems: from the first, which is the right end of the product.
            couplings: of each system into the next, ``(2, 2, …, L+1)``; axes between are kept.
            layer: where the product starts and ends.
            signal: ``FORWARD`` or ``BACKWARD``, at both ends.
        """
        G = {(index, index): self._diagonal[system] for index, system in enumerate(systems)}
        taken: dict[tuple[int, int], np.ndarray] = {}  # what a system takes from an earlier one: H and Σ(G)
        for gap in range(1, len(systems)):
            for b in range(len(systems) - gap):
                a = b + gap
                given = [taken[a, between] for between in range(b + 1, a)] if gap > 1 else [couplings[b]]
                below = [G[between, b] for between in range(b + 1, a)] if gap > 1 else [G[b, b]]
                known = _product(G[a, a], sum(map(_product, given, below), start=np.zeros(())))
                own = self._connected(systems[a], systems[b], known)
                taken[a, b] = own + couplings[b] if gap == 1 else own
                G[a, b] = known + _product(_product(G[a, a], own), G[b, b])
        return self.widths[layer] * G[len(systems) - 1, 0][signal, signal, ..., layer]

    def _settled(self, traces: np.ndarray, occupied: np.ndarray, covariances: Sequence[float]) -> np.ndarray:
        """``G`` at equilibrium, from ``s_l = N_{l-1}/a_l`` and ``t_{l+1} = v_{l+1} a_{l+1}``; the input is clamped."""
        seen = np.zeros(self.depth + 1)
        for low, high, variance in self._edges:
            seen[low] += variance * traces[high - 1]
        own = np.array([0.0, *(np.asarray(covariances, np.float64) + occupied[:-1] / traces)])
        G = np.array([[own, np.ones_like(own)], [np.ones_like(own), -seen]]) / (1 + seen * own)
        G[..., -1] = [[0, 0], [0, -1 / own[-1]]]
        return G

    def _neighbours(self) -> np.ndarray:
        """The matrix from the diagonal of ``G`` to ``Σ``, over signals and layers."""
        found = np.zeros((2, self.depth + 1, 2, self.depth + 1))
        for low, high, variance in self._edges:
            found[BACKWARD, high, FORWARD, low] = variance * self.widths[low]
            found[FORWARD, low, BACKWARD, high] = variance * self.widths[high]
        return found.reshape(2 * (self.depth + 1), -1)

    def _response(self, later: System, earlier: System) -> np.ndarray:
        """The matrix from the diagonal of ``K`` to ``Σ(G)``, where ``G = K + G_a Σ(G) G_b``: signals and layers."""
        weights = self._diagonal[later] * self._diagonal[earlier].swapaxes(0, 1)
        size = 2 * (self.depth + 1)
        returned = np.einsum("ijl,lm->iljm", weights, np.eye(self.depth + 1)).reshape(size, size)
        return self._transfer @ np.linalg.inv(np.eye(size) - returned @ self._transfer)

    def _connected(self, later: System, earlier: System, known: np.ndarray) -> np.ndarray:
        """``Σ(G)`` between two systems, from ``K``."""
        if (later, earlier) not in self._responses:
            self._responses[later, earlier] = self._response(later, earlier)
        diagonal = np.concatenate([known[FORWARD, FORWARD], known[BACKWARD, BACKWARD]], axis=-1)
        found = np.zeros_like(known)
        found[FORWARD, FORWARD], found[BACKWARD, BACKWARD] = np.split(
            diagonal @ self._responses[later, earlier].T, 2, axis=-1
        )
        return found


def _free(depth: int) -> np.ndarray:
    """``G`` of passes: signals are their sources."""
    return np.array([[0.0, 1.0], [1.0, 0.0]])[..., None] * np.ones(depth + 1)


def _product(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Of small matrices, at every layer."""
    return np.einsum("ij...,jk...->ik...", A, B)
