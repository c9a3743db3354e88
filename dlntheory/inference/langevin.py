r"""The stationary law of Langevin dynamics of the activities, with its bias, in closed form."""

from typing import Any

from jaxtyping import Float

from ..equilibria.covariance import Covariances, as_covariances
from ..equilibria.hessian import block_cholesky, hessian_blocks, inverse_diagonal
from ..equilibria.posterior import marginals
from ..networks.layer import Layer
from ..networks.network import LinearNetwork, as_network
from ..numerics.algebra import Array, identity
from ..numerics.checks import as_real, nan_unless
from ..numerics.kinds import agree, compiled, is_concrete
from ..numerics.record import Record
from .settings import as_momentum
from .spectrum import inference_spectrum


class LangevinLaw(Record):
    r"""The stationary law of Langevin dynamics around the equilibrium, which is its mean.

    Attributes:
        covariances: the stationary covariance of every hidden layer, each ``(n_l, n_l)``.
        bias: the step's error, the stationary covariance minus the posterior's; positive definite.
        stability_limit: ``2 (1 + m) / λ_max``, the step size from which on the dynamics diverges.
        autocorrelation_time: the integrated autocorrelation time ``1 + 2 Σ_t ρ_t``, in steps, of the slowest
            eigendirection of ``H``: so many steps count as one independent sample.
    """

    covariances: tuple[Float[Array, "..."], ...]
    bias: tuple[Float[Array, "..."], ...]
    stability_limit: Float[Array, ""]
    autocorrelation_time: Float[Array, ""]


def langevin_law(net: LinearNetwork, step_size: Any, momentum: Any = 0.0, covariances: Any = None) -> LangevinLaw:
    r"""The law that Langevin dynamics samples from in Monte Carlo predictive coding, with the bias of its step.

    The dynamics ``v ← m v − γ ∇E + √(2γ(1 − m)) ξ``, ``z ← z + v`` of the hidden activities, with input and output
    clamped; without momentum ``z ← z − γ ∇E + √(2γ) ξ``. In an eigendirection of the energy's Hessian ``H`` with the
    eigenvalue ``h``, and ``c = γ / (2(1 + m))``:

    - the stationary variance is ``1 / (h (1 − c h))``, so the covariance is ``H⁻¹ + (I/c − H)⁻¹``, of which the first
      term is the posterior's and the second the bias;
    - it is stable for ``c h < 1``;
    - the integrated autocorrelation time is ``2 (1 − m)(1 − c h) / (γ h)``, largest for the smallest eigenvalue.

    Both inverses are computed block by block, never the whole ``H``. The law depends on no data.

    Args:
        net: the network, with a hidden layer.
        step_size: ``γ``, positive.
        momentum: ``m``, from 0 to below 1.
        covariances: as in `equilibrium`.

    Returns:
        The `LangevinLaw`: ``covariances``, ``bias``, ``stability_limit`` and ``autocorrelation_time``.

    Raises:
        ValueError: for a network without hidden activities, a step size at the stability limit or above, a momentum out
            of its range, or covariances that are not positive definite. In traced programs a step out of its range
            gives NaN.
        TypeError: for something that does not hold real numbers.

    Source:
        docs/generative.md, "Langevin dynamics"; for Monte Carlo PC, Oliviers et al. 2024.

    Example:
        >>> law = langevin_law(LinearNetwork.from_weights([[[1.0]], [[1.0]]]), step_size=0.5)  # H = 2
        >>> law.covariances[0].round(6).tolist(), law.bias[0].round(6).tolist(), float(law.stability_limit)
        ([[1.0]], [[0.5]], 1.0)
        >>> float(law.autocorrelation_time)
        1.0
    """
    net = as_network("net", net)
    step_size = as_real("step_size", step_size, net.dtype, positive=True)
    momentum = as_momentum(momentum, net.dtype)
    covariances = as_covariances(net.layers, covariances, net.dtype)
    spectrum = inference_spectrum(net, covariances if any(each is not None for each in covariances) else None)
    layers, covariances, step_size, momentum, spectrum = agree(
        net=net.layers, covariances=covariances, step_size=step_size, momentum=momentum, spectrum=spectrum
    )
    limit = (1 + momentum) * spectrum.stability_limit
    stable = step_size < limit
    if is_concrete(stable) and not stable:
        raise ValueError(
            f"`step_size` is {float(step_size):.6g}, but the dynamics diverges from {float(limit):.6g} on; "
            "wanted a smaller one."
        )
    step_size = nan_unless(stable, step_size)
    half = step_size / (2 * (1 + momentum))  # c
    time = 2 * (1 - momentum) * (1 - half * spectrum.smallest) / (step_size * spectrum.smallest)
    exact, bias = _blocks(layers, covariances, half)
    total = tuple(one + other for one, other in zip(exact, bias, strict=True))
    return LangevinLaw(total, bias, limit, time)


@compiled
def _blocks(layers: tuple[Layer, ...], covariances: Covariances, half: Array) -> tuple[Any, Any]:
    """The diagonal blocks of ``H⁻¹`` and of ``(I/c − H)⁻¹``."""
    diagonal, below = hessian_blocks(layers, covariances)
    shifted = [identity(len(block), block) / half - block for block in diagonal]
    factor = block_cholesky(shifted, [-block for block in below])
    return marginals(layers, covariances), tuple(inverse_diagonal(factor))
