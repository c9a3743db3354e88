r"""Inference of a nonlinear predictive-coding network to equilibrium, in error coordinates (ePC).

The network is ``x̂_l = f_l(W_l x̂_{l-1})``, its energy ``E = ½ Σ_l ‖ε_l‖²`` with ``ε_l = x_l − f_l(W_l x_{l-1})``, input
and output clamped (appendix B.2). The variables are the errors of the hidden layers; a forward pass gives the states,
and ``ε_L = y − f_L(W_L x_{L-1})``. With ``z_l = W_l x_{l-1}`` and the signals ``δ_l = f_l'(z_l) ⊙ ε_l``, at equilibrium

    ε_l = W_{l+1}ᵀ δ_{l+1}    and    −∂E*/∂W_l = δ_l x_{l-1}ᵀ.

**Kinks.** Where ``ε_{l,i} < 0``, a rectifier makes the energy a convex function of ``z_{l,i}`` with a kink at zero, and
minima lie on such kinks: no step size makes the gradient small there. The slope at a kink is therefore an unknown of
its own, a *gate* in [0, 1]: a subgradient of the rectifier, the multiplier of ``z_{l,i} = 0``. It follows

    gate ← clip(gate + h z / (2 q |ε|), 0, 1),

which rests at 1 where ``z > 0``, at 0 where ``z < 0``, and in between only where ``z = 0``; ``q`` is how far ``z``
answers to its own signal. The errors descend by a part ``h`` of a Newton step, half at first, with the batch's mean
Gauss–Newton matrix, renewed each round.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from dlntheory.numerics.cholesky import inverse_cholesky


class Activation(NamedTuple):
    """An elementwise function with its derivative; of one with a kink at zero, the derivative from the left."""

    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    kinked: bool = False


def _step(z: Array) -> Array:
    return (z > 0).astype(z.dtype)


def _sigmoid_slope(z: Array) -> Array:
    value = jax.nn.sigmoid(z)
    return value * (1 - value)


IDENTITY = Activation(lambda z: z, jnp.ones_like)
RELU = Activation(lambda z: jnp.maximum(z, jnp.zeros_like(z)), _step, kinked=True)
SIGMOID = Activation(jax.nn.sigmoid, _sigmoid_slope)


class Signals(NamedTuple):
    """What local rules multiply, a row a sample: the states that enter each layer, and each layer's signal."""

    states: list[Array]
    signals: list[Array]


class Equilibrium(NamedTuple):
    """Where inference ended; ``residual`` is relative to the force on the errors at the start."""

    signals: Signals
    errors: list[Array]
    gates: list[Array]
    residual: Array
    rounds: Array


@dataclass(frozen=True)
class Inference:
    """When to stop: a residual, over the whole batch, or a number of rounds; and how far a step goes.

    The residual is the norm of what stationarity misses, ``ε_l − W_{l+1}ᵀ δ_{l+1}``, and of what the next change of the
    gates would change in ``δ``. A sample whose residual grows in a round takes shorter steps from then on, down
    to a share of the first: at full length some end in a cycle.
    """

    tolerance: float = 1e-3
    rounds: int = 20
    steps: int = 10
    step_size: float = 0.5
    shortening: float = 0.7
    shortest: float = 0.2


def feedforward(
    weights: Sequence[Array], activations: Sequence[Activation], x: Array
) -> tuple[list[Array], list[Array]]:
    """The states ``x̂_0 … x̂_L`` and the inputs ``z_1 … z_L`` of the activations."""
    states, inputs = [x], []
    for weight, activation in zip(weights, activations, strict=True):
        inputs.append(states[-1] @ weight.T)
        states.append(activation.value(inputs[-1]))
    return states, inputs


def backpropagation(weights: Sequence[Array], activations: Sequence[Activation], x: Array, y: Array) -> Signals:
    """Backpropagation of ``½ ‖y − ŷ‖²``: the feedforward states, and minus the gradient by each ``z_l``."""
    states, inputs = feedforward(weights, activations, x)
    signals = [(y - states[-1]) * activations[-1].slope(inputs[-1])]
    for weight, activation, z in zip(weights[:0:-1], activations[-2::-1], inputs[-2::-1], strict=True):
        signals.insert(0, (signals[0] @ weight) * activation.slope(z))
    return Signals(states[:-1], signals)


