"""PCX on the same problem, run by an interpreter that has it: ``python pcx_reference.py PROBLEM.npz RESULT.npz``.

PCX 0.6.3 needs an older JAX, so this file imports nothing of ours. The problem holds the layers' weights in PCX's
layout, the data, and the settings; the result the states after inference and the times of the steps.
"""

import json
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pcx
import pcx.functional as pxf
import pcx.nn as pxnn
import pcx.predictive_coding as pxc
import pcx.utils as pxu


class Model(pxc.EnergyModule):
    """A chain of blocks ``pool(gelu(layer(x)))``, the last one linear, with a vode after each."""

    def __init__(self, settings, arrays):
        super().__init__()
        self.blocks, self.vodes = [], []
        for k, block in enumerate(settings["blocks"]):
            weight = arrays[f"weight{k}"]
            if block["kind"] == "conv":
                layer = pxnn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=block["padding"])
                bias = arrays[f"bias{k}"][:, None, None]
            else:
                layer, bias = pxnn.Linear(weight.shape[1], weight.shape[0]), arrays[f"bias{k}"]
            layer.nn.weight.set(jnp.asarray(weight))
            layer.nn.bias.set(jnp.asarray(bias))
            parts = [layer]
            if k < len(settings["blocks"]) - 1:
                parts.append(pcx.static(jax.nn.gelu))
            if block["pool"]:
                parts.append(pxnn.MaxPool2d(block["pool"], block["pool"]))
            self.blocks.append(tuple(parts))
            self.vodes.append(pxc.Vode())
        self.vodes[-1].h.frozen = True

    def __call__(self, x, y=None):
        for block, vode in zip(self.blocks, self.vodes, strict=True):
            if isinstance(block[0], pxnn.Linear):
                x = x.flatten()
            for part in block:
                x = part(x)
            x = vode(x)
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


def timed(step, model, rounds):
    """Seconds of the first call, and of the others."""
    seconds = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        step()
        jax.block_until_ready([leaf for leaf in jax.tree_util.tree_leaves(model) if isinstance(leaf, jax.Array)])
        seconds.append(time.perf_counter() - start)
    return seconds


def run(settings, arrays):
    """The states after inference and the weights after a step of PC, and the times of both rules."""
    x, y, steps = jnp.asarray(arrays["x"]), jnp.asarray(arrays["y"]), settings["steps"]
    model, other = Model(settings, arrays), Model(settings, arrays)
    optim_w, optim_b = (
        pxu.Optim(lambda: optax.adamw(settings["rate"], weight_decay=1e-4), pxu.M(pxnn.LayerParam)(each))
        for each in (model, other)
    )
    optim_h = pxu.Optim(lambda: optax.sgd(settings["step_size"], momentum=settings["momentum"]))
    pc_step(steps, x, y, model=model, optim_w=optim_w, optim_h=optim_h)
    found = {f"state{k}": np.asarray(vode.h.get()) for k, vode in enumerate(model.vodes)}
    found |= {f"weight{k}": np.asarray(block[0].nn.weight.get()) for k, block in enumerate(model.blocks)}
    pc = timed(lambda: pc_step(steps, x, y, model=model, optim_w=optim_w, optim_h=optim_h), model, settings["rounds"])
    bp = timed(lambda: bp_step(x, y, model=other, optim_w=optim_b), other, settings["rounds"])
    return found | {"pc_seconds": pc[1:], "bp_seconds": bp[1:]}


def main(problem, result):
    """Read a problem, and write what `run` finds."""
    arrays = dict(np.load(problem))
    np.savez(result, **run(json.loads(str(arrays["settings"])), arrays), jax=jax.__version__)


if __name__ == "__main__":
    main(*sys.argv[1:])
