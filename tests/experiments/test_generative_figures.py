"""The generative experiments at toy size.

Oracles: closed forms of areas, memories and laws, brute force over pairs, SciPy, and a run that was interrupted.
"""

import jax.numpy as jnp
import numpy as np
import pytest
from image_files import write_emnist_letters, write_mnist, write_notmnist
from scipy.stats import mannwhitneyu, multivariate_normal
from sklearn.decomposition import PCA
from typer.testing import CliRunner

from dlntheory import pcn
from dlntheory.cli import app
from dlntheory.pcn.runs.config import TrainingConfig
from dlntheory.pcn.runs.folder import read_epochs
from dlntheory.pcn.runs.run import read_data
from experiments import results
from experiments.figures import load_figure
from experiments.generative import areas, langevin_chain, memory, outliers, reconstructions, samples, strangers
from tests.checkpointing import LEFTOVERS

pytestmark = LEFTOVERS


def study(name, folder, *options):
    done = CliRunner().invoke(app, ["study", name, "--out", str(folder), *options])
    assert done.exit_code == 0, done.output
    return results.load(folder)


# -- One long Langevin chain ------------------------------------------------------------------------------------------


def test_autocorrelations_are_those_of_the_recursion_and_sum_to_the_time_of_the_law():
    """Without momentum ``(1 − γh)^t``; with it the sum over all lags is ``2 (1 − m)(1 − c h)/(γ h)``."""
    values = np.array([0.7, 2.0])
    plain = langevin_chain.autocorrelations(values, 0.3, 0.0)
    np.testing.assert_allclose(plain[:, :20], (1 - 0.3 * values[:, None]) ** np.arange(20), atol=1e-15)
    heavy = langevin_chain.two_sided(langevin_chain.autocorrelations(values, 0.3, 0.6))
    np.testing.assert_allclose(heavy, 2 * 0.4 * (1 - 0.3 / 3.2 * values) / (0.3 * values), rtol=1e-9)


def test_standard_errors_of_a_covariance_are_those_of_many_short_chains():
    """Exact chains of autoregressive Gaussians, many of them: the spread of their covariances is the predicted one."""
    vectors = np.linalg.qr(np.random.default_rng(0).normal(size=(2, 2)))[0]
    decay, spread, steps, chains = np.array([0.8, 0.3]), np.array([2.0, 0.5]), 2000, 400
    rng = np.random.default_rng(1)
    state = np.sqrt(spread) * rng.normal(size=(chains, 2))
    second = np.zeros((chains, 2, 2))
    for _ in range(steps):
        original = state @ vectors.T
        second += original[:, :, None] * original[:, None, :] / steps
        state = decay * state + np.sqrt(spread * (1 - decay**2)) * rng.normal(size=state.shape)
    predicted = langevin_chain.entry_variances(vectors, spread, decay[:, None] ** np.arange(200)) / steps
    measured = second.var(axis=0, ddof=1)
    np.testing.assert_allclose(measured, predicted, rtol=5 * np.sqrt(2 / chains))


@pytest.mark.daily
def test_a_chain_has_its_law_and_not_the_posterior(tmp_path, monkeypatch):
    monkeypatch.setitem(langevin_chain.STEPS, "quick", 20_000)
    found = study("langevin-chain", tmp_path)
    for row in langevin_chain.summarise(found.config, found.arrays):
        assert max(row["from_the_law"], row["of_the_mean"]) < 4 < row["from_the_posterior"]
    gap = found.arrays["autocorrelation"] - found.arrays["predicted_autocorrelation"]
    assert abs(gap).max() < 0.1


@pytest.mark.daily
def test_a_million_steps_have_their_law_within_four_standard_errors():
    config = langevin_chain.configure(False, "norm_preserving", 1)
    for row in langevin_chain.summarise(config, langevin_chain.run(config)):
        assert row["steps"] == 1_000_000
        assert max(row["from_the_law"], row["of_the_mean"]) < 4
        assert row["from_the_posterior"] > 20


# -- Memory -----------------------------------------------------------------------------------------------------------


def test_the_linear_memory_has_the_most_likely_weights():
    """Its covariance ``WWᵀ + σ²`` has the leading eigenvalues of the data's, and the mean of the others."""
    rows = np.random.default_rng(0).normal(size=(30, 6)) * [3, 2, 1.5, 1, 0.8, 0.5]
    net, variance = memory.linear_memory(rows, 2)
    exact = np.sort(np.linalg.eigvalsh(np.cov(rows.T, bias=True)))[::-1]
    weight = np.asarray(net.weights[0])
    own = np.sort(np.linalg.eigvalsh(weight @ weight.T + variance * np.eye(6)))[::-1]
    np.testing.assert_allclose(own, [*exact[:2], *[exact[2:].mean()] * 4], rtol=1e-12)


