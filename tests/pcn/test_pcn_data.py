"""Data sets: files written here in every layout are read back, damaged and hostile ones refused.

Oracle: the arrays that the files were written from.
"""

import gzip
import io
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from image_files import draw, write_mnist
from PIL import Image

from dlntheory.pcn.data.catalogue import load_dataset
from dlntheory.pcn.data.cifar import CIFAR10, CIFAR100
from dlntheory.pcn.data.mnist import IDX_PARTS, find_any
from dlntheory.pcn.data.pictures import CIFAR10_CLASSES

pytestmark = pytest.mark.filterwarnings("ignore:.*training and .* test samples:UserWarning")


def assert_same(split, images, labels):
    np.testing.assert_array_equal(split.samples, images)
    np.testing.assert_array_equal(split.labels, labels)
    assert split.labels.dtype == np.int32


# -- Files ------------------------------------------------------------------------------------------------------------


def write_cifar_binary(folder, layout):
    folder = folder / layout.binary
    folder.mkdir()
    drawn = {}
    for seed, name in enumerate((*layout.train, *layout.test)):
        images, labels = draw(3, (3, 32, 32), 10, seed)
        coarse = np.zeros((3, layout.labels - 1), np.uint8)
        np.hstack([coarse, labels[:, None], images.reshape(3, -1)]).tofile(folder / f"{name}.bin")
        drawn[name] = images, labels
    return drawn


class OldArray:
    """Pickles as NumPy 1 under Python 2 did."""

    def __init__(self, array):
        self.array = array

    def __reduce__(self):
        state = (1, self.array.shape, np.dtype("u1"), False, self.array.tobytes())
        return np.zeros(0, "u1").__reduce__()[0], (np.ndarray, (0,), b"b"), state


def write_cifar_python(folder, layout):
    folder = folder / layout.python
    folder.mkdir()
    drawn = {}
    for seed, name in enumerate((*layout.train, *layout.test)):
        images, labels = draw(3, (3, 32, 32), 10, seed)
        data = images.reshape(3, -1)
        contents = {b"data": OldArray(data) if seed else data, layout.key.encode(): labels.tolist()}
        (folder / name).write_bytes(pickle.dumps(contents, protocol=2))
        drawn[name] = images, labels
    return drawn


def joined(drawn, names):
    return (np.concatenate(each) for each in zip(*(drawn[name] for name in names), strict=True))


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "kmnist"])
def test_idx(name, tmp_path):
    drawn = write_mnist(tmp_path)
    packed = tmp_path / f"{IDX_PARTS[0]}.gz"
    packed.write_bytes(gzip.compress((tmp_path / IDX_PARTS[0]).read_bytes()))
    (tmp_path / IDX_PARTS[0]).unlink()
    data = load_dataset(name, tmp_path)
    for split, (images, labels) in zip((data.train, data.test), drawn, strict=True):
        assert_same(split, images[:, None], labels)
    assert data.shape == (1, 28, 28)
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(ValueError, match="damaged"):
        load_dataset(name, tmp_path)


def dotted(folder):
    for name in IDX_PARTS:
        (folder / name).rename(folder / name.replace("-idx", ".idx"))


def zipped(folder):
    dotted(folder)
    for path in list(folder.iterdir()):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()


def each_in_a_folder(folder):
    for name in IDX_PARTS:
        (folder / name).rename(folder / "file")
        (folder / name).mkdir()
        (folder / "file").rename(folder / name / name.replace("-idx", ".idx"))


@pytest.mark.parametrize("change", [dotted, zipped, each_in_a_folder, lambda _: None])
@pytest.mark.parametrize(
    ("name", "place"),
    [("mnist", "."), ("mnist", "raw"), ("mnist", "MNIST/raw"), ("fashion-mnist", "FashionMNIST/raw"),
     ("kmnist", "KMNIST/raw"), ("fashion-mnist", "fashion-mnist")],
)  # fmt: skip
def test_idx_under_other_names_and_in_other_places(name, place, change, tmp_path):
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    drawn = write_mnist(tmp_path / place)
    change(tmp_path / place)
    data = load_dataset(name, tmp_path)
    for split, (images, labels) in zip((data.train, data.test), drawn, strict=True):
        assert_same(split, images[:, None], labels)
    if place != "." and place != "raw":
        found = find_any(tmp_path)
        assert found.name == place.partition("/")[0]
        assert found.folder == tmp_path / place


