"""Bad input is refused before anything compiles, and the message names the argument, what it got, what it wanted.

Oracle: the interface's promise. A case is a name, a call, an exception, and a regular expression for its message.
"""

from functools import partial

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

import dlntheory as dln
from dlntheory import pcn

NET = dln.LinearNetwork.from_weights([np.ones((3, 4)), np.ones((2, 3))])  # 4 -> 3 -> 2
X, Y = np.ones((5, 4)), np.zeros((5, 2))
NAN, INF = np.full((5, 4), np.nan), np.full((5, 2), np.inf)
SQUARE, SPD = np.ones((3, 3)), [np.eye(3), np.eye(2)]
F32 = dln.LinearNetwork.from_weights([np.full((2, 2), 1e30, np.float32)] * 2)


def of_network(*args, **kwargs):
    return lambda: dln.LinearNetwork.from_weights(*args, **kwargs)


def random(*args, **kwargs):
    return lambda: dln.LinearNetwork.random(*args, **kwargs)


def solve(net=NET, x=X, y=Y, **kwargs):
    return lambda: dln.equilibrium(net, x, y, **kwargs)


def update(**kwargs):
    return lambda: dln.weight_updates(NET, X, Y, **kwargs)


def change(**kwargs):
    return lambda: dln.prediction_change(NET, X, Y, **kwargs)


NETWORKS = {
    "no weights": (of_network([]), ValueError, "`weights` is empty"),
    "no layers": (lambda: dln.LinearNetwork([]), ValueError, "`layers` is empty"),
    "weights that do not chain": (
        of_network([np.ones((3, 4)), np.ones((2, 5))]), ValueError, r"`weights\[1\]` maps 5 -> 2 but `weights\[0\]` outputs 3"),
    "layers that do not chain": (
        lambda: dln.LinearNetwork([dln.Dense(np.ones((3, 4))), dln.Residual(np.ones((2, 2)))]),
        ValueError, r"`layers\[1\]` maps 2 -> 2 but `layers\[0\]` outputs 3"),
    "an array for a layer": (lambda: dln.LinearNetwork([SQUARE]), TypeError, r"`layers\[0\]` is a ndarray; wanted a layer"),
    "a layer for layers": (lambda: dln.LinearNetwork(dln.Dense(SQUARE)), TypeError, "`layers` is a Dense; wanted a list"),
    "a name for weights": (of_network("weights.npz"), TypeError, "`weights` is a str; wanted a list of matrices"),
    "a number for weights": (of_network(3), TypeError, "`weights` is a int"),
    "a vector for a weight": (of_network([np.ones(3)]), ValueError, r"`weights\[0\]` has shape \(3,\); wanted a matrix"),
    "a weight of rank 3": (of_network([np.ones((2, 2, 2))]), ValueError, r"`weights\[0\]` has shape \(2, 2, 2\)"),
    "an empty weight": (of_network([np.ones((0, 3))]), ValueError, r"`weights\[0\]` is empty"),
    "a weight of no inputs": (lambda: dln.Dense(np.ones((3, 0))), ValueError, "`weight` is empty"),
    "a weight with NaN": (of_network([SQUARE, SQUARE * np.nan]), ValueError, r"`weights\[1\]` holds NaN"),
    "a weight with infinity": (lambda: dln.Dense([[np.inf]]), ValueError, "`weight` holds NaN or infinity"),
    "a complex weight": (of_network([SQUARE * 1j]), TypeError, r"`weights\[0\]` has dtype complex128; wanted real"),
    "a weight of strings": (of_network([[["a"]]]), TypeError, r"`weights\[0\]` has dtype .*; wanted real"),
    "None for a weight": (of_network([None]), TypeError, r"`weights\[0\]` is a NoneType"),
    "a float16 weight": (of_network([np.ones((2, 2), np.float16)]), ValueError, r"`weights\[0\]` has dtype float16; wanted float32 or"),
    "a bfloat16 weight": (of_network([jnp.ones((2, 2), jnp.bfloat16)]), ValueError, r"`weights\[0\]` has dtype bfloat16"),
    "a ragged weight": (of_network([[[1.0, 2.0], [3.0]]]), ValueError, r"`weights\[0\]` is not an array"),
    "another number of biases": (of_network([SQUARE], [None, None]), ValueError, "`biases` has 2 entries for 1 weights"),
    "a bias of another length": (
        of_network([SQUARE], [np.ones(2)]), ValueError, r"`biases\[0\]` has shape \(2,\); wanted \(3,\)"),
    "a matrix for a bias": (lambda: dln.Dense(SQUARE, SQUARE), ValueError, r"`bias` has shape \(3, 3\); wanted \(3,\)"),
    "a bias with NaN": (lambda: dln.Residual(SQUARE, [0, np.nan, 0]), ValueError, "`bias` holds NaN"),
    "a word for learn_bias": (lambda: dln.Dense(SQUARE, learn_bias="yes"), TypeError, "`learn_bias` is 'yes'; wanted True or"),
    "a number for learn_bias": (lambda: dln.Residual(SQUARE, learn_bias=1), TypeError, "`learn_bias` is 1"),
    "a residual layer that is not square": (
        lambda: dln.Residual(np.ones((2, 3))), ValueError, r"`weight` of a residual layer has shape \(2, 3\); wanted a square"),
    "one width": (random([3]), ValueError, r"`widths` is \(3,\); wanted at least an input and an output"),
    "a width of zero": (random([3, 0, 2]), ValueError, r"`widths\[1\]` is 0; wanted at least 1"),
    "a fractional width": (random([3, 2.5]), TypeError, r"`widths\[1\]` is 2.5; wanted a whole number"),
    "a number for widths": (random(3), TypeError, "`widths` is a int; wanted a list"),
    "an unknown initialiser": (random([3, 2], "xavier"), ValueError, "`init` is 'xavier'; wanted one of 'kaiming_uniform'"),
    "an initialiser that is no word": (random([3, 2], ["orthogonal"]), ValueError, r"`init` is \['orthogonal'\]"),
    "a condition number below one": (random([3, 2], condition_number=0.5), ValueError, "`condition_number` is 0.5; wanted at least 1"),
    "a condition number of zero": (random([3, 2], condition_number=0), ValueError, "`condition_number` is 0; wanted"),
    "an infinite condition number": (random([3, 2], condition_number=np.inf), ValueError, "`condition_number` holds NaN or"),
    "a word for a condition number": (random([3, 2], condition_number="big"), TypeError, "`condition_number` is 'big'"),
    "a negative seed": (random([3, 2], key=-1), ValueError, "`key` is -1; wanted at least 0"),
    "a fractional seed": (random([3, 2], key=0.5), TypeError, "`key` is 0.5"),
    "a dtype of integers": (random([3, 2], dtype="int32"), ValueError, "`dtype` is int32; wanted float32 or float64"),
    "an unknown dtype": (random([3, 2], dtype="float65"), TypeError, "`dtype` is 'float65'"),
}  # fmt: skip

