"""The spectrum of inference, and the speeds that it predicts, against simulations.

Oracles: dense Hessians, and how many steps simulations take.
"""

import itertools

import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from cases import Case
from closeness import assert_close
from relaxing import CHAIN

import dlntheory as dln
from dlntheory.equilibria.problem import as_problem
from dlntheory.inference.hessian_products import hessian_operator, hessian_product
from dlntheory.inference.relaxation import free_chain
from dlntheory.inference.settings import warn_unstable
from dlntheory.inference.spectrum import ROUGH, largest_eigenvalue


def test_spectra_are_those_of_the_dense_hessian():
    for case in (CHAIN, Case(3, "square", "mixed", "matrices", nudge="soft"), Case(6, "square", "residual")):
        values = np.linalg.eigvalsh(oracles.quadratic(oracles.problem_of(case))[0])
        found = dln.inference_spectrum(case.net, case.covariance_list, case.options["nudge"])
        assert_close(found.smallest, values[0], values[-1] / values[0])
        assert_close(found.largest, values[-1])
        assert_close(found.stability_limit, 2 / values[-1])


def test_a_step_is_stable_up_to_the_limit_however_little_is_known_of_it():
    """Few steps of Lanczos' method decide most step sizes; here they find a limit that is too high."""
    net = dln.LinearNetwork.random([256] * 5, key=0)
    problem = as_problem(net, np.ones(256), np.ones(256), None, None)
    limit = float(dln.inference_spectrum(net).stability_limit)
    rough = 2 / largest_eigenvalue(free_chain(problem), "activities", ROUGH)
    assert limit * 1.002 < rough < limit / (1 - ROUGH)
    assert not warn_unstable(problem, np.float64(0.999 * limit), None)
    with pytest.warns(UserWarning, match="above the stability limit"):
        assert warn_unstable(problem, np.float64(1.001 * limit), None)


def error_hessian(problem):
    """The Hessian in the errors of the hidden layers: the energy's, with the activities swept from them."""
    maps = oracles.downstream(problem)
    ends = np.cumsum([0, *(len(p) for p in problem.precisions[:-1])])
    D = np.hstack(maps[:-1])
    blocks = np.zeros((ends[-1], ends[-1]))
    for (start, end), precision in zip(itertools.pairwise(ends), problem.precisions[:-1], strict=True):
        blocks[start:end, start:end] = precision
    return blocks + D.T @ problem.precisions[-1] @ D


def test_spectra_in_error_coordinates():
    for case in (CHAIN, Case(6, "square", "residual"), Case(3, "expanding", covariances="matrices")):
        values = np.linalg.eigvalsh(error_hessian(oracles.problem_of(case)))
        found = dln.inference_spectrum(case.net, case.covariance_list, coordinates="errors")
        assert_close(found.smallest, values[0], values[-1] / values[0])
        assert_close(found.largest, values[-1])


def test_large_spectra_agree_with_small_ones(monkeypatch):
    """Lanczos in place of a decomposition, in both coordinates."""
    net = dln.LinearNetwork.random([10, 20, 30, 20, 10], key=0)
    for coordinates in ("activities", "errors"):
        for covariances in (None, [0.5, 1.0, 2.0, 1.5]):
            expected = dln.inference_spectrum(net, covariances, dln.SoftOutput(3.0), coordinates)
            with monkeypatch.context() as patch:
                patch.setattr("dlntheory.inference.spectrum.DENSE", 2)
                found = dln.inference_spectrum(net, covariances, dln.SoftOutput(3.0), coordinates)
            assert_close(found.smallest, expected.smallest, 1e3)
            assert_close(found.largest, expected.largest, 1e3)


@pytest.mark.parametrize("outputs", [3, 6])
@pytest.mark.parametrize("variances", [False, True])
def test_many_equal_layers_are_multiplied_at_once(outputs, variances):
    """Oracle: layer by layer. With as many outputs, a soft output is the end of another kind."""
    net = dln.LinearNetwork.random([4, *[6] * 18, outputs], key=0)
    covariances = list(np.linspace(0.5, 2, net.depth)) if variances else None
    nudge = dln.SoftOutput(3.0) if outputs == 6 else None
    chain = free_chain(as_problem(net, np.ones(4), np.ones(outputs), covariances, nudge))
    columns = np.random.default_rng(0).normal(size=(sum(chain.sizes), 2))
    multiply = hessian_operator(chain.layers, chain.precisions, "activities")
    assert multiply.func is not hessian_product
    assert_close(multiply(columns), hessian_product(chain.layers, chain.precisions, "activities", columns))


