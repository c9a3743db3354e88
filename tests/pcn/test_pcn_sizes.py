"""What networks of the papers hold at their real sizes, and what a step takes: by tracing and compiling, not running.

Oracles: parameters counted by hand from the papers' tables, and the known count of ResNet-18 for CIFAR-10.
"""

import itertools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlntheory import pcn
from dlntheory.pcn.engine.learning import parameters
from tests.pcn_lessons import daily


def count(channels, classes, last=1, hidden=(), first=3):
    """Parameters of convolutions of 3 × 3 with biases, and of dense layers on ``last`` positions."""
    pairs = zip((first, *channels[:-1]), channels, strict=True)
    widths = (channels[-1] * last, *hidden, classes)
    dense = sum((n + 1) * m for n, m in itertools.pairwise(widths))
    return sum((9 * n + 1) * m for n, m in pairs) + dense


VGG_19 = [64] * 2 + [128] * 2 + [256] * 4 + [512] * 8
SIZES = {
    "VGG-5": ({}, count([128, 256, 512, 512], 10)),
    "VGG-7": ({}, count([128, 128, 256, 256, 512, 512], 10)),
    "VGG-9": ({}, count([128, 128, 256, 256, 512, 512, 512, 512], 10, last=4)),
    "VGG-10": ({"classes": 100}, count([64] + [128] * 3 + [256] * 4 + [512], 100, last=4)),
    "VGG-15": ({"classes": 100}, count([64] * 2 + [128] * 2 + [256] * 3 + [512] * 6, 100)),
    "VGG-19": ({}, count(VGG_19, 10, hidden=(4096, 4096))),
    "VGG-19 skip": ({"skip": True}, count(VGG_19, 10, hidden=(4096, 4096)) + (8 * 8 * 128 + 1) * 4096),
    "VGG-19 Tiny ImageNet": ({"classes": 200, "side": 64}, count(VGG_19, 200, last=4, hidden=(4096, 4096))),
    "AlexNet": ({}, count([64, 192, 384, 256, 256], 10, last=4, hidden=(4096, 4096))),
    "ResNet-18": ({"norm": "standard"}, 11_173_962),  # He et al. with a first convolution of 3 × 3 and ten classes
    "ResNet-18 auxiliary": ({"auxiliary": True, "norm": "standard"}, 11_173_962),
    "MLP": ({"side": 28, "channels": 1}, 784 * 128 + 2 * 128 * 128 + 128 * 10 + 3 * 128 + 10),
}


BY_DEFAULT = ("VGG-5", "VGG-19 skip", "AlexNet", "ResNet-18 auxiliary", "MLP")


@pytest.mark.parametrize("name", [name if name in BY_DEFAULT else daily(name) for name in SIZES])
def test_parameters(name):
    options, expected = SIZES[name]
    side, channels, classes = options.get("side", 32), options.get("channels", 3), options.get("classes", 10)
    given = {key: value for key, value in options.items() if key in ("skip", "auxiliary", "norm")}

    def weights():
        net = pcn.build(name.split(" ")[0], (channels, side, side), classes, **given)
        assert net.output_shape == (classes,)
        return parameters(net)

    leaves = jax.tree.leaves(eqx.filter_eval_shape(weights))
    assert sum(leaf.size for leaf in leaves) == expected


@pytest.mark.daily
def test_memory_does_not_grow_with_the_steps():
    """States and errors stand once each: eight times the steps take no more, where one set of states a step would."""
    net = pcn.mlp((64, 64, 64, 64, 8), dtype=np.float32)
    optimiser = pcn.adamw(1e-3, total_steps=10)
    x, y = jnp.ones((512, 64)), jnp.ones((512, 8))
    states = 4 * len(x) * sum(math.prod(shape) for shape in net.state_shapes)

    def temporary(steps):
        algorithm = pcn.algorithm("PC-SE", steps=steps, step_size=0.1)
        state = pcn.start_training(net, algorithm, optimiser)
        compiled = eqx.filter_jit(lambda *given: pcn.train_step(*given, algorithm, optimiser)).lower(state, x, y)
        return compiled.compile().compiled.memory_analysis().temp_size_in_bytes

    few, many = temporary(32), temporary(256)
    assert many - few < 0.1 * states
    assert many < 8 * states