DATA = {
    "an array for the network": (solve(net=SQUARE), TypeError, "`net` is a ndarray; wanted a LinearNetwork"),
    "a list of weights for the network": (lambda: dln.output_covariance([SQUARE]), TypeError, "`net` is a list; wanted a LinearNetwork"),
    "inputs of another width": (solve(x=Y), ValueError, r"`x` has shape \(5, 2\); wanted \(batch, 4\) or \(4,\)"),
    "inputs of another width to the network": (lambda: NET(Y), ValueError, r"`x` has shape \(5, 2\); wanted"),
    "targets of another width": (solve(y=X), ValueError, r"`y` has shape \(5, 4\); wanted \(batch, 2\)"),
    "batches of two sizes": (solve(y=Y[:4]), ValueError, r"`x` has shape \(5, 4\) but `y` has shape \(4, 2\); wanted the same"),
    "one input and many targets": (solve(x=X[0]), ValueError, r"`x` has shape \(4,\) but `y` has shape \(5, 2\)"),
    "one target in a batch for an input": (solve(x=X[0], y=Y[:1]), ValueError, r"`x` has shape \(4,\) but `y` has shape \(1, 2\)"),
    "inputs of rank 3": (solve(x=X[None]), ValueError, r"`x` has shape \(1, 5, 4\)"),
    "a number for targets": (solve(y=1.0), ValueError, r"`y` has shape \(\)"),
    "an empty batch": (solve(x=X[:0], y=Y[:0]), ValueError, r"`x` is empty, shape \(0, 4\); wanted at least one sample"),
    "inputs with NaN": (solve(x=NAN), ValueError, "`x` holds NaN or infinity; wanted finite numbers"),
    "inputs with NaN to the network": (lambda: NET(NAN), ValueError, "`x` holds NaN"),
    "targets with infinity": (solve(y=INF), ValueError, "`y` holds NaN or infinity"),
    "complex targets": (solve(y=Y * 1j), TypeError, "`y` has dtype complex128; wanted real numbers"),
    "None for targets": (solve(y=None), TypeError, "`y` is a NoneType; wanted an array"),
    "a word for inputs": (solve(x="inputs.npy"), TypeError, "`x` is a str"),
    "a dictionary for inputs": (solve(x={"x": X}), TypeError, "`x` is a dict"),
    "float16 inputs": (solve(x=X.astype(np.float16)), ValueError, "`x` has dtype float16"),
    "ragged targets": (solve(x=X[:2], y=[[1.0, 2.0], [3.0]]), ValueError, "`y` is not an array"),
}  # fmt: skip

