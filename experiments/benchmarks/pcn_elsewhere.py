"""Other libraries on a problem of ours: each runs in an environment of its own, by a script that imports nothing of us.

The problem holds the layers' weights and the data as `pcn.Network` has them, images with channels last, and the
settings; the result, the states after inference, and the seconds of every call.
"""

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import jax
import numpy as np

from dlntheory import pcn

SCRIPTS = {"PCX": "pcx_reference.py", "FabricPC": "fabric_reference.py"}


def run_elsewhere(
    library: str, python: str, network: pcn.Network, x: jax.Array, y: jax.Array, settings: dict[str, Any]
) -> dict[str, np.ndarray]:
    """Run a library by its interpreter on the same problem."""
    arrays = {"x": np.asarray(network.inside(x)), "y": np.asarray(y)}
    blocks = []
    for k, block in enumerate(network.blocks):
        blocks.append({**described(block), "sources": network.sources[k]})
        arrays |= weights(block, str(k))
        if block.shortcut is not None:
            blocks[-1]["shortcut"] = described(block.shortcut)
            arrays |= weights(block.shortcut, f"{k}s")
    problem = settings | {"blocks": blocks, "shapes": network.state_shapes}
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder) / "problem.npz", Path(folder) / "result.npz"
        np.savez(given, **arrays, settings=json.dumps(problem))
        script = Path(__file__).with_name(SCRIPTS[library])
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("JAX_", "PYTHON"))}
        subprocess.run([python, str(script), str(given), str(found)], check=True, env=environment)
        return dict(np.load(found))


def described(block: pcn.Block) -> dict[str, Any]:
    """The settings of a block, apart from its arrays."""
    shared = {"pool": block.pool, "activation": block.activation}
    if isinstance(block.layer, pcn.Conv):
        return {"kind": "conv", "stride": block.layer.stride, "padding": block.layer.padding, **shared}
    return {"kind": "dense", **shared}


def weights(block: pcn.Block, name: str) -> dict[str, np.ndarray]:
    """The arrays of a block's layer: kernels ``(height, width, in, out)``, matrices ``(out, in)``."""
    layer: Any = block.layer
    weight = layer.kernel if isinstance(layer, pcn.Conv) else layer.weight
    return {f"weight{name}": np.asarray(weight), f"bias{name}": np.asarray(layer.bias)}
