"""The linear system solved by a route: at once in NumPy, differentiably in JAX."""

from ..networks.layer import Layer
from ..networks.passes import Columns
from ..numerics.kinds import is_jax
from .covariance import Covariances
from .routes import ROUTES, Solution


def solve_system(route: str, layers: tuple[Layer, ...], covariances: Covariances, offsets: Columns) -> Solution:
    """Solve the system with ``g = 0`` by the named route; differentiable in everything but the route."""
    if not is_jax(offsets[-1]):
        return ROUTES[route](layers, covariances, offsets)
    from .solve_derivative import solve_differentiably

    return solve_differentiably(route, layers, covariances, offsets)