OPTIONS = {
    "an unknown solver": (solve(solver="qr"), ValueError, "`solver` is 'qr'; wanted one of 'auto', 'covariance'"),
    "None for a solver": (solve(solver=None), ValueError, "`solver` is None; wanted one of"),
    "too few covariances": (solve(covariances=[1.0]), ValueError, "`covariances` has 1 entries; wanted 2, one per layer"),
    "one number for covariances": (solve(covariances=2.0), TypeError, "`covariances` is a float; wanted a list"),
    "a covariance of zero": (solve(covariances=[1.0, 0.0]), ValueError, r"`covariances\[1\]` is 0.0; wanted a positive number"),
    "a negative covariance": (solve(covariances=np.array([-1.0, 1.0])), ValueError, r"`covariances\[0\]` is -1.0"),
    "a vector for a covariance": (solve(covariances=[np.ones(3), 1.0]), ValueError, r"`covariances\[0\]` has shape \(3,\); wanted"),
    "a covariance of another size": (solve(covariances=SPD[::-1]), ValueError, r"`covariances\[0\]` has shape \(2, 2\); wanted a positive"),
    "an asymmetric covariance": (
        solve(covariances=[1.0, [[1.0, 0.5], [0.0, 1.0]]]), ValueError, r"`covariances\[1\]` is not symmetric, by 0.5"),
    "an indefinite covariance": (
        solve(covariances=[1.0, [[1.0, 2.0], [2.0, 1.0]]]), ValueError, r"`covariances\[1\]` has the eigenvalue -1; wanted a positive"),
    "a covariance with NaN": (solve(covariances=[np.nan, 1.0]), ValueError, r"`covariances\[0\]` holds NaN"),
    "covariances of a covariance function": (
        lambda: dln.output_covariance(NET, [1.0]), ValueError, "`covariances` has 1 entries; wanted 2"),
    "None among covariances": (solve(covariances=[None, 1.0]), TypeError, r"`covariances\[0\]` is a NoneType"),
    "a word for a nudge": (solve(nudge="soft"), TypeError, "`nudge` is 'soft'; wanted a real number"),
    "a nudge that is NaN": (solve(nudge=np.nan), ValueError, "`nudge` holds NaN"),
    "a vector for a nudge": (solve(nudge=np.ones(2)), ValueError, r"`nudge` has shape \(2,\); wanted one number"),
    "a soft output that pushes": (solve(nudge=dln.SoftOutput(-1.0)), ValueError, "`nudge.beta` is -1.0; wanted a positive number"),
    "a soft output of no strength": (solve(nudge=dln.SoftOutput(0)), ValueError, "`nudge.beta` is 0.0; wanted a positive"),
    "a soft output of None": (solve(nudge=dln.SoftOutput(None)), TypeError, "`nudge.beta` is None; wanted a real number"),
    "an unknown rule": (update(rule="hebb"), ValueError, "`rule` is 'hebb'; wanted one of 'bp', 'pc', 'natural'"),
    "None for a rule": (update(rule=None), ValueError, "`rule` is None"),
    "an unknown rescaling": (update(rescaling="adam"), ValueError, "`rescaling` is 'adam'; wanted one of None, 'adaptive'"),
    "a rescaled natural gradient": (
        update(rule="natural", rescaling="adaptive"), ValueError, "`rescaling` is 'adaptive' with rule='natural'; wanted None"),
    "rescaling with matrix covariances": (
        update(rescaling="decorrelated", covariances=SPD), ValueError, "`covariances` holds a matrix; wanted scalars"),
    "rates of the natural gradient": (
        lambda: dln.adaptive_learning_rates(NET, X, Y, "natural"), ValueError, "`rule` is 'natural'; wanted one of 'pc', 'bp'"),
    "matrices of the natural gradient": (
        lambda: dln.decorrelation_matrices(NET, X, Y, "natural"), ValueError, "`rule` is 'natural'"),
    "an unknown Fisher": (update(rule="natural", fisher="diagonal"), ValueError, "`fisher` is 'diagonal'; wanted one of"),
    "an unknown option": (update(covariance=[1.0, 1.0]), TypeError, "`covariance` is no option here; wanted one of covariances"),
    "a rescaling of learning rates": (
        lambda: dln.adaptive_learning_rates(NET, X, Y, rescaling=None), TypeError, "`rescaling` is no option here"),
    "a 0-d array for covariances": (update(covariances=np.array(2.0)), TypeError, "`covariances` is a ndarray; wanted a list"),
    "a seed beyond 64 bits": (lambda: dln.LinearNetwork.random([2, 2], key=2**70), ValueError, r"`key` is .*; wanted a seed below"),
    "rcond traced": (
        lambda: jax.jit(lambda c: dln.weight_updates(NET, X, Y, rescaling="decorrelated", rcond=c)[0])(1e-3),
        TypeError, "`rcond` is traced by JAX; wanted a number that is known"),
    "rcond above one": (update(rescaling="decorrelated", rcond=2.0), ValueError, "`rcond` is 2.0; wanted a number from 0 to below 1"),
    "a negative rcond": (update(rescaling="decorrelated", rcond=-1e-3), ValueError, "`rcond` is -0.001"),
    "a word for rcond": (update(rcond="auto"), TypeError, "`rcond` is 'auto'"),
    "a negative regularisation": (
        update(rescaling="decorrelated", regularisation=-1.0), ValueError, "`regularisation` is -1.0; wanted a number that is not"),
    "a word for regularisation": (update(regularisation="strong"), TypeError, "`regularisation` is 'strong'"),
    "an unknown spectrum": (
        lambda: dln.SpectralRegularisation(1e-5, "radius"), ValueError, "`spectrum` is 'radius'; wanted one of 'symmetric'"),
    "a learning rate that is NaN": (change(learning_rate=np.nan), ValueError, "`learning_rate` holds NaN"),
    "a word for a learning rate": (change(learning_rate="small"), TypeError, "`learning_rate` is 'small'; wanted a real"),
    "a learning rate a layer": (change(learning_rate=[0.1, 0.1]), ValueError, r"`learning_rate` has shape \(2,\); wanted one"),
    "an unknown theorem": (lambda: dln.verify(NET, X, Y, 7), ValueError, "`theorem` is .*7.*; wanted one of"),
    "an option that verify does not take": (
        lambda: dln.verify(NET, X, Y, nudge=0.5), ValueError, r"`verify` got the options \['nudge'\]; wanted covariances"),
    "a theorem with matrix covariances": (
        lambda: dln.verify(NET, X, Y, covariances=SPD), ValueError, "`covariances` holds a matrix"),
}  # fmt: skip

