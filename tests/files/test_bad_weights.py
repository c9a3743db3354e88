"""Files that hold no weights, and arguments that will not do: each is refused, and says why; nothing is unpickled."""

import errno
import json
import pickle
import re
import zipfile
from pathlib import Path

import jax
import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st
from weight_files import WRITTEN, assert_same, chain, write

from dlntheory.files.weights import load_weights, save_weights
from dlntheory.networks.layer import Dense
from dlntheory.networks.network import LinearNetwork


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("weights")


# Files that will not do


def cut_short(path):
    write(path, chain([20, 20]))
    path.write_bytes(path.read_bytes()[:-40])


def overwritten(path):
    write(path, chain([20, 20]))
    data = path.read_bytes()
    path.write_bytes(data[:1000] + b"\xff" * 64 + data[1064:])


def with_note(note):
    """An archive with W1 and another text where `save_weights` describes the layers."""
    return lambda path: write(path, {"W1": np.eye(2), "__structure__": np.array(note)})


def with_layers(*layers):
    return with_note(json.dumps({"layers": layers}))


def holding(**arrays):
    return lambda path: write(path, arrays)


def renamed(suffix, make):
    """A file of another format under the wrong suffix."""

    def under_the_wrong_name(path):
        make(path.with_suffix(suffix))
        path.with_suffix(suffix).rename(path)

    return under_the_wrong_name


def with_stray_file(path):
    write(path, chain([2, 2]))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("notes.txt", "not an array")


LAYER = {"kind": "dense", "weight": "W1"}

