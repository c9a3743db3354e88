"""The figures of starts at toy size: kernels and their bounds by the library's, and the command that draws them.

Trainings side by side are compared with the public updates, step by step.
"""

from types import SimpleNamespace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from closeness import bound
from toy_figures import drawn

from dlntheory import LinearNetwork, expected_alignment, nonlinear_alignment, nonlinear_updates, update_kernel
from experiments.dynamics import singular_values, starts
from experiments.nonlinear import starts as perceptrons
from experiments.nonlinear.together import Samples, train_together

TOY = {"square": 3, "hidden": 1, "steps": 10, "seeds": 2, "rates": 2}
TOY_VALUES = {"square": 3, "hidden": 1, "steps": 10, "batch": 4, "seeds": 2, "rates": 2}
SHARP = ("orthogonal", "lifted_orthogonal")
TOY_PERCEPTRON = {
    "layers": 1, "steps": 2, "every": 1, "batch": 4, "seeds": 2, "rates": 3, "first_rates": [0, 2], "first_seeds": 1,
}  # fmt: skip


@pytest.mark.parametrize("start", starts.STARTS)
@pytest.mark.parametrize("rule", starts.RULES)
def test_edges_are_the_kernels(start, rule):
    """The library's kernel at white inputs without residual; and the bounds of docs/starts.md."""
    net = LinearNetwork.from_weights(starts.weights(start, [4] * 4, 0, 2.0))
    x = 2.0 * np.eye(4)
    values = np.linalg.eigvals(update_kernel(net, x, net(x), rule).matrix()).real
    low, high = starts.edges(net, rule)
    error = bound(np.finfo(float).eps, float(np.linalg.cond(np.asarray(net.weights[-1])) ** 2)) * high
    assert abs(low - values.min()) < error
    assert abs(high - values.max()) < error
    if rule == "pc":
        before = [np.eye(4), net.weights[0], net.weights[1] @ net.weights[0]]
        values = [np.linalg.svd(each, compute_uv=False) for each in before]
        assert min(each[-1] for each in values) ** 2 <= low + error
        assert high <= max(each[0] for each in values) ** 2 + error


def test_lifted_weights_have_a_product_of_the_same_size():
    for start, plain in (("lifted", "norm_preserving"), ("lifted_orthogonal", "orthogonal")):
        ours, theirs = (
            LinearNetwork.from_weights(starts.weights(each, [3] * 4, 1, 2.0))(np.eye(3)) for each in (start, plain)
        )
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_starts(tmp_path, monkeypatch):
    """Errors begin at those of the weights, and alignments at one where the kernel is the identity."""
    monkeypatch.setattr(starts, "STARTS", {start: starts.STARTS[start] for start in ("aligned_9", *SHARP)})
    monkeypatch.setattr(starts, "BATCHES", (1,))
    result, rows = drawn("starts", starts, TOY, tmp_path, monkeypatch)
    _, _, maps = starts.task(result.config, 1)
    for s, start in enumerate(result.config["starts"]):
        nets = [LinearNetwork.from_weights(starts.weights(start, [3] * 3, seed, 2.0)) for seed in (0, 1)]
        begun = [np.sum((w - net(np.eye(3)).T) ** 2) for net, w in zip(nets, maps, strict=True)]
        np.testing.assert_allclose(
            result.arrays["errors"][:, s, :, :, 0], np.broadcast_to(begun, (1, 2, 2)), rtol=1e-12
        )
    by_name = {(row["start"], row["rule"]): row for row in rows}
    for start in SHARP:
        assert by_name[start, "pc"]["first_alignment"] == pytest.approx(1)
        assert by_name[start, "pc"]["condition_at_start"] == pytest.approx(1)


