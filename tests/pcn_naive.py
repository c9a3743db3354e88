"""The slow, obvious twin of nonlinear PC networks: the energy in one function, and everything else by `jax.grad`."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from dlntheory.nonlinear.network import channels_last, split


@eqx.filter_jit
def energies(network, loss, x, states, precisions=None, running=False):
    """The batch's summed energy, by block: like all below, one program for all networks of a kind."""
    values, found = [channels_last(x), *states], []
    for k, (block, read) in enumerate(zip(network.blocks, network.sources, strict=True)):
        prediction, _ = block(*(values[source] for source in read), training=not running)
        if k == network.depth - 1 and loss == "cross_entropy":
            energy = -(states[k] * jax.nn.log_softmax(prediction)).sum()
        else:
            energy = ((states[k] - prediction) ** 2).sum() / 2
        found.append(energy if precisions is None else precisions[k] * energy)
    return jnp.stack(found)


def total(network, loss, x, states, precisions=None):
    return energies(network, loss, x, states, precisions).sum()


@eqx.filter_jit
def forward(network, x):
    """The states of a forward pass in training."""
    values = [channels_last(x)]
    for block, read in zip(network.blocks, network.sources, strict=True):
        values.append(block(*(values[source] for source in read), training=True)[0])
    return values[1:]


@eqx.filter_jit
def slopes(network, loss, x, states, precisions=None):
    """The gradient of the whole energy in all states but the output."""
    return jax.grad(lambda hidden: total(network, loss, x, (*hidden, states[-1]), precisions))(tuple(states[:-1]))


def descend(network, loss, x, states, steps, step_size, momentum=0.0, precisions=lambda time: None):
    """Gradient descent on all states but the output, at once, by the gradient of the whole energy."""
    hidden, velocity = tuple(map(np.asarray, states[:-1])), tuple(np.zeros(state.shape) for state in states[:-1])
    for time in range(steps):
        gradient = slopes(network, loss, x, (*hidden, states[-1]), precisions(time))
        velocity = tuple(momentum * old + np.asarray(new) for old, new in zip(velocity, gradient, strict=True))
        hidden = tuple(state - step_size * change for state, change in zip(hidden, velocity, strict=True))
    return (*map(jnp.asarray, hidden), states[-1])


@eqx.filter_jit
def weight_gradients(network, loss, x, states, precisions=None):
    """The gradient of the batch's mean energy, one tree a block."""
    parameters, rest = split(network)

    def mean(parameters):
        return total(eqx.combine(parameters, rest), loss, x, states, precisions) / len(x)

    return tuple(jax.grad(mean)(parameters).blocks)


@eqx.filter_jit
def loss_gradients(network, loss, x, y):
    """Backpropagation's gradient of the mean loss."""
    parameters, rest = split(network)

    def mean(parameters):
        prediction = forward(eqx.combine(parameters, rest), x)[-1]
        if loss == "cross_entropy":
            return -(y * jax.nn.log_softmax(prediction)).sum() / len(x)
        return ((y - prediction) ** 2).sum() / (2 * len(x))

    return tuple(jax.grad(mean)(parameters).blocks)


def batch(network, size=5, seed=0, one_hot=True):
    """Normal inputs, and targets."""
    draw, dtype = np.random.default_rng(seed), network.dtype
    x = jnp.asarray(draw.normal(size=(size, *network.input_shape)), dtype)
    if not one_hot:
        return x, jnp.asarray(draw.normal(size=(size, *network.output_shape)), dtype)
    classes = network.output_shape[0]
    return x, jnp.asarray(np.eye(classes)[np.arange(size) % classes], dtype)
