"""A linear network: a chain of linear layers, immutable, and a pytree of its parameters."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from ..numerics.algebra import Array
from ..numerics.checks import as_batch, as_list, as_parameter, as_widths, one_of
from ..numerics.kinds import agree, compiled, is_symbolic, leaves, to_jax, to_numpy
from ..numerics.record import Record, with_fields
from .folding import fold
from .initialisation import Init, as_source, random_weights
from .layer import Dense, Layer, Shape, as_bias, as_weight
from .parameterisation import PARAMETERISATIONS, Parameterisation, parameterised
from .passes import feedforward
from .samples import activity_shapes, as_columns, as_rows, as_shape, shaped


class LinearNetwork(Record):
    r"""A deep linear network ``x_l = T_l x_{l-1} + b_l``, ``l = 1 … L``.

    Args:
        layers: the layers, from the input's to the output's; their shapes must chain. Layers of different
            precision are brought to the highest. Layers without weights, such as `AvgPool2d` and `Flatten`, carry no
            error: they become a part of the next layer with a weight.
        input_shape: the shape of one input, where the first layer does not know it; ``(channels, height, width)`` of an
            image.

    Raises:
        ValueError: for no layers, shapes that do not chain, or a layer without weights at the end.
        TypeError: for something that is not a layer, or layers of symbols beside layers of numbers.

    Example:
        >>> net = LinearNetwork([Dense([[1.0, 2.0]]), Dense([[3.0], [4.0]])])
        >>> net.widths, net.depth
        ((2, 1, 2), 2)
        >>> net([1.0, 1.0]).tolist()
        [9.0, 12.0]
    """

    layers: tuple[Layer, ...]

    def __init__(self, layers: Any, input_shape: Any = None):
        shape = None if input_shape is None else as_shape("input_shape", input_shape)
        self.layers = _of_one_kind(fold("layers", as_list("layers", layers, "layers"), shape))

    @classmethod
    def from_weights(cls, weights: Any, biases: Any = None) -> "LinearNetwork":
        """A network of dense layers with the given weights and fixed biases.

        Args:
            weights: matrices ``W_l`` of shape ``(n_l, n_{l-1})``, from the input's to the output's.
            biases: vectors ``(n_l,)`` or ``None`` entries, or ``None`` for no biases.

        Returns:
            The network.

        Raises:
            ValueError: for no weights, shapes that do not chain, NaN or infinity, or another number of biases.
            TypeError: for something that does not hold real numbers.

        Example:
            >>> LinearNetwork.from_weights([[[1, 0], [0, 1], [1, 1]], [[1, 1, 1]]]).widths
            (2, 3, 1)
        """
        weights = as_list("weights", weights, "matrices")
        biases = [None] * len(weights) if biases is None else as_list("biases", biases, "vectors or None")
        if len(biases) != len(weights):
            raise ValueError(
                f"`biases` has {len(biases)} entries for {len(weights)} weights; wanted one per weight, or None."
            )
        layers = []
        for index, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            matrix = as_weight(f"weights[{index}]", weight)
            layers.append(Dense(matrix, as_bias(f"biases[{index}]", bias, matrix)))
        return cls(fold("weights", layers, None))

    @classmethod
    def random(
        cls,
        widths: Any,
        init: Init | None = None,
        key: Any = 0,
        condition_number: Any = None,
        dtype: Any = None,
        parameterisation: Parameterisation = "standard",
        growth: Any = 3.0,
    ) -> "LinearNetwork":
        """A network of dense layers with random weights and no biases.

        Args:
            widths: ``(n_0, …, n_L)``.
            init: ``"kaiming_uniform"`` U(±1/√n_in), the default; ``"norm_preserving"`` N(0, 1/n_out);
                ``"orthogonal"``; ``"lecun_normal"`` N(0, 1/n_in); ``"standard_normal"`` N(0, 1), the default of the
                other parameterisations; or ``"pc_aligned"``, normal with variances for which plain predictive coding
                is aligned at large width (`aligned_variances`).
            key: an integer seed or a NumPy generator, for a network of NumPy arrays (a seed means
                ``numpy.random.default_rng(seed)``); or a JAX random key, for one of JAX arrays.
            condition_number: ratio of the largest to the smallest singular value of every weight, at least 1
                (Sample Efficiency, equations 30-32), or ``None`` to leave the weights as drawn.
            parameterisation: ``"standard"``, the weights themselves; ``"ntk"``, each weight times ``1/√n_in``; or
                ``"mupc"``, depth-μP: the first times ``1/√n_0``, those between times ``1/√(n_in L)`` beside a skip,
                the last times ``1/n_in``. Updates act on the unscaled weights.
            growth: the ``T`` of `aligned_variances`, for ``"pc_aligned"``.
            dtype: float32 or float64; with a JAX key JAX's default float if ``None``, otherwise float64.

        Returns:
            The network.

        Raises:
            ValueError: for fewer than two widths, a width below 1, an unknown ``init`` or parameterisation, a condition
                number below 1, a growth for which no variances exist, or hidden widths that differ with ``"mupc"``.
            TypeError: for widths that are not whole numbers.

        Example:
            >>> LinearNetwork.random([4, 3, 2], init="norm_preserving", key=1).depth
            2
        """
        sizes = as_widths("widths", widths)
        one_of("parameterisation", parameterisation, PARAMETERISATIONS)
        if init is None:
            init = "kaiming_uniform" if parameterisation == "standard" else "standard_normal"
        weights = random_weights(sizes, init, as_source("key", key, dtype), condition_number, growth)
        return cls(parameterised(weights, parameterisation))

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, layers=_of_one_kind(state["layers"]))  # pickles forget what cannot be written to

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """The shape of one sample's activity in every layer, ``(n_l,)`` or ``(channels, height, width)``."""
        return activity_shapes(self.layers)

    @property
    def widths(self) -> tuple[Any, ...]:
        """``(n_0, …, n_L)``; where a layer has images, their shape."""
        return tuple(shape[0] if len(shape) == 1 else shape for shape in self.shapes)

    @property
    def depth(self) -> int:
        """``L``, the number of layers with weights."""
        return len(self.layers)

    @property
    def dtype(self) -> Any:
        """The dtype of the parameters."""
        return self.layers[0].like.dtype

    @property
    def weights(self) -> tuple[Any, ...]:
        """The weights ``W_1 … W_L``."""
        return tuple(layer.weight for layer in self.layers)

    @property
    def biases(self) -> tuple[Any, ...]:
        """The biases ``b_1 … b_L``, ``None`` where a layer has none."""
        return tuple(layer.bias for layer in self.layers)

    def _facts(self) -> dict[str, Any]:
        return {"widths": self.widths, "depth": self.depth}

    def _columns(self) -> dict[str, Any]:
        learned = ["learned" if layer.learn_bias else "—" if layer.bias is None else "fixed" for layer in self.layers]
        return {
            "layer": range(1, self.depth + 1),
            "kind": [type(layer).__name__ for layer in self.layers],
            "inputs": list(self.shapes[:-1]),
            "outputs": list(self.shapes[1:]),
            "weights": [sum(int(np.prod(each.shape)) for each in leaves(layer.weight)) for layer in self.layers],
            "bias": learned,
        }

    def to_jax(self) -> "LinearNetwork":
        """The network with JAX arrays, for ``jax.jit``, ``jax.vmap``, ``jax.grad`` and accelerators.

        Raises:
            ValueError: where JAX would cut float64 to 32 bits.
        """
        return to_jax(self, "the network")

    def to_numpy(self) -> "LinearNetwork":
        """The network with NumPy arrays, which is computed with at once."""
        return with_fields(self, layers=_of_one_kind(to_numpy(self.layers)))

    def with_weights(self, weights: Sequence[Any]) -> "LinearNetwork":
        """The network with other weights in its layers.

        Args:
            weights: an array for each layer, of the shape of its weight; of a chain, a tuple of them.

        Raises:
            ValueError: for another number of weights, other shapes, NaN or infinity.
            TypeError: for something that does not hold real numbers.

        Example:
            >>> LinearNetwork.from_weights([[[1.0]], [[2.0]]]).with_weights([[[3.0]], [[4.0]]])([1.0]).tolist()
            [12.0]
        """
        given = _alike("weights", weights, self.weights)
        layers = [layer.with_weight(weight) for layer, weight in zip(self.layers, given, strict=True)]
        return with_fields(self, layers=_of_one_kind(layers))

    def __call__(self, x: Any) -> Float[Array, "..."]:
        """The feedforward prediction ``W_L … W_1 x`` (with biases where layers have them).

        Args:
            x: inputs, ``(B, n_0)`` or ``(n_0,)``; images ``(B, C, H, W)`` or ``(C, H, W)``.

        Returns:
            Predictions, ``(B, n_L)`` or ``(n_L,)``, or images.

        Raises:
            ValueError: for inputs of another width, an empty batch, NaN or infinity.
            TypeError: for inputs that are not real numbers.
        """
        layers, x = agree(net=as_network("net", self).layers, x=as_batch("x", x, self.shapes[0], self.dtype))
        return shaped(_predict(layers, x), self.shapes[-1])


