"""Weight sets in and out of files: what is saved loads back equal, whatever names and frameworks made of it."""

import io
import json
import os
import sys
import warnings
import zipfile

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file
from weight_files import WRITTEN, assert_same, chain, write

from dlntheory.files.arrays import read_arrays, write_arrays
from dlntheory.files.weights import load_weights, save_weights
from dlntheory.networks.layer import Dense
from dlntheory.networks.network import LinearNetwork
from dlntheory.networks.residual import Residual

# Round trips


LAYERS = st.fixed_dictionaries({"width": st.integers(1, 5), "bias": st.booleans(), "learn": st.booleans()})


def build(inputs, layers, dtype, seed):
    """A random network; where a layer keeps the width, a residual one if its bias is learned."""
    draw, net = np.random.default_rng(seed), []
    for spec in layers:
        shape = (spec["width"], inputs)
        bias = draw.standard_normal(shape[0]).astype(dtype) if spec["bias"] else None
        kind = Residual if shape[0] == shape[1] and spec["learn"] else Dense
        net.append(kind(draw.standard_normal(shape).astype(dtype), bias, learn_bias=spec["learn"]))
        inputs = spec["width"]
    return LinearNetwork(net)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("weights")


@given(
    inputs=st.integers(1, 5),
    layers=st.lists(LAYERS, min_size=1, max_size=12),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 2**32 - 1),
    suffix=st.sampled_from(WRITTEN),
)
def test_what_is_saved_loads_back_equal(folder, inputs, layers, dtype, seed, suffix):
    net = build(inputs, layers, dtype, seed)
    save_weights(folder / f"net{suffix}", net)
    assert_same(load_weights(folder / f"net{suffix}"), net)


@pytest.mark.parametrize("suffix", WRITTEN)
def test_saved_arrays_are_readable_without_this_library(tmp_path, suffix):
    net = LinearNetwork([Dense([[1.0, 2.0]], bias=[3.0]), Dense([[4.0], [5.0]])])
    save_weights(tmp_path / f"net{suffix}", net)
    if suffix == ".npz":
        with np.load(tmp_path / "net.npz") as archive:
            found = {name: archive[name].tolist() for name in archive if not name.startswith("__")}
    else:
        from safetensors.numpy import load_file

        found = {name: array.tolist() for name, array in load_file(tmp_path / "net.safetensors").items()}
    assert found == {"W1": [[1.0, 2.0]], "b1": [3.0], "W2": [[4.0], [5.0]]}


def test_a_transposed_array_is_saved_as_it_reads(tmp_path):
    weights = [np.asfortranarray(weight) for weight in chain([3, 4, 2]).values()]
    net = LinearNetwork.from_weights(weights)
    save_weights(tmp_path / "net.safetensors", net)
    assert_same(load_weights(tmp_path / "net.safetensors"), net)


def test_saving_replaces_a_file_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "net.npz"
    path.write_bytes(b"something old")
    save_weights(path, LinearNetwork.from_weights([[[1.0]]]))
    assert load_weights(path).widths == (1, 1)
    assert list(tmp_path.iterdir()) == [path]


def test_saving_keeps_permissions_and_links(tmp_path):
    """A file that others may not read stays so, and what a link points to is replaced."""
    path, link, net = tmp_path / "own.npz", tmp_path / "link.npz", LinearNetwork.from_weights(chain([3, 2]).values())
    save_weights(path, net)
    path.chmod(0o600)
    link.symlink_to(path.name)
    other = LinearNetwork.from_weights(chain([3, 2], seed=1).values())
    save_weights(link, other)
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o600
    assert_same(load_weights(path), other)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["link.npz", "own.npz"]


@pytest.mark.parametrize("names", [("W1.npy", "W1.npy"), ("W1.npy", "W1")])
def test_a_name_that_two_arrays_have_is_refused(tmp_path, names):
    """An archive may hold it twice, and NumPy would take the last."""
    with zipfile.ZipFile(tmp_path / "twice.npz", "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, value in zip(names, (1.0, 2.0), strict=True):
            with io.BytesIO() as buffer:
                np.lib.format.write_array(buffer, np.full((2, 2), value))
                archive.writestr(name, buffer.getvalue())
    with pytest.raises(ValueError, match="it has W1 twice"):
        load_weights(tmp_path / "twice.npz")


def test_a_name_that_two_tensors_have_is_refused(tmp_path):
    path = tmp_path / "twice.safetensors"
    save_file({"W1": np.eye(2)}, path)
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    [entry] = json.loads(content[8 : 8 + length]).values()
    header = f'{{"W1":{json.dumps(entry)},"W1":{json.dumps(entry)}}}'.encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + content[8 + length :])
    with pytest.raises(ValueError, match="it has W1 twice"):
        load_weights(path)


