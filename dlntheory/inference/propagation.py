r"""The output's error on its way down the network, to leading order in the step size, and under spiking precision.

From a forward start only the output has an error. Each step of gradient descent carries a share ``γ`` of every error
one layer down, so it reaches layer ``l`` at time ``L − l``, and after ``T`` steps ``ε_l ≈ γ^{L−l} C(T, L−l) D_lᵀ r``,
with one term for each choice of the ``L − l`` steps that moved it. Energy loses a factor ``γ²`` with every layer.
With momentum ``μ``, each share is followed by ``μ`` times itself, and so on.

Spiking precision (Deeper PCNs, section 4) carries the error down whole: layer ``l``'s covariance is the step size ``γ``
at time ``L − l``, counted from 0. `arriving_errors` takes and returns columns, SymPy's too.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from ..equilibria.covariance import scale
from ..equilibria.nudging import SoftOutput
from ..equilibria.problem import Problem, as_problem
from ..networks.layer import Layer
from ..networks.network import LinearNetwork
from ..networks.passes import backward_sweep
from ..numerics.algebra import Array, Matrix, column_products
from ..numerics.checks import as_count
from ..numerics.kinds import agree, compiled, is_jax, namespace
from ..numerics.precision import refuse_overflow
from .energy import Precisions, descend
from .relaxation import free_chain
from .responses import binary, by_squaring
from .settings import as_momentum, as_step_size


def energy_propagation(
    net: LinearNetwork,
    x: Any,
    y: Any,
    steps: Any,
    step_size: Any,
    momentum: Any = 0.0,
    covariances: Any = None,
    nudge: Any = None,
) -> Float[Array, "*B L"]:
    r"""The energy of every layer after ``T`` steps from a forward start, to leading order in the step size.

    ``E_l ≈ ½ γ^{2(L−l)} C(T, L−l)² |D_lᵀ r|²``: exact for ``L − l ≥ T``, and an overestimate once errors begin to
    relax, at times of the order of ``1/γ``. With covariances, the error is weighted by every precision on its way.

    Args:
        net: the network.
        x: inputs, ``(B, n_0)`` or ``(n_0,)``.
        y: targets, ``(B, n_L)`` or ``(n_L,)``.
        steps: ``T``, not negative; its size costs nothing.
        step_size: ``γ``, positive.
        momentum: ``μ``, from 0 to 1, of heavy-ball descent.
        covariances: as in `equilibrium`.
        nudge: ``None`` or a number, as in `equilibrium`.

    Returns:
        ``(B, L)``, comparable with ``energy_by_layer`` of `simulate_inference` and `finite_time_activities`.

    Raises:
        ValueError: as `simulate_inference`, or for a soft output, whose error is not there from the start.
        TypeError: as `simulate_inference`.
        PrecisionError: where an energy overflows.

    Source:
        docs/theory.md, statement 5.4.

    Example:
        >>> net = LinearNetwork.from_weights([[[1.0]], [[2.0]], [[1.0]]])
        >>> energy_propagation(net, [1.0], [4.0], steps=2, step_size=0.5).tolist()
        [0.5, 2.0, 2.0]
    """
    steps = as_count("steps", steps, minimum=0)
    problem = as_problem(net, x, y, covariances, nudge)
    if isinstance(problem.nudge, SoftOutput):
        raise ValueError(
            "`nudge` is a SoftOutput; wanted None or a number, a clamp whose error is there from the start."
        )
    dtype = problem.x.dtype
    problem, step_size, momentum = agree(
        net=problem,
        step_size=as_step_size(step_size, "gradient", dtype),
        momentum=as_momentum(momentum, dtype),
    )
    return refuse_overflow("energies", _energies(problem, arrivals(len(problem.layers), steps, momentum, step_size)))


def arrivals(depth: int, steps: int, momentum: Array, step_size: Any = 1.0) -> Float[Array, " L"]:
    r"""The share of the output's error that has come down to layers ``1 … L``: ``γ^{L−l} C(T, L−l)`` without momentum.

    The coefficients of a power of polynomials in the step down, with no term that is negative: no digit is lost.
    """
    return _arrivals(depth, binary(steps), momentum, step_size)


@compiled
def _arrivals(depth: int, bits: Array, momentum: Array, step_size: Array) -> Float[Array, " L"]:
    """The shares, by squaring the step ``[[1 + γs, μ], [γs, μ]]`` of ``(ways, velocity)``, ``s`` one layer down."""
    xp, powers = namespace(momentum), np.arange(depth)
    here, down = ((powers == power).astype(momentum.dtype) for power in (0, 1))
    here, below = xp.asarray(here), step_size * xp.asarray(down)
    step = xp.stack([xp.stack([here + below, momentum * here]), xp.stack([below, momentum * here])])
    unit = xp.stack([xp.stack([here, 0 * here]), xp.stack([0 * here, here])])
    return by_squaring(_product, step, unit, bits)[0, 0, ::-1]


def _product(one: Float[Array, "2 2 n"], other: Float[Array, "2 2 n"]) -> Float[Array, "2 2 n"]:
    """The product of matrices of polynomials, without the powers that lead out of the network."""
    depth = one.shape[-1]
    if not is_jax(one):
        pairs = [
            [
                sum(np.convolve(a, b)[:depth] for a, b in zip(row, column, strict=True))
                for column in other.swapaxes(0, 1)
            ]
            for row in one
        ]
        return np.array(pairs)
    apart = np.arange(depth)[None] - np.arange(depth)[:, None]
    shifted = other[..., apart] * (apart >= 0).astype(other.dtype)[None, None]
    return namespace(one).einsum("ikm,kjmn->ijn", one, shifted)


@compiled
def _energies(problem: Problem, shares: Array) -> Float[Array, "*B L"]:
    chain = free_chain(problem)
    errors = [chain.output]
    for layer, precision in zip(reversed(chain.layers[1:]), reversed(chain.precisions), strict=False):
        errors.append(layer.transpose(scale(precision, errors[-1])))
    pairs = zip(reversed(errors), chain.precisions, strict=True)
    whole = namespace(shares).stack(
        [column_products(error, scale(precision, error)) / 2 for error, precision in pairs], axis=-1
    )
    energies = whole * shares[None] ** 2
    return energies[0] if problem.x.ndim == 1 else energies


def arriving_errors(
    layers: Sequence[Layer], residual: Matrix, step_size: object, precisions: Callable[[int], Precisions]
) -> list[Matrix]:
    r"""``ε_l`` at time ``L − l``, for ``l = 1 … L``, in inference by gradient descent from a forward start.

    That is when the output's error first reaches layer ``l``. ``precisions`` maps a time to its precisions. If they
    spike, every arriving error is backpropagation's, ``D_lᵀ r``.

    Layer ``l`` and all below it have not moved before time ``L − l``, so ``ε_l`` is the deviation that the layer's
    first step gives it, ``γ T_{l+1}ᵀ ε_{l+1} / Σ_{l+1}``; and then ``Σ_{l+1} = γ``, while ``ε_{l+1}`` has just arrived.
    """
    resting = [0 * below for below in backward_sweep(layers, residual)[:-1]]
    errors = [residual]
    for time in range(len(layers) - 1):  # nothing but the first step of the layer that the error reaches
        pair = slice(len(layers) - 2 - time, len(layers) - time)
        errors += descend(layers[pair], precisions(time)[pair], [resting[-1 - time]], errors[-1], step_size)
    return errors[::-1]