def test_a_linear_memory_recalls_as_many_pictures_as_it_is_wide():
    """``n`` pictures and their mean span ``n − 1`` directions."""
    pictures = np.random.default_rng(0).uniform(size=(8, 1, 6, 6))
    known = memory.upper_half((1, 6, 6))
    error = [
        memory.mean_squares(memory.recall_linearly(pictures, pictures * known, known, width, 0.0)[None], pictures)[0]
        for width in (7, 4)
    ]
    assert error[0] < 1e-6 < 1e-3 < error[1]


def test_linear_recall_from_noise_is_the_conditional_mean():
    rng = np.random.default_rng(0)
    pictures, noise = rng.uniform(size=(10, 1, 3, 3)), 0.3
    key = pictures + noise * rng.normal(size=pictures.shape)
    net, variance = memory.linear_memory(pictures.reshape(10, 9), 4)
    weight, mean = np.asarray(net.weights[0]), pictures.reshape(10, 9).mean(axis=0)
    clean = weight @ weight.T
    gain = clean @ np.linalg.inv(clean + (variance + noise**2) * np.eye(9))
    expected = mean + (key.reshape(10, 9) - mean) @ gain.T
    found = memory.recall_linearly(pictures, key, None, 4, noise)
    np.testing.assert_allclose(found.reshape(10, 9), expected, rtol=1e-9)


@pytest.mark.daily
def test_memories_are_recalled_and_a_killed_figure_goes_on(tmp_path):
    sizes = {"latent": 8, "widths": [12], "counts": [6], "epochs": 2, "train_steps": 3, "seeds": 1,
             "recall_steps": {"noise": 3, "mask": 3}}  # fmt: skip
    config = {**memory.configure(True, "cpu", 0), **sizes, "seeds": [0]}
    whole = memory.run(config, folder=tmp_path)
    assert whole["trained"].shape == whole["linear"].shape == (2, 1, 1, 1)
    (tmp_path / "12-6-0.npz").write_bytes(b"torn")  # killed while it was written
    again = memory.run(config, folder=tmp_path)
    for name, array in whole.items():
        np.testing.assert_array_equal(array, again[name])
    assert len(memory.draw(config, whole).axes) >= 2
    assert len(memory.summarise(config, whole)) == 2 + 18  # and the paper's


# -- Samples ----------------------------------------------------------------------------------------------------------


def test_the_law_and_the_likelihood_of_a_linear_network_are_those_of_its_gaussian():
    network = pcn.with_latent(pcn.mlp((2, 3, 2), "identity", key=0))
    first, second = (np.asarray(block.layer.weight, float) for block in network.blocks[1:])
    shift, last = (np.asarray(block.layer.bias, float) for block in network.blocks[1:])
    covariance = second @ (np.eye(3) + first @ first.T) @ second.T + 0.3 * np.eye(2)
    np.testing.assert_allclose(samples.law(network, 0.3), covariance, rtol=1e-6)
    data = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    exact = multivariate_normal(second @ shift + last, covariance).logpdf(data).mean()
    algorithm = pcn.Algorithm(loss=pcn.SquaredError(0.3), relaxation=pcn.Langevin(0.1, 0.0))
    assert samples.likelihood(network, algorithm, data, 0.3, linear=True) == pytest.approx(exact, rel=1e-6)
    estimated = samples.likelihood(network, algorithm, data, 0.3, linear=False)
    assert estimated == pytest.approx(exact, abs=0.1)  # 20 000 draws


def test_energy_distance_is_zero_on_average_for_one_law():
    rng = np.random.default_rng(0)
    same = [samples.energy_distance(*rng.normal(size=(2, 50, 2))) for _ in range(100)]
    assert abs(np.mean(same)) < 4 * np.std(same, ddof=1) / 10
    assert samples.energy_distance(rng.normal(size=(50, 2)), 3 + rng.normal(size=(50, 2))) > 1


def test_the_gaussian_likelihood_is_scipys():
    data = samples.flowers()
    law = multivariate_normal(data.mean(axis=0), np.cov(data.T.astype(float), bias=True))
    assert samples.gaussian_likelihood(data) == pytest.approx(law.logpdf(data).mean(), rel=1e-6)


@pytest.mark.daily
def test_samples_of_the_linear_network_have_its_law(tmp_path, monkeypatch):
    small = {"width": 4, "updates": 4, "steps": 10, "seeds": 2, "chain": 20, "samples": 400}
    monkeypatch.setitem(samples.SIZES, "quick", small)
    monkeypatch.setattr(samples, "DRAWS", 500)
    found = study("002-figure-4", tmp_path)
    linear, *others, gaussian = samples.summarise(found.config, found.arrays)
    assert linear["from_the_law"] < 4
    assert all("from_the_law" not in each for each in others)
    assert linear["likelihood"] < gaussian["likelihood"]  # the most likely Gaussian


