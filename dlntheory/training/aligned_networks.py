r"""Data whose modes decouple, networks that are aligned with them, and networks at the loss's critical points."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from jaxtyping import Float

from ..networks.initialisation import as_source
from ..networks.network import LinearNetwork
from ..numerics.algebra import Array, epsilon, identity, pinv
from ..numerics.checks import as_array, as_counts, as_list
from ..numerics.kinds import agree, namespace


class DataModes(NamedTuple):
    r"""The modes of data, largest singular value first: ``y ≈ Σ_k s_k u_k v_kᵀ x``.

    Attributes:
        singular_values: ``s``, ``(K,)``, of the least-squares map.
        variances: the variances of the input along each ``v_k``, ``(K,)``.
        noise: the variances of the target along each ``u_k``, around the map, ``(K,)``.
        outputs: ``u_1 … u_K``, ``(n_L, K)``.
        inputs: ``v_1 … v_K``, ``(n_0, K)``.
    """

    singular_values: Float[Array, " K"]
    variances: Float[Array, " K"]
    noise: Float[Array, " K"]
    outputs: Float[Array, "_ K"]
    inputs: Float[Array, "_ K"]


def data_modes(x: Any, y: Any) -> DataModes:
    r"""The singular modes of the least-squares map from inputs to targets, if they decouple.

    They do where ``mean(x xᵀ)`` and ``mean(y yᵀ)`` are diagonal in the map's singular vectors: white inputs are enough
    for the first, and targets without noise then for the second.

    Args:
        x: inputs, ``(B, n_0)``.
        y: targets, ``(B, n_L)``.

    Returns:
        `DataModes`, ``K = min(n_0, n_L)`` of them, for `mode_dynamics` and `aligned_network`.

    Raises:
        ValueError: for batches that do not match, or modes that do not decouple.
        TypeError: for something that does not hold real numbers.

    Source:
        Saxe et al. 2014; docs/theory.md, statement 5.9.

    Example:
        >>> modes = data_modes(x=[[1.0, 1.0], [1.0, -1.0]], y=[[3.0, 1.0], [3.0, -1.0]])
        >>> modes.singular_values.round(6).tolist(), modes.variances.round(6).tolist()
        ([3.0, 1.0], [1.0, 1.0])
    """
    inputs, targets, crossed, x = _covariances(x, y)
    xp = namespace(x)
    left, values, right = xp.linalg.svd(crossed @ pinv(inputs), full_matrices=False)
    spreads = []
    for name, matrix, basis in (("mean(x xᵀ)", inputs, right.T), ("mean(y yᵀ)", targets, left)):
        image = matrix @ basis
        spreads.append((basis * image).sum(axis=0))
        missing = float(xp.linalg.norm(image - basis * spreads[-1][None]))
        if missing > epsilon(x.dtype) ** 0.5 * float(xp.linalg.norm(matrix)):
            raise ValueError(
                f"the modes of `x` and `y` do not decouple: {name} is not diagonal in the singular vectors of the "
                f"least-squares map, by {missing:.1e}; wanted white inputs, for example."
            )
    noise = xp.maximum(spreads[1] - values**2 * spreads[0], xp.zeros_like(values))
    return DataModes(values, spreads[0], noise, left, right.T)


def aligned_network(modes: DataModes, initial: Any, widths: Any = None, key: Any = 0) -> LinearNetwork:
    r"""A network whose weights are aligned with data: ``W_l = U_l diag(w_l) U_{l-1}ᵀ``.

    Its modes learn by the equations of `mode_dynamics`.

    Args:
        modes: the result of `data_modes`; they give the outer bases ``U_0`` and ``U_L``.
        initial: ``w_1 … w_L`` of each mode, ``(K, L)``; or ``(L,)`` for all modes.
        widths: the widths of the ``L − 1`` hidden layers, each at least ``K``; ``None`` for ``K``.
        key: of the hidden bases: an integer seed or a NumPy generator, as in `LinearNetwork.random`, or a JAX random
            key.

    Returns:
        The network, ``L`` dense layers.

    Raises:
        ValueError: for shapes that do not match, or hidden layers that are too narrow.
        TypeError: for something that does not hold real numbers.

    Example:
        >>> modes = data_modes(x=[[1.0, 1.0], [1.0, -1.0]], y=[[3.0, 1.0], [3.0, -1.0]])
        >>> net = aligned_network(modes, initial=[[3.0, 1.0], [1.0, 1.0]], widths=[4])
        >>> net.widths, net([[1.0, 1.0]]).round(6).tolist()
        ((2, 4, 2), [[3.0, 1.0]])
    """
    count = modes.singular_values.size
    start = as_array("initial", initial, modes.singular_values.dtype)
    if start.ndim == 0 or start.shape[-1] == 0 or start.shape[:-1] not in ((), (count,)):
        raise ValueError(f"`initial` has shape {start.shape}; wanted ({count}, L) or (L,): L weights per mode.")
    modes, start = agree(modes=modes, initial=start)
    start = namespace(start).broadcast_to(start, (count, start.shape[-1]))
    hidden = start.shape[1] - 1
    sizes = [count] * hidden if widths is None else as_list("widths", widths, "whole numbers")
    if len(sizes) != hidden:
        raise ValueError(f"`widths` has {len(sizes)} entries; wanted {hidden}, one per hidden layer.")
    hidden_sizes = as_counts("widths", sizes, minimum=count)
    sources: Sequence[Any] = as_source("key", key, start.dtype).split(hidden + 1)
    between = [source.orthogonal(size)[:, :count] for source, size in zip(sources, hidden_sizes, strict=False)]
    return _from_bases([modes.inputs, *between, modes.outputs], start)


def critical_network(x: Any, y: Any, widths: Any, modes: Sequence[int] = ()) -> LinearNetwork:
    r"""A critical point of the loss: balanced weights that realise some modes of the data exactly, and no others.

    ``W_{L:1} = P M`` with the least-squares map ``M`` and the projection ``P`` on eigenvectors of ``M mean(x xᵀ) Mᵀ``
    (Baldi and Hornik 1989). It is a critical point of the equilibrated energy too where the targets have no noise in
    the modes that are realised. Without any mode it is the origin.

    Args:
        x: inputs, ``(B, n_0)``.
        y: targets, ``(B, n_L)``.
        widths: ``(n_0, …, n_L)``.
        modes: the indices of the eigenvectors, from 0, the largest eigenvalue first.

    Returns:
        The network, ``L`` dense layers, whose maps have as many singular values as there are modes.

    Raises:
        ValueError: for widths that do not match the data, or modes that the data or the widths have no room for.
        TypeError: for something that does not hold real numbers.

    Example:
        >>> x = [[1.0, 1.0], [1.0, -1.0]]
        >>> net = critical_network(x, y=[[3.0, 1.0], [3.0, -1.0]], widths=[2, 2, 2], modes=[0])
        >>> abs(net(x)).round(6).tolist()
        [[3.0, 0.0], [3.0, 0.0]]
    """
    inputs, _, crossed, x = _covariances(x, y)
    sizes = list(as_counts("widths", widths))
    if len(sizes) < 2 or sizes[0] != inputs.shape[0] or sizes[-1] != crossed.shape[0]:
        raise ValueError(f"`widths` is {sizes}; wanted {inputs.shape[0]} … {crossed.shape[0]}, as the data.")
    chosen = list(as_counts("modes", modes, minimum=0))
    if len(set(chosen)) != len(chosen) or len(chosen) > min(sizes) or max(chosen, default=0) >= sizes[-1]:
        raise ValueError(f"`modes` is {chosen}; wanted at most {min(sizes)} different ones below {sizes[-1]}.")
    least_squares = crossed @ pinv(inputs)
    xp = namespace(x)
    ordered = xp.linalg.eigh(least_squares @ crossed.T)[1][:, ::-1]
    vectors = xp.stack([ordered[:, mode] for mode in chosen], axis=1) if chosen else ordered[:, :0]
    left, values, right = xp.linalg.svd(vectors.T @ least_squares, full_matrices=False)
    between = [identity(size, x)[:, : len(chosen)] for size in sizes[1:-1]]
    depth = len(sizes) - 1
    weights = xp.broadcast_to(values[:, None] ** (1 / depth), (len(chosen), depth))
    return _from_bases([right.T, *between, vectors @ left], weights)


def _from_bases(bases: Sequence[Any], weights: Any) -> LinearNetwork:
    pairs = zip(bases, bases[1:], weights.T, strict=False)
    return LinearNetwork.from_weights([(after * each[None]) @ before.T for before, after, each in pairs])


def _covariances(x: Any, y: Any) -> tuple[Array, Array, Array, Array]:
    """``mean(x xᵀ)``, ``mean(y yᵀ)``, ``mean(y xᵀ)``; and the inputs."""
    x, y = (as_array(name, value) for name, value in (("x", x), ("y", y)))
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or not x.size or not y.size:
        raise ValueError(f"`x` and `y` have shapes {x.shape} and {y.shape}; wanted (B, n_0) and (B, n_L).")
    x, y = agree(x=x, y=y)
    return x.T @ x / len(x), y.T @ y / len(x), y.T @ x / len(x), x
