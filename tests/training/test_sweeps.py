"""Sweeps: many runs at once are the runs one by one, whatever shares the devices, and however often it is interrupted.

Oracles: a NumPy loop over samples, layers and steps (`slow_training`); `train`; a sweep that was left alone.
"""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
import slow_training
from closeness import assert_close

import dlntheory as dln
from dlntheory.training.sweep_program import condense
from dlntheory.training.sweep_runs import Runs, share_out

ROOT = Path(__file__).parents[2]
STEPS, BATCH, CHUNK = 12, 16, 5
RATES = [0.01, 0.1, 0.3, 30.0]
WIDTHS = [4, 5, 3]
ALGORITHMS = [
    "bp",
    ("pc", None),
    ("pc", "adaptive_positive"),
    dln.Algorithm("bp", "decorrelated", regularisation=1e-2),
    dln.Algorithm("pc", "decorrelated", regularisation=1e-2),
    dln.Algorithm("natural"),
]
SMALL = ["bp", "pc"]
SHARED = [dln.Algorithm("pc", "decorrelated", regularisation=1e-2)]
"""The algorithm of the sweeps that devices share: it has an equilibrium and inverts matrices."""


def problem(seeds=2, batch=BATCH, noise=0.0, widths=WIDTHS):
    """Networks, minibatches and maps, one per seed."""
    draw = np.random.default_rng(0)
    nets = [dln.LinearNetwork.random(widths, "norm_preserving", key=seed) for seed in range(seeds)]
    maps = draw.normal(size=(seeds, widths[-1], widths[0])) / 2
    x = draw.normal(size=(seeds, STEPS, batch, widths[0]))
    y = np.einsum("stbi,soi->stbo", x, maps) + noise * draw.normal(size=(seeds, STEPS, batch, widths[-1]))
    return nets, x, y, maps


def sweep(algorithms=SMALL, rates=RATES, chunk=CHUNK, data=None, **options):
    nets, x, y, maps = data or problem()
    return dln.sweep(nets, x, y, rates, algorithms, targets=maps, chunk=chunk, **options)


@pytest.fixture(scope="module")
def alone():
    """A sweep that nothing interrupts."""
    return sweep()


def arrays(found):
    return jax.tree.leaves(found)


def assert_same(one, other):
    for left, right in zip(arrays(one), arrays(other), strict=True):
        np.testing.assert_array_equal(left, right)


def test_every_run_is_the_slow_loop():
    nets, x, y, maps = problem()
    found = sweep(ALGORITHMS, rates=[0.02, 0.1], data=(nets, x, y, maps))
    for a, given in enumerate(ALGORITHMS):
        algorithm = given if isinstance(given, dln.Algorithm) else dln.Algorithm(*([given] if a == 0 else given))
        shrink = algorithm.given.get("regularisation")
        for r, s in ((0, 0), (1, 1)) if a else ((0, 0), (0, 1), (1, 0), (1, 1)):
            rate = np.asarray(found.learning_rates)[r]
            weights, errors, losses = slow_training.train(
                nets[s].weights, x[s], y[s], rate, algorithm.rule, algorithm.rescaling, maps[s], shrink
            )
            condition = 1e5 if algorithm.rescaling == "decorrelated" else 1e3
            own = (found.network(a, r, s).weights, found.error[a, r, s], found.loss[a, r, s])
            assert_close(own, (tuple(weights), errors, losses), condition)
    assert (np.asarray(found.steps) == STEPS).all()
    assert found.algorithms[3:5] == ("bp, decorrelated", "pc, decorrelated")


def test_every_run_is_that_of_train():
    """With noise in the targets and learned biases, which nothing condenses."""
    nets, x, y, maps = problem(noise=0.1)
    nets = [dln.LinearNetwork([dln.Dense(w, learn_bias=True) for w in net.weights]) for net in nets]
    found = sweep(data=(nets, x, y, maps))
    for a, rule in enumerate(SMALL):
        for r, rate in enumerate(RATES[:3]):
            one = dln.train(nets[1], x[1], y[1], rate, rule, target=maps[1])
            assert_close((found.error[a, r, 1], found.loss[a, r, 1]), (one.error, one.loss), 1e3)
            assert_close(found.network(a, r, 1).biases, one.net.biases, 1e3)


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_condensed_minibatches_have_the_same_moments(noise):
    _, x, y, _ = problem(noise=noise)
    fewer, targets = condense(x, y)
    assert fewer.shape[2] == (4 if noise == 0 else 7)
    both, less = (np.concatenate(pair, axis=-1) for pair in ((x, y), (fewer, targets)))
    mean = [np.einsum("stbi,stbj->stij", each, each) / each.shape[2] for each in (both, less)]
    assert_close(mean[1], mean[0])
    assert condense(x[:, :, :3], y[:, :, :3])[0].shape[2] == 3