def test_a_file_that_is_there_twice_is_read_if_both_hold_the_same(tmp_path):
    (images, classes), _ = write_mnist(tmp_path)
    labels = tmp_path / "train-labels-idx1-ubyte"
    (tmp_path / f"{labels.name}.gz").write_bytes(gzip.compress(labels.read_bytes()))
    assert_same(load_dataset("mnist", tmp_path).train, images[:, None], classes)
    data = labels.read_bytes()
    (tmp_path / f"{labels.name}.gz").write_bytes(gzip.compress(data[:-1] + bytes([data[-1] ^ 1])))
    with pytest.raises(ValueError, match="hold different numbers; wanted one of them"):
        load_dataset("mnist", tmp_path)


def test_the_files_of_one_data_set_are_in_one_place(tmp_path):
    """Images of one are never read with labels of another."""
    for place in ("MNIST/raw", "FashionMNIST/raw"):
        (tmp_path / place).mkdir(parents=True)
        write_mnist(tmp_path / place)
    with pytest.raises(ValueError, match=r"several data sets; wanted one of .*FashionMNIST.raw, .*MNIST.raw"):
        find_any(tmp_path)
    assert find_any(tmp_path / "MNIST").name == "MNIST"
    with pytest.raises(FileNotFoundError, match="KMNIST"):
        load_dataset("kmnist", tmp_path)
    (tmp_path / "MNIST" / "raw" / IDX_PARTS[1]).rename(tmp_path / IDX_PARTS[1])
    with pytest.raises(FileNotFoundError, match=f"has no {IDX_PARTS[0]}"):
        load_dataset("mnist", tmp_path)


def test_another_folder_has_its_own_name(tmp_path):
    (tmp_path / "mine").mkdir()
    write_mnist(tmp_path / "mine")
    assert find_any(tmp_path / "mine").name == "mine"


def by_numpy_1(data):
    """The pickle with the names that NumPy 1 gave its functions, and without the frame that says its length."""
    assert data[2:3] == pickle.FRAME
    unframed = data[:2] + data[11:]
    for module in (b"numeric", b"multiarray"):
        new, old = b"numpy._core." + module, b"numpy.core." + module
        unframed = unframed.replace(bytes([len(new)]) + new, bytes([len(old)]) + old)
    assert b"_core" not in unframed
    return unframed


@pytest.mark.grid
@pytest.mark.parametrize(("protocol", "old"), [*((protocol, False) for protocol in range(6)), (4, True), (5, True)])
@pytest.mark.parametrize(
    "labels",
    [list, np.asarray, lambda drawn: drawn.astype(np.int64), lambda drawn: drawn.astype(">i4"),
     lambda drawn: list(drawn.astype(np.int64))],
    ids=["list", "bytes", "int64", "swapped", "scalars"],
)  # fmt: skip
@pytest.mark.parametrize("order", ["C", "F", "read only", "strided"])
def test_cifar_pickled_anew(order, labels, protocol, old, tmp_path):
    (tmp_path / CIFAR10.python).mkdir()
    images, drawn = draw(3, (3, 32, 32), 10)
    data = np.array(images.reshape(3, -1), order="F" if order == "F" else "C")
    if order == "strided":
        data = np.repeat(data, 2, axis=0)[::2]
    data.flags.writeable = order != "read only"
    given = drawn.tolist() if labels is list else labels(drawn)
    contents = pickle.dumps({"data": data, "labels": given}, protocol=protocol)
    for name in (*CIFAR10.train, *CIFAR10.test):
        (tmp_path / CIFAR10.python / name).write_bytes(by_numpy_1(contents) if old else contents)
    assert_same(load_dataset("cifar10", tmp_path).test, images, drawn)


