r"""The output covariance ``S = Σ_l D_l Σ_l D_lᵀ`` of the generative model, and the layers' covariances ``Σ_l``.

``S`` is the covariance of the output when the input is clamped and every layer adds its own noise. It is
computed in one of two orders, neither of which forms the products ``W_{l:k}``:

- forward, the recursion ``S_l = Σ_l + T_l S_{l-1} T_lᵀ`` from ``S_1 = Σ_1``, the Kalman filter's prediction;
- backward, ``D_{l-1} = D_l T_l`` from ``D_L = I``, and the sum; far cheaper where outputs are few.

A covariance is ``None`` (the identity), a positive scalar, or a symmetric positive definite matrix.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float

from ..networks.layer import Layer
from ..networks.network import LinearNetwork, as_network
from ..networks.passes import downstream_maps
from ..numerics.algebra import Array, Matrix, Size, identity
from ..numerics.checks import as_array, as_list, nan_unless
from ..numerics.kinds import agree, compiled, is_concrete, namespace, stop_gradient
from ..numerics.precision import refuse_overflow

Covariances: TypeAlias = tuple[Any, ...]


def scale(covariance: Any, columns: Matrix) -> Matrix:
    """``Σ @ columns``."""
    if covariance is None:
        return columns
    return covariance * columns if is_scalar(covariance) else covariance @ columns


def add_noise(covariance: Any, predicted: Matrix) -> Matrix:
    """``Σ + predicted``."""
    return scale(covariance, identity(predicted.shape[0], predicted)) + predicted


def is_scalar(covariance: Any) -> bool:
    """Tell a scalar covariance from a matrix."""
    return not getattr(covariance, "shape", ())


def forward_covariance(layers: Sequence[Layer], covariances: Covariances) -> Matrix:
    r"""``S`` by the recursion ``S_1 = Σ_1``, ``S_l = Σ_l + T_l S_{l-1} T_lᵀ``."""
    if len(layers) == 1:
        return scale(covariances[0], identity(layers[0].out_size, layers[0].like))
    # S_{l-1} T_lᵀ, which needs no product for the first layer where Σ_1 is a scalar. S_l, symmetric but for rounding,
    # is transposed so that XLA contracts last indices, which on some processors is three times as fast.
    crossed = scale(covariances[0], layers[1].matrix().T)
    for layer, following, covariance in zip(layers[1:], layers[2:], covariances[1:], strict=False):
        crossed = following.apply(add_noise(covariance, layer.apply(crossed)).T).T
    return add_noise(covariances[-1], layers[-1].apply(crossed))


def backward_covariance(maps: Sequence[Matrix], covariances: Covariances) -> Matrix:
    r"""``S = Σ_l D_l Σ_l D_lᵀ`` from the downstream maps ``D_lᵀ``."""
    total = scale(covariances[-1], maps[-1])
    for downstream, covariance in zip(maps[:-1], covariances[:-1], strict=True):
        total = total + downstream.T @ scale(covariance, downstream)
    return total


def multiplications(layers: Sequence[Layer]) -> tuple[Size, Size]:
    """The numbers of multiplications that the forward and the backward order take."""
    outputs = layers[-1].out_size
    forward = sum(each.work * (each.in_size + each.out_size) for each in layers[1:])
    backward = sum(outputs * (each.work + outputs * each.in_size) for each in layers[1:])
    return forward, backward


def backward_is_cheaper(layers: Sequence[Layer]) -> bool:
    """Choose the order of computing ``S``."""
    forward, backward = multiplications(layers)
    return (backward < forward) in (True,)  # symbolic sizes decide nothing, and take the recursion


def as_covariances(layers: Sequence[Layer], covariances: Any, dtype: Any) -> Covariances:
    """Check and convert: ``None``, or one positive scalar or SPD ``(n_l, n_l)`` matrix per layer."""
    if covariances is None:
        return (None,) * len(layers)
    entries = as_list("covariances", covariances, "scalars or matrices, one per layer")
    if len(entries) != len(layers):
        raise ValueError(f"`covariances` has {len(entries)} entries; wanted {len(layers)}, one per layer.")
    sizes = (layer.out_size for layer in layers)
    return tuple(
        as_covariance(f"covariances[{index}]", entry, size, dtype)
        for index, (entry, size) in enumerate(zip(entries, sizes, strict=True))
    )


def as_covariance(name: str, value: Any, size: int, dtype: Any) -> Array:
    """Check and convert a positive scalar or an SPD ``(size, size)`` matrix."""
    array = as_array(name, value, dtype)
    if array.shape not in ((), (size, size)):
        raise ValueError(f"`{name}` has shape {array.shape}; wanted a positive number or ({size}, {size}).")
    if is_concrete(array):
        _check_positive_definite(name, np.asarray(array))
        return array[()]
    xp = namespace(array)
    pivots = xp.diagonal(xp.linalg.cholesky(stop_gradient(array))) if array.ndim else array
    return nan_unless((pivots > 0).all(), array)


def _check_positive_definite(name: str, array: np.ndarray) -> None:
    if array.ndim == 0:
        if not array > 0:
            raise ValueError(f"`{name}` is {array}; wanted a positive number.")
        return
    asymmetry = np.abs(array - array.T).max()
    if asymmetry > 100 * np.finfo(array.dtype).eps * np.abs(array).max():
        raise ValueError(f"`{name}` is not symmetric, by {asymmetry:.3g}; wanted a symmetric matrix.")
    smallest = np.linalg.eigvalsh(array)[0]
    if not smallest > 0:
        raise ValueError(f"`{name}` has the eigenvalue {smallest:.3g}; wanted a positive definite matrix.")


def output_covariance(net: LinearNetwork, covariances: Any = None) -> Float[Array, "n n"]:
    r"""The output covariance ``S = Σ_l D_l Σ_l D_lᵀ`` of the generative model of predictive coding.

    With ``D_l = T_L … T_{l+1}`` the map from layer ``l`` to the output. With unit covariances, the energy at
    equilibrium is ``½ rᵀ S⁻¹ r`` and ``S ⪰ I``.

    Args:
        net: the network, ``L`` layers.
        covariances: ``None`` for identities, or ``L`` entries, each a positive scalar or a symmetric positive
            definite ``(n_l, n_l)`` matrix.

    Returns:
        ``S``, ``(n_L, n_L)``, symmetric positive definite.

    Raises:
        ValueError: for covariances of another number or shape, or not positive definite.
        TypeError: for covariances that are not real numbers.
        PrecisionError: where ``S`` overflows. Under ``jax.jit`` and other transformations it stays as it is.

    Source:
        Sample Efficiency, equation 4; with covariances, docs/theory.md, statement 4.1.

    Example:
        >>> output_covariance(LinearNetwork.from_weights([[[1.0]], [[2.0]], [[3.0]]])).tolist()
        [[46.0]]
    """
    net = as_network("net", net)
    covariances = as_covariances(net.layers, covariances, net.dtype)
    found = _output_covariance(*agree(net=net.layers, covariances=covariances))
    return refuse_overflow("output covariances", found)


@compiled
def _output_covariance(layers: tuple[Layer, ...], covariances: Covariances) -> Array:
    return raw_output_covariance(layers, covariances)


def raw_output_covariance(layers: Sequence[Layer], covariances: Covariances) -> Matrix:
    """``S`` in the cheaper order, of checked arguments."""
    if backward_is_cheaper(layers):
        return symmetrised(backward_covariance(downstream_maps(layers), covariances))
    return symmetrised(forward_covariance(layers, covariances))


def symmetrised(matrix: Matrix) -> Matrix:
    """Remove the asymmetry that rounding leaves."""
    return (matrix + matrix.T) / 2
