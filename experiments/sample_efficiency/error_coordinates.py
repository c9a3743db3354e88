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
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from dlntheory.cholesky import inverse_cholesky


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


class _Sweep(NamedTuple):
    """One pass up and one down: by layer, the states that enter it, its ``z`` and ``δ``; and the errors' pull."""

    states: list[Array]
    inputs: list[Array]
    slopes: list[Array]
    signals: list[Array]
    pull: list[Array]
    gates: list[Array]


class _Carry(NamedTuple):
    """The state of inference between rounds; ``missing`` is the residual of each sample, not yet relative."""

    errors: Array
    gates: list[Array]
    step_sizes: Array
    missing: Array
    rounds: Array


def equilibrate(
    weights: Sequence[Array], activations: Sequence[Activation], x: Array, y: Array, settings: Inference
) -> Equilibrium:
    """Infer from the feedforward states, as `Inference` says."""
    weights, depth = list(weights), len(weights)
    hidden = range(depth - 1)
    first = x @ weights[0].T  # the input is clamped: these never change
    drive = activations[0].value(first)
    ends = [0]
    for weight in weights[:-1]:
        ends.append(ends[-1] + weight.shape[0])

    def split(stacked: Array) -> list[Array]:
        return [stacked[:, start:end] for start, end in itertools.pairwise(ends)]

    def sweep(errors: Sequence[Array], gates: Sequence[Array], speeds: Sequence[Array]) -> _Sweep:
        """Forward, then backward with the gates moved by ``speeds``."""
        states, inputs = [x, drive + errors[0]], [first]
        for l in range(1, depth):
            inputs.append(states[l] @ weights[l].T)
            states.append(activations[l].value(inputs[l]) + (errors[l] if l < depth - 1 else 0))
        missing = [*errors, y - states.pop()]
        slopes, signals, pull, moved = [], [], [], list(gates)
        for l in reversed(range(depth)):
            slope = activations[l].slope(inputs[l])
            if activations[l].kinked and l:
                slope = moved[l] = _moved(gates[l], inputs[l], missing[l], speeds[l])
            slopes.insert(0, slope)
            signals.insert(0, slope * missing[l])
            if l:
                pull.insert(0, signals[0] @ weights[l])
        return _Sweep(states, inputs, slopes, signals, pull, moved)

    def settle(carry: _Carry) -> _Carry:
        """One round: the metric at these errors, and steps with it; samples that lost ground get shorter ones."""
        metric = _inverse(_curvature(weights, sweep(split(carry.errors), carry.gates, still).slopes))
        speeds = [carry.step_sizes * speed for speed in _gate_speeds(weights, metric, ends)]

        def step(_: Array, state: tuple[Any, ...]) -> tuple[Any, ...]:
            errors, gates, _ = state
            now = sweep(split(errors), gates, speeds)
            force = errors - jnp.concatenate(now.pull, axis=1)
            turned = [(new - old) * error for new, old, error in zip(now.gates, gates, split(errors), strict=True)]
            missing = jnp.sqrt(sum(jnp.sum(each**2, axis=1) for each in [force, *turned]))
            return errors - carry.step_sizes * (force @ metric), now.gates, missing

        state = (carry.errors, carry.gates, carry.missing)
        errors, gates, missing = jax.lax.fori_loop(0, settings.steps, step, state)
        lost = (missing > carry.missing)[:, None]
        shorter = jnp.maximum(settings.shortening * carry.step_sizes, settings.shortest * settings.step_size)
        step_sizes = jnp.where(lost, shorter, carry.step_sizes)
        return _Carry(errors, gates, step_sizes, missing, carry.rounds + 1)

    def residual(carry: _Carry) -> Array:
        return jnp.linalg.norm(carry.missing) / scale

    def unsettled(carry: _Carry) -> Array:
        return (residual(carry) > settings.tolerance) & (carry.rounds < settings.rounds)

    still = [jnp.zeros((1, weight.shape[0]), x.dtype) for weight in weights[:-1]]
    states, inputs = feedforward(weights, activations, x)
    gates = [activations[l].slope(inputs[l]) for l in hidden]
    errors = [jnp.zeros_like(states[l + 1]) for l in hidden]
    pull = jnp.concatenate(sweep(errors, gates, still).pull, axis=1)
    size = jnp.linalg.norm(pull)
    scale = jnp.where(size > 0, size, jnp.ones_like(size))
    start = _Carry(
        errors=jnp.concatenate(errors, axis=1),
        gates=gates,
        step_sizes=jnp.full((len(x), 1), settings.step_size, x.dtype),
        missing=jnp.linalg.norm(pull, axis=1),
        rounds=jnp.zeros((), int),
    )
    end = jax.lax.while_loop(unsettled, settle, start)
    last = sweep(split(end.errors), end.gates, still)
    return Equilibrium(Signals(last.states, last.signals), split(end.errors), end.gates, residual(end), end.rounds)


def _moved(gate: Array, z: Array, error: Array, speed: Array) -> Array:
    """Gates after a step; one without an error does not matter, and follows the sign of ``z``."""
    tiny = jnp.finfo(z.dtype).tiny ** 0.5
    return jnp.clip(gate + speed * z / (jnp.abs(error) + tiny), 0, 1)


def _gate_speeds(weights: Sequence[Array], metric: Array, ends: Sequence[int]) -> list[Array]:
    """Half over ``q_i = w_iᵀ M w_i``, by hidden layer; ``M`` is how the layer's input yields. It damps critically."""
    speeds = [jnp.zeros((1, weights[0].shape[0]), metric.dtype)]
    for l, weight in enumerate(weights[1:-1]):
        block = metric[ends[l] : ends[l + 1], ends[l] : ends[l + 1]]
        yields = jnp.sum((weight @ block) * weight, axis=1)
        speeds.append(jnp.where(yields > 0, 1 / (2 * yields), jnp.zeros_like(yields))[None])
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
