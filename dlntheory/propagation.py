r"""How the output's error travels down the network, to leading order in the step size.

From a forward start only the output has an error. Each step of gradient descent carries a share ``γ`` of every error
one layer down, so it reaches layer ``l`` at time ``L − l``, and after ``T`` steps ``ε_l ≈ γ^{L−l} C(T, L−l) D_lᵀ r``,
with one term for each choice of the ``L − l`` steps that moved it. Energy loses a factor ``γ²`` with every layer.
With momentum ``μ``, each share is followed by ``μ`` times itself, and so on.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .algebra import column_products
from .checks import as_count
from .covariance import scale
from .equilibria import Problem, SoftOutput, as_problem
from .inference import as_momentum, as_step_size
from .network import LinearNetwork
from .relaxation import as_inference


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
        steps: ``T``, not negative.
        step_size: ``γ``, positive.
        momentum: ``μ``, from 0 to 1, of heavy-ball descent.
        covariances: as in `equilibrium`.
        nudge: ``None`` or a number, as in `equilibrium`.

    Returns:
        ``(B, L)``, comparable with ``energy_by_layer`` of `simulate_inference` and `finite_time_activities`.

    Raises:
        ValueError: as `simulate_inference`, or for a soft output, whose error is not there from the start.
        TypeError: as `simulate_inference`.

    Source:
        THEORY section 5.4.

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
    velocity = as_momentum(momentum, dtype)
    ways = arrivals(len(problem.layers), steps, jnp.zeros((), dtype) if velocity is None else velocity)
    return _energies(problem, ways, as_step_size(step_size, "gradient", dtype))


@eqx.filter_jit
def arrivals(depth: int, steps: int, momentum: jax.Array) -> Float[Array, " L"]:
    r"""In how many ways the output's error has come down to layers ``1 … L``: ``C(T, L − l)`` without momentum."""

    def step(_: Any, state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        ways, velocity = state
        velocity = momentum * velocity + jnp.concatenate([ways[1:], jnp.zeros_like(ways[:1])])
        return ways + velocity, velocity

    start = jnp.zeros(depth, momentum.dtype).at[-1].set(1)
    return jax.lax.fori_loop(0, steps, step, (start, jnp.zeros_like(start)))[0]


@eqx.filter_jit
def _energies(problem: Problem, ways: jax.Array, step_size: jax.Array) -> Float[Array, "*B L"]:
    inference = as_inference(problem)
    errors = [inference.output]
    for layer, precision in zip(reversed(inference.layers[1:]), reversed(inference.precisions), strict=False):
        errors.append(layer.transpose(scale(precision, errors[-1])))
    pairs = zip(reversed(errors), inference.precisions, strict=True)
    whole = jnp.stack([column_products(error, scale(precision, error)) / 2 for error, precision in pairs], axis=-1)
    shares = ways * step_size ** jnp.arange(len(ways) - 1, -1, -1, dtype=ways.dtype)
    energies = whole * shares[None] ** 2
    return energies[0] if problem.x.ndim == 1 else energies