def test_diverged_runs_are_retired_and_change_nothing(alone):
    assert (np.asarray(alone.steps[:, 3]) < STEPS).any()
    for curve in (alone.error, alone.loss):
        for run in np.ndindex(2, 4, 2):
            steps = int(alone.steps[run])
            assert np.isfinite(curve[run][:steps]).all()
            assert (np.asarray(curve[run][steps + 1 :]) == np.inf).all()
    assert np.isinf(alone.final[0, 3]).all()
    assert_close(sweep(["pc"], rates=RATES[:3]).error, alone.error[1:, :3])
    one = dln.train(problem()[0][0], *(each[0] for each in problem()[1:3]), RATES[3], "bp", target=problem()[3][0])
    assert int(one.steps) == int(alone.steps[0, 3, 0])


def test_diverged_runs_are_not_dealt_out():
    runs = Runs((), errors=np.zeros(2), rates=np.array([0.1, 1.0, 10.0]), steps=4)
    runs.steps[:] = [3, 1, 3, 3, 0, 2]
    places, work = runs.deal(3, share_out(1, 2, 3, 2))
    assert sorted(places[places >= 0]) == [0, 2, 3]
    assert work.used.tolist() == [True, True, False, False]


def test_retired_runs_are_not_computed_again():
    running = []
    sweep(rates=[0.01, 1e3, 1e4], chunk=3, progress=lambda done, steps, runs: running.append((done, steps, runs)))
    assert [each[:2] for each in running] == [(3, 12), (6, 12), (9, 12), (12, 12)]
    assert running[-1][2] < 2 * 3 * 2
    seen = []
    sweep(["bp"], rates=[1e6], chunk=4, progress=lambda *now: seen.append(now))
    assert seen[-1][2] == 0
    assert seen[-1][0] < STEPS


def test_the_chunk_does_not_matter(alone):
    assert_close(sweep(["pc"], rates=RATES[:3], chunk=STEPS + 10).error, alone.error[1:, :3])


def test_an_error_that_is_not_measured_changes_nothing_else(alone, tmp_path):
    found = sweep(error_every=4, checkpoint=tmp_path / "sweep.npz")
    assert_close(found.error[:, :3], alone.error[:, :3, :, ::4])
    assert (np.asarray(found.error[:, 3, :, -1]) == np.inf).all()  # those runs have diverged
    assert_close(found.loss[:, :3], alone.loss[:, :3])
    assert_same(found.layers[0][0].weight[:3], alone.layers[0][0].weight[:3])
    np.testing.assert_array_equal(found.steps[:, :3], STEPS)
    assert (np.asarray(found.steps[:, 3]) - np.asarray(alone.steps[:, 3]) <= 1).all()
    nets, x, y, maps = problem()
    one = dln.train(nets[1], x[1], y[1], RATES[1], "pc", target=maps[1], error_every=4)
    assert_close(one.error, alone.error[1, 1, 1, ::4], 1e3)
    assert sweep(error_every=5).error.shape[-1] == 3  # after steps 0, 5 and 10


def test_without_targets(alone):
    nets, x, y, _ = problem()
    found = dln.sweep(nets, x, y, RATES, SMALL, chunk=CHUNK)
    assert found.error is None
    np.testing.assert_array_equal(found.loss, alone.loss)
    np.testing.assert_array_equal(found.final, found.loss[..., -1])


def test_the_best_rate_has_the_lowest_mean(alone):
    means = np.asarray(alone.error[..., -1]).mean(axis=2)
    assert np.asarray(alone.best).tolist() == [int(np.argmin(row)) for row in means]


