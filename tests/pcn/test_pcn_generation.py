"""The generative side of the trainers, on linear blocks against the closed forms, elsewhere against `jax.grad`.

Linear blocks with a latent are the linear network with a prior: `posterior`, `recall`, `log_likelihood`,
`langevin_law` and `weight_updates` are the oracles, and the naive twin's energy for nonlinear blocks.
"""

import dataclasses
import math
from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dlntheory as dln
from dlntheory import pcn
from dlntheory.nonlinear.network import split
from dlntheory.pcn.engine.incremental import study_at_once
from dlntheory.pcn.engine.learning import Batch, Keys
from tests import pcn_naive as naive

F64 = jnp.float64
MEAN, PRIOR, NOISE = 0.3, 0.7, 0.5
SETTLING = pcn.Algorithm(loss=pcn.SquaredError(NOISE), relaxation=pcn.Gradient(0.1, 0.8), steps=300)
COVARIANCES = [1.0, NOISE]


def decoder(widths=(3, 4, 5), activation="identity"):
    return pcn.mlp(widths, activation=activation, key=0, dtype=F64)


def linear(network):
    """The same layers for the theory."""
    layers = [block.layer for block in network.blocks if isinstance(block, pcn.Block)]
    weights, biases = ([np.asarray(getattr(layer, name)) for layer in layers] for name in ("weight", "bias"))
    return dln.LinearNetwork.from_weights(weights, biases)


def with_prior_as_layer(network):
    """The linear network whose first layer draws the input."""
    first = dln.Dense(np.zeros((3, 1)), MEAN * np.ones(3))
    return dln.LinearNetwork([first, *linear(network).layers])


@eqx.filter_jit
def gradients(network, algorithm, x, y):
    keys = Keys(*jax.random.split(jax.random.key(0), 3))
    return study_at_once(Batch(network, algorithm, jnp.asarray(x), jnp.asarray(y), 0, (), keys)).gradients


NOTHING = np.zeros((6, 0))


@pytest.fixture(scope="module")
def y():
    return np.random.default_rng(0).normal(size=(6, 5))


# Linear blocks against the closed forms


@pytest.mark.parametrize("free", [True, False])
@pytest.mark.parametrize("masks", ["all", "one", "each"])
def test_linear_blocks_settle_at_the_closed_forms(free, masks, y):
    network = pcn.with_latent(decoder(), MEAN, PRIOR) if free else decoder()
    x = None if free else np.random.default_rng(1).normal(size=(6, 3))
    prior = dln.Prior(MEAN, PRIOR) if free else None
    each = np.random.default_rng(2).random(y.shape) < 0.5
    each[:, 1] = True
    observed = {"all": None, "one": each[0], "each": each}[masks]
    hidden = y if observed is None else np.where(observed, y, np.nan)
    net = linear(network)
    expected = dln.posterior(net, x, hidden, COVARIANCES, observed, prior)
    run = pcn.relax(network, x, hidden, SETTLING, observed=observed)
    for state, mean in zip(run.states, expected.mean[0 if free else 1 :], strict=True):
        np.testing.assert_allclose(state, mean, atol=1e-9)
    np.testing.assert_allclose(run.energy_by_sample.mean(axis=1), run.energy[np.array([0, -1])], rtol=1e-12)

    if masks != "each":  # of one mask, the energy is −log p but for a constant
        energy = pcn.score(network, x, hidden, SETTLING, observed=observed)
        likelihood = dln.log_likelihood(net, x, hidden, COVARIANCES, observed, prior)
        np.testing.assert_allclose(energy + likelihood, (energy + likelihood)[0], atol=1e-9)
    if free:
        found = pcn.reconstruct(network, hidden, SETTLING, observed=observed)
        np.testing.assert_allclose(found, net(expected.mean[0]), atol=1e-9)
    if observed is not None:
        wanted = dln.recall(net, hidden, observed, x, prior, COVARIANCES).outputs
        np.testing.assert_allclose(pcn.recall(network, hidden, observed, SETTLING, x), wanted, atol=1e-9)


