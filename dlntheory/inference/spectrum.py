r"""The spectrum of inference: extreme eigenvalues of the energy's Hessian, and the speeds that follow from them.

Extreme eigenvectors come from SciPy's Lanczos method (ARPACK) without forming the Hessian: the largest from its
products, the smallest from products of its inverse, which ``S`` gives in both coordinates.
The eigenvalues are Rayleigh quotients of these vectors, held fixed; so their derivatives are right, and an error of the
vector enters squared. Small Hessians are decomposed whole.
"""

import contextlib
import math
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from ..equilibria.covariance import as_covariances, forward_covariance
from ..equilibria.nudging import as_nudge
from ..equilibria.problem import Problem
from ..networks.network import LinearNetwork, as_network
from ..numerics.algebra import Array
from ..numerics.checks import as_real, nan_unless, one_of
from ..numerics.kinds import agree, compiled, is_concrete, map_leaves, namespace, stop_gradient
from ..numerics.precision import PrecisionError
from ..numerics.record import Record
from .energy import COORDINATES
from .hessian_products import Operator, hessian_operator, hessian_product, inverse_operator
from .relaxation import FreeChain, free_chain

DENSE = 256
"""Up to so many hidden units the Hessian is decomposed whole."""
RESIDUAL = 1e-8
"""The largest residual of an eigenvector by Lanczos' method, relative to the eigenvalue."""
ROUGH = 0.2
"""The share of the largest eigenvalue that twenty steps of Lanczos' method may miss, from a random start in ``n``
dimensions but for a chance of ``1.7 √n exp(−39 √0.2)``, 4e-8 √n (Kuczyński and Woźniakowski 1992, Theorem 4.1)."""
ACCURATE = 1e-6
"""The relative residual of an eigenvector that is good enough: the eigenvalue's error is its square."""


class Spectrum(Record):
    r"""The extreme eigenvalues of the energy's Hessian in the free activities, and the step sizes that follow.

    Attributes:
        smallest: ``λ_min``.
        largest: ``λ_max``.
    """

    smallest: Float[Array, ""]
    largest: Float[Array, ""]

    def _facts(self) -> dict[str, Any]:
        names = ("smallest", "largest", "condition_number", "stability_limit", "best_step", "best_momentum")
        return {name: np.asarray(getattr(self, name)) for name in names}

    @property
    def condition_number(self) -> Float[Array, ""]:
        """``κ = λ_max / λ_min``."""
        return self.largest / self.smallest

    @property
    def stability_limit(self) -> Float[Array, ""]:
        """``2 / λ_max``: above it gradient descent diverges."""
        return 2 / self.largest

    @property
    def best_step(self) -> Float[Array, ""]:
        """``2 / (λ_min + λ_max)``, the fixed step of fastest gradient descent: each leaves ``(κ − 1)/(κ + 1)``."""
        return 2 / (self.smallest + self.largest)

    @property
    def best_momentum(self) -> Float[Array, ""]:
        """``((√κ − 1)/(√κ + 1))²``, the momentum of fastest heavy-ball descent, with `momentum_step`."""
        root = namespace(self.largest).sqrt(self.condition_number)
        return ((root - 1) / (root + 1)) ** 2

    @property
    def momentum_step(self) -> Float[Array, ""]:
        """``4 / (√λ_min + √λ_max)²``, the step size that goes with `best_momentum`."""
        sqrt = namespace(self.largest).sqrt
        return 4 / (sqrt(self.smallest) + sqrt(self.largest)) ** 2

    def rate(self, step_size: Any = None, momentum: Any = 0.0) -> Float[Array, ""]:
        """The share of the slowest mode that a late step leaves; at least 1 where inference diverges.

        Args:
            step_size: `best_step` if ``None``.
            momentum: ``μ`` of heavy-ball descent.

        Returns:
            The spectral radius of the step.
        """
        return _rate(*self._at_step(step_size, momentum))

    def _at_step(self, step_size: Any, momentum: Any) -> tuple[Any, ...]:
        """The spectrum with a step, of one kind."""
        dtype = self.largest.dtype
        step_size = self.best_step if step_size is None else as_real("step_size", step_size, dtype)
        return agree(spectrum=self, step_size=step_size, momentum=as_real("momentum", momentum, dtype))

    def steps_to(self, tolerance: Any, step_size: Any = None, momentum: Any = 0.0) -> Any:
        r"""The number of steps after which every mode has at most ``tolerance`` of its start left.

        The bound ``ρᵀ`` without momentum is reached by the extreme modes; with momentum, ``ρᵀ (1 + T (1 + ρ))`` is
        reached at the best momentum only, and otherwise on the safe side.

        Args:
            tolerance: above 0 and below 1. Out of that range the result is NaN in traced programs.
            step_size: `best_step` if ``None``.
            momentum: ``μ`` of heavy-ball descent.

        Returns:
            A whole number, infinity where inference does not converge; an array in traced programs.

        Raises:
            ValueError: for a tolerance out of its range.
            TypeError: for something that is not a real number.

        Example:
            >>> spectrum = inference_spectrum(LinearNetwork.from_weights([[[1.0]], [[1.0]], [[1.0]]]))
            >>> float(spectrum.condition_number.round(6)), spectrum.steps_to(0.1)
            (3.0, 4)
        """
        tolerance = as_real("tolerance", tolerance, self.largest.dtype, positive=True)
        if is_concrete(tolerance) and not tolerance < 1:
            raise ValueError(f"`tolerance` is {float(tolerance)}; wanted a number above 0 and below 1.")
        spectrum, step_size, momentum = self._at_step(step_size, momentum)
        tolerance, rate = agree(
            tolerance=nan_unless(tolerance < 1, tolerance), rate=_rate(spectrum, step_size, momentum)
        )
        steps = _steps_to(tolerance, rate, momentum)
        return int(steps) if is_concrete(steps) and np.isfinite(steps) else steps


