"""The figures of starts at toy size: kernels and their bounds by the library's, and the command that draws them."""

import numpy as np
import pytest
from closeness import bound
from toy_figures import drawn

from dlntheory import LinearNetwork, expected_alignment, update_kernel
from experiments.dynamics import starts
from experiments.nonlinear import starts as perceptrons

TOY = {"square": 3, "hidden": 1, "steps": 10, "seeds": 2, "rates": 2}
TOY_PERCEPTRON = {"hidden": [4], "steps": 2, "batch": 4, "seeds": 1, "tuned": 1, "rates": 1}


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
    result, rows = drawn("starts", starts, TOY, tmp_path, monkeypatch)
    _, _, maps = starts.task(result.config, 1)
    for s, start in enumerate(result.config["starts"]):
        nets = [LinearNetwork.from_weights(starts.weights(start, [3] * 3, seed, 2.0)) for seed in (0, 1)]
        begun = [np.sum((w - net(np.eye(3)).T) ** 2) for net, w in zip(nets, maps, strict=True)]
        np.testing.assert_allclose(
            result.arrays["errors"][:, s, :, :, 0], np.broadcast_to(begun, (2, 2, 2)), rtol=1e-12
        )
    online = {(row["start"], row["rule"]): row for row in rows if row["batch"] == 1}
    for start in ("orthogonal", "lifted_orthogonal"):
        assert online[start, "pc"]["first_alignment"] == pytest.approx(1)
        assert online[start, "pc"]["condition_at_start"] == pytest.approx(1)


@pytest.mark.daily
def test_starts_of_perceptrons(tmp_path, monkeypatch):
    """Every error begins at that of the network that is drawn."""
    result, rows = drawn("nonlinear-starts", perceptrons, TOY_PERCEPTRON, tmp_path, monkeypatch)
    assert len(rows) == 2 * 2 * len(perceptrons.CHOSEN)
    assert np.array_equal(result.arrays["errors"][:, :, 0, :, 0], result.arrays["errors"][:, :, 1, :, 0])
    net = perceptrons.network(result.config, "aligned_9", "relu", 0)
    assert [block.layer.weight.shape for block in net.blocks] in ([(4, 64), (10, 4)], [(64, 4), (4, 10)])


def test_aligned_perceptrons_of_relu_have_the_variances_of_half_the_width():
    """At large width, by the formula of the linear network that ReLU leaves."""
    config = {"hidden": [32] * 3, "lift": 2.0}
    net = perceptrons.network(config, "aligned_9", "relu", 0)
    variances = [float(np.var(block.layer.weight)) for block in net.blocks]
    active = [("dense", *pair, v) for *pair, v in zip((64, 16, 16, 16), (16, 16, 16, 10), variances, strict=True)]
    assert float(expected_alignment(layers=active).limit) > 0.99