def test_a_flat_prior_is_the_limit_of_a_wide_one(y):
    network = pcn.with_latent(decoder(), variance=math.inf)
    expected = dln.posterior(linear(network), None, y, COVARIANCES, prior=dln.Prior(0.0, 1e12))
    patient = dataclasses.replace(SETTLING, relaxation=pcn.Gradient(0.3, 0.95), steps=1500)
    for state, mean in zip(pcn.relax(network, None, y, patient).states, expected.mean, strict=True):
        np.testing.assert_allclose(state, mean, atol=1e-8)


def test_updates_at_equilibrium_are_the_linear_rules(y):
    """The latent's mean learns as the bias of the layer that draws the input."""
    network = pcn.with_latent(decoder(), MEAN, PRIOR, learn_mean=True)
    net, nothing = with_prior_as_layer(network), np.zeros((6, 1))
    found = gradients(network, SETTLING, NOTHING, y)
    updates = dln.weight_updates(net, nothing, y, covariances=[PRIOR, *COVARIANCES])
    for block, update in zip(found[1:], updates[1:], strict=True):
        np.testing.assert_allclose(block.layer.weight, -update, atol=1e-9)
    errors = dln.equilibrium(net, nothing, y, [PRIOR, *COVARIANCES]).weighted_errors[0]
    np.testing.assert_allclose(found[0].mean, -errors.mean(axis=0), atol=1e-9)
    assert split(pcn.with_latent(decoder(), MEAN))[0].blocks[0].mean is None  # unless it is to be fixed


# Samples


@pytest.mark.parametrize("momentum", [pytest.param(None, marks=pytest.mark.daily), 0.5])
def test_langevin_samples_have_the_predicted_law(momentum):
    """Of either order: that of second order is heavy-ball, with the step ``γ²`` and the momentum ``1 − γ(1 − m)``."""
    chains, network = 6000, pcn.with_latent(decoder((2, 2, 3)), 0.0, PRIOR)
    step = 0.2 if momentum is None else 0.6
    relaxation = pcn.Langevin(step, momentum)
    algorithm = pcn.Algorithm(loss=pcn.SquaredError(NOISE), relaxation=relaxation, steps=100)
    y = np.tile([1.0, -1.0, 0.5], (chains, 1))
    found = pcn.relax(network, None, y, algorithm).states
    net = dln.LinearNetwork([dln.Dense(np.zeros((2, 1)), np.zeros(2)), *linear(network).layers])
    given = (step, 0.0) if momentum is None else (step**2, 1 - step * (1 - momentum))
    law = dln.langevin_law(net, *given, covariances=[PRIOR, *COVARIANCES])
    assert law.autocorrelation_time < 15  # the start is forgotten
    mean = map(np.asarray, dln.equilibrium(net, [0.0], y[0], [PRIOR, *COVARIANCES]).activities[1:])
    for state, middle, covariance, bias in zip(found[:-1], mean, law.covariances, law.bias, strict=False):
        error = np.asarray(state) - middle
        products = error[:, :, None] * error[:, None, :]
        deviation = products.std(axis=0) / np.sqrt(chains)
        assert (np.abs(products.mean(axis=0) - covariance) < 4 * deviation).all()
        assert (np.abs(error.mean(axis=0)) < 4 * error.std(axis=0) / np.sqrt(chains)).all()
        assert (np.diag(bias) > 4 * np.diag(deviation)).all()  # which the test would notice