def test_starts_share_singular_vectors_or_values():
    """NumPy's singular values of the layers, and of products whose spreads compound or cancel."""
    made = {start: singular_values.weights(start, 5, 4, 0) for start in singular_values.STARTS}
    of_layers = {start: np.linalg.svd(np.stack(each), compute_uv=False) for start, each in made.items()}
    for start in list(made)[3:]:
        np.testing.assert_allclose(np.mean(of_layers[start] ** 2, axis=1), 1, rtol=1e-12)
        ratios = of_layers[start][:, :-1] / of_layers[start][:, 1:]
        np.testing.assert_allclose(ratios, float(start.partition("_")[2]) ** (1 / 4), rtol=1e-12)
    np.testing.assert_allclose(of_layers["equal"], 1, rtol=1e-12)
    np.testing.assert_allclose(of_layers["equal_low"], 3**-0.5, rtol=1e-12)
    for normal, equal, spread in zip(made["normal"], made["equal"], made["spread_3"], strict=True):
        for symmetric in (normal @ equal.T, spread @ equal.T):  # they share their singular vectors
            np.testing.assert_allclose(symmetric, symmetric.T, atol=1e-12)
    conditions = {start: np.linalg.cond(np.linalg.multi_dot(each[::-1])) for start, each in made.items()}
    assert conditions["compounding_10"] == pytest.approx(1e4)
    assert conditions["cancelling_10"] == pytest.approx(1)
    assert conditions["cancelling_3"] == pytest.approx(1)


@pytest.mark.daily
def test_singular_values(tmp_path, monkeypatch):
    """Errors begin at those of the weights, and equal singular values at one kernel's eigenvalue."""
    result, rows = drawn("singular-values", singular_values, TOY_VALUES, tmp_path, monkeypatch)
    _, _, maps = starts.task(result.config, 4)
    for s, start in enumerate(result.config["starts"]):
        for seed, target in enumerate(maps):
            first, last = singular_values.weights(start, 3, 2, seed)
            assert result.arrays["errors"][s, seed, 0] == pytest.approx(np.sum((target - last @ first) ** 2))
    conditions = {row["start"]: row["condition_at_start"] for row in rows}
    assert conditions["equal"] == pytest.approx(1)
    assert conditions["equal_low"] == pytest.approx(1)
    assert all(row["p"][row["start"]] == 1 for row in rows)


@pytest.mark.parametrize("difference", [0.7, np.inf])
def test_pairs_that_all_differ_one_way(difference):
    """By counting: two of the 2ⁿ equally likely ways of the signs; infinities differ from numbers alone."""
    one, other = np.arange(1.0, 7), np.arange(1.0, 7) * 0.5
    one, other = np.append(one, [np.inf, 3.0]), np.append(other, [np.inf, 3.0 - difference])
    assert starts.paired(one, other) == pytest.approx(2 / 2**7)
    assert starts.paired(one, one) == 1


@pytest.mark.parametrize(
    ("activation", "rule"),
    [
        ("relu", "pc"),
        pytest.param("tanh", "bp", marks=pytest.mark.daily),
        pytest.param("tanh", "pc", marks=pytest.mark.daily),
        pytest.param("relu", "bp", marks=pytest.mark.daily),
    ],
)
def test_perceptrons_train_together_as_alone(activation, rule):
    """The public updates and alignments, one network and one step at a time, in double precision."""
    config = {"hidden": [8, 8], "lift": 2.0, "growth": 9.0}
    nets = [perceptrons.network(config, "norm_preserving", activation, 5, seed) for seed in (0, 1)]
    draw = np.random.default_rng(0)
    x, y = jnp.asarray(draw.standard_normal((12, 5))), jnp.asarray(np.eye(10)[draw.integers(0, 10, 12)])
    train, test = Samples(x[:8], y[:8]), Samples(x[8:], y[8:])
    batches, rates = draw.integers(0, 8, (2, 4, 4)), [0.1, 0.3]
    found = train_together(nets, rates, train, test, batches, rule, {"tolerance": 1e-11, "steps": 100}, 2)
    for lane, (net, rate) in enumerate(zip(nets, rates, strict=True)):
        errors, alignment = [], []
        for step, chosen in enumerate([*batches[lane], None]):
            if step % 2 == 0:
                errors.append(np.sum((np.asarray(net(test.x)) - test.y) ** 2) / (2 * len(test.x)))
            if chosen is not None:
                batch = train.x[chosen], train.y[chosen]
                alignment.append(np.nanmean(nonlinear_alignment(net, *batch, rule, tolerance=1e-11)))
                change = nonlinear_updates(net, *batch, rule, tolerance=1e-11)
                net = eqx.apply_updates(net, jax.tree.map(lambda each, rate=rate: rate * each, change))
        np.testing.assert_allclose(found["errors"][lane], errors, rtol=1e-9)
        np.testing.assert_allclose(found["alignment"][lane], np.reshape(alignment, (2, 2)).mean(axis=1), rtol=1e-8)
    assert not found["unsettled"].any()