DECODER = pcn.with_latent(pcn.mlp((2, 3), key=0))
SETTLING, OUTPUTS, KNOWN = pcn.Algorithm(), np.zeros((2, 3)), np.array([True, False, False])
GENERATIVE = {
    "relax": lambda network, algorithm: pcn.relax(network, None, OUTPUTS, algorithm),
    "reconstruct": lambda network, algorithm: pcn.reconstruct(network, OUTPUTS, algorithm),
    "recall": lambda network, algorithm: pcn.recall(network, OUTPUTS, KNOWN, algorithm),
    "score": lambda network, algorithm: pcn.score(network, None, OUTPUTS, algorithm),
    "generate": lambda network, algorithm: pcn.generate(network, algorithm),
}
NONLINEAR = {
    **{f"a word for the network, {name}": (partial(call, "decoder", SETTLING), TypeError, "`network` is a str; wanted a network")
       for name, call in GENERATIVE.items()},
    **{f"a word for the algorithm, {name}": (partial(call, DECODER, "PC-SE"), TypeError, "`algorithm` is a str; wanted one from")
       for name, call in GENERATIVE.items()},
    "a matrix for a prior's variance": (
        lambda: pcn.with_latent(DECODER, variance=np.eye(2)), ValueError, r"`variance` has shape \(2, 2\); wanted one number"),
}  # fmt: skip

CASES = NETWORKS | DATA | OPTIONS | NONLINEAR