def test_a_failed_save_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "net.npz"
    path.write_bytes(b"something old")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        save_weights(path, LinearNetwork.from_weights([[[1.0]]]))
    assert path.read_bytes() == b"something old"
    assert list(tmp_path.iterdir()) == [path]


# Names and their order


@pytest.mark.parametrize("suffix", WRITTEN)
def test_natural_order(tmp_path, suffix):
    """W10 comes after W9; in alphabetical order the widths would not chain."""
    arrays = chain(range(2, 15))
    shuffled = dict(sorted(arrays.items()))
    assert list(shuffled) != list(arrays)
    net = load_weights(write(tmp_path / f"net{suffix}", shuffled))
    assert_same(net, LinearNetwork.from_weights(list(arrays.values())))


NAMES = {
    "letters": ("W1", "b1", "W2", "b2"),
    "small letters": ("w1", "b1", "w2", "b2"),
    "underscores": ("W_1", "b_1", "W_2", "b_2"),
    "from zero": ("W0", "b0", "W1", "b1"),
    "sequential": ("0.weight", "0.bias", "2.weight", "2.bias"),
    "modules": ("layers.9.weight", "layers.9.bias", "layers.10.weight", "layers.10.bias"),
    "capitals": ("Layer1.Weight", "Layer1.Bias", "layer2.Weight", "layer2.Bias"),
    "blocks": ("net.1.fc.weight", "net.1.fc.bias", "net.2.proj.weight", "net.2.proj.bias"),
    "numbers in numbers": ("b2.fc10.weight", "b2.fc10.bias", "b10.fc2.weight", "b10.fc2.bias"),
}


@pytest.mark.parametrize("suffix", WRITTEN)
@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_names(tmp_path, names, suffix):
    arrays = [np.eye(3, 2), np.arange(3.0), np.ones((4, 3)), np.arange(4.0)]
    path = write(tmp_path / f"net{suffix}", dict(zip(names, arrays, strict=True)))
    assert_same(load_weights(path), LinearNetwork.from_weights(arrays[::2], arrays[1::2]))


UNORDERED = {
    "a pair": ("encoder.weight", "decoder.weight"),
    "words": ("input.weight", "hidden.weight", "output.weight"),
    "a series and a head": ("layers.0.weight", "layers.1.weight", "fc_out.weight"),
    "a series and a head after it": ("layers.0.weight", "layers.1.weight", "out.weight"),
    "two series": ("encoder.0.weight", "encoder.2.weight", "decoder.0.weight", "decoder.2.weight"),
    "a head within": ("net.0.weight", "net.head.weight"),
    "the first without its number": ("dense.weight", "dense_1.weight"),
    "letters": ("a.weight", "b.weight"),
    "the same number": ("W1", "W01"),
    "two spellings": ("W1", "W_2"),
    "one within another": ("weight", "0.weight"),
}


@pytest.mark.parametrize("suffix", WRITTEN)
@pytest.mark.parametrize("names", UNORDERED.values(), ids=UNORDERED)
def test_an_order_that_names_do_not_tell_is_asked_for(tmp_path, names, suffix):
    """Square weights make a network in every order, and so in a wrong one."""
    weights = np.random.default_rng(0).normal(size=(len(names), 3, 3))
    path = write(tmp_path / f"net{suffix}", dict(zip(names, weights, strict=True)))
    with pytest.raises(
        ValueError, match=r"do not tell the order .*; wanted `order` \(on the command line --order\)"
    ) as got:
        load_weights(path)
    assert all(name in str(got.value) for name in names)
    assert "\n" not in str(got.value)
    assert_same(load_weights(path, ",".join(names)), LinearNetwork.from_weights(list(weights)))


@given(numbers=st.lists(st.integers(0, 200), min_size=1, max_size=6, unique=True), seed=st.integers(0, 9))
def test_a_numbered_series_is_read_by_its_numbers(folder, numbers, seed):
    draw = np.random.default_rng(seed)
    weights = {number: draw.normal(size=(3, 3)) for number in numbers}
    path = write(folder / "series.npz", {f"fc{number}.weight": weight for number, weight in weights.items()})
    assert_same(load_weights(path), LinearNetwork.from_weights([weights[number] for number in sorted(numbers)]))