# -- Strangers --------------------------------------------------------------------------------------------------------


def test_the_area_is_mann_and_whitneys():
    rng = np.random.default_rng(0)
    own, strange = rng.integers(0, 9, 40) / 8, rng.integers(-3, 6, 30) / 8  # with ties
    expected = mannwhitneyu(own, strange).statistic / (40 * 30)
    assert areas.area(own, strange) == pytest.approx(expected, rel=1e-12)


def test_before_inference_energy_orders_samples_as_softmax_does():
    network = pcn.mlp((4, 6, 3), key=0)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(20, 4)), jnp.float32)
    energies, softmax = outliers.scored(network, x, pcn.algorithm("PC-CE", steps=3))
    np.testing.assert_allclose(energies[0], -np.log(softmax), rtol=1e-4)
    assert (energies[1] < energies[0]).all()


def test_the_bootstrap_covers_the_area_and_sees_a_real_difference():
    rng = np.random.default_rng(0)
    own, strange = rng.normal(1, 1, 300), rng.normal(0, 1, 300)
    scores = {"softmax": (own, strange), "energy": (own + 1, strange)}
    low, high = areas.bootstrap([scores], 200)
    assert low[0, 0] < areas.area(own, strange) < high[0, 0]
    assert low[2, 0] > 0  # energy is better, beyond noise
    equal = areas.bootstrap([dict.fromkeys(scores, (own, strange))] * 2, 20)
    np.testing.assert_array_equal(equal[:, 2], 0)


@pytest.mark.filterwarnings("ignore:.*training and .* test samples:UserWarning")
def test_strangers_have_the_shape_of_their_hosts(tmp_path):
    for name in ("mnist", "fashion-mnist", "emnist-letters"):
        (tmp_path / name).mkdir()
    write_mnist(tmp_path / "mnist")
    (_, _), (images, _) = write_mnist(tmp_path / "fashion-mnist")
    (_, _), (upright, _) = write_emnist_letters(tmp_path / "emnist-letters")
    write_notmnist(tmp_path / "notmnist")
    own = np.zeros((3, 1, 28, 28), np.uint8)
    found = strangers.strangers(own, 255.0, str(tmp_path / "mnist"))
    assert list(found) == ["fashion-mnist", "emnist-letters", "notmnist", "letters", "noise", "digits"]
    np.testing.assert_array_equal(found["emnist-letters"][:, 0], upright[:3])
    for each in found.values():
        assert each.shape == own.shape
        assert each.dtype == np.uint8
        assert each.max() > 100
    np.testing.assert_array_equal(found["fashion-mnist"][:, 0], images[:3])
    for folder in (None, str(tmp_path / "fashion-mnist")):  # a data set is no stranger to itself
        assert "fashion-mnist" not in strangers.strangers(own, 255.0, folder)


@pytest.mark.daily
def test_out_of_distribution(tmp_path, monkeypatch):
    small = {"hidden": [8] * 3, "train_samples": 200, "epochs": 1, "test_samples": 40, "seeds": 1}
    monkeypatch.setitem(outliers.SIZES, "quick", small)
    monkeypatch.setattr(outliers, "RESAMPLES", 10)
    found = study("002-figure-20", tmp_path)
    *rows, own = outliers.summarise(found.config, found.arrays)
    assert own["energy_after"] < own["energy_before"]
    assert {(each["strangers"], each["measure"]) for each in rows} == {
        (name, what) for name in ("letters", "noise") for what in ("softmax", "energy", "energy − softmax")
    }


