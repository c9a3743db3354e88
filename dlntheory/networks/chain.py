r"""Several weights between two errors: a chain of layers that carries one error, on its output.

``x_l = A_k … A_1 x_{l-1} + ε_l``, inside of `Residual` a residual block. Equilibrium and updates keep their formulas,
``D_l`` being what follows the chain: weight ``i`` of the chain learns from ``(A_k … A_{i+1})ᵀ D_lᵀ λ`` and from the
activity that reaches it. But the prediction then moves by terms ``D_l A_k … A_{i+1} (A_k … A_{i+1})ᵀ D_lᵀ λ``, which
``S`` does not have: Theorems 1 and 2 do not apply, and rescalings are refused.
"""

import itertools
import math
from functools import reduce
from typing import Any

from ..numerics.algebra import Matrix, Size
from ..numerics.checks import as_list
from ..numerics.kinds import namespace
from ..numerics.record import with_fields
from .folding import fold
from .layer import Layer, Shape
from .passes import backward_sweep, feedforward, finite_change, first_order_change


class Chain(Layer):
    r"""Layers in a row that share one error.

    A change of its weights is one vector of them all; `split` takes it apart.

    Args:
        layers: layers with weights, and fixed maps between them.

    Raises:
        ValueError: for no layers.
        TypeError: for something that is not a layer.

    Example:
        >>> from dlntheory import Dense, LinearNetwork, Residual
        >>> block = Chain([Dense([[0.0, 1.0]]), Dense([[1.0], [1.0]])])
        >>> LinearNetwork([Residual(block)])([1.0, 2.0]).tolist()
        [3.0, 4.0]
    """

    layers: tuple[Any, ...]

    def __init__(self, layers: Any):
        self.layers = tuple(as_list("layers", layers, "layers"))

    @property
    def weight(self) -> tuple[Any, ...]:
        """The weights of the layers."""
        return tuple(layer.weight for layer in self.layers)

    @property
    def bias(self) -> tuple[Any, ...] | None:
        """The biases of the layers, ``None`` where there are none."""
        biases = tuple(layer.bias for layer in self.layers)
        return None if all(bias is None for bias in biases) else biases

    @property
    def learn_bias(self) -> bool:
        """Whether one of the biases is learned."""
        return any(layer.learn_bias for layer in self.layers)

    @property
    def in_shape(self) -> Shape:
        """The shape of one input."""
        return self.layers[0].in_shape

    @property
    def out_shape(self) -> Shape:
        """The shape of one output."""
        return self.layers[-1].out_shape

    @property
    def like(self) -> Matrix:
        """An array of the layer's kind and dtype."""
        return self.layers[0].like

    @property
    def shift(self) -> Matrix | None:
        """The biases' share of the output."""
        if self.bias is None:
            return None
        return feedforward(self.layers, namespace(self.like).zeros((self.in_size, 1), self.like.dtype))[-1][:, 0]

    @property
    def has_features(self) -> bool:
        """No: there are several weights."""
        return False

    @property
    def homogeneous(self) -> bool:
        """Whether no bias is added before a weight, nor learned."""
        return self.bias is None and all(layer.homogeneous for layer in self.layers)

    @property
    def work(self) -> Size:
        """The number of multiplications that `apply` takes for one column."""
        return sum(layer.work for layer in self.layers)

    def bind(self, shape: Shape) -> "Chain":
        """The chain for inputs of that shape."""
        try:
            return with_fields(self, layers=fold("layers", self.layers, shape))
        except ValueError as error:
            raise ValueError(f"is or holds a chain in which {error} The chain does not fit,") from error

    def apply(self, x: Matrix) -> Matrix:
        """``A_k … A_1 x``."""
        return reduce(lambda columns, layer: layer.apply(columns), self.layers, x)

    def transpose(self, v: Matrix) -> Matrix:
        """``A_1' … A_k' v``."""
        return reduce(lambda columns, layer: layer.transpose(columns), reversed(self.layers), v)

    def weight_features(self, x: Matrix) -> Matrix:
        """There are none: several weights share the error."""
        raise ValueError("a chain of several weights has no features; wanted one weight between two errors.")

    def weight_update(self, errors: Matrix, x: Matrix) -> Matrix:
        """The local updates of all weights in one vector, each with the error pulled back through those behind it."""
        triples = zip(self.layers, backward_sweep(self.layers, errors), feedforward(self.layers, x), strict=False)
        updates = [layer.weight_update(error, activity).ravel() for layer, error, activity in triples]
        return namespace(x).concatenate(updates)

    def output_change(self, change: Matrix, x: Matrix) -> Matrix:
        """The change of the output, to first order."""
        return first_order_change(self.layers, self._parts(change), feedforward(self.layers, x))

    def finite_change(self, change: Matrix, x: Matrix, learning_rate: Any) -> Matrix:
        """The change of the output in a finite step of all weights."""
        return finite_change(self.layers, self._parts(change), feedforward(self.layers, x), learning_rate)

    def jacobian(self, downstream: Matrix, x: Matrix) -> Matrix:
        """The Jacobian of the output in all weights, from the layers' Jacobians."""
        triples = zip(self.layers, backward_sweep(self.layers, downstream), feedforward(self.layers, x), strict=False)
        parts = [layer.jacobian(pulled, activity) for layer, pulled, activity in triples]
        return namespace(x).concatenate(parts, axis=1)

    def split(self, change: Matrix) -> tuple[tuple[Any, ...], tuple[Any, ...] | None]:
        """The changes of the weights and of the biases."""
        pairs = zip(self.layers, self._parts(change), strict=True)
        weights, biases = zip(*(layer.split(part) for layer, part in pairs), strict=True)
        return weights, biases if self.learn_bias else None

    @property
    def change_shape(self) -> tuple[int, ...]:
        """The shape of a change: one vector of all weights."""
        return (sum(math.prod(layer.change_shape) for layer in self.layers),)

    def with_weight(self, weight: Any) -> "Chain":
        """The chain with other weights."""
        pairs = zip(self.layers, weight, strict=True)
        return with_fields(self, layers=tuple(layer.with_weight(each) for layer, each in pairs))

    def moved(self, change: Matrix, learning_rate: Any) -> "Chain":
        """The chain after a step of all weights."""
        pairs = zip(self.layers, self._parts(change), strict=True)
        return with_fields(self, layers=tuple(layer.moved(part, learning_rate) for layer, part in pairs))

    def _parts(self, change: Matrix) -> list[Matrix]:
        """A vector of all weights as the layers' extended weights."""
        shapes = [layer.change_shape for layer in self.layers]
        ends = itertools.accumulate(map(math.prod, shapes), initial=0)
        return [change[a:b].reshape(shape) for (a, b), shape in zip(itertools.pairwise(ends), shapes, strict=True)]