@compiled
def _predict(layers: tuple[Layer, ...], x: Array) -> Array:
    return as_rows(feedforward(layers, as_columns(x))[-1], x.ndim == 1)


def as_network(name: str, value: Any) -> LinearNetwork:
    """Return ``value`` if it is a network of numbers."""
    if not isinstance(value, LinearNetwork):
        raise TypeError(f"`{name}` is a {type(value).__name__}; wanted a LinearNetwork.")
    if is_symbolic(value.layers[0].like):
        raise TypeError(f"`{name}` holds symbols; wanted numbers. `dlntheory.symbolic` has functions for symbols.")
    return value


def _alike(name: str, value: Any, like: Any) -> Any:
    """Arrays of their own memory, of the shapes of others."""
    if not isinstance(like, tuple):
        array = as_parameter(name, value, None if is_symbolic(like) else like.dtype)
        if tuple(array.shape) != tuple(like.shape):
            raise ValueError(f"`{name}` has shape {tuple(array.shape)}; wanted {tuple(like.shape)}.")
        return array
    given = as_list(name, value, "arrays")
    if len(given) != len(like):
        raise ValueError(f"`{name}` has {len(given)} entries; wanted {len(like)}, one per layer.")
    return tuple(_alike(f"{name}[{index}]", *pair) for index, pair in enumerate(zip(given, like, strict=True)))


def _of_one_kind(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """The layers, all of the highest precision, and all JAX's if one is; NumPy's arrays cannot be written to."""
    symbolic = {is_symbolic(layer.like) for layer in layers}
    if len(symbolic) > 1:
        raise TypeError("`layers` hold symbols and numbers; wanted one or the other.")
    if True in symbolic:
        return tuple(layers)
    [own] = agree(layers=tuple(layers))
    for leaf in leaves(own):
        if isinstance(leaf, np.ndarray):
            leaf.flags.writeable = False
    return own
