r"""Memory: a network recalls the missing part of an output from the known part."""

from typing import Any

from jaxtyping import Float

from ..networks.network import LinearNetwork
from ..networks.samples import shaped
from ..numerics.algebra import Array, identity, inverse_cholesky
from ..numerics.kinds import compiled, namespace
from ..numerics.record import Record
from .covariance import is_scalar, scale, symmetrised
from .equilibrium import settle_problem
from .observation import as_observation, by_pattern, masked, masked_matrix
from .posterior import completed, last_marginal
from .problem import Problem


class Recall(Record):
    r"""Outputs of which a part was known, completed.

    Attributes:
        outputs: ``(B, n_L)``: the known entries as they are, the missing ones by their conditional mean; images where
            the network's outputs are.
        covariance: of the missing outputs given the known ones, ``(n_L, n_L)``, or ``(B, n_L, n_L)`` with a mask for
            each sample; zero in the rows and columns of known outputs. An image counts as one row of numbers.
    """

    outputs: Float[Array, "..."]
    covariance: Float[Array, "..."]

    @property
    def variance(self) -> Float[Array, "..."]:
        """The variance of every output, ``(n_L,)`` or ``(B, n_L)``; zero where it is known."""
        return namespace(self.covariance).diagonal(self.covariance, axis1=-2, axis2=-1)


def recall(
    net: LinearNetwork,
    y: Any,
    observed: Any,
    x: Any = None,
    prior: Any = None,
    covariances: Any = None,
) -> Recall:
    r"""Complete outputs of which a part is known: a masked image, or a memory of which a cue is given.

    The missing outputs ``m`` given the known ones ``o`` are Gaussian with the mean ``ŷ_m + S_mo S_oo⁻¹ (y_o − ŷ_o)``
    and the covariance ``S_mm − S_mo S_oo⁻¹ S_om``; it is how inference settles with the missing outputs free. Where the
    known ones are noisy, add the noise's covariance to their part of the last of ``covariances``, a matrix. Added to
    all outputs, as to a scalar, it leaves the mean of the missing ones right, and adds noise to their covariance.

    Args:
        net: the network, ``L`` layers.
        y: outputs, ``(B, n_L)`` or ``(n_L,)``. Entries of an array that are not known are ignored, NaN among them.
        observed: which outputs are known, booleans ``(n_L,)`` or ``(B, n_L)``.
        x: inputs, ``(B, n_0)`` or ``(n_0,)``, or ``None`` with a prior.
        prior: `Prior` of an input that is not given.
        covariances: as in `log_likelihood`.

    Returns:
        The `Recall`: ``outputs``, ``covariance`` and ``variance``.

    Raises:
        ValueError: as `log_likelihood`.
        TypeError: as `log_likelihood`.
        PrecisionError: as in `equilibrium`.

    Source:
        docs/generative.md, "Memory"; the network's twin of Benchmarking PCNs, section 4.2.

    Example:
        >>> from dlntheory import Prior
        >>> net = LinearNetwork.from_weights([[[1.0], [1.0]]])
        >>> result = recall(net, [3.0, 0.0], [True, False], prior=Prior(0.0, 2.0))
        >>> result.outputs.round(6).tolist(), result.variance.round(6).tolist()
        ([3.0, 2.0], [0.0, 1.666667])
    """
    if observed is None:
        raise TypeError("`observed` is None; wanted booleans, True where an output is known.")
    observation = as_observation(net, x, y, covariances, observed, prior)
    outputs, covariance = by_pattern(_of_one_mask, observation)
    return Recall(shaped(outputs, net.shapes[-1]), covariance)


def _of_one_mask(problem: Problem, mask: Any) -> tuple[Array, Array]:
    known = masked(problem, mask)
    hidden = last_marginal(known.layers, known.covariances) if len(known.layers) > 1 else None
    return completed(problem, mask, settle_problem(known, "auto"))[-1], _missing_covariance(problem, mask, hidden)


@compiled
def _missing_covariance(problem: Problem, mask: Array, hidden: Array | None) -> Float[Array, "n n"]:
    r"""``S − S Mᵀ (M S Mᵀ)⁻¹ M S``, zero where an output is known, as a sum: large weights cancel no digits.

    ``N + R P_{L-1} Rᵀ``: the covariance of the noise given the noise of the known outputs, and the posterior
    covariance of the last hidden layer carried through the weights.
    """
    weight, covariance = problem.layers[-1].matrix(), problem.covariances[-1]
    noise, rest = scale(covariance, identity(len(weight), weight)), weight
    xp, missing = namespace(weight), ~mask
    if covariance is not None and not is_scalar(covariance):
        known = mask.astype(weight.dtype)[:, None]
        root = inverse_cholesky(masked_matrix(noise, known[:, 0]))
        crossed = root @ (known * noise)
        noise, rest = noise - crossed.T @ crossed, weight - crossed.T @ (root @ (known * weight))
    total = noise if hidden is None else noise + rest @ hidden @ rest.T
    return xp.where(missing[:, None] & missing[None, :], symmetrised(total), xp.zeros_like(total))