def test_numbers_in_the_other_byte_order_are_the_same_numbers(tmp_path):
    weights = chain([3, 4, 2])
    swapped = {name: weight.astype(weight.dtype.newbyteorder("S")) for name, weight in weights.items()}
    np.savez(tmp_path / "net.npz", **swapped)
    assert_same(load_weights(tmp_path / "net.npz"), LinearNetwork.from_weights(list(weights.values())))


@pytest.mark.parametrize("suffix", WRITTEN)
@pytest.mark.parametrize(
    "view",
    [
        lambda a: a.T,
        lambda a: a[:, ::-2],
        lambda a: np.broadcast_to(a[:1], a.shape),
        lambda a: a.astype(a.dtype.newbyteorder("S")),
        lambda a: np.asfortranarray(a).astype(">f4"),
    ],
)
def test_arrays_are_written_as_they_read_wherever_they_lie_in_memory(tmp_path, suffix, view):
    array = view(np.random.default_rng(0).normal(size=(3, 4)))
    write_arrays(tmp_path / f"arrays{suffix}", {"a": array, "one": np.array(2.0)}, None)
    found, _ = read_arrays(tmp_path / f"arrays{suffix}")
    np.testing.assert_array_equal(found["a"], array)
    assert found["a"].dtype.isnative
    assert found["one"].shape == ()


def test_only_some_layers_have_biases(tmp_path):
    path = write(tmp_path / "net.npz", {**chain([2, 3, 4]), "b2": np.ones(4)})
    assert [bias is None for bias in load_weights(path).biases] == [True, False]


def test_a_single_layer_of_a_framework(tmp_path):
    path = write(tmp_path / "net.npz", {"weight": np.eye(2), "bias": np.ones(2)})
    assert_same(load_weights(path), LinearNetwork.from_weights([np.eye(2)], [np.ones(2)]))


@pytest.mark.parametrize("order", [["W2", "W1"], ("W2", "W1"), "W2,W1", " W2, W1 "])
def test_order_takes_biases_along(tmp_path, order):
    first, second = chain([3, 2, 3]).values()
    path = write(tmp_path / "net.npz", {"W1": second, "b1": np.ones(3), "W2": first, "b2": np.zeros(2)})
    expected = LinearNetwork.from_weights([first, second], [np.zeros(2), np.ones(3)])
    assert_same(load_weights(path, order=order), expected)


def test_order_of_names_that_no_convention_knows(tmp_path):
    path = write(tmp_path / "net.npz", {"encoder": np.eye(2, 3), "decoder": np.eye(3, 2)})
    assert load_weights(path, order="encoder,decoder").widths == (3, 2, 3)


def test_the_order_that_a_saved_file_records_may_be_repeated(tmp_path):
    net = LinearNetwork.random([2, 3, 1])
    save_weights(tmp_path / "net.npz", net)
    assert_same(load_weights(tmp_path / "net.npz", order="W1,W2"), net)


def test_layers_of_different_precision_take_the_highest(tmp_path):
    path = write(tmp_path / "net.npz", {"W1": np.eye(2, dtype=np.float32), "W2": np.eye(2)})
    assert load_weights(path).dtype == jnp.float64


# PyTorch


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".PT"])
@pytest.mark.parametrize("bias", [True, False])
def test_a_pytorch_state_dict(tmp_path, suffix, bias):
    """PyTorch's own forward pass is the oracle."""
    torch = pytest.importorskip("torch")
    from torch import nn

    torch.manual_seed(0)
    model = nn.Sequential(*(nn.Linear(n, n + 1, bias=bias) for n in range(3, 15))).double()
    torch.save(model.state_dict(), tmp_path / f"net{suffix}")
    x = torch.randn(5, 3, dtype=torch.float64)
    predicted = load_weights(tmp_path / f"net{suffix}")(x.numpy())
    np.testing.assert_allclose(predicted, model(x).detach().numpy(), rtol=1e-12, atol=1e-15)  # outputs of about 1e-4


def test_the_legacy_format_of_pytorch(tmp_path):
    torch = pytest.importorskip("torch")
    state = {"W1": torch.ones(2, 3)}
    torch.save(state, tmp_path / "net.pt", _use_new_zipfile_serialization=False)
    assert load_weights(tmp_path / "net.pt").widths == (3, 2)


def test_a_pytorch_file_without_pytorch(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "net.pt").write_bytes(b"anything")
    with pytest.raises(ImportError, match=r"net\.pt needs PyTorch.*pip install 'dlntheory\[pytorch\]'"):
        load_weights(tmp_path / "net.pt")
