"""The figures about precision at toy size: their points, and that they can be drawn.

Oracles: the limits that theory gives the curves, and the library called once more.
"""

import jax
import numpy as np
import pytest

import dlntheory as dln
from dlntheory.files.builtin import normal_data
from experiments.inference import bp_to_pc, spiking, theorem3


def toy(monkeypatch, module, **sizes):
    monkeypatch.setattr(module, "QUICK", sizes)
    config = module.configure(True, module.SETTINGS[0], 1)
    return config, module.run(config)


@pytest.fixture(autouse=True)
def drawn(monkeypatch):
    """Every module's numbers can be summarised and drawn."""
    results = []
    yield results
    for module, config, arrays in results:
        assert module.summarise(config, arrays)
        assert module.draw(config, arrays).axes


@pytest.mark.daily
def test_from_bp_to_pc(monkeypatch, drawn):
    config, arrays = toy(monkeypatch, bp_to_pc, width=4, hidden=[1, 2], batch=1, seeds=2, points=3)
    drawn.append((bp_to_pc, config, arrays))
    np.testing.assert_allclose(arrays["strengths"], [1e-4, 1, 1e4])
    curves = np.moveaxis(arrays["alignment"], 2, 0)
    bp, pc, centred = np.moveaxis(arrays["ends"], 2, 0)
    for curve, index, end in ((0, 0, bp), (0, 2, pc), (1, 0, bp), (1, 1, pc), (2, 0, centred), (2, 1, pc)):
        np.testing.assert_allclose(curves[curve][..., index], end, atol=2e-2)


def test_spiking(monkeypatch, drawn):
    config, arrays = toy(monkeypatch, spiking, width=4, hidden=2, batch=1, seeds=2, steps=[2, 5000])
    drawn.append((spiking, config, arrays))
    methods = list(spiking.METHODS)
    last = arrays["alignment"][..., -1]
    for plain, spiked in (("PC", "S"), ("F", "S+F")):
        np.testing.assert_allclose(last[:, methods.index(plain)], last[:, methods.index(spiked)], atol=1e-6)
    for index, seed in enumerate(config["seeds"]):
        net = dln.LinearNetwork.random([4] * 4, "norm_preserving", key=jax.random.key(seed))
        problem = (net, *normal_data(net, 1, seed))
        np.testing.assert_allclose(last[index, 0], dln.target_alignment(*problem)[0], atol=1e-6)
        np.testing.assert_allclose(arrays["backpropagation"][index], dln.target_alignment(*problem, rule="bp")[0])


@pytest.mark.daily
def test_theorem_3(monkeypatch, drawn):
    config, arrays = toy(monkeypatch, theorem3, square=4, depths=[1], widths=[4], samples=6, networks=1)
    drawn.append((theorem3, config, arrays))
    net = dln.LinearNetwork.random([4] * 3, "norm_preserving", key=jax.random.key(1))
    x, y = normal_data(net, 6, 1)
    found = dln.interference_free_covariances(net, x, y).found
    for name in ("by_depth", "by_width"):
        np.testing.assert_allclose(arrays[name][1, 0, 0], np.mean(found))
    update, adaptive = arrays["by_depth"][1, 0, 3:5]
    assert update > 0
    assert adaptive > 0
