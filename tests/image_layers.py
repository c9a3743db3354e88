"""Layers of images of every kind, and a network of them."""

import jax.numpy as jnp
import numpy as np

import dlntheory as dln

DRAWS = np.random.default_rng(0)


def draw(*shape):
    return DRAWS.normal(size=shape) / np.sqrt(max(1, np.prod(shape[1:])))


IMAGE = (4, 5, 6)
MAPS = {
    "pool": dln.AvgPool2d(2),
    "pool, overlapping": dln.AvgPool2d(3, stride=2, padding=1),
    "pool, apart": dln.AvgPool2d(1, stride=(2, 3)),
    "flatten": dln.Flatten(),
    "reshape": dln.Reshape((2, -1)),
    "operator": dln.LinearOperator(lambda image: jnp.cumsum(image, axis=1)[:, ::2]),
}
WEIGHTED = {
    "conv": dln.Conv2d(draw(3, 4, 3, 3)),
    "conv, padding": dln.Conv2d(draw(3, 4, 3, 2), padding=(1, 0)),
    "conv, stride": dln.Conv2d(draw(3, 4, 2, 2), stride=(2, 3), bias=draw(3)),
    "conv, wide padding": dln.Conv2d(draw(2, 4, 2, 2), stride=2, padding=3),
    "conv, groups": dln.Conv2d(draw(6, 2, 3, 3), padding=1, groups=2, learn_bias=True),
    "conv, every channel": dln.Conv2d(draw(4, 1, 3, 3), stride=2, groups=4, bias=draw(4), learn_bias=True),
    "conv, learned bias": dln.Conv2d(draw(3, 4, 3, 3), bias=draw(3), learn_bias=True),
    "transposed": dln.ConvTranspose2d(draw(4, 3, 3, 3)),
    "transposed, stride": dln.ConvTranspose2d(draw(4, 3, 3, 2), stride=2, padding=1, output_padding=1, bias=draw(3)),
    "transposed, groups": dln.ConvTranspose2d(draw(4, 3, 2, 2), stride=2, groups=2, learn_bias=True),
    "residual": dln.Residual(dln.Conv2d(draw(4, 4, 3, 3), padding=1, bias=draw(4), learn_bias=True)),
    "chain": dln.Chain([
        dln.Conv2d(draw(3, 4, 3, 3), bias=draw(3), learn_bias=True), dln.AvgPool2d(2), dln.Conv2d(draw(2, 3, 1, 2)),
    ]),
    "residual, chain": dln.Residual(dln.Chain([
        dln.Conv2d(draw(2, 4, 3, 3), padding=1, bias=draw(2)), dln.Conv2d(draw(4, 2, 1, 1), learn_bias=True),
    ])),
}  # fmt: skip


def conv_net(learn=False):
    """Every kind of layer, 3 × 6 × 6 to 4 numbers."""
    return dln.LinearNetwork(
        [
            dln.Conv2d(draw(4, 3, 3, 3), padding=1, bias=draw(4), learn_bias=learn),
            dln.AvgPool2d(2),
            dln.Residual(dln.Conv2d(draw(4, 4, 3, 3), padding=1)),
            dln.ConvTranspose2d(draw(4, 2, 2, 2), stride=2, groups=2, learn_bias=learn),
            dln.LinearOperator(lambda image: image[:, ::2]),
            dln.Flatten(),
            dln.Dense(draw(4, 72)),
        ],
        input_shape=(3, 6, 6),
    )


NET = conv_net(learn=True)
X, Y = np.random.default_rng(5).normal(size=(3, 3, 6, 6)), np.random.default_rng(6).normal(size=(3, 4))
