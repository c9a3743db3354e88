"""Rescaled updates of nonlinear networks: against the linear theory, and against their sums sample by sample."""

import jax.numpy as jnp
import numpy as np
import pytest

import dlntheory as dln
from dlntheory import pcn
from dlntheory.pcn.runs.config import TrainingConfig
from tests import pcn_naive as naive
from tests.closeness import assert_close, spread
from tests.pcn_lessons import daily, lesson, linear

F64 = jnp.float64


@pytest.mark.parametrize("rescaling", [daily("adaptive"), "adaptive_positive", "decorrelated"])
def test_linear_networks_learn_as_the_theory_says(rescaling):
    net = pcn.mlp((5, 4, 4, 3), activation="identity", key=1, dtype=F64)
    x, y = naive.batch(net, size=3, one_hot=False)
    theory = linear(net, learn_bias=True)
    settled = pcn.Algorithm(relaxation=pcn.Gradient(0.4, 0.3), update=pcn.AtEquilibrium(rescaling), steps=600)
    for rule, algorithm in (("pc", settled), ("bp", pcn.Algorithm(update=pcn.Backpropagation(rescaling)))):
        found = [-block.layer.weight for block in lesson(net, algorithm, x, y).gradients]
        expected = dln.weight_updates(theory, np.asarray(x), np.asarray(y), rule, rescaling=rescaling)
        assert_close(found, [getattr(each, "weight", each) for each in expected])


@pytest.mark.parametrize("update", [pcn.AtEquilibrium, pcn.ForwardUpdate])
def test_nonlinear_networks_sample_by_sample(update):
    net = pcn.mlp((4, 5, 3, 2), activation="tanh", dtype=F64)
    x, y = naive.batch(net)
    plain, adaptive, decorrelated = (
        lesson(net, pcn.Algorithm(update=update(rule), steps=3), x, y) for rule in (None, "adaptive", "decorrelated")
    )
    forward = [x, *naive.forward(net, x)]
    own = forward if update is pcn.ForwardUpdate else [x, *plain.states]
    for k in range(net.depth):
        ones = np.ones((len(x), 1))
        before, after = (np.concatenate([each[k], ones], axis=1) for each in (forward, own))
        rate = 1 / np.mean([one @ other for one, other in zip(before, after, strict=True)])
        correlation = np.mean([np.outer(*pair) for pair in zip(before, after, strict=True)], axis=0)
        condition, matrix = spread(correlation, np.linalg.matrix_rank(correlation)), np.linalg.pinv(correlation)
        block = plain.gradients[k].layer
        extended = np.concatenate([block.weight, np.asarray(block.bias)[:, None]], axis=1)
        for result, expected in ((adaptive, rate * extended), (decorrelated, extended @ matrix)):
            changed = result.gradients[k].layer
            assert_close((changed.weight, changed.bias), (expected[:, :-1], expected[:, -1]), condition=condition)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pcn.Algorithm(update=pcn.Incremental("adaptive")), "with Incremental, which has none"),
        (lambda: pcn.Algorithm(update=pcn.AtEquilibrium("adapted")), "`rescaling` is 'adapted'"),
        (
            lambda: pcn.start_training(
                pcn.deconvolutional_autoencoder((1, 4, 4), (2,)),
                pcn.Algorithm(update=pcn.AtEquilibrium("adaptive")),
                pcn.adamw(1e-3),
            ),
            "block 1 is not dense",
        ),
    ],
)
def test_what_cannot_be_rescaled(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_run_refuses_what_cannot_be_rescaled():
    with pytest.raises(ValueError, match="`rescaling` is an option of MLP and AE"):
        TrainingConfig(data="digits", model="VGG-5", rescaling="adaptive").check()
    algorithm = TrainingConfig(data="iris", rescaling="decorrelated").make_algorithm()
    assert algorithm.update == pcn.AtEquilibrium("decorrelated")