def test_averaged_updates_are_the_gradient_of_the_evidence():
    """Fisher's identity: within what is left of the noise and of the step."""
    network = decoder((2, 2, 3))
    x, y = np.array([[1.0, -0.5]]), np.array([[1.0, -1.0, 0.5]])
    chains, first, steps = 4000, 80, 140
    algorithm = pcn.Algorithm(
        loss=pcn.SquaredError(NOISE), relaxation=pcn.Langevin(0.05), update=pcn.Averaged(first=first), steps=steps
    )
    many = (jnp.asarray(np.repeat(each, chains, axis=0)) for each in (x, y))
    found = gradients(network, algorithm, *many)
    net = linear(network)
    wanted = dln.weight_updates(net, x, y, "evidence", covariances=COVARIANCES)
    plain = dln.weight_updates(net, x, y, "pc", covariances=COVARIANCES)
    for block, update in zip(found, wanted, strict=True):
        np.testing.assert_allclose(block.layer.weight, -update, atol=0.05)
    assert np.abs(found[1].layer.weight + plain[1]).max() > 0.2  # predictive coding's is another


def test_an_average_is_the_mean_over_time(y):
    """Against the gradients after runs of every length."""
    network, moving = pcn.with_latent(decoder(activation="tanh")), pcn.Gradient(0.1, 0.3)
    averaged = pcn.Algorithm(relaxation=moving, update=pcn.Averaged(first=2), steps=4)
    found = gradients(network, averaged, NOTHING, y)
    each = [gradients(network, pcn.Algorithm(relaxation=moving, steps=steps), NOTHING, y) for steps in (2, 3)]
    mean = jax.tree.map(lambda *parts: np.sum(parts, axis=0) / 2, *each)
    jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, atol=1e-12), found, mean)


def test_ancestral_draws_have_the_model_s_covariance():
    network = pcn.with_latent(decoder((2, 2, 3)), MEAN, PRIOR)
    drawn = np.asarray(pcn.generate(network, SETTLING, count=40_000, ancestral=True))
    net = linear(network)
    weights = net.weights
    covariance = NOISE * np.eye(3) + weights[1] @ (np.eye(2) + PRIOR * weights[0] @ weights[0].T) @ weights[1].T
    error = drawn - net(MEAN * np.ones(2))
    products = error[:, :, None] * error[:, None, :]
    assert (np.abs(products.mean(axis=0) - covariance) < 4 * products.std(axis=0) / 200).all()


def test_generation_by_dynamics_follows_it(y):
    """Every state free: the mode by descent, and the law of the joint by Langevin dynamics."""
    network = pcn.with_latent(decoder((2, 2, 3)), MEAN, PRIOR)
    net = linear(network)
    mode = pcn.generate(network, dataclasses.replace(SETTLING, initial=pcn.Random()), count=2)
    np.testing.assert_allclose(mode, np.tile(net(MEAN * np.ones(2)), (2, 1)), atol=1e-6)
    wandering = dataclasses.replace(SETTLING, relaxation=pcn.Langevin(0.04), steps=150)
    drawn = np.asarray(pcn.generate(network, wandering, count=4000))
    weights = net.weights
    covariance = NOISE * np.eye(3) + weights[1] @ (np.eye(2) + PRIOR * weights[0] @ weights[0].T) @ weights[1].T
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.1)


# Nonlinear blocks