def equilibrate(
    weights: Sequence[Array], activations: Sequence[Activation], x: Array, y: Array, settings: Inference
) -> Equilibrium:
    """Infer from the feedforward states, as `Inference` says."""
    clamped = _clamp(weights, activations, x, y)
    start, scale = _start(clamped, settings)

    def unsettled(now: _Progress) -> Array:
        return (jnp.linalg.norm(now.missing) > settings.tolerance * scale) & (now.rounds < settings.rounds)

    end = jax.lax.while_loop(unsettled, lambda now: _round(clamped, settings, now), start)
    last = _sweep(clamped, end.errors, end.gates)
    residual = jnp.linalg.norm(end.missing) / scale
    return Equilibrium(Signals(last.states, last.signals), clamped.split(end.errors), end.gates, residual, end.rounds)


class _Clamped(NamedTuple):
    """A network with its input and its target, and what the clamped input makes of the first layer once for all."""

    weights: list[Array]
    activations: list[Activation]
    x: Array
    y: Array
    first: Array
    drive: Array

    @property
    def hidden(self) -> list[slice]:
        """Where each hidden layer's errors are, in a row of all."""
        ends = [0, *itertools.accumulate(weight.shape[0] for weight in self.weights[:-1])]
        return [slice(start, end) for start, end in itertools.pairwise(ends)]

    def split(self, errors: Array) -> list[Array]:
        """The errors by hidden layer."""
        return [errors[:, each] for each in self.hidden]


class _Sweep(NamedTuple):
    """One pass up and one down: by layer, the states that enter it, slopes and ``δ``; the errors' pull; the gates."""

    states: list[Array]
    slopes: list[Array]
    signals: list[Array]
    pull: Array
    gates: list[Array]


class _Progress(NamedTuple):
    """Inference between rounds; ``missing`` is the residual of each sample, not yet relative."""

    errors: Array
    gates: list[Array]
    step_sizes: Array
    missing: Array
    rounds: Array


def _clamp(weights: Sequence[Array], activations: Sequence[Activation], x: Array, y: Array) -> _Clamped:
    first = x @ weights[0].T
    return _Clamped(list(weights), list(activations), x, y, first, activations[0].value(first))


def _start(clamped: _Clamped, settings: Inference) -> tuple[_Progress, Array]:
    """The feedforward states, and the norm of the force on the errors there."""
    states, inputs = feedforward(clamped.weights, clamped.activations, clamped.x)
    gates = [activation.slope(z) for activation, z in zip(clamped.activations[:-1], inputs[:-1], strict=True)]
    errors = jnp.concatenate([jnp.zeros_like(state) for state in states[1:-1]], axis=1)
    pull = _sweep(clamped, errors, gates).pull
    size = jnp.linalg.norm(pull)
    step_sizes = jnp.full((len(errors), 1), settings.step_size, errors.dtype)
    start = _Progress(errors, gates, step_sizes, jnp.linalg.norm(pull, axis=1), jnp.zeros((), int))
    return start, jnp.where(size > 0, size, jnp.ones_like(size))


def _round(clamped: _Clamped, settings: Inference, now: _Progress) -> _Progress:
    """The metric at these errors, and steps with it; a sample that lost ground gets shorter ones."""
    metric = _inverse(_curvature(clamped.weights, _sweep(clamped, now.errors, now.gates).slopes))
    speeds = [now.step_sizes * speed[None] for speed in _gate_speeds(clamped, metric)]

    def step(_: Array, state: tuple[Array, list[Array], Array]) -> tuple[Array, list[Array], Array]:
        errors, gates, _ = state
        sweep = _sweep(clamped, errors, gates, speeds)
        force = errors - sweep.pull
        layers = zip(sweep.gates, gates, clamped.split(errors), strict=True)
        turned = [(new - old) * error for new, old, error in layers]
        missing = jnp.sqrt(sum(jnp.sum(each**2, axis=1) for each in [force, *turned]))
        return errors - now.step_sizes * (force @ metric), sweep.gates, missing

    errors, gates, missing = jax.lax.fori_loop(0, settings.steps, step, (now.errors, now.gates, now.missing))
    shorter = jnp.maximum(settings.shortening * now.step_sizes, settings.shortest * settings.step_size)
    step_sizes = jnp.where((missing > now.missing)[:, None], shorter, now.step_sizes)
    return _Progress(errors, gates, step_sizes, missing, now.rounds + 1)


