"""PCX on the same problem, run by an interpreter that has it: ``python pcx_reference.py PROBLEM.npz RESULT.npz``.

PCX 0.6.3 needs an older JAX, so this file imports nothing of ours. `pcn_elsewhere` says what the problem and the result
hold.
"""

import json
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pcx.functional as pxf
import pcx.nn as pxnn
import pcx.predictive_coding as pxc
import pcx.utils as pxu


def as_layer(block, arrays, name):
    """A layer with the weights of the problem, in PCX's layout: channels first."""
    weight, bias = arrays[f"weight{name}"], arrays[f"bias{name}"]
    if block["kind"] == "conv":
        size, _, before, after = weight.shape
        layer = pxnn.Conv2d(before, after, size, stride=block["stride"], padding=block["padding"])
        weight, bias = np.transpose(weight, (3, 2, 0, 1)), bias[:, None, None]
    else:
        layer = pxnn.Linear(weight.shape[1], weight.shape[0])
    layer.nn.weight.set(jnp.asarray(weight))
    layer.nn.bias.set(jnp.asarray(bias))
    return layer


def flat(x):
    """A sample as a vector, in the order of images with channels last."""
    return jnp.moveaxis(x, 0, -1).flatten() if x.ndim == 3 else x.flatten()


class Model(pxc.EnergyModule):
    """Blocks ``pool(gelu(layer(x) + shortcut(z)))``, the last one linear, with a vode after each."""

    def __init__(self, settings, arrays):
        super().__init__()
        self.layers, self.shortcuts, self.pools, self.vodes = [], [], [], []
        for k, block in enumerate(settings["blocks"]):
            shortcut, pool = block.get("shortcut"), block["pool"]
            self.layers.append(as_layer(block, arrays, str(k)))
            self.shortcuts.append(shortcut and as_layer(shortcut, arrays, f"{k}s"))
            self.pools.append(pxnn.MaxPool2d(pool, pool) if pool else None)
            self.vodes.append(pxc.Vode())
        self.vodes[-1].h.frozen = True

    def __call__(self, x, y=None):
        states = [x]
        for k, block in enumerate(type(self).blocks):
            x, *others = (states[source] for source in block["sources"])
            z = self.layers[k](flat(x) if block["kind"] == "dense" else x)
            for other in others:
                z = z + (self.shortcuts[k](other) if self.shortcuts[k] else other)
            if block["activation"] == "gelu":
                z = jax.nn.gelu(z)
            if self.pools[k]:
                z = self.pools[k](z)
            elif block["pool"] == 0:
                z = z.mean(axis=(1, 2))
            states.append(self.vodes[k](z))
        if y is not None:
            self.vodes[-1].set("h", y)
        return self.vodes[-1].get("u")


STATES = pxc.VodeParam | pxc.VodeParam.Cache


@pxf.vmap(pxu.M(STATES).to((None, 0)), in_axes=(0, 0), out_axes=0)
def forward(x, y, *, model):
    return model(x, y)


@pxf.vmap(pxu.M(STATES).to((None, 0)), in_axes=(0,), out_axes=(None, 0), axis_name="batch")
def energy(x, *, model):
    prediction = model(x)
    return jax.lax.psum(model.energy(), "batch"), prediction


@pxf.vmap(pxu.M(STATES).to((None, 0)), in_axes=(0, 0), out_axes=(None, 0), axis_name="batch")
def loss(x, y, *, model):
    prediction = model(x)
    return jax.lax.pmean(((prediction - y) ** 2).sum() / 2, "batch"), prediction


@pxf.jit(static_argnums=0)
def pc_step(T, x, y, *, model, optim_w, optim_h):
    model.train()
    with pxu.step(model, pxc.STATUS.INIT, clear_params=pxc.VodeParam.Cache):
        forward(x, y, model=model)
    free = pxu.M_hasnot(pxc.VodeParam, frozen=True)
    optim_h.init(free(model))
    for _ in range(T):
        with pxu.step(model, clear_params=pxc.VodeParam.Cache):
            _, slope = pxf.value_and_grad(free.to([False, True]), has_aux=True)(energy)(x, model=model)
        optim_h.step(model, slope["model"])
    optim_h.clear()
    with pxu.step(model, clear_params=pxc.VodeParam.Cache):
        weights = pxu.M(pxnn.LayerParam).to([False, True])
        _, slope = pxf.value_and_grad(weights, has_aux=True)(energy)(x, model=model)
    optim_w.step(model, slope["model"], scale_by=1.0 / x.shape[0])


@pxf.jit()
def bp_step(x, y, *, model, optim_w):
    model.train()
    with pxu.step(model, pxc.STATUS.INIT, clear_params=pxc.VodeParam.Cache):
        weights = pxu.M(pxnn.LayerParam).to([False, True])
        _, slope = pxf.value_and_grad(weights, has_aux=True)(loss)(x, y, model=model)
    optim_w.step(model, slope["model"])


def timed(step, model, calls):
    """The wall time and the processor time of every call, the first included."""
    found = []
    for _ in range(calls):
        start = time.perf_counter(), time.process_time()
        step()
        jax.block_until_ready([leaf for leaf in jax.tree_util.tree_leaves(model) if isinstance(leaf, jax.Array)])
        found.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    return found


def run(settings, arrays):
    """The states after the first batch's inference, and the times of every rule that is asked for."""
    x, y, steps = jnp.asarray(arrays["x"]), jnp.asarray(arrays["y"]), settings["steps"]
    x = jnp.moveaxis(x, -1, 1) if x.ndim == 4 else x
    Model.blocks = settings["blocks"]
    model, other = Model(settings, arrays), Model(settings, arrays)
    optim_w, optim_b = (
        pxu.Optim(lambda: optax.adamw(settings["rate"], weight_decay=1e-4), pxu.M(pxnn.LayerParam)(each))
        for each in (model, other)
    )
    optim_h = pxu.Optim(lambda: optax.sgd(settings["step_size"], momentum=settings["momentum"]))

    def learn():
        pc_step(steps, x, y, model=model, optim_w=optim_w, optim_h=optim_h)

    first = timed(learn, model, 1)
    states = [np.asarray(vode.h.get()) for vode in model.vodes]
    found = {f"state{k}": np.moveaxis(h, 1, -1) if h.ndim == 4 else h for k, h in enumerate(states)}
    found["pc"] = first + timed(learn, model, settings["rounds"] + 1)[1:]  # the second call compiles again
    if "bp" in settings["rules"]:
        back = lambda: bp_step(x, y, model=other, optim_w=optim_b)  # noqa: E731
        found["bp"] = timed(back, other, settings["rounds"] + 1)
    return found


def main(problem, result):
    """Read a problem, and write what `run` finds."""
    arrays = dict(np.load(problem))
    np.savez(result, **run(json.loads(str(arrays["settings"])), arrays), jax=jax.__version__)


if __name__ == "__main__":
    main(*sys.argv[1:])
