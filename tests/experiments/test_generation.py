"""Quality of samples, and the models that are compared by it.

Oracles: SciPy's root of a matrix, brute force over pairs and probabilities, the exact evidence of a linear network, and
a run that was interrupted.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import sqrtm

import dlntheory as dln
from dlntheory import pcn
from experiments.generative import generation, quality, vae
from tests.checkpointing import LEFTOVERS

pytestmark = LEFTOVERS


def test_the_frechet_distance_is_that_of_the_formula():
    """Against SciPy's root of a matrix, and by axis where covariances commute."""
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(60, 5)), rng.normal(size=(40, 5)) @ rng.normal(size=(5, 5)) + 1
    a, b = (np.cov(each.T) for each in (first, second))
    gap = first.mean(axis=0) - second.mean(axis=0)
    expected = gap @ gap + np.trace(a + b - 2 * sqrtm(a @ b).real)
    assert quality.frechet_distance(first, second) == pytest.approx(expected, rel=1e-9)
    signs = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1.0]])  # uncorrelated, by axis a variance of 4/3
    found = quality.frechet_distance(signs * [3, 1], signs * [1, 2] + [1, 0])
    assert found == pytest.approx(1 + 4 / 3 * (2**2 + 1**2), rel=1e-12)


def test_equal_sets_have_no_distance_even_where_a_feature_is_constant():
    features = np.random.default_rng(0).normal(size=(20, 30)) * np.arange(30)
    assert abs(quality.frechet_distance(features, features[::-1])) < 1e-10 * np.square(features).sum()


def test_the_inception_score_is_the_exponential_of_the_mutual_information():
    rows = np.random.default_rng(0).dirichlet(np.ones(4), size=30)
    mean = [sum(row[k] for row in rows) / 30 for k in range(4)]
    information = sum(row[k] * np.log(row[k] / mean[k]) for row in rows for k in range(4)) / 30
    assert quality.inception_score(rows) == pytest.approx(np.exp(information), rel=1e-12)
    assert quality.inception_score(np.eye(10)[np.arange(50) % 10]) == pytest.approx(10, rel=1e-12)
    with pytest.raises(ValueError, match="sum to one"):
        quality.inception_score(2 * rows)


def test_precision_and_recall_by_brute_force():
    rng = np.random.default_rng(0)
    real, sampled = rng.normal(size=(25, 3)), rng.normal(size=(30, 3)) + 0.8

    def share(inside, region):
        radii = [sorted(np.linalg.norm(each - other) for other in region)[3] for each in region]
        return np.mean([any(np.linalg.norm(x - c) <= r for c, r in zip(region, radii, strict=True)) for x in inside])

    found = quality.precision_and_recall(real, sampled)
    assert found == (share(sampled, real), share(real, sampled))
    assert 0 < min(found) < max(found) < 1
    assert quality.precision_and_recall(real, real) == (1, 1)
    assert quality.precision_and_recall(real, real + 100) == (0, 0)


@pytest.mark.parametrize("wrong", ["shape", "few"])
def test_quality_refuses_what_has_none(wrong):
    first, second = (np.ones((5, 2)), np.ones((5, 3))) if wrong == "shape" else (np.ones((5, 2)), np.ones((1, 2)))
    for measure in (quality.frechet_distance, quality.precision_and_recall):
        with pytest.raises(ValueError, match="wanted"):
            measure(first, second)


bound = eqx.filter_jit(vae.bound)


def test_the_bound_of_a_vae_is_the_evidence_where_the_encoder_is_exact():
    """A linear decoder with orthogonal columns has a posterior with a diagonal covariance, which an encoder can hold."""
    rng = np.random.default_rng(0)
    weight, noise = np.linalg.qr(rng.normal(size=(5, 2)))[0] * [2.0, 0.5], 0.3
    shift, precision = rng.normal(size=5), 1 + np.array([4, 0.25]) / noise
    gain = weight.T / noise / precision[:, None]
    model = vae.make_vae((2, 5), "identity", noise, seed=0)
    encoder = {"weight": np.vstack([gain, np.zeros((2, 5))]), "bias": [*(-gain @ shift), *-np.log(precision)]}
    decoder = {"weight": weight, "bias": shift}
    for part, values in (("encoder", encoder), ("decoder", decoder)):
        for name, value in values.items():
            model = eqx.tree_at(lambda m, part=part, name=name: getattr(getattr(m, part).blocks[0].layer, name), model,
                                jnp.asarray(value, jnp.float32))  # fmt: skip
    y = rng.normal(size=(3, 5))
    linear = dln.LinearNetwork.from_weights([weight], [shift])
    exact = np.asarray(dln.log_likelihood(linear, None, y, [noise], prior=dln.Prior(0.0, 1.0)))
    batch = jnp.asarray(np.tile(y, (4000, 1)), jnp.float32)
    draws = np.asarray(bound(model, batch, jax.random.key(0)), float).reshape(4000, 3)
    error = draws.std(axis=0, ddof=1) / np.sqrt(4000)
    assert (abs(draws.mean(axis=0) - exact) < 4 * error + 1e-4).all()
    worse = eqx.tree_at(lambda m: m.encoder.blocks[0].layer.bias, model, jnp.zeros(4, jnp.float32))
    assert (np.asarray(bound(worse, batch, jax.random.key(0)), float).reshape(4000, 3).mean(axis=0) < exact).all()


def test_a_vae_learns_the_law_of_its_data():
    """The bound rises, and what is decoded has the data's correlations, 1 and −1."""
    rng = np.random.default_rng(0)
    rows = jnp.asarray(rng.normal(size=(200, 1)) @ [[1.0, 2.0, -1.0]] + [3, 0, 1], jnp.float32)
    optimiser = pcn.adam(1e-2)
    learner = vae.start_learning(vae.make_vae((1, 8, 3), "relu", 0.1, seed=0), optimiser, 0)
    before = bound(learner.model, rows, jax.random.key(1)).mean()
    learner = vae.learn(learner, jnp.broadcast_to(rows, (400, *rows.shape)), optimiser)
    assert bound(learner.model, rows, jax.random.key(1)).mean() > before + 10
    drawn = np.corrcoef(vae.decode(learner.model, 500, 0).T)
    assert drawn[0, 1] > 0.9
    assert drawn[0, 2] < -0.9


@pytest.mark.daily
def test_generation_and_a_killed_training_goes_on(tmp_path, monkeypatch):
    small = {"hidden": [6], "latent": 2, "updates": 10, "batch": 8, "steps": 3, "seeds": 1, "train_samples": 120,
             "test_samples": 20, "samples": 12, "judge_epochs": 1}  # fmt: skip
    monkeypatch.setitem(generation.SIZES, "quick", small)
    config = generation.configure(True, "cpu", 0)
    whole = generation.run(config, folder=tmp_path)
    for name in ("MCPC", "VAE"):
        (tmp_path / f"{name}-0.npz").unlink()
        for block in range(6, generation.BLOCKS):  # killed while the seventh was written
            (tmp_path / f"{name}-0" / f"block-{block}.npz").write_bytes(b"torn")
    again = generation.run(config, folder=tmp_path)
    for name, array in whole.items():
        np.testing.assert_array_equal(array, again[name])
    *rows, classifier = generation.summarise(config, whole)
    assert 0 <= classifier["accuracy"] <= 1
    assert [each["model"] for each in rows] == list(generation.MODELS)
    assert [each["model"] for each in rows if "parity" in each] == [generation.BY_PARITY]
    assert len(generation.draw(config, whole).axes) == generation.SHOWN * len(rows)