@compiled
def _rate(spectrum: Spectrum, step_size: Array, momentum: Array) -> Float[Array, ""]:
    """The spectral radius of a step of heavy-ball descent."""
    xp = namespace(spectrum.largest)
    extremes = xp.stack([spectrum.smallest, spectrum.largest])
    half = (1 + momentum - step_size * extremes) / 2  # the roots of r² − 2 half r + μ
    real = half**2 > momentum
    root = xp.sqrt(xp.where(real, half**2 - momentum, xp.ones_like(half)))
    return xp.max(xp.where(real, xp.abs(half) + root, xp.sqrt(momentum)))


@compiled
def _steps_to(tolerance: Array, rate: Array, momentum: Array) -> Float[Array, ""]:
    """The number of steps after which ``ρᵀ (1 + T (1 + ρ))``, or ``ρᵀ`` without momentum, is at most the tolerance."""
    xp = namespace(rate)
    polynomial = xp.where(momentum > 0, 1 + rate, xp.zeros_like(rate))
    steps = xp.maximum(xp.log(tolerance) / xp.log(rate), xp.zeros_like(rate))
    for _ in range(60):  # a contraction: the polynomial moves the number of steps by its logarithm
        steps = xp.maximum((xp.log(tolerance) - xp.log1p(steps * polynomial)) / xp.log(rate), 0 * rate)
    return xp.where(rate < 1, xp.ceil(steps), xp.full_like(rate, xp.inf))[()]


def inference_spectrum(
    net: LinearNetwork,
    covariances: Any = None,
    nudge: Any = None,
    coordinates: Literal["activities", "errors"] = "activities",
) -> Spectrum:
    r"""The extreme eigenvalues of the energy's Hessian in the hidden activities.

    ``H_ll = Σ_l⁻¹ + T_{l+1}ᵀ Σ_{l+1}⁻¹ T_{l+1}`` and ``H_{l+1,l} = −Σ_{l+1}⁻¹ T_{l+1}``. In error coordinates it is
    ``Σ⁻¹ + Dᵀ Σ_L⁻¹ D``, with unit covariances ``I + DᵀD``.

    Args:
        net: the network, with a hidden layer, or with a soft output.
        covariances: as in `equilibrium`.
        nudge: as in `equilibrium`; only `SoftOutput` changes the spectrum.
        coordinates: ``"activities"`` or ``"errors"``.

    Returns:
        The `Spectrum`: ``smallest``, ``largest``, ``condition_number``, ``stability_limit``, ``best_step``,
        ``best_momentum``, ``momentum_step``, ``rate(…)`` and ``steps_to(tolerance)``.

    Raises:
        ValueError: for a network without hidden activities, or covariances that are not positive definite.
        TypeError: for something that does not hold real numbers.
        PrecisionError: where the Hessian overflows.

    Source:
        docs/theory.md, statements 5.3 and 5.6.

    Example:
        >>> spectrum = inference_spectrum(LinearNetwork.from_weights([[[1.0]], [[2.0]]]))
        >>> float(spectrum.largest), float(spectrum.stability_limit)
        (5.0, 0.4)
    """
    one_of("coordinates", coordinates, COORDINATES)
    net = as_network("net", net)
    given = {"covariances": as_covariances(net.layers, covariances, net.dtype), "nudge": as_nudge(nudge, net.dtype)}
    x, y = (np.zeros((1, size), net.dtype) for size in (net.layers[0].in_size, net.layers[-1].out_size))
    layers, covariances, nudge, x, y = agree(net=net.layers, **given, x=x, y=y)
    chain = free_chain(Problem(layers, covariances, x, y, nudge))
    if not chain.sizes:
        raise ValueError("`net` has depth 1 and so no hidden activities; wanted a hidden layer, or a soft output.")
    vectors = extreme_vectors(chain, coordinates)
    return Spectrum(*(rayleigh_quotient(chain, coordinates, vector) for vector in vectors))


