"""Arrays that are spread over eight devices give the numbers of one.

Oracle: the same functions on one device. The processes have eight simulated devices; one works through the page about
devices, where every example holds on any number of them.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SHARED = """
import json
import jax, jax.numpy as jnp, numpy as np
jax.config.update("jax_enable_x64", True)
from jax.sharding import Mesh, NamedSharding, PartitionSpec
import dlntheory as dln

assert len(jax.devices()) == 8
mesh = Mesh(jax.devices(), ("devices",))
rows, columns = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in (("devices",), (None, "devices")))
draw = np.random.default_rng(0)
dense = dln.LinearNetwork.random([16, 24, 16, 8], "norm_preserving", key=0)
convolutional = dln.LinearNetwork(
    [dln.Conv2d(draw.normal(size=(8, 2, 3, 3)) / 4, padding=1), dln.AvgPool2d(2), dln.Flatten(),
     dln.Dense(draw.normal(size=(8, 32)) / 5, learn_bias=True)], input_shape=(2, 4, 4))

def quantities(net, x, y, solver):
    found = dln.equilibrium(net, x, y, solver=solver)
    updates = dln.weight_updates(net, x, y, solver=solver)
    alignment = dln.target_alignment(net, x, y, rescaling="adaptive", solver=solver)
    return [*found.activities, *found.errors, found.energy, *updates, alignment]

def difference(found, expected):
    return max(float(np.max(np.abs(np.asarray(a) - np.asarray(b))) / np.max(np.abs(b)))
               for a, b in zip(found, expected, strict=True))

def errors(net, inputs, spread_net, spread_data, solver):
    x, y = draw.normal(size=(16, *inputs)), draw.normal(size=(16, 8))
    data = tuple(jax.device_put(each, sharding) if sharding else each
                 for each, sharding in zip((x, y), spread_data, strict=True))
    return difference(quantities(spread_net, *data, solver), quantities(net, x, y, solver))

along = jax.tree.map(lambda weight: columns if weight.shape[0] % 16 else rows, dense)
print(json.dumps({
    "batch, covariance": errors(dense, (16,), dense, (rows, rows), "covariance"),
    "weights, cg": errors(dense, (16,), jax.device_put(dense, along), (None, None), "cg"),
    "images, auto": errors(convolutional, (2, 4, 4), convolutional, (rows, rows), "auto"),
}))
"""

PAGE = """
import doctest
page = doctest.testfile("docs/devices.md", module_relative=False)
assert page.attempted > 10, page
raise SystemExit(page.failed)
"""


def on_eight_devices(script: str) -> subprocess.CompletedProcess[str]:
    """Run it in an interpreter of its own."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=8"
    environment = os.environ | {"XLA_FLAGS": flags, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, env=environment)


@pytest.mark.daily  # the page says it of batches and of weights, too
def test_eight_devices_give_the_numbers_of_one():
    done = on_eight_devices(SHARED)
    assert done.returncode == 0, done.stderr
    for name, error in json.loads(done.stdout.splitlines()[-1]).items():
        assert error < 1e-12, name


def test_the_page_holds_on_eight_devices():
    done = on_eight_devices(PAGE)
    assert done.returncode == 0, done.stdout + done.stderr