@pytest.mark.parametrize("at", range(1, 3))
def test_interrupted_anywhere_it_ends_alike(alone, tmp_path, at):
    def stop(done, steps, runs):
        if done == at * CHUNK:
            raise KeyboardInterrupt

    path = tmp_path / "sweep.npz"
    with pytest.raises(KeyboardInterrupt):
        sweep(checkpoint=path, progress=stop)
    seen = []
    assert_same(sweep(checkpoint=path, progress=lambda done, *_: seen.append(done)), alone)
    assert seen == [done for done in (5, 10, 12) if done > at * CHUNK]
    assert_same(sweep(checkpoint=path, progress=lambda *_: pytest.fail("it was finished")), alone)


CHANGES = {
    "rates": lambda: sweep(rates=[0.01, 0.1, 0.3, 20.0], checkpoint="sweep.npz"),
    "rule": lambda: sweep(["bp", "natural"], checkpoint="sweep.npz"),
    "rescaling": lambda: sweep(["bp", ("pc", "adaptive")], checkpoint="sweep.npz"),
    "option": lambda: sweep(["bp", dln.Algorithm("pc", nudge=0.5)], checkpoint="sweep.npz"),
    "data": lambda: sweep(data=problem(noise=1e-9), checkpoint="sweep.npz"),
    "chunk": lambda: sweep(chunk=6, checkpoint="sweep.npz"),
    "error_every": lambda: sweep(error_every=2, checkpoint="sweep.npz"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_checkpoint_of_something_else_is_refused(change, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sweep(checkpoint="sweep.npz")
    with pytest.raises(ValueError, match=r"`checkpoint` is sweep\.npz, which is not of this sweep"):
        change()


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path):
    np.savez(tmp_path / "weights.npz", W1=np.eye(2))
    with pytest.raises(ValueError, match="not of this sweep"):
        sweep(checkpoint=tmp_path / "weights.npz")
    (tmp_path / "half.npz").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(ValueError, match=r"half\.npz, which cannot be read"):
        sweep(checkpoint=tmp_path / "half.npz")


SCRIPT = """
import json, sys
import jax
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_num_cpu_devices", int(sys.argv[1]))
sys.path[:0] = [*{tests!r}, {root!r}]
import numpy as np
import test_sweeps
for checkpoint in (sys.argv[2], None):
    found = test_sweeps.sweep(test_sweeps.SHARED, checkpoint=checkpoint, progress=lambda *now: print(now, flush=True))
    print(json.dumps([np.nan_to_num(np.asarray(each), posinf=-1, nan=-2).tolist()
                      for each in (found.error, found.loss, found.steps)]))
""".format(tests=[str(ROOT / "tests" / "training"), str(ROOT / "tests")], root=str(ROOT))


def start(*arguments):
    """A sweep that goes on from its checkpoint, and one without, in a process of their own."""
    command = [sys.executable, "-c", SCRIPT, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_four_devices_give_the_numbers_of_one_and_a_killed_sweep_those_of_an_unharmed_one(tmp_path):
    killed = start(4, tmp_path / "sweep.npz")
    for line in killed.stdout:
        if line.startswith("(5,"):
            killed.send_signal(signal.SIGKILL)
            break
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    ended = start(4, tmp_path / "sweep.npz")
    printed = ended.communicate(timeout=300)[0].splitlines()
    assert ended.returncode == 0
    assert printed[0].startswith("(10,")  # it goes on where the killed one had got to
    resumed, unharmed = ([np.array(each) for each in json.loads(line)] for line in printed if line.startswith("["))
    for one, other in zip(resumed, unharmed, strict=True):
        np.testing.assert_array_equal(one, other)
    here = sweep(SHARED)
    single = [np.nan_to_num(np.asarray(each), posinf=-1) for each in (here.error, here.loss, here.steps)]
    for one, other in zip(unharmed, single, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


HOST = """
import sys
import jax
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_num_cpu_devices", 2)
jax.distributed.initialize(sys.argv[1], num_processes=2, process_id=int(sys.argv[2]))
sys.path[:0] = [*{tests!r}, {root!r}]
import numpy as np
import test_sweeps
assert len(jax.devices()) == 4 and len(jax.local_devices()) == 2
for _ in range(2):  # the second time, all is read from the checkpoint
    found = test_sweeps.sweep(["bp"], checkpoint=sys.argv[3])
np.savez(sys.argv[4], error=found.error, steps=found.steps)
""".format(tests=[str(ROOT / "tests" / "training"), str(ROOT / "tests")], root=str(ROOT))


@pytest.mark.slow
@pytest.mark.daily
def test_two_hosts_return_what_one_does(alone, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    hosts = [
        subprocess.Popen(
            [sys.executable, "-c", HOST, address, str(host), tmp_path / "sweep.npz", tmp_path / f"{host}.npz"]
        )
        for host in range(2)
    ]
    assert [host.wait(300) for host in hosts] == [0, 0]
    for host in range(2):
        found = np.load(tmp_path / f"{host}.npz")
        np.testing.assert_allclose(found["error"], alone.error[:1], rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(found["steps"], alone.steps[:1])


@pytest.mark.parametrize(("devices", "at_once"), [(1, 64), (2, 3), (3, 7), (4, 1), (2, 8192)])
def test_all_runs_find_a_place(devices, at_once):
    rates, seeds = 7, 5
    blocks = share_out(devices, at_once, rates, seeds)
    assert blocks.runs <= min(at_once, rates)
    per_seed = -(-rates // blocks.runs)
    assert devices * blocks.groups * blocks.blocks >= seeds * per_seed
    assert blocks.blocks * blocks.runs <= max(at_once, blocks.runs)


NETS, X, Y, MAPS = problem()
OTHER = dln.LinearNetwork.random([4, 6, 3])
BAD = {
    "no networks": ({"nets": []}, ValueError, "`nets`"),
    "not a network": ({"nets": ["a", "b"]}, TypeError, r"`nets\[0\]` is a str"),
    "other widths": ({"nets": [NETS[0], OTHER]}, ValueError, r"`nets\[1\]` has layers"),
    "other kinds": ({"nets": [NETS[0], dln.LinearNetwork([dln.Dense(w, learn_bias=True) for w in NETS[0].weights])]},
                    ValueError, r"`nets\[1\]` has layers"),
    "three-dimensional x": ({"x": X[0]}, ValueError, r"`x` has shape .* wanted \(2, steps, batch, 4\)"),
    "other seeds": ({"x": X[:1]}, ValueError, r"`x` has shape"),
    "width of y": ({"y": Y[..., 1:]}, ValueError, "`y` has shape"),
    "steps of y": ({"y": Y[:, 1:]}, ValueError, "wanted the same steps and samples"),
    "no steps": ({"x": X[:, :0], "y": Y[:, :0]}, ValueError, "at least one step"),
    "NaN": ({"x": X * np.nan}, ValueError, "`x` holds NaN"),
    "targets": ({"targets": MAPS[0]}, ValueError, r"`targets` has shape \(3, 4\)"),
    "no rates": ({"learning_rates": []}, ValueError, r"`learning_rates` has shape \(0,\)"),
    "rate zero": ({"learning_rates": [0.1, 0.0]}, ValueError, "`learning_rates` holds 0.0; wanted positive"),
    "rate negative": ({"learning_rates": [0.1, -1.0]}, ValueError, "`learning_rates` holds -1.0"),
    "rate NaN": ({"learning_rates": [np.nan]}, ValueError, "`learning_rates` holds NaN"),
    "no algorithms": ({"algorithms": []}, ValueError, "`algorithms` is empty"),
    "unknown algorithm": ({"algorithms": ["hebb"]}, ValueError, "`rule` is 'hebb'"),
    "odd algorithm": ({"algorithms": [3]}, TypeError, r"`algorithms\[0\]` is 3"),
    "one string": ({"algorithms": "bp"}, TypeError, "`algorithms` is a str"),
    "chunk": ({"chunk": 0}, ValueError, "`chunk` is 0"),
    "error_every": ({"error_every": 0}, ValueError, "`error_every` is 0"),
    "checkpoint's name": ({"checkpoint": "sweep.txt"}, ValueError, r"`checkpoint` is sweep\.txt; wanted a file that ends"),
    "checkpoint's folder": ({"checkpoint": "none/sweep.npz"}, FileNotFoundError, "`checkpoint` is none/sweep.npz, in a folder"),
    "checkpoint's kind": ({"checkpoint": 3}, TypeError, "`checkpoint` is 3; wanted the path of a file"),
    "a folder as checkpoint": ({"checkpoint": "."}, ValueError, "`checkpoint` is ., a directory"),
    "no devices": ({"devices": []}, ValueError, "`devices` is empty"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "error", "message"), BAD.values(), ids=BAD)
def test_bad_input(change, error, message):
    arguments = {"nets": NETS, "x": X, "y": Y, "learning_rates": RATES, "algorithms": SMALL} | change
    with pytest.raises(error, match=message):
        dln.sweep(**arguments)