@pytest.mark.parametrize(("name", "layout"), [("cifar10", CIFAR10), ("cifar100", CIFAR100)])
@pytest.mark.parametrize("write", [write_cifar_binary, write_cifar_python])
def test_cifar(name, layout, write, tmp_path):
    drawn = write(tmp_path, layout)
    data = load_dataset(name, tmp_path)
    assert_same(data.train, *joined(drawn, layout.train))
    assert_same(data.test, *joined(drawn, layout.test))
    first = next(path for path in sorted(tmp_path.rglob("*")) if path.is_file())
    first.write_bytes(first.read_bytes()[:-1])
    with pytest.raises(ValueError, match=first.name):
        load_dataset(name, tmp_path)
    first.unlink()
    with pytest.raises(FileNotFoundError):
        load_dataset(name, tmp_path)


def test_cifar_batches_have_one_size(tmp_path):
    write_cifar_binary(tmp_path, CIFAR10)
    path = tmp_path / CIFAR10.binary / "data_batch_4.bin"
    path.write_bytes(path.read_bytes()[: -(1 + 3072)])
    with pytest.raises(ValueError, match=r"2, 3.*same number"):
        load_dataset("cifar10", tmp_path)


class Hostile:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    "hostile",
    [Hostile(Path.touch, Path("touched")), Hostile(eval, "1"), np.array([{}], object), np.zeros(3), Path("x")],
    ids=["call", "eval", "objects", "floats", "path"],
)
def test_pickles_that_hold_anything_else_are_refused(hostile, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_cifar_python(tmp_path, CIFAR100)
    (tmp_path / CIFAR100.python / "train").write_bytes(pickle.dumps({b"data": hostile}, protocol=2))
    with pytest.raises(ValueError, match="cannot be read as a pickle of arrays"):
        load_dataset("cifar100", tmp_path)
    assert not Path("touched").exists()


def test_pickle_without_images(tmp_path):
    write_cifar_python(tmp_path, CIFAR100)
    for contents, wanted in (([1], "dictionary"), ({"data": 1}, "`data`")):
        (tmp_path / CIFAR100.python / "train").write_bytes(pickle.dumps(contents, protocol=2))
        with pytest.raises(ValueError, match=wanted):
            load_dataset("cifar100", tmp_path)


def jpeg(size, shade, mode="RGB"):
    buffer = io.BytesIO()
    Image.new(mode, (size, size), shade).save(buffer, "JPEG")
    return buffer.getvalue()


def write_jpegs(folder):
    for part, count in {"train": 2, "test": 1}.items():
        for label, name in enumerate(CIFAR10_CLASSES):
            (folder / part / name).mkdir(parents=True)
            for number in range(count):
                (folder / part / name / f"{number:04}.jpg").write_bytes(jpeg(32, (20 * label, 0, 0)))


def test_cifar10_jpeg(tmp_path):
    loose, packed = tmp_path / "loose", tmp_path / "packed"
    write_jpegs(loose)
    packed.mkdir()
    with tarfile.open(packed / "cifar10-jpeg.tar.xz", "w:xz") as archive:
        for part in ("test", "train"):
            archive.add(loose / part, part)
    data, unpacked = load_dataset("cifar10-jpeg", packed), load_dataset("cifar10-jpeg", loose)
    assert data.train.labels.tolist() == np.repeat(np.arange(10), 2).tolist()
    assert abs(data.train.samples[:, 0].mean((1, 2)) - 20 * data.train.labels).max() <= 2
    for part in ("train", "test"):
        assert_same(getattr(data, part), getattr(unpacked, part).samples, getattr(unpacked, part).labels)
    whole = (packed / "cifar10-jpeg.tar.xz").read_bytes()
    (packed / "cifar10-jpeg.tar.xz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="cut off"):
        load_dataset("cifar10-jpeg", packed)
    for damaged in (jpeg(32, (9, 9, 9))[:-200], jpeg(16, (9, 9, 9)), b"no picture"):
        (loose / "train" / "cat" / "0000.jpg").write_bytes(damaged)
        with pytest.raises(ValueError, match=r"cat.0000\.jpg is a damaged picture"):
            load_dataset("cifar10-jpeg", loose)


def test_tiny_imagenet(tmp_path):
    root = tmp_path / "tiny-imagenet-200"
    (root / "val" / "images").mkdir(parents=True)
    (root / "wnids.txt").write_text("n02\nn01\n")
    for name, shade in {"n01": 50, "n02": 200}.items():
        (root / "train" / name / "images").mkdir(parents=True)
        (root / "train" / name / "images" / f"{name}_0.JPEG").write_bytes(jpeg(64, shade, "L"))
        (root / "val" / "images" / f"val_{name}.JPEG").write_bytes(jpeg(64, (shade, shade, shade)))
    annotations = root / "val" / "val_annotations.txt"
    annotations.write_text("val_n01.JPEG\tn01\t0\t0\t9\t9\nval_n02.JPEG\tn02\t0\t0\t9\t9\n")
    data = load_dataset("tiny-imagenet", tmp_path)
    assert data.train.labels.tolist() == [0, 1]
    assert data.test.labels.tolist() == [1, 0]
    assert abs(data.train.samples.mean((1, 2, 3)) - [200, 50]).max() <= 2
    assert data.shape == (3, 64, 64)
    annotations.write_text("../../etc/passwd\tn01\n")
    with pytest.raises(ValueError, match="val_annotations"):
        load_dataset("tiny-imagenet", tmp_path)


def write_tiny(root, train, test, suffix):
    """Two classes, one picture of each in each part; a class's pictures have its brightness."""
    for name, shade in {"n01": 50, "n02": 200}.items():
        for part, place in {"train": train, "val": test}.items():
            path = root / part / place.format(name) / f"{part}_{name}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(jpeg(64, (shade, shade, shade)))
    lines = "".join(f"val_{name}.{suffix}\t{name}\t0\t0\t9\t9\n" for name in ("n01", "n02"))
    (root / "val" / "val_annotations.txt").write_text(lines)
    (root / "wnids.txt").write_text("n02\nn01\n")


@pytest.mark.parametrize("train", ["{}/images", "{}"])
@pytest.mark.parametrize("test", ["images", "{}/images", "{}"])
@pytest.mark.parametrize("suffix", ["JPEG", "jpg"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_tiny_imagenet_in_other_layouts(train, test, suffix, encoding, tmp_path):
    write_tiny(tmp_path, train, test, suffix)
    (tmp_path / "val" / "images").mkdir(exist_ok=True)  # what is left where pictures were moved
    for path in (tmp_path / "wnids.txt", tmp_path / "val" / "val_annotations.txt"):
        path.write_bytes(path.read_text().replace("\n", "\r\n").encode(encoding))
    data = load_dataset("tiny-imagenet", tmp_path)
    for split in (data.train, data.test):
        assert abs(split.samples.mean((1, 2, 3)) - np.array([200, 50])[split.labels]).max() <= 2
        assert sorted(split.labels) == [0, 1]


def test_pictures_of_another_kind_are_not_left_out(tmp_path):
    write_jpegs(tmp_path)
    folder = next((tmp_path / "train").iterdir())
    (folder / "one.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"one.png would be left out; wanted JPEGs alone"):
        load_dataset("cifar10-jpeg", tmp_path)


def test_pictures_without_a_class_are_not_left_out(tmp_path):
    write_tiny(tmp_path, "{}", "images", "JPEG")
    (tmp_path / "val" / "images" / "val_9.JPEG").write_bytes(jpeg(64, (0, 0, 0)))
    with pytest.raises(ValueError, match=r"says nothing of val_9\.JPEG"):
        load_dataset("tiny-imagenet", tmp_path)
    (tmp_path / "wnids.txt").write_bytes(b"\xff\xfen\xd8")
    with pytest.raises(ValueError, match="no text"):
        load_dataset("tiny-imagenet", tmp_path)
    (tmp_path / "wnids.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"no wnids\.txt"):
        load_dataset("tiny-imagenet", tmp_path)