def test_inference_of_a_latent_descends_the_energy(y):
    """Against the naive twin, whose energy has the prior and the output's variance as precisions."""
    network = pcn.with_latent(decoder(activation="tanh"), MEAN, PRIOR)
    algorithm = pcn.Algorithm(loss=pcn.SquaredError(NOISE), relaxation=pcn.Gradient(0.1, 0.4), steps=5)
    precisions = jnp.array([1 / PRIOR, 1.0, 1 / NOISE])
    latent = jnp.asarray(np.full((6, 3), MEAN))
    start = (latent, *naive.forward(decoder(activation="tanh"), latent)[:-1], jnp.asarray(y))

    def energy(hidden):
        values = [*hidden, start[-1]]
        latent = (precisions[0] / 2) * ((values[0] - MEAN) ** 2).sum()
        rest = naive.energies(decoder(activation="tanh"), "squared_error", values[0], values[1:], precisions[1:])
        return latent + rest.sum()

    slopes = jax.jit(jax.grad(energy))
    hidden, velocity = tuple(map(np.asarray, start[:-1])), [np.zeros(each.shape) for each in start[:-1]]
    for _ in range(5):
        velocity = [0.4 * old + np.asarray(new) for old, new in zip(velocity, slopes(hidden), strict=True)]
        hidden = tuple(state - 0.1 * change for state, change in zip(hidden, velocity, strict=True))
    for found, expected in zip(pcn.relax(network, None, y, algorithm).states, hidden, strict=False):
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_errors_as_coordinates_settle_at_the_same_latents(y):
    network = pcn.with_latent(decoder(activation="tanh"), MEAN, PRIOR)
    by_errors = dataclasses.replace(SETTLING, relaxation=pcn.ErrorCoordinates(0.1, 0.5))
    for one, other in zip(
        pcn.relax(network, None, y, by_errors).states, pcn.relax(network, None, y, SETTLING).states, strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-8)


def test_newton_finds_the_latent_of_a_unit_prior(y):
    network = pcn.with_latent(decoder(activation="tanh"), MEAN)
    slow = pcn.Algorithm(relaxation=pcn.Gradient(0.1, 0.8), steps=400)
    fast = pcn.algorithm("Newton", steps=20)
    fast = dataclasses.replace(fast, relaxation=pcn.Newton(1e-9))
    for one, other in zip(
        pcn.relax(network, None, y, fast).states, pcn.relax(network, None, y, slow).states, strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-7)


def test_a_cue_is_refined_from_where_it_is(y):
    """One step of descent from the noisy output, by hand."""
    network = decoder()
    x = np.random.default_rng(1).normal(size=(6, 3))
    algorithm = pcn.Algorithm(relaxation=pcn.Gradient(0.25), steps=1)
    predicted = network(jnp.asarray(x))
    found = pcn.recall(network, y, None, algorithm, x)
    np.testing.assert_allclose(found, y - 0.25 * (y - predicted), atol=1e-14)


def test_images_are_masked_in_their_own_order():
    network = pcn.decoder((2, 6, 4), (3,), dtype=F64, variance=1.0)
    images = np.random.default_rng(0).normal(size=(2, 2, 6, 4))
    mask = np.zeros((2, 6, 4), bool)
    mask[:, :3] = True
    algorithm = pcn.Algorithm(relaxation=pcn.Gradient(0.1), steps=3)
    found = pcn.recall(network, np.where(mask, images, np.nan), mask, algorithm)
    np.testing.assert_array_equal(found[:, :, :3], images[:, :, :3])
    assert not np.isnan(found).any()
    np.testing.assert_array_equal(found, pcn.recall(network, images, np.stack([mask, mask]), algorithm))


def test_training_on_what_is_known(y):
    """What stands at unknown places changes nothing; the known ones are learned."""
    network, optimiser = pcn.with_latent(decoder(activation="tanh")), pcn.Descent(0.3)
    mask = np.random.default_rng(3).random(y.shape) < 0.7
    mask[:, 0] = True
    algorithm = pcn.Algorithm(relaxation=pcn.Gradient(0.1, 0.5), steps=4)
    state, filled = pcn.start_training(network, algorithm, optimiser, batch_size=6), (np.nan, 7.0)
    ends = [
        pcn.train_step(state, None, np.where(mask, y, each), algorithm, optimiser, observed=mask) for each in filled
    ]
    assert float(ends[0][1]["loss"]) == float(ends[1][1]["loss"])
    for one, other in zip(*(jax.tree.leaves(end.network) for end, _ in ends), strict=True):
        np.testing.assert_array_equal(one, other)
    for _ in range(5):
        state, metrics = pcn.train_step(state, None, y, algorithm, optimiser, observed=mask)
    assert metrics["energy"].sum() < 0.8 * ends[0][1]["energy"].sum()
    found = pcn.evaluate(state.network, None, y, algorithm=algorithm)
    error = np.square(y - pcn.reconstruct(state.network, y, algorithm)).sum() / 2
    np.testing.assert_allclose(found["loss"], error, rtol=1e-12)


