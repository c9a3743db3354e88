"""Relaxations: the moves of inference's variables down the energy.

Time counts from 0, and the step from time ``t`` to ``t + 1`` uses the gradient at time ``t``. Gradients are
taken of one sample's energy; under batch normalisation, of the batch's summed energy.
"""

import abc
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from ...numerics.checks import as_number, as_share, is_one_number
from ...numerics.extras import require

Variables = tuple[Array, ...]
Time = Any
"""A Python number, or a whole scalar array."""
Scalar = Any
"""A Python number, or a scalar array."""


class Relaxation(eqx.Module):
    """A rule that moves the free variables of inference, step by step: states, or in error coordinates their errors."""

    if TYPE_CHECKING:  # a field, or a property where there is no choice

        @property
        def step_size(self) -> Scalar:
            """The step size."""
    else:
        step_size: eqx.AbstractVar[Scalar]

    moves_noise = False
    """Whether variables move where the gradient is zero."""
    coordinates = "states"
    stepwise = True
    """Whether the algorithm's steps are steps in time, from one gradient to the next."""

    @abc.abstractmethod
    def start(self, variables: Variables) -> Any:
        """The rule's memory from step to step; the variables are arrays ``(batch, …)``, one per free state."""

    @abc.abstractmethod
    def step(self, gradient: Variables, memory: Any, time: Time, key: jax.Array) -> tuple[Variables, Any]:
        """The moves of the variables, to be added, of the gradient's shapes; and the new memory. Time counts from 0."""


def _check_rates(step_size: Scalar, momentum: Scalar | None = None) -> None:
    """Refuse a step that is negative, or a momentum that is no share; for arrays see `is_one_number`."""
    if is_one_number(step_size):
        as_number("step_size", step_size, negative=False)
    if momentum is not None and is_one_number(momentum):
        as_share("momentum", momentum, one=True)


def _no_velocity(momentum: Scalar | None, variables: Variables) -> Variables:
    """The memory of descent with momentum before its first step, nothing without momentum."""
    return () if momentum is None else jax.tree.map(jnp.zeros_like, variables)


class Gradient(Relaxation):
    r"""Gradient descent with heavy-ball momentum, ``v ← m v + ∇E``, ``x ← x − γ v``.

    Args:
        step_size: the state learning rate ``γ``.
        momentum: ``m``, or ``None`` for none.
        decay_last: whether the step of the last hidden state is ``γ^(t+1)``, as with spiking precision in Deeper PCNs,
            appendix A.
    """

    step_size: Scalar
    momentum: Scalar | None = None
    decay_last: bool = eqx.field(static=True, default=False)

    def __check_init__(self) -> None:
        """Refuse a step or a momentum out of its range."""
        _check_rates(self.step_size, self.momentum)

    def start(self, variables: Variables) -> Variables:
        """No velocity."""
        return _no_velocity(self.momentum, variables)

    def step(self, gradient: Variables, memory: Any, time: Time, key: jax.Array) -> tuple[Variables, Any]:
        """``−γ v``."""
        if self.momentum is not None:
            momentum = self.momentum
            gradient = memory = jax.tree.map(lambda old, new: momentum * old + new, memory, gradient)
        change = [-self.step_size * velocity for velocity in gradient]
        if self.decay_last and change:
            change[-1] = change[-1] * jnp.power(jnp.asarray(self.step_size, change[-1].dtype), time)
        return tuple(change), memory


class Adam(Relaxation):
    """Adam, from Optax."""

    step_size: Scalar

    def __check_init__(self) -> None:
        """Refuse a step out of its range."""
        _check_rates(self.step_size)

    def start(self, variables: Variables) -> Any:
        """Both moments, zero."""
        return require("optax", "training").scale_by_adam().init(variables)

    def step(self, gradient: Variables, memory: Any, time: Time, key: jax.Array) -> tuple[Variables, Any]:
        """Adam's direction, times the step size."""
        with jax.numpy_dtype_promotion("standard"):  # which Optax relies on
            direction, memory = require("optax", "training").scale_by_adam().update(gradient, memory)
        return tuple(-self.step_size * change for change in direction), memory


class Langevin(Relaxation):
    r"""Langevin dynamics: states sample the posterior instead of finding its mode.

    First order, without momentum: ``Δx = −γ ∇E + sqrt(2γ) σ N``. Second order, with momentum ``m``:
    ``Δr = −γ ∇E − γ(1 − m) r + sqrt(2(1 − m)γ) σ N`` and ``Δx = γ r``, with the new ``r``.

    Args:
        step_size: ``γ``.
        momentum: ``m``, or ``None`` for first order.
        noise: the standard deviation ``σ``; 1 samples the posterior at its own temperature.

    Source:
        Benchmarking PCNs, equations 4 to 6 (MCPC).
    """

    step_size: Scalar
    momentum: Scalar | None = None
    noise: Scalar = 1.0

    moves_noise = True

    def __check_init__(self) -> None:
        """Refuse a step, a momentum or a noise out of its range."""
        _check_rates(self.step_size, self.momentum)
        if is_one_number(self.noise):
            as_number("noise", self.noise, negative=False)

    def start(self, variables: Variables) -> Variables:
        """No velocity."""
        return _no_velocity(self.momentum, variables)

    def step(self, gradient: Variables, memory: Any, time: Time, key: jax.Array) -> tuple[Variables, Any]:
        """One step of Euler and Maruyama."""
        keys = jax.random.split(key, max(len(gradient), 1))
        pairs = zip(keys, gradient, strict=False)
        noise = tuple(self.noise * jax.random.normal(each, slope.shape, slope.dtype) for each, slope in pairs)
        step = self.step_size
        if self.momentum is None:
            size = jnp.sqrt(2 * jnp.asarray(step))
            return jax.tree.map(lambda slope, kick: -step * slope + size.astype(kick.dtype) * kick, gradient, noise), ()
        friction = 1 - self.momentum
        size = jnp.sqrt(2 * friction * jnp.asarray(step))
        velocity = jax.tree.map(
            lambda old, slope, kick: old - step * slope - step * friction * old + size.astype(kick.dtype) * kick,
            memory,
            gradient,
            noise,
        )
        return jax.tree.map(lambda speed: step * speed, velocity), velocity


class ErrorCoordinates(Gradient):
    r"""The same descent on the errors ``ε_k`` of the hidden states (ePC), which make ``x_k = μ_k + ε_k``.

    Every step is one forward and one backward pass through the network: the output's error reaches all layers at once.
    """

    coordinates = "errors"


class Newton(Relaxation):
    r"""Newton's method with conjugate gradients, to the equilibrium that `nonlinear_equilibrium` finds.

    The algorithm's ``steps`` are the most Newton steps. It needs unit precision, a squared error, an output that is
    held, and a chain of blocks without batch normalisation. Where a unit rests on the kink of a rectifier, the weights
    learn from a subgradient.

    Args:
        tolerance: the residual of each sample to stop at, relative to that at the start.
    """

    tolerance: Scalar = 1e-3

    stepwise = False

    @property
    def step_size(self) -> Scalar:
        """One: Newton's step is taken whole, or halved."""
        return 1.0

    def start(self, variables: Variables) -> Any:
        """Nothing."""
        return ()

    def step(self, gradient: Variables, memory: Any, time: Time, key: jax.Array) -> tuple[Variables, Any]:
        """Refuse: a Newton step takes more than a gradient, and the engine leaves all of them to the theory."""
        raise TypeError("Newton's method has no steps in time; wanted another relaxation.")