def test_the_smallest_eigenvalue_survives_weights_that_grow(monkeypatch):
    """There ``S`` has no digits left, and the residual of the eigenvector says so."""
    net = dln.LinearNetwork.from_weights([np.random.default_rng(l).normal(size=(8, 8)) * 3 for l in range(14)])
    expected = dln.inference_spectrum(net)
    monkeypatch.setattr("dlntheory.inference.spectrum.DENSE", 8)
    found = dln.inference_spectrum(net)
    np.testing.assert_allclose(found.smallest, expected.smallest, rtol=1e-5)


def test_the_smallest_eigenvalue_of_a_deep_network_needs_no_decomposition(monkeypatch):
    """Orthogonal weights: ``H`` is a path's Laplacian between two held ends, sixteen times over."""
    net = dln.LinearNetwork.random([16] * 401, init="orthogonal", key=0)
    monkeypatch.setattr("numpy.linalg.eigh", None)
    np.testing.assert_allclose(dln.inference_spectrum(net).smallest, 4 * np.sin(np.pi / 800) ** 2, rtol=1e-9)


def test_depth_1_has_no_spectrum():
    with pytest.raises(ValueError, match="`net` has depth 1 and so no hidden activities"):
        dln.inference_spectrum(Case(1).net)
    assert dln.inference_spectrum(Case(1).net, nudge=dln.SoftOutput(2.0)).largest == 3


@pytest.mark.parametrize("coordinates", ["activities", "errors"])
def test_predicted_numbers_of_steps_are_what_it_takes(coordinates):
    """Of a start along the slowest mode; item by item, the rate, the best step, and the number of steps."""
    case = Case(3, "square", "mixed", "scalars")
    spectrum = dln.inference_spectrum(case.net, case.covariance_list, coordinates=coordinates)
    method = {"activities": "gradient", "errors": "error_coordinates"}[coordinates]
    options = {"covariances": case.covariance_list, "method": method, "start": "random"}
    best = spectrum.steps_to(1e-10)
    ran = dln.simulate_inference(*case.data, 10**6, spectrum.best_step, tolerance=1e-10, **options).steps
    assert 0.5 * best < ran <= 1.3 * best
    for factor in (0.5, 1.1):
        step = factor * spectrum.best_step
        if step < spectrum.stability_limit:
            other = dln.simulate_inference(*case.data, 10**6, step, tolerance=1e-10, **options).steps
            assert other > ran
            assert 0.5 * spectrum.steps_to(1e-10, step) < other <= 1.3 * spectrum.steps_to(1e-10, step)
    pair = (spectrum.momentum_step, spectrum.best_momentum)
    fast = dln.simulate_inference(*case.data, 10**6, *pair, tolerance=1e-10, **options).steps
    assert fast < ran
    assert 0.5 * spectrum.steps_to(1e-10, *pair) < fast <= 1.3 * spectrum.steps_to(1e-10, *pair)


def test_the_number_of_steps_bounds_every_mode():
    """The share left of every mode, by the closed form from a start along each eigenvector."""
    from dlntheory.inference.responses import binary, responses

    spectrum = dln.inference_spectrum(CHAIN.net)
    values = jnp.linspace(spectrum.smallest, spectrum.largest, 201)
    for momentum in (0.0, 0.3, float(spectrum.best_momentum), 0.8):
        for step in (spectrum.best_step, spectrum.momentum_step):
            steps = spectrum.steps_to(1e-6, step, momentum)
            if np.isfinite(steps):
                left = responses(values, step, jnp.asarray(momentum), binary(steps)).left
                assert jnp.max(jnp.abs(left)) <= 1e-6
    assert spectrum.steps_to(1e-6, 1.01 * spectrum.stability_limit) == np.inf
