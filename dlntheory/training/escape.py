"""The time that training stays at a saddle: predicted from the curvature there, and followed."""

from typing import Any, Unpack

import numpy as np

from ..learning.problem import OPTIONS, UpdateOptions
from ..learning.rules import Rule
from ..networks.network import LinearNetwork
from ..numerics.algebra import epsilon
from ..numerics.checks import as_array, as_list, as_number
from ..numerics.options import takes
from .flow import as_flow, time_until, tolerance
from .landscape import HESSIAN_OPTIONS, Gradient, HessianOptions, hessian_of_rule, spectrum


@takes(HessianOptions, HESSIAN_OPTIONS)
def escape_time(
    net: LinearNetwork,
    x: Any,
    y: Any,
    displacement: Any,
    radius: Any,
    rule: Gradient = "pc",
    **options: Unpack[HessianOptions],
) -> float:
    r"""Predict when training that starts beside a saddle leaves it, from the curvature there.

    The displacement ``a`` follows ``da/dt = −H a`` and grows by ``exp(|λ_min| t)`` in the end: the time is about
    ``ln(radius / ‖a‖) / |λ_min|``. All eigenvalues count.

    Args:
        net: the network at the saddle, a critical point.
        x: inputs, ``(B, n_0)`` or ``(n_0,)``.
        y: targets, ``(B, n_L)`` or ``(n_L,)``.
        displacement: the weights at time zero minus the saddle's, ``L`` arrays shaped like the weights.
        radius: the distance at which the saddle has been left, positive.
        rule: ``"bp"`` for the loss, ``"pc"`` for the energy.
        **options: of `energy_hessian`.

    Returns:
        The time, in steps × learning rate; infinity where no direction of negative curvature is excited.

    Raises:
        ValueError: as `energy_hessian`; for an unknown rule, a displacement of other shapes, or a radius that is not
            positive.
        TypeError: as `energy_hessian`.

    Source:
        docs/theory.md, statement 5.13.

    Example:
        >>> saddle = LinearNetwork.from_weights([[[0.0]], [[0.0]]])
        >>> displacement = [[[1e-6]], [[1e-6]]]
        >>> [round(escape_time(saddle, [1.0], [1.0], displacement, 0.1, rule), 2) for rule in ("bp", "pc")]
        [11.17, 6.92]
    """
    from scipy.optimize import brentq

    values, vectors, rounding = spectrum(hessian_of_rule(net, x, y, rule, options))
    shares = vectors.T @ _as_displacement(net, displacement)
    size, distance = as_number("radius", radius, positive=True), float(np.linalg.norm(shares))
    growing = (values < -rounding) & (np.abs(shares) > np.finfo(np.float64).eps * distance)
    if distance >= size:
        return 0.0
    if not growing.any():
        return float("inf")
    rates = np.where(np.abs(values) > rounding, -values, 0.0)
    latest = np.min(np.log(size / np.abs(shares[growing])) / rates[growing])

    def beyond(time: float) -> float:
        logarithms = rates * time + np.log(np.maximum(np.abs(shares), np.finfo(np.float64).tiny))
        return float(np.logaddexp.reduce(2 * logarithms) / 2 - np.log(size))

    return float(brentq(beyond, 0.0, latest)) if beyond(latest) > 0 else float(latest)


@takes(UpdateOptions, OPTIONS)
def simulated_escape_time(
    net: LinearNetwork,
    x: Any,
    y: Any,
    displacement: Any,
    radius: Any,
    rule: Rule = "pc",
    horizon: Any = 1e6,
    **options: Unpack[UpdateOptions],
) -> float:
    """Find when training leaves a saddle, by following its flow; see `escape_time`.

    Args:
        net: as in `escape_time`.
        x: as in `escape_time`.
        y: as in `escape_time`.
        displacement: as in `escape_time`.
        radius: as in `escape_time`.
        rule: any rule of `weight_updates`.
        horizon: the longest time that is looked at, positive.
        **options: of `weight_updates`.

    Returns:
        The time at which the weights first have that distance from the saddle; infinity if not within the horizon.

    Raises:
        ValueError: as `escape_time`.
        TypeError: as `escape_time`.
        PrecisionError: where the flow cannot be followed.

    Source:
        docs/theory.md, statement 5.13.

    Example:
        >>> saddle = LinearNetwork.from_weights([[[0.0]], [[0.0]]])
        >>> round(simulated_escape_time(saddle, [1.0], [1.0], [[[1e-6]], [[1e-6]]], 0.1), 2)
        6.92
    """
    rates, weights = as_flow(net, x, y, rule, None, options)
    saddle = np.asarray(weights, np.float64)
    size, longest = as_number("radius", radius, positive=True), as_number("horizon", horizon, positive=True)
    return time_until(
        lambda moved: rates(saddle + moved),
        _as_displacement(net, displacement),
        lambda moved: float(np.linalg.norm(moved)) - size,
        longest,
        tolerance(weights.dtype),
        rounding=epsilon(weights.dtype) * float(np.abs(saddle).max()),
    )


def _as_displacement(net: LinearNetwork, displacement: Any) -> np.ndarray:
    """Check, and stack."""
    listed = as_list("displacement", displacement, "matrices")
    arrays = [as_array(f"displacement[{index}]", each, net.dtype) for index, each in enumerate(listed)]
    shapes, wanted = [each.shape for each in arrays], [weight.shape for weight in net.weights]
    if shapes != wanted:
        raise ValueError(f"`displacement` has shapes {shapes}; wanted {wanted}, as the weights.")
    return np.concatenate([np.asarray(each, np.float64).ravel() for each in arrays])