def _sweep(clamped: _Clamped, errors: Array, gates: Sequence[Array], speeds: Sequence[Array] | None = None) -> _Sweep:
    """Forward, then backward with the gates moved by ``speeds``, if there are any."""
    missing = clamped.split(errors)
    states, inputs = [clamped.x, clamped.drive + missing[0]], [clamped.first]
    for weight, activation, error in zip(clamped.weights[1:-1], clamped.activations[1:-1], missing[1:], strict=True):
        inputs.append(states[-1] @ weight.T)
        states.append(activation.value(inputs[-1]) + error)
    inputs.append(states[-1] @ clamped.weights[-1].T)
    missing.append(clamped.y - clamped.activations[-1].value(inputs[-1]))
    slopes = [activation.slope(z) for activation, z in zip(clamped.activations, inputs, strict=True)]
    moved = list(gates)
    for l in range(1, len(gates)):
        if clamped.activations[l].kinked:
            moved[l] = slopes[l] = gates[l] if speeds is None else _moved(gates[l], inputs[l], missing[l], speeds[l])
    signals = [slope * error for slope, error in zip(slopes, missing, strict=True)]
    pull = [signal @ weight for signal, weight in zip(signals[1:], clamped.weights[1:], strict=True)]
    return _Sweep(states, slopes, signals, jnp.concatenate(pull, axis=1), moved)


def _moved(gate: Array, z: Array, error: Array, speed: Array) -> Array:
    """Gates after a step; one without an error does not matter, and follows the sign of ``z``."""
    tiny = jnp.finfo(z.dtype).tiny ** 0.5
    return jnp.clip(gate + speed * z / (jnp.abs(error) + tiny), 0, 1)


def _gate_speeds(clamped: _Clamped, metric: Array) -> list[Array]:
    """Half over ``q_i = w_iᵀ M w_i``, by hidden layer; ``M`` is how the layer's input yields. It damps critically."""
    speeds = [jnp.zeros_like(clamped.first[0])]  # the input does not yield
    for weight, below in zip(clamped.weights[1:-1], clamped.hidden[:-1], strict=True):
        yields = jnp.sum((weight @ metric[below, below]) * weight, axis=1)
        speeds.append(jnp.where(yields > 0, 1 / (2 * yields), jnp.zeros_like(yields)))
    return speeds


def _curvature(weights: Sequence[Array], slopes: Sequence[Array]) -> Array:
    """The Gauss–Newton matrix of the energy by the hidden errors, its mean as if layers' slopes were independent."""
    squares = jnp.mean(slopes[-1] ** 2, axis=0)
    own = (weights[-1].T * squares[None]) @ weights[-1]
    rows = [[own]]  # by layer from the last hidden one, its block with itself and with every later layer
    for weight, slope in zip(weights[-2:0:-1], slopes[-2:0:-1], strict=True):
        mean = jnp.mean(slope, axis=0)
        spread = (jnp.mean(slope**2, axis=0) - mean**2) * jnp.diagonal(own)
        down = weight.T * mean[None]
        rows.insert(0, [down @ each for each in rows[0]])
        own = down @ own @ down.T + (weight.T * spread[None]) @ weight
        rows[0].insert(0, own)
    blocks = [[rows[min(i, j)][abs(i - j)] for j in range(len(rows))] for i in range(len(rows))]
    matrix = jnp.block([[each if j >= i else each.T for j, each in enumerate(row)] for i, row in enumerate(blocks)])
    return matrix + jnp.eye(len(matrix), dtype=matrix.dtype)


def _inverse(matrix: Array) -> Array:
    factor = inverse_cholesky(matrix)
    return factor.T @ factor