@pytest.fixture
def unchecked_types():
    """Without the type checker of the test run, which users do not have."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("name", CASES)
def test_refused(name):
    call, exception, message = CASES[name]
    with pytest.raises(exception, match=message) as caught:
        call()
    assert type(caught.value) is exception


def test_there_are_enough_cases():
    assert len(CASES) >= 45


OVERFLOWS = {
    "activities": lambda x: dln.equilibrium(F32, x, x, solver="covariance"),
    "a prediction": lambda x: dln.weight_updates(F32, x, x, "bp"),
    "an update": lambda x: dln.prediction_change(F32, x, x, "bp"),
}


@pytest.mark.parametrize("name", OVERFLOWS)
def test_numbers_that_overflow_are_refused(name):
    with pytest.raises(dln.PrecisionError, match="float64"):
        OVERFLOWS[name](np.full(2, 1e10, np.float32))


def test_zero_inputs_and_zero_residuals_are_fine():
    result = dln.equilibrium(NET, 0 * X, Y)
    assert not result.energy.any()
    assert all(np.isfinite(each).all() for each in dln.weight_updates(NET, X, NET(X), rescaling="decorrelated"))
    assert np.isnan(dln.target_alignment(NET, X, NET(X))).all()


@pytest.mark.parametrize(
    "convert",
    [
        np.asarray,
        jnp.asarray,
        lambda rows: rows.tolist(),
        lambda rows: rows.astype(int),
        lambda rows: rows.astype(np.float32),
    ],
    ids=["NumPy", "JAX", "lists", "integers", "float32"],
)
def test_every_kind_of_array_is_taken(convert):
    result = dln.equilibrium(NET, convert(X), convert(Y))
    np.testing.assert_allclose(result.energy, dln.equilibrium(NET, X, Y).energy)
    assert result.energy.dtype == np.float64


def test_the_message_about_64_bits_says_how_to_switch_them_on():
    key = jax.random.key(0)
    for name, call in {
        "the network": lambda: dln.LinearNetwork.from_weights([np.ones((2, 2))]).to_jax(),
        "dtype": lambda: dln.LinearNetwork.random([2, 2], key=key, dtype="float64"),
        "x": lambda: dln.LinearNetwork.random([2, 2], key=key)(np.ones(2)),
    }.items():
        with jax.enable_x64(False), pytest.raises(ValueError, match=f"`{name}` is float64 but") as refusal:
            call()
        assert "but JAX runs in 32-bit mode" in str(refusal.value)
        assert 'jax.config.update("jax_enable_x64", True)' in str(refusal.value)


def test_jax_without_64_bits_computes_in_float32():
    with jax.enable_x64(False):
        net = dln.LinearNetwork.random([3, 4, 3], key=jax.random.key(0))
        result = dln.equilibrium(net, [1, 2, 3], [0.0, 1.0, 0.0])
        moved = dln.weight_updates(net, [1, 2, 3], [0.0, 1.0, 0.0], rescaling="decorrelated")
        alignment = dln.target_alignment(net, [1, 2, 3], [0.0, 1.0, 0.0], rescaling="adaptive")
    assert {each.dtype.name for each in jax.tree.leaves((net, result.activities, result.energy, moved))} == {"float32"}
    assert float(alignment) == pytest.approx(1, abs=1e-5)


HUGE = dln.LinearNetwork.from_weights([np.full((2, 2), 1e200), np.full((2, 2), 1e200)])
SILENT = {
    "an energy": lambda: dln.equilibrium(HUGE, [1.0, 1.0], [1.0, 1.0]),
    "an energy of huge data": lambda: dln.equilibrium(TWO, [1e200, 1.0], [-1e200, 1.0]),
    "an energy of a huge nudge": lambda: dln.equilibrium(TWO, [1.0, 1.0], [1.0, 0.0], nudge=1e300),
    "a product of activities": lambda: dln.adaptive_learning_rates(TWO, [1e160, 1.0], [1e160, 0.0], rule="bp"),
    "a rescaled change": lambda: dln.prediction_change(TWO, [1e160, 1.0], [1e160, 0.0], "bp", "adaptive"),
    "a rate without activity": lambda: dln.weight_updates(TWO, [0.0, 0.0], [1.0, 0.0], "bp", "adaptive"),
}
TWO = dln.LinearNetwork.from_weights([np.eye(2), np.eye(2)])


@pytest.mark.parametrize("name", SILENT)
def test_results_that_are_not_finite_are_refused(name):
    with pytest.raises(dln.PrecisionError):
        SILENT[name]()


def test_no_theorem_holds_of_a_change_that_is_not_a_number():
    nothing = dln.LinearNetwork.from_weights([np.zeros((2, 2)), np.zeros((2, 2))])
    for theorem in (1, 2):
        verdict = dln.verify(nothing, [1.0, 2.0], [0.0, 0.0], theorem)
        assert not verdict.applicable or verdict.holds
        assert not (verdict.holds and np.isnan(verdict.error))


def test_small_and_large_samples_are_decorrelated_alike():
    """No product of activities under- or overflows on the way to a pseudoinverse."""
    x, y = np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([[1.0, 0.0], [2.0, 5.0]])
    for size in (1e-100, 1e100):
        change = dln.prediction_change(TWO, size * x, size * y, rescaling="decorrelated")
        np.testing.assert_allclose(change / size, y - x, rtol=1e-12, atol=1e-12)