BAD_FILES = {
    "empty.npz": (lambda path: path.touch(), "an empty file"),
    "empty.safetensors": (lambda path: path.touch(), "an empty file"),
    "empty.pt": (lambda path: path.touch(), "an empty file"),
    "folder.npz": (lambda path: path.mkdir(), "a directory; wanted a file"),
    "weights.csv": (lambda path: path.write_text("1,2"), "ends in .npz, .safetensors, .pt, .pth"),
    "no_suffix": (lambda path: path.write_text("1,2"), "ends in .npz, .safetensors, .pt, .pth"),
    "cut.npz": (cut_short, "cannot be read as .npz: File is not a zip file"),
    "cut.safetensors": (cut_short, "cannot be read as .safetensors: "),
    "overwritten.npz": (overwritten, "cannot be read as .npz: W1: Bad CRC-32"),
    "text.npz": (lambda path: path.write_text("W1 = 1"), "cannot be read as .npz: File is not a zip file"),
    "text.safetensors": (lambda path: path.write_text("W1 = 1"), "cannot be read as .safetensors: "),
    "array.npz": (
        renamed(".npy", lambda path: np.save(path, np.eye(2))),
        "cannot be read as .npz: File is not a zip file",
    ),
    "archive.safetensors": (renamed(".npz", holding(W1=np.eye(2))), "cannot be read as .safetensors: "),
    "stray.npz": (with_stray_file, "notes.txt is no array"),
    "none.npz": (holding(), "it holds nothing; wanted weights called W1, W2, … or *.weight"),
    "none.safetensors": (holding(b1=np.ones(2)), "it holds b1; wanted weights called W1"),
    "other.npz": (holding(kernel=np.eye(2)), "it holds kernel; wanted weights called W1"),
    "more.npz": (holding(W1=np.eye(2), step=np.array(3.0)), "step would be left out"),
    "orphan.npz": (holding(W1=np.eye(2), b2=np.ones(2)), "b2 would be left out"),
    "two_conventions.npz": (holding(W1=np.eye(2), **{"0.weight": np.eye(2)}), "0.weight would be left out"),
    "two_cases.npz": (holding(W1=np.eye(2), w1=np.eye(2)), "W1 would be left out"),
    "unchained.npz": (
        holding(W1=np.eye(3, 2), W2=np.eye(2)),
        "in the order W1, W2, `layers[1]` maps 2 -> 2 but `layers[0]` outputs 3",
    ),
    "transposed.npz": (
        holding(W1=np.eye(2, 3), W2=np.eye(3, 4)),
        "their transposes would make one, or the reverse `order`, since a weight has a row for each output.",
    ),
    "bias.npz": (holding(W1=np.eye(3, 2), b1=np.ones(2)), "dense layer (W1, b1): `bias` has shape (2,); wanted (3,)"),
    "vector.npz": (holding(W1=np.ones(2)), "(W1): `weight` has shape (2,); wanted a matrix"),
    "kernel.npz": (holding(W1=np.ones((2, 3, 4, 4))), "(W1): `weight` has shape (2, 3, 4, 4); wanted a matrix"),
    "no_columns.npz": (holding(W1=np.ones((2, 0))), "(W1): `weight` is empty"),
    "nan.npz": (holding(W1=np.eye(2), W2=np.diag([1, np.nan])), "(W2): `weight` holds NaN or infinity"),
    "infinity.safetensors": (holding(W1=np.diag([1, np.inf])), "(W1): `weight` holds NaN or infinity"),
    "half.npz": (holding(W1=np.eye(2, dtype=np.float16)), "(W1): `weight` has dtype float16"),
    "half.safetensors": (holding(W1=np.eye(2, dtype=np.float16)), "(W1): `weight` has dtype float16"),
    "complex.npz": (holding(W1=1j * np.eye(2)), "(W1): `weight` has dtype complex128; wanted real numbers"),
    "strings.npz": (holding(W1=np.array([["1", "2"]])), "(W1): `weight` has dtype <U1; wanted real numbers"),
    "objects.npz": (holding(W1=np.array([[1, None]])), "W1: Object arrays cannot be loaded"),
    "note_damaged.npz": (with_note("[{"), "cannot be read as .npz: "),
    "note_nested.npz": (with_note("[" * 100_000), "cannot be read as .npz: "),
    "note_text.npz": (with_note('"dense"'), "what it says of its layers is damaged, or of a newer version"),
    "note_newer.npz": (with_note('{"layers": [], "version": 2}'), "what it says of its layers is damaged"),
    "layers_none.npz": (with_layers(), "W1 would be left out"),
    "layers_kind.npz": (
        with_layers({**LAYER, "kind": "fourier"}),
        "its layer {'kind': 'fourier', 'weight': 'W1'} is none that this version knows (dense, residual, chain",
    ),
    "layers_text.npz": (with_layers("dense"), "its layer dense is none that this version knows"),
    "layers_unhashable.npz": (with_layers({**LAYER, "kind": []}), "which makes no network: "),
    "layers_no_weight.npz": (with_layers(LAYER, {"kind": "dense"}), "dense layer (nothing): "),
    "layers_more.npz": (with_layers({**LAYER, "stride": 2}), "dense layer (W1): "),
    "layers_missing.npz": (with_layers({**LAYER, "weight": "W7"}), "it has no W7"),
    "layers_number.npz": (with_layers({**LAYER, "weight": 7}), "which makes no network: "),
    "layers_flag.npz": (with_layers({**LAYER, "learn_bias": "yes"}), "learn_bias"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files(tmp_path, name):
    make, reason = BAD_FILES[name]
    make(tmp_path / name)
    with pytest.raises(ValueError, match=r"^`path` is ") as caught:
        load_weights(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert reason in str(caught.value)


BAD_TORCH_FILES = {
    "checkpoint": (lambda torch: {"epoch": 3, "model": {"W1": torch.eye(2)}}, "no dictionary of tensors; wanted"),
    "list": (lambda torch: [torch.eye(2)], "no dictionary of tensors; wanted what torch.save(model.state_dict()"),
    "module": (lambda torch: torch.nn.Linear(2, 2), "damaged, or more than tensors; wanted what torch.save("),
    "numbers": (lambda torch: {0: torch.eye(2)}, "0 is no array with a name"),
    "half": (lambda torch: {"W1": torch.eye(2).half()}, "(W1): `weight` has dtype float16"),
    "bfloat16": (lambda torch: {"W1": torch.eye(2).bfloat16()}, "W1: Got unsupported ScalarType BFloat16"),
    "sparse": (lambda torch: {"W1": torch.eye(2).to_sparse()}, "W1: "),
    "batch_norm": (
        lambda torch: torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2)).state_dict(),
        "1.running_mean, 1.running_var, 1.num_batches_tracked would be left out",
    ),
}


@pytest.mark.parametrize("name", BAD_TORCH_FILES)
def test_bad_pytorch_files(tmp_path, name):
    torch = pytest.importorskip("torch")
    make, reason = BAD_TORCH_FILES[name]
    torch.save(make(torch), tmp_path / "net.pt")
    with pytest.raises(ValueError, match=r"^`path` is ") as caught:
        load_weights(tmp_path / "net.pt")
    assert str(tmp_path / "net.pt") in str(caught.value)
    assert reason in str(caught.value)


@pytest.mark.parametrize("make", [cut_short, renamed(".npz", holding(W1=np.eye(2)))])
def test_a_pytorch_file_that_is_none(tmp_path, make):
    pytest.importorskip("torch")
    (renamed(".npz", make) if make is cut_short else make)(tmp_path / "net.pt")
    with pytest.raises(ValueError, match=r"net\.pt, which cannot be read as \.pt: "):
        load_weights(tmp_path / "net.pt")


class Payload:
    """Runs code when it is unpickled: it creates the file ``pwned``."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def test_the_payload_works(tmp_path):
    """Or the next tests would prove nothing."""
    pickle.loads(pickle.dumps(Payload(tmp_path / "pwned"))).close()
    assert (tmp_path / "pwned").exists()


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".pt"])
@pytest.mark.parametrize("wrap", ["bare", "array", "tensor"])
def test_nothing_is_ever_unpickled(tmp_path, suffix, wrap):
    path, payload = tmp_path / f"net{suffix}", Payload(tmp_path / "pwned")
    if wrap == "bare":
        path.write_bytes(pickle.dumps({"W1": payload}))
    elif wrap == "array":
        with path.open("wb") as file:
            np.savez(file, W1=np.array([[payload]], dtype=object))
    else:
        torch = pytest.importorskip("torch")
        torch.save({"W1": payload}, path)
    if suffix == ".pt":
        pytest.importorskip("torch")
    with pytest.raises(ValueError, match="cannot be read as"):
        load_weights(path)
    assert not (tmp_path / "pwned").exists()


@given(data=st.data(), suffix=st.sampled_from(WRITTEN))
def test_a_damaged_file_is_refused_or_is_a_network(folder, data, suffix):
    """Whatever the bytes, nothing but ValueError; the checksums of .npz find every damage to the numbers."""
    path = folder / f"damaged{suffix}"
    net = LinearNetwork.from_weights(list(chain([3, 4, 2]).values()))
    save_weights(path, net)
    good = path.read_bytes()
    place = data.draw(st.integers(0, len(good) - 1))
    junk = data.draw(st.one_of(st.just(None), st.binary(min_size=1, max_size=8)))
    path.write_bytes(good[:place] if junk is None else good[:place] + junk + good[place + len(junk) :])
    try:
        loaded = load_weights(path)
    except ValueError:
        return
    assert junk is not None
    if suffix == ".npz":
        assert_same(loaded, net)


def test_a_number_that_is_left_out(tmp_path):
    """A layer may be missing. Frameworks number layers without weights, too."""
    first, last = chain([2, 3, 3]).values()
    path = write(tmp_path / "net.npz", {"W1": first, "W3": last})
    with pytest.raises(ValueError, match="W3 follows W1; wanted every number, or `order`"):
        load_weights(path)
    assert load_weights(path, order="W1,W3").widths == (2, 3, 3)
    with pytest.raises(ValueError, match="the first is W2; wanted W1, or `order`"):
        load_weights(write(tmp_path / "later.npz", {"W2": first, "W3": last}))
    modules = write(tmp_path / "modules.npz", {"0.weight": first, "2.weight": last})
    assert load_weights(modules).widths == (2, 3, 3)


# Arguments that will not do


def test_a_missing_file():
    with pytest.raises(FileNotFoundError, match=r"`path` is nowhere/net\.npz, and there is no such file"):
        load_weights("nowhere/net.npz")


@pytest.mark.parametrize("path", [None, 3, b"net.npz", ["net.npz"], np.eye(2)])
def test_a_path_that_is_none(path):
    with pytest.raises(TypeError, match=r"(?s)`path` is .*; wanted the path of a file"):
        load_weights(path)
    with pytest.raises(TypeError, match=r"(?s)`path` is .*; wanted the path of a file"):
        save_weights(path, LinearNetwork.from_weights([[[1.0]]]))


BAD_ORDERS = {
    "missing": ("W1,W3", ValueError, r"it has no W3, which `order` .* names; it holds W1, W2"),
    "incomplete": (["W1"], ValueError, "W2 would be left out"),
    "twice": (["W1", "W1"], ValueError, r"`order` is \['W1', 'W1'\]; wanted the name of each weight, once"),
    "trailing comma": ("W1,W2,", ValueError, "`order` is 'W1,W2,'; wanted"),
    "empty": ([], ValueError, r"`order` is \[\]; wanted"),
    "numbers": ([1, 2], TypeError, r"`order` is \[1, 2\]; wanted the names of the weights"),
    "set": ({"W1", "W2"}, TypeError, "wanted the names of the weights, as a list or as 'W1,W2'"),
    "wrong": ("W2,W1", ValueError, r"in the order W2, W1, `layers\[1\]` maps 2 -> 3 but `layers\[0\]` outputs 4"),
}


@pytest.mark.parametrize(("order", "error", "reason"), BAD_ORDERS.values(), ids=BAD_ORDERS)
def test_bad_orders(tmp_path, order, error, reason):
    path = write(tmp_path / "net.npz", chain([2, 3, 4]))
    with pytest.raises(error, match=reason):
        load_weights(path, order=order)


def test_an_order_that_contradicts_the_file(tmp_path):
    save_weights(tmp_path / "net.npz", LinearNetwork.random([2, 2, 2]))
    with pytest.raises(ValueError, match="`order` is W2, W1, but the file says W1, W2 itself"):
        load_weights(tmp_path / "net.npz", order="W2,W1")


@pytest.mark.parametrize("suffix", WRITTEN)
def test_float64_is_not_truncated_in_32_bit_mode(tmp_path, suffix):
    path = write(tmp_path / f"net{suffix}", chain([2, 2]))
    jax.config.update("jax_enable_x64", False)
    try:
        net = load_weights(path)
        assert isinstance(net.weights[0], np.ndarray)
        assert net.dtype == np.float64
        with pytest.raises(ValueError, match=r"`the network` is float64 but JAX runs in 32-bit mode.*jax_enable_x64"):
            net.to_jax()
    finally:
        jax.config.update("jax_enable_x64", True)


class Scaled(Dense):
    """A layer that files do not know."""


BAD_SAVES = {
    "suffix": ("net.txt", [Dense([[1.0]])], ValueError, r"ends in \.npz, \.safetensors\."),
    "pytorch": ("net.pt", [Dense([[1.0]])], ValueError, r"ends in \.npz, \.safetensors\."),
    "no folder": ("nowhere/net.npz", [Dense([[1.0]])], FileNotFoundError, "in a folder that does not exist"),
    "directory": (".", [Dense([[1.0]])], ValueError, "a directory; wanted a file"),
    "unknown layer": ("net.npz", [Scaled([[1.0]])], TypeError, "`net` has a Scaled; files can hold dense, residual"),
    "symbols": ("net.npz", [Dense(sympy.eye(2))], TypeError, "`net` holds symbols; wanted numbers"),
}


@pytest.mark.parametrize(("name", "layers", "error", "reason"), BAD_SAVES.values(), ids=BAD_SAVES)
def test_bad_saves(tmp_path, name, layers, error, reason):
    with pytest.raises(error, match=reason):
        save_weights(tmp_path / name, LinearNetwork(layers))
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    """Not the file beside it, which is written first."""

    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", full)
    path = tmp_path / "net.npz"
    with pytest.raises(
        OSError, match=re.escape(f"`path` is {path}, which cannot be written: No space left on device.")
    ):
        save_weights(path, LinearNetwork([Dense([[1.0]])]))


def test_saving_what_is_no_network(tmp_path):
    with pytest.raises(TypeError, match="net"):
        save_weights(tmp_path / "net.npz", chain([2, 2]))
