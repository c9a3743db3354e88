"""FabricPC on the same problem, by an interpreter that has it: ``python fabric_reference.py PROBLEM.npz RESULT.npz``.

FabricPC 0.6 brings its own dependencies, so this file imports nothing of ours. `pcn_elsewhere` says what the problem
and the result hold.
"""

import json
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
from fabricpc.core.inference import InferenceSGD
from fabricpc.core.topology import Edge
from fabricpc.core.types import GraphParams, NodeParams
from fabricpc.graph_assembly import TaskMap, graph
from fabricpc.nodes import IdentityNode
from fabricpc.nodes.base import NodeBase, SlotSpec
from fabricpc.training import make_train_step


def layer(block, x, weight, bias):
    """A convolution or a matrix product, as in FabricPC's ConvNode and Linear."""
    if block["kind"] == "dense":
        return x.reshape(len(x), -1) @ weight.T + bias
    stride, padding = (block["stride"],) * 2, ((block["padding"],) * 2,) * 2
    return jax.lax.conv_general_dilated(x, weight, stride, padding, dimension_numbers=("NHWC", "HWIO", "NHWC")) + bias


class Block(NodeBase):
    """``pool(gelu(layer(x) + shortcut(z)))``: a node of FabricPC with one state after all of it."""

    @staticmethod
    def get_slots():
        return {"in": SlotSpec(name="in", is_multi_input=False), "skip": SlotSpec(name="skip", is_multi_input=False)}

    @staticmethod
    def initialize_params(key, node_shape, input_shapes, weight_init, config):
        return NodeParams(weights={}, biases={})

    @staticmethod
    def predict(params, inputs, state, node_info):
        block = node_info.node_config["block"]
        inputs = {key.rpartition(":")[2]: value for key, value in inputs.items()}
        z = layer(block, inputs["in"], params.weights["layer"], params.biases["layer"])
        if "skip" in inputs:
            other = inputs["skip"]
            if "shortcut" in block:
                other = layer(block["shortcut"], other, params.weights["shortcut"], params.biases["shortcut"])
            z = z + other
        if block["activation"] == "gelu":
            z = jax.nn.gelu(z)
        if block["pool"]:
            window = (1, block["pool"], block["pool"], 1)
            z = jax.lax.reduce_window(z, -jnp.inf, jax.lax.max, window, window, "VALID")
        return (z.mean(axis=(1, 2)) if block["pool"] == 0 else z), None


def assemble(settings, arrays):
    """The graph, and its parameters from the problem."""
    nodes, edges, params = [IdentityNode(shape=arrays["x"].shape[1:], name="0")], [], {}
    params["0"] = NodeParams(weights={}, biases={})
    for k, (block, shape) in enumerate(zip(settings["blocks"], settings["shapes"], strict=True)):
        nodes.append(Block(shape=tuple(shape), name=str(k + 1), block=block))
        slots = zip(block["sources"], ("in", "skip"), strict=False)
        edges += [Edge(source=nodes[source], target=nodes[-1].slot(slot)) for source, slot in slots]
        names = {"layer": str(k), **({"shortcut": f"{k}s"} if "shortcut" in block else {})}
        weights, biases = (
            {name: jnp.asarray(arrays[f"{kind}{number}"]) for name, number in names.items()}
            for kind in ("weight", "bias")
        )
        params[str(k + 1)] = NodeParams(weights=weights, biases=biases)
    rule = InferenceSGD(eta_infer=settings["step_size"], infer_steps=settings["steps"])
    structure = graph(nodes=nodes, edges=edges, task_map=TaskMap(x=nodes[0], y=nodes[-1]), inference=rule)
    return structure, GraphParams(nodes=params)


def run(settings, arrays):
    """The states after the first batch's inference, and the times of every call of the training step."""
    structure, params = assemble(settings, arrays)
    optimiser = optax.adamw(settings["rate"], weight_decay=1e-4)
    memory, step = optimiser.init(params), make_train_step(structure, optimiser)
    batch = {"x": jnp.asarray(arrays["x"]), "y": jnp.asarray(arrays["y"])}
    found, times = {}, []
    for number in range(settings["rounds"] + 1):
        start = time.perf_counter(), time.process_time()
        params, memory, _, state = jax.block_until_ready(step(params, memory, batch, jax.random.key(0)))
        times.append((time.perf_counter() - start[0], time.process_time() - start[1]))
        if number == 0:
            found = {f"state{k}": np.asarray(state.nodes[str(k + 1)].z_latent) for k in range(len(structure.nodes) - 1)}
    return found | {"pc": times}


def main(problem, result):
    """Read a problem, and write what `run` finds."""
    arrays = dict(np.load(problem))
    np.savez(result, **run(json.loads(str(arrays["settings"])), arrays), jax=jax.__version__)


if __name__ == "__main__":
    main(*sys.argv[1:])
