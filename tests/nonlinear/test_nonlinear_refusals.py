"""Refusals, by name, of nonlinear networks, their inference and their updates.

Oracle: the words of the message.
"""

from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dlntheory as dln

WIDTHS = (5, 7, 6, 4)
DRAW = np.random.default_rng(0)
X, Y = DRAW.normal(size=(6, WIDTHS[0])), DRAW.normal(size=(6, WIDTHS[-1]))


def network(activation):
    return dln.NonlinearNetwork.from_linear(dln.LinearNetwork.random(WIDTHS, "norm_preserving", 0), activation)


@cache
def usual():
    return network("tanh")


def foreign():
    """A block of somebody else's."""
    block = eqx.nn.Linear(5, 4, False, key=jax.random.key(0), dtype=float)
    return dln.NonlinearNetwork([block], input_shape=(5,))


BAD = {
    "no blocks": (lambda: dln.NonlinearNetwork([]), ValueError, "`blocks` is empty"),
    "no function": (lambda: dln.NonlinearNetwork([3.0]), TypeError, r"`blocks\[0\]` is a float"),
    "no parameters": (lambda: dln.NonlinearNetwork([jnp.tanh], (3,)), ValueError, "`blocks` have no parameters"),
    "no shape": (lambda: dln.NonlinearNetwork(foreign().blocks), ValueError, "`input_shape` is None"),
    "blocks that do not chain": (
        lambda: dln.NonlinearNetwork([*usual().blocks, usual().blocks[0]]),
        ValueError, r"block 4 cannot read states of shape \(4,\)"),
    "no layer": (lambda: dln.Activated(3.0), TypeError, "`layer` is a float; wanted a layer"),
    "an unknown activation": (lambda: network("tan"), ValueError, "`activation` is 'tan'; wanted one of 'identity', 'tanh'"),
    "no activation": (lambda: network(3), TypeError, "`activation` is a int"),
    "no linear network": (lambda: dln.NonlinearNetwork.from_linear(usual()), TypeError, "`net` is a NonlinearNetwork"),
    "inputs of another shape": (lambda: usual()(X[:, 1:]), ValueError, r"`x` has shape \(6, 4\); wanted \(batch, 5\) or \(5,\)"),
    "no samples": (lambda: usual()(X[:0]), ValueError, "`x` is empty"),
    "another number of targets": (lambda: dln.nonlinear_equilibrium(usual(), X, Y[1:]), ValueError, "`x` holds 6 samples but `y` 5"),
    "one target": (lambda: dln.nonlinear_equilibrium(usual(), X, Y[0]), ValueError, "`x` holds 6 samples but `y` a single"),
    "NaN": (lambda: dln.nonlinear_equilibrium(usual(), X * np.nan, Y), ValueError, "`x` holds NaN"),
    "a tolerance of zero": (lambda: dln.nonlinear_equilibrium(usual(), X, Y, 0.0), ValueError, "`tolerance` is 0.0"),
    "negative steps": (lambda: dln.nonlinear_equilibrium(usual(), X, Y, steps=-1), ValueError, "`steps` is -1"),
    "an unknown method": (lambda: dln.nonlinear_equilibrium(usual(), X, Y, method="cg"), ValueError, "`method` is 'cg'"),
    "an unknown rule": (lambda: dln.nonlinear_updates(usual(), X, Y, "natural"), ValueError, "`rule` is 'natural'"),
    "an unknown rescaling": (lambda: dln.nonlinear_alignment(usual(), X, Y, "pc", "all"), ValueError, "`rescaling` is 'all'"),
    "an unknown option": (lambda: dln.nonlinear_alignment(usual(), X, Y, speed=1), TypeError, "`speed` is no option"),
    "features that are not known": (
        lambda: dln.nonlinear_updates(foreign(), X, Y, "bp", "adaptive"),
        ValueError, r"`blocks\[0\]` is a Linear, whose features are not known"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    call, error, words = BAD[name]
    with pytest.raises(error, match=words):
        call()
