r"""Linear layers, each ``x_l = T_l x_{l-1} + b_l`` with a trainable weight inside ``T_l``.

The protocol (`Layer`) is what the theory needs of a layer, and all it needs: the linear map and its
transpose, the features ``phi_l`` that the weight multiplies, and the update and the effect of a change of the
weight. Everything here takes and returns columns (one column a sample), so that the same lines run on JAX
arrays and on SymPy matrices.
"""

import abc
from typing import Any

import equinox as eqx

from .algebra import Matrix, Size, add_bias, append_ones, identity, is_symbolic
from .checks import as_array


class Layer(eqx.Module):
    r"""A linear layer whose trainable part is ``W phi(x)``, with ``phi`` a fixed linear feature map.

    A learned bias is the weight of a constant feature: ``features`` then ends with a row of ones, and
    updates are those of the extended weight ``[W b]`` (see `split`).
    """

    weight: eqx.AbstractVar[Matrix]
    bias: eqx.AbstractVar[Matrix | None]
    learn_bias: eqx.AbstractVar[bool]

    @property
    @abc.abstractmethod
    def in_size(self) -> Size:
        """Number of inputs."""

    @property
    @abc.abstractmethod
    def out_size(self) -> Size:
        """Number of outputs."""

    @abc.abstractmethod
    def apply(self, x: Matrix) -> Matrix:
        """The linear map ``T x``, without the bias."""

    @abc.abstractmethod
    def transpose(self, v: Matrix) -> Matrix:
        """The transposed map ``T' v``."""

    @abc.abstractmethod
    def matrix(self) -> Matrix:
        """The map ``T`` as a matrix ``(out_size, in_size)``."""

    @abc.abstractmethod
    def weight_features(self, x: Matrix) -> Matrix:
        """The columns that the weight multiplies."""

    def affine(self, x: Matrix) -> Matrix:
        """``T x + b``."""
        return add_bias(self.apply(x), self.bias)

    def features(self, x: Matrix) -> Matrix:
        """The columns that the trainable parameters ``[W b]`` multiply: ``phi(x)``, and 1 if a bias is learned."""
        columns = self.weight_features(x)
        return append_ones(columns) if self.learn_bias else columns

    def weight_update(self, errors: Matrix, x: Matrix) -> Matrix:
        """The local update ``errors phi(x)'``, summed over the samples, of the extended weight."""
        return errors @ self.features(x).T

    def output_change(self, change: Matrix, x: Matrix) -> Matrix:
        """How the layer's output at ``x`` moves when the extended weight moves by ``change``."""
        return change @ self.features(x)

    def split(self, change: Matrix) -> tuple[Matrix, Matrix | None]:
        """Split a change of the extended weight into that of the weight and that of the bias."""
        if not self.learn_bias:
            return change, None
        return change[:, :-1], change[:, -1]


class Dense(Layer):
    r"""A fully connected layer, ``x_l = W x_{l-1} + b``.

    Args:
        weight: ``(n_out, n_in)``.
        bias: ``(n_out,)`` or ``None``.
        learn_bias: whether the bias is learned (a learned bias that is not given starts at zero) or fixed.

    Raises:
        ValueError: for a weight that is not a non-empty matrix of finite numbers, or a bias of another length.
        TypeError: for a weight or bias that does not hold real numbers.

    Example:
        >>> layer = Dense([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], bias=[1.0, 0.0, 0.0])
        >>> layer.in_size, layer.out_size
        (2, 3)
    """

    weight: Matrix
    bias: Matrix | None
    learn_bias: bool = eqx.field(static=True)

    def __init__(self, weight: Any, bias: Any = None, learn_bias: bool = False):
        self.weight = as_weight("weight", weight)
        self.bias = as_bias("bias", bias, self.weight, learn_bias)
        self.learn_bias = learn_bias

    @property
    def in_size(self) -> Size:
        """Number of inputs."""
        return self.weight.shape[1]

    @property
    def out_size(self) -> Size:
        """Number of outputs."""
        return self.weight.shape[0]

    def apply(self, x: Matrix) -> Matrix:
        """``W x``."""
        return self.weight @ x

    def transpose(self, v: Matrix) -> Matrix:
        """``W' v``."""
        return self.weight.T @ v

    def matrix(self) -> Matrix:
        """``W``."""
        return self.weight

    def weight_features(self, x: Matrix) -> Matrix:
        """``x`` itself."""
        return x


class Residual(Layer):
    r"""A residual layer, ``x_l = x_{l-1} + W x_{l-1} + b`` (Sample Efficiency, appendix I).

    Args:
        weight: square, ``(n, n)``.
        bias: ``(n,)`` or ``None``.
        learn_bias: whether the bias is learned (a learned bias that is not given starts at zero) or fixed.

    Raises:
        ValueError: for a weight that is not a non-empty square matrix of finite numbers, or a bias of another
            length.
        TypeError: for a weight or bias that does not hold real numbers.

    Example:
        >>> Residual([[0.0, 1.0], [0.0, 0.0]]).matrix().tolist()
        [[1.0, 1.0], [0.0, 1.0]]
    """

    weight: Matrix
    bias: Matrix | None
    learn_bias: bool = eqx.field(static=True)

    def __init__(self, weight: Any, bias: Any = None, learn_bias: bool = False):
        self.weight = as_weight("weight", weight)
        rows, columns = self.weight.shape
        if rows != columns:
            raise ValueError(
                f"`weight` of a residual layer has shape {(rows, columns)}; wanted a square matrix, "
                "as its output is added to its input."
            )
        self.bias = as_bias("bias", bias, self.weight, learn_bias)
        self.learn_bias = learn_bias

    @property
    def in_size(self) -> Size:
        """Number of inputs."""
        return self.weight.shape[1]

    @property
    def out_size(self) -> Size:
        """Number of outputs."""
        return self.weight.shape[0]

    def apply(self, x: Matrix) -> Matrix:
        """``x + W x``."""
        return x + self.weight @ x

    def transpose(self, v: Matrix) -> Matrix:
        """``v + W' v``."""
        return v + self.weight.T @ v

    def matrix(self) -> Matrix:
        """``I + W``."""
        return identity(self.in_size, self.weight) + self.weight

    def weight_features(self, x: Matrix) -> Matrix:
        """``x`` itself."""
        return x


def as_weight(name: str, weight: Any) -> Matrix:
    """Convert to a non-empty matrix of finite numbers; SymPy matrices pass through."""
    array = as_array(name, weight)
    if is_symbolic(array):
        return array
    if array.ndim != 2:
        raise ValueError(f"`{name}` has shape {array.shape}; wanted a matrix (n_out, n_in).")
    if array.size == 0:
        raise ValueError(f"`{name}` is empty, shape {array.shape}; wanted at least one row and one column.")
    return array


def as_bias(name: str, bias: Any, weight: Matrix, learned: bool = False) -> Matrix | None:
    """Convert to a vector as long as ``weight`` has rows, in its dtype; a learned bias defaults to zero."""
    if not isinstance(learned, bool):
        raise TypeError(f"`learn_bias` is {learned!r}; wanted True or False.")
    if bias is None:
        return 0 * weight[:, 0] if learned else None
    array = as_array(name, bias, None if is_symbolic(weight) else weight.dtype)
    if is_symbolic(array):
        return array
    if array.shape != (weight.shape[0],):
        raise ValueError(f"`{name}` has shape {array.shape}; wanted ({weight.shape[0]},), one a row of the weight.")
    return array