def rayleigh_quotient(chain: FreeChain, coordinates: str, vector: Array) -> Float[Array, ""]:
    """``vᵀ H v / vᵀ v``, with ``v`` held fixed."""
    vector = stop_gradient(vector)
    vdot = namespace(vector).vdot
    return vdot(vector, hessian_product(chain.layers, chain.precisions, coordinates, vector)) / vdot(vector, vector)


def stability_limit(largest: float, momentum: float, nesterov: bool = False) -> float:
    """The step size above which descent with momentum diverges."""
    return 2 * (1 + momentum) / ((1 + 2 * momentum if nesterov else 1) * largest)


def largest_eigenvalue(chain: FreeChain, coordinates: str, missed: float = RESIDUAL) -> float:
    """``λ_max`` as a number, by NumPy in double precision: a lower bound that may miss the share ``missed``."""
    layers, precisions = _in_numpy((chain.layers, chain.precisions))
    multiply = _finite(hessian_operator(layers, precisions, coordinates))
    size = sum(chain.sizes)
    vector = _largest(multiply, size, missed)
    return float(np.vdot(vector, multiply(vector)) / np.vdot(vector, vector))


def extreme_vectors(chain: FreeChain, coordinates: str) -> tuple[Array, Array]:
    """Unit eigenvectors, as columns, of the smallest and the largest eigenvalue; by a callback where traced."""
    size, dtype = sum(chain.sizes), chain.output.dtype
    S = None if size <= DENSE else forward_covariance(chain.layers, chain.covariances)
    arguments = (chain.layers, chain.precisions, chain.covariances, S)
    find = partial(_extremes_in_numpy, coordinates, dtype)
    if is_concrete(arguments):
        smallest, largest = map(namespace(chain.output).asarray, find(arguments))
        return smallest, largest
    import jax

    shape = jax.ShapeDtypeStruct((size, 1), dtype)
    return jax.pure_callback(find, (shape, shape), jax.lax.stop_gradient(arguments), vmap_method="sequential")


def _extremes_in_numpy(coordinates: str, dtype: Any, arguments: Any) -> tuple[np.ndarray, np.ndarray]:
    layers, precisions, covariances, S = _in_numpy(arguments)
    multiply = _finite(hessian_operator(layers, precisions, coordinates))
    size = sum(layer.in_size for layer in layers[1:])
    if S is None:
        vectors = np.linalg.eigh(multiply(np.eye(size)))[1]
        return vectors[:, :1].astype(dtype), vectors[:, -1:].astype(dtype)
    smallest = _smallest(multiply, partial(inverse_operator, layers, covariances, S, coordinates), size)
    return smallest.astype(dtype), _largest(multiply, size).astype(dtype)


def _smallest(multiply: Operator, invert: Callable[[], Operator], size: int) -> np.ndarray:
    """The unit eigenvector of the smallest eigenvalue; a decomposition where ``S`` has lost too many digits.

    Lanczos' error, a share of ``1/λ_min``, may lie along ``λ_max``; one more step of inverse iteration takes that out.
    """
    from scipy.sparse.linalg import ArpackError

    with contextlib.suppress(np.linalg.LinAlgError, ArpackError):
        divide = invert()
        vector = divide(_largest(divide, size))
        vector = vector / np.linalg.norm(vector)
        image = multiply(vector)
        value = np.vdot(vector, image)
        if np.linalg.norm(image - value * vector) <= ACCURATE * value:
            return vector
    return np.linalg.eigh(multiply(np.eye(size)))[1][:, :1]


def _largest(multiply: Operator, size: int, missed: float = RESIDUAL) -> np.ndarray:
    """The unit eigenvector of the largest eigenvalue, as a column; its residual is a share of the eigenvalue."""
    from scipy.sparse.linalg import LinearOperator, eigsh

    if size <= DENSE:
        return np.linalg.eigh(multiply(np.eye(size)))[1][:, -1:]
    operator = LinearOperator((size, size), matvec=lambda v: multiply(v.reshape(-1, 1))[:, 0], dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(size)
    return eigsh(operator, k=1, which="LA", v0=start, ncv=20, tol=missed, maxiter=100 * int(math.sqrt(size)))[1]


def _finite(multiply: Operator) -> Operator:
    """The operator, which refuses products that overflow: a matrix of these has no eigenvalues."""

    def product(vector: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            result = multiply(vector)
        if not np.isfinite(result).all():
            raise PrecisionError("the energy's Hessian overflows float64. Scale the weights down.")
        return result

    return product


def _in_numpy(tree: Any) -> Any:
    """The arrays as NumPy's, in double precision."""
    return map_leaves(lambda leaf: np.asarray(leaf, np.float64)[()], tree)