def test_backpropagation_learns_from_what_is_known(y):
    """Against `jax.grad` of the known outputs' squared error."""
    network, rate, mask = decoder(activation="tanh"), 0.3, np.random.default_rng(3).random(y.shape) < 0.5
    x, algorithm, optimiser = jax.random.normal(jax.random.key(1), (6, 3)), pcn.algorithm("BP-SE"), pcn.Descent(rate)
    state = pcn.start_training(network, algorithm, optimiser)
    mask[:, 0] = True
    learned = pcn.train_step(state, x, np.where(mask, y, np.nan), algorithm, optimiser, observed=mask)[0].network
    slopes = eqx.filter_grad(lambda net: jnp.square(net(x) - y).sum(where=mask) / (2 * len(y)))(network)
    for old, new, slope in zip(network.blocks, learned.blocks, slopes.blocks, strict=True):
        np.testing.assert_allclose(new.layer.weight, old.layer.weight - rate * slope.layer.weight, atol=1e-12)


# What is refused


@cache
def latent():
    return pcn.with_latent(decoder())


DATA = np.zeros((2, 5))


@pytest.mark.parametrize(
    ("network", "mean"),
    [
        (decoder(), np.arange(3.0)),
        (
            pcn.Network([pcn.Block(pcn.Conv(2, 3, 3, jax.random.key(0), dtype=F64), activation="tanh")], (2, 4, 5)),
            np.arange(40.0).reshape(2, 4, 5),
        ),
    ],
)
def test_a_trained_decoder_gets_another_prior(network, mean):
    """As if it had been given before; images keep their channels first outside."""
    flat = pcn.with_latent(network, variance=math.inf)
    expected, found = pcn.with_latent(network, mean, 2.0), pcn.with_latent(flat, mean, 2.0)
    assert flat.latent_shape == mean.shape
    assert eqx.tree_equal(found, expected)


