"""Numbers that overflow are refused by name, by NumPy as by JAX, and without a warning of NumPy's."""

import numpy as np
import pytest

import dlntheory as dln

WEIGHTS = [1e160 * np.ones(shape) for shape in [(3, 2), (3, 3), (2, 3)]]
X, Y = np.ones((4, 2)), np.ones((4, 2))
FUNCTIONS = {
    "output_covariance": lambda net: dln.output_covariance(net),
    "equilibrium": lambda net: dln.equilibrium(net, X, Y),
    "energy": lambda net: dln.energy(net, [X, np.ones((4, 3)), np.ones((4, 3)), Y]),
    "inference_spectrum": lambda net: dln.inference_spectrum(net),
    "finite_time_activities": lambda net: dln.finite_time_activities(net, X, Y, 3, 0.1),
    "energy_propagation": lambda net: dln.energy_propagation(net, X, Y, 3, 0.1),
    "sample_activities": lambda net: dln.sample_activities(net, X, key=0),
    "simulate_inference": lambda net: dln.simulate_inference(net, X, Y, 3, 0.1),
    "langevin_law": lambda net: dln.langevin_law(net, 0.1),
    "weight_updates": lambda net: dln.weight_updates(net, X, Y, rule="bp"),
    "target_alignment": lambda net: dln.target_alignment(net, X, Y),
    "verify, 1": lambda net: dln.verify(net, X, Y, theorem=1),
    "verify, 2": lambda net: dln.verify(net, X, Y, theorem=2),
    "verify, spike": lambda net: dln.verify(net, X, Y, theorem="spike"),
    "loss_hessian": lambda net: dln.loss_hessian(net, X, Y),
    "energy_hessian": lambda net: dln.energy_hessian(net, X, Y),
    "imbalances": lambda net: dln.imbalances(net),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["numpy", "jax"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_overflow_is_refused(name, kind):
    net = dln.LinearNetwork.from_weights(WEIGHTS)
    with pytest.raises(dln.PrecisionError, match=r"overflow|out of range"):
        FUNCTIONS[name](net if kind == "numpy" else net.to_jax())