def test_the_picture_of_strangers_has_every_sample_and_the_curves_their_areas():
    """Histograms count all samples; what lies under a ROC curve is the area by pairs, over all and the lowest quarter."""
    rng, arrays = np.random.default_rng(0), {"accuracy": np.ones(1)}
    for name, scale in (("own", 0.2), ("fashion-mnist", 1.0), ("noise", 3.0)):
        energies = rng.exponential(scale, (1, 1, 50)) * [[[1.0], [0.8]]] * rng.uniform(0.9, 1, (1, 2, 50))
        arrays |= {f"{name}/energy": energies, f"{name}/softmax": np.exp(-energies[:, 0])}
    config = {**outliers.configure(True, "cpu", 0), "data": "mnist"}
    _, points, *rows = outliers.draw(config, arrays).axes
    diamonds = [line.get_ydata().tolist() for line in points.lines if line.get_marker() == "D"]
    assert diamonds == [[0.8215, 0.5752], [0.8224, 0.5886]]  # the paper's
    assert len(rows) == 2 * 4
    for name, (energy, likelihood, scatter, roc) in (("fashion-mnist", rows[:4]), ("noise", rows[4:])):
        for axes, values in ((energy, lambda each: each), (likelihood, lambda each: np.exp(-each))):
            expected = [values(arrays[f"{kind}/energy"][0, when]).mean() for kind in ("own", name) for when in (0, 1)]
            for stairs, mean in zip(axes.patches, expected, strict=True):
                counts, edges, _ = stairs.get_data()
                counts = np.where(counts < 1, 0, counts)
                assert counts.sum() == 50
                assert counts @ (edges[1:] + edges[:-1]) / 100 == pytest.approx(mean, abs=(edges[1] - edges[0]) / 2)
        strange, own, before = scatter.lines
        for line, kind in ((strange, name), (own, "own")):
            np.testing.assert_array_equal(line.get_ydata(), arrays[f"{kind}/energy"][0, 1])
        np.testing.assert_allclose(before.get_ydata(), -np.log(before.get_xdata()))
        pairs = [
            pair for scores in areas.compared(arrays, name, 0).values() for pair in (scores, areas.lowest(*scores))
        ]
        known = [areas.area(*pair) for pair in pairs if min(map(len, pair))]
        under = [np.trapezoid([0, *each.get_ydata(), 1], [0, *each.get_xdata(), 1]) for each in roc.lines]
        np.testing.assert_allclose(under, known, rtol=1e-12)


# -- Reconstructions --------------------------------------------------------------------------------------------------


@pytest.mark.daily
def test_reconstructions(tmp_path):
    found = study("reconstructions", tmp_path)
    names = [*reconstructions.NETWORKS, reconstructions.COMPONENTS]
    for name in names:
        assert found.arrays[f"{name}/reconstructions"].shape == found.arrays["pictures"].shape == (10, 1, 8, 8)
    rows = reconstructions.summarise(found.config, found.arrays)
    assert [each["network"] for each in rows] == names
    assert all(each["interval"][0] <= each["error"] <= each["interval"][1] for each in rows)


@pytest.mark.parametrize("model", ["AE", pytest.param("Decoder", marks=pytest.mark.daily)])
def test_errors_of_pictures_have_the_mean_that_the_training_tells(tmp_path, model):
    algorithm = "BP-SE" if model == "AE" else "PC-SE"
    training = TrainingConfig(data="digits", model=model, hidden=(16, 8), algorithm=algorithm, epochs=1, seed=1,
                              train_samples=64, test_samples=30, batch_size=16, normalise=False)  # fmt: skip
    found = reconstructions.by_training(training.as_json(), tmp_path)
    records = read_epochs(tmp_path)
    assert found["errors"].mean() == pytest.approx(records[-1]["test_mse"], rel=1e-5)


def test_components_are_those_of_scikit_learn():
    training = TrainingConfig(data="digits", model="AE", hidden=(5,), train_samples=100, normalise=False)
    found = reconstructions.by_components(training.as_json())
    data = read_data(training)
    rows, test = (each.samples.reshape(len(each), -1).astype(float) / 16 for each in (data.train, data.test))
    analysis = PCA(5).fit(rows)
    errors = np.square(analysis.inverse_transform(analysis.transform(test)) - test).mean(axis=1)
    np.testing.assert_allclose(found["errors"], errors, rtol=1e-9)


def test_the_interval_of_a_mean_is_that_of_the_normal_law():
    values = np.random.default_rng(0).normal(3, 2, 4000)
    expected = values.mean() + 1.96 * values.std() / np.sqrt(len(values)) * np.array([-1, 1])
    np.testing.assert_allclose(reconstructions.interval(values), expected, atol=0.01)


def test_trainings_are_those_of_table_2():
    runs = reconstructions.configure(False, "paper", 0)["runs"]
    assert (runs["iPC"]["epochs"], runs["iPC"]["inference_steps"], runs["BP-SE"]["model"]) == (30, 20, "AE")
    assert runs["iPC"]["learning_rate"] != runs["PC-SE"]["learning_rate"]
    assert runs[reconstructions.LINEAR]["activation"] == "identity"


@pytest.mark.parametrize("name", ["mcpc-samples", "associative-memory", "out-of-distribution", "generation"])
def test_a_study_at_a_scale_has_the_sizes_of_that_scale(name):
    figure = load_figure(name)
    scales = ("cpu", "paper")
    assert set(scales) <= set(figure.SETTINGS)
    small, large = (figure.configure(False, scale, 0) for scale in scales)
    assert small != large