KNOWN = np.array([True, True, False, False, False])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: pcn.relax(latent(), np.zeros((2, 3)), DATA, SETTLING),
            "`x` is given, but the network's input is a latent",
        ),
        (lambda: pcn.relax(decoder(), None, DATA, SETTLING), "`x` is None, but the network's input is no latent"),
        (lambda: pcn.relax(latent(), None, DATA, SETTLING, observed=KNOWN[:4]), "`observed` has shape"),
        (lambda: pcn.relax(latent(), None, DATA, SETTLING, observed=np.tile(KNOWN, (3, 1))), "`observed` has 3 masks"),
        (lambda: pcn.relax(latent(), None, DATA, SETTLING, observed=~KNOWN & KNOWN), "False for every output"),
        (lambda: pcn.relax(latent(), None, DATA * np.nan, SETTLING, observed=KNOWN), "`y` holds NaN"),
        (lambda: pcn.relax(latent(), None, np.where(KNOWN, 0, np.nan) * [[1], [1]], SETTLING), "`y` holds NaN"),
        (
            lambda: pcn.relax(latent(), None, DATA, pcn.Algorithm(output=pcn.Free()), observed=KNOWN),
            "the output is Free",
        ),
        (lambda: pcn.relax(latent(), None, DATA, pcn.PRESETS["PC-CE"].algorithm, observed=KNOWN), "CrossEntropy"),
        (lambda: pcn.relax(latent(), None, DATA, pcn.PRESETS["ePC"].algorithm, observed=KNOWN), "ErrorCoordinates"),
        (lambda: pcn.relax(latent(), None, DATA, pcn.PRESETS["Newton"].algorithm, observed=KNOWN), "Newton"),
        (lambda: pcn.relax(latent(), None, DATA, pcn.PRESETS["Z-IL"].algorithm, observed=KNOWN), "AtArrival"),
        (lambda: pcn.reconstruct(decoder(), DATA, SETTLING), "`network` has no latent"),
        (lambda: pcn.reconstruct(latent(), DATA, pcn.Algorithm(output=pcn.Free())), "has the output Free"),
        (lambda: pcn.score(latent(), None, DATA, pcn.Algorithm(output=pcn.Cue())), "has the output Cue"),
        (lambda: pcn.reconstruct(latent(), DATA, pcn.algorithm("BP-SE")), "infers nothing"),
        (lambda: pcn.recall(latent(), DATA, KNOWN, pcn.algorithm("BP-SE")), "infers nothing"),
        (lambda: pcn.score(latent(), None, DATA, pcn.algorithm("BP-SE")), "infers nothing"),
        (lambda: pcn.generate(latent(), pcn.algorithm("BP-SE")), "infers nothing"),
        (lambda: pcn.generate(pcn.with_latent(decoder(), variance=math.inf), SETTLING), "without a prior"),
        (lambda: pcn.generate(decoder(), SETTLING, count=3, x=np.zeros((2, 3))), "`x` has 2 inputs but `count` is 3"),
        (lambda: pcn.generate(latent(), pcn.PRESETS["PC-CE"].algorithm, ancestral=True), "CrossEntropy"),
        (lambda: pcn.evaluate(latent(), None, DATA), "`algorithm` is None; wanted how the latents"),
        (lambda: pcn.evaluate(decoder(), np.zeros((2, 3)), DATA, algorithm=SETTLING), "`algorithm` is given"),
        (lambda: pcn.with_latent(decoder(), variance=0.0), "`variance` is 0"),
        (lambda: pcn.with_latent(decoder(), np.zeros(2)), "`mean` has shape"),
        (lambda: pcn.with_latent(latent(), np.zeros(2)), "`mean` has shape \\(2,\\); wanted \\(3,\\)"),
        (lambda: pcn.with_latent(decoder(), variance=math.inf, learn_mean=True), "`learn_mean` is True"),
        (lambda: pcn.SquaredError(0.0), "`variance` is 0"),
        (lambda: pcn.SquaredError(np.float32(-1)), "`variance` is -1"),
        (lambda: pcn.Langevin(-0.1), "`step_size` is -0.1"),
        (lambda: pcn.Gradient(-0.1), "`step_size` is -0.1"),
        (lambda: pcn.Gradient(0.1, 2.0), "`momentum` is 2"),
        (lambda: pcn.Adam(-0.1), "`step_size` is -0.1"),
        (lambda: pcn.Langevin(0.1, 1.5), "`momentum` is 1.5"),
        (lambda: pcn.Langevin(0.1, noise=-1.0), "`noise` is -1"),
        (lambda: pcn.Algorithm(update=pcn.Averaged(first=8)), "`first` is 8 with 8 steps"),
        (lambda: pcn.Algorithm(update=pcn.Averaged(), relaxation=pcn.ErrorCoordinates(0.1)), "Averaged with error"),
        (lambda: pcn.Algorithm(update=pcn.Averaged(), output=pcn.AveragedNudge(0.5)), "AveragedNudge with Averaged"),
        (lambda: pcn.Algorithm(loss=pcn.SquaredError(0.5), relaxation=pcn.Newton()), "variance 0.5 with Newton"),
        (lambda: dln.nonlinear_equilibrium(pcn.with_latent(decoder(), 0.0, 2.0), np.zeros((2, 0)), DATA), "variance 2"),
        (lambda: pcn.predict(latent(), DATA), "`network` has a latent input; wanted `pcn.reconstruct`"),
    ],
)
def test_what_cannot_be_is_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "make", [lambda: pcn.relax(latent(), None, DATA, SETTLING, observed=np.ones(5)), lambda: pcn.with_latent("decoder")]
)
def test_wrong_types_are_refused(make):
    with pytest.raises(TypeError):
        make()