def test_a_perceptron_that_diverges_leaves_the_others_alone():
    config = {"hidden": [3], "lift": 2.0}
    net = perceptrons.network(config, "orthogonal", "tanh", 5, 0)
    data = Samples(jnp.ones((4, 5)), jnp.asarray(np.eye(10)[:4]))
    batches = np.zeros((2, 6, 2), int)
    found = train_together([net, net], [1e6, 0.1], data, data, batches, "bp", perceptrons.INFERENCE, 1)
    assert np.isinf(found["errors"][0, -1])
    assert found["accuracy"][0, -1] == 0
    assert np.isfinite(found["errors"][1]).all()


@pytest.mark.parametrize("least", [1, 6, 9])
def test_rates_are_tried_until_the_best_has_two_worse_neighbours(least, monkeypatch):
    """On an error whose least is known; rates from two above it diverge for the last seed."""
    rates = np.logspace(-3, 0, 12)
    tried = set()

    def trained(nets, chosen, train, test, batches, rule, inference, every):
        places = np.array([int(np.argmin(np.abs(rates - rate))) for rate in chosen])
        tried.update(places.tolist())
        diverged = (places >= least + 2) & np.array([net.seed == 2 for net in nets])
        errors = np.where(diverged, np.inf, 1 + (places - least) ** 2 + 0.0)
        return {"errors": np.tile(errors[:, None], (1, 7))}

    monkeypatch.setattr(perceptrons, "train_together", trained)
    block = SimpleNamespace(layer=SimpleNamespace(weight=np.zeros(1)))
    monkeypatch.setattr(perceptrons, "network", lambda *given: SimpleNamespace(seed=given[-1], blocks=[block]))
    config = {"seeds": [0, 1, 2], "learning_rates": rates.tolist(), "first_rates": [2, 8], "first_seeds": 2, "batch": 2,
              "steps": 1, "inference": {}, "every": 1}  # fmt: skip
    data = Samples(jnp.ones((4, 5)), jnp.ones((4, 10)))
    found = perceptrons.study(config, (data, data), "tanh", "kaiming", "bp")
    assert found["best"] == least
    assert perceptrons.bracketed(found["final"], least)
    assert np.isinf(found["final"][least + 2 :, 2]).sum() == np.sum(~np.isnan(found["final"][least + 2 :, 0]))
    assert len(tried) < len(rates)


@pytest.mark.daily
def test_starts_of_perceptrons(tmp_path, monkeypatch):
    """Every error begins at that of the network that is drawn."""
    result, rows = drawn("nonlinear-starts", perceptrons, TOY_PERCEPTRON, tmp_path, monkeypatch)
    assert len(rows) == 2 * 2 * len(perceptrons.CHOSEN)
    assert np.array_equal(result.arrays["errors"][:, :, 0, :, 0], result.arrays["errors"][:, :, 1, :, 0])
    net = perceptrons.network(result.config, "aligned", "relu", 64, 0)
    assert [block.layer.weight.shape for block in net.blocks] in ([(4, 64), (10, 4)], [(64, 4), (4, 10)])


def test_aligned_perceptrons_of_relu_have_the_variances_of_half_the_width():
    """At large width, by the formula of the linear network that ReLU leaves."""
    config = {"hidden": [32] * 3, "lift": 2.0, "growth": 9.0}
    net = perceptrons.network(config, "aligned", "relu", 64, 0)
    variances = [float(np.var(block.layer.weight)) for block in net.blocks]
    active = [("dense", *pair, v) for *pair, v in zip((64, 16, 16, 16), (16, 16, 16, 10), variances, strict=True)]
    assert float(expected_alignment(layers=active).limit) > 0.99
