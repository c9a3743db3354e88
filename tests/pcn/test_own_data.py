"""Data of one's own: what a file may hold, what is refused, and batches larger than the data.

Oracles: the arrays that the file was made of; scikit-learn's standardisation by its definition.
"""

import re

import numpy as np
import pytest

from dlntheory.numerics.checks import meant, one_of
from dlntheory.pcn.data.catalogue import check_name, load_dataset
from dlntheory.pcn.runs.config import TrainingConfig
from dlntheory.pcn.runs.trainer import Trainer

DRAW = np.random.default_rng(0)
X = DRAW.normal(3, 2, size=(20, 3))
Y = np.arange(20) % 2


@pytest.fixture
def save(tmp_path):
    def write(**arrays):
        np.savez(tmp_path / "my.npz", **arrays)
        return str(tmp_path / "my.npz")

    return write


def write(tmp_path, text, name="my.csv"):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return str(tmp_path / name)


@pytest.mark.parametrize(
    "labels",
    [Y, Y.astype(float), Y + 7, np.array(["cat", "dog"])[Y], np.eye(2)[Y], Y.astype(bool)],
    ids=["numbers", "floats", "shifted", "words", "one-hot", "bool"],
)
def test_labels_are_classes_in_their_order(labels, save):
    data = load_dataset(save(x=X, y=labels))
    assert (data.classes, len(data.train), len(data.test)) == (2, 16, 4)
    samples = np.concatenate([data.test.samples, data.train.samples])
    classes = np.concatenate([data.test.labels, data.train.labels])
    places = [int(np.flatnonzero(np.isclose(X, each, atol=1e-5).all(axis=1))[0]) for each in samples]
    assert sorted(places) == list(range(20))
    np.testing.assert_array_equal(classes, Y[places])
    np.testing.assert_allclose(data.normalisation.mean, data.train.samples.mean(axis=0), rtol=1e-6)


def test_a_split_of_ones_own_stays(save):
    data = load_dataset(save(x_train=X[:15], y_train=Y[:15], x_test=X[15:], y_test=Y[15:]))
    np.testing.assert_array_equal(data.train.labels, Y[:15])
    np.testing.assert_allclose(data.test.samples, X[15:], rtol=1e-6)


def test_images_are_normalised_by_channel(save):
    images = DRAW.uniform(0, 255, size=(20, 3, 4, 4)).astype(np.uint8)
    data = load_dataset(save(x=images, y=Y))
    assert data.shape == (3, 4, 4)
    np.testing.assert_allclose(data.normalisation.mean, data.train.samples.mean(axis=(0, 2, 3)), rtol=1e-6)


def test_a_table_with_names_and_words(tmp_path):
    lines = [f"{a},{b},{'yes' if y else 'no'}" for (a, b, _), y in zip(X, Y, strict=True)]
    with_names = load_dataset(write(tmp_path, "\n".join(["height,width,answer", *lines])))
    without = load_dataset(write(tmp_path, "\n".join(lines) + "\n", "other.csv"))
    np.testing.assert_array_equal(with_names.train.samples, without.train.samples)
    assert (with_names.classes, with_names.shape, with_names.name) == (2, (2,), "my")


BAD = {
    "other arrays": ({"a": X, "y": Y}, "has the arrays a, y; wanted arrays x and y, or x_train"),
    "words for samples": ({"x": np.array([["a"]] * 20), "y": Y}, "`x` of .* has dtype <U1; wanted numbers"),
    "one sample": ({"x": X[0], "y": Y}, r"`x` of .* has shape \(3,\)"),
    "NaN": ({"x": np.where(X > 4, np.nan, X), "y": Y}, "`x` of .* holds NaN"),
    "fewer labels": ({"x": X, "y": Y[:5]}, "20 samples and 5 labels"),
    "numbers that are no classes": ({"x": X, "y": X[:, 0]}, "which is no class"),
    "soft labels": ({"x": X, "y": np.full((20, 2), 0.5)}, "rows that are not zero but for a single 1"),
    "one class": ({"x": X, "y": 0 * Y}, "single class 0"),
    "a class of the test only": (
        {"x_train": X[:4], "y_train": Y[:4], "x_test": X[:1], "y_test": [5]}, "no training sample of the class 5"),
}  # fmt: skip


@pytest.mark.parametrize(("arrays", "message"), BAD.values(), ids=BAD)
def test_bad_arrays(arrays, message, save):
    with pytest.raises(ValueError, match=message):
        load_dataset(save(**arrays))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no line of numbers with a label"),
        ("1\n2\n", "no line of numbers with a label"),
        ("a,b,c\n1,2,x\n1,oops,y\n", "as its sample 1; wanted 2 numbers and a label"),
        ("1,2,x\n1,y\n", "as its sample 1"),
    ],
)
def test_bad_tables(text, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        load_dataset(write(tmp_path, text))


@pytest.mark.parametrize("first", ["0,1,2,3", "0,1,2,label", "2019,2020,2021,label"])
def test_a_first_line_of_numbers_may_be_names(first, tmp_path):
    """As pandas writes them for a table without names."""
    lines = [",".join(map(str, [*row, label])) for row, label in zip(X, Y, strict=True)]
    with pytest.raises(ValueError, match="begins with a line of numbers that may be names"):
        load_dataset(write(tmp_path, "\n".join([first, *lines])))
    assert load_dataset(write(tmp_path, "\n".join([*lines, "0,1,2,1"]))).classes == 2


@pytest.mark.parametrize("first", ["1.0,,a", "NA,2,a", "?,?, b", "1,2;5,b"])
def test_a_first_sample_with_a_gap_is_not_taken_for_names(first, tmp_path):
    """It would be dropped without a word."""
    path = tmp_path / "gap.csv"
    path.write_text("\n".join([first, *(f"{n * 1.5},{n % 3},{'ab'[n % 2]}" for n in range(10))]))
    with pytest.raises(ValueError, match="which ends in a label that other samples have, and is not all numbers"):
        load_dataset(str(path))


@pytest.mark.parametrize("names", [",a,b,c,label\n", "Unnamed: 0,a,b,c,label\n", ""])
def test_a_first_column_may_count_the_lines(names, tmp_path):
    lines = [",".join(map(str, [n, *row, label])) for n, (row, label) in enumerate(zip(X, Y, strict=True))]
    with pytest.raises(ValueError, match="a first column without a name that counts the lines"):
        load_dataset(write(tmp_path, names + "\n".join(lines)))
    assert load_dataset(write(tmp_path, "time,a,b,c,label\n" + "\n".join(lines))).shape == (4,)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [(("007", "7"), 2), (("1.0", "1", "2"), 2), ((str(2**53), str(2**53 + 1)), 2), (("1_0", "10"), 2)],
)
def test_labels_that_are_written_differently_are_not_mixed_up(labels, classes, tmp_path):
    lines = [f"{x},{labels[n % len(labels)]}" for n, x in enumerate(X[:, 0])]
    assert load_dataset(write(tmp_path, "\n".join(lines))).classes == classes


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"1,2,a\n3,4,\n", "as its sample 1; wanted 2 numbers and a label"),
        ("1,2,é\n".encode("latin-1"), "is no text in UTF-8"),
        ("1,2,a\n".encode("utf-16"), "is no text in UTF-8"),
        (b"9" * 200_000 + b",1,0\n", "cannot be read as .csv"),
        (b"1,inf\n2,0\n", "inf, which is no class"),
    ],
    ids=["no label", "latin-1", "utf-16", "endless", "infinite"],
)
def test_text_that_is_no_table(content, message, tmp_path):
    (tmp_path / "my.csv").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load_dataset(str(tmp_path / "my.csv"))


def test_samples_keep_their_precision(save):
    assert load_dataset(save(x=X, y=Y)).train.samples.dtype == np.float64
    assert load_dataset(save(x=X.astype(np.float16), y=Y)).train.samples.dtype == np.float32
    constant = np.concatenate([X, np.full((20, 1), 1e9 + 0.1)], axis=1)
    assert load_dataset(save(x=constant, y=Y)).shape == (4,)
    for lost in (X + 1e9, np.arange(60).reshape(20, 3) + 2**40):
        with pytest.raises(ValueError, match="numbers that 32 bits do not tell apart"):
            load_dataset(save(x=lost, y=Y))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_images_with_the_channels_last_are_asked_for_in_another_order(channels, save):
    images = DRAW.uniform(size=(20, 6, 5, channels))
    with pytest.raises(ValueError, match=r"looks like images \(N, H, W, C\)"):
        load_dataset(save(x=images, y=Y))
    assert load_dataset(save(x=images.transpose(0, 3, 1, 2), y=Y)).shape == (channels, 6, 5)
    assert load_dataset(save(x=images.swapaxes(2, 3), y=Y)).shape == (6, channels, 5)


@pytest.mark.parametrize("test_labels", [Y.astype(str), np.eye(2)[Y], np.eye(3)[Y]])
def test_labels_of_two_kinds_are_refused(test_labels, save):
    train_labels = np.eye(2)[Y] if test_labels.shape[1:] == (3,) else Y
    with pytest.raises(ValueError, match="labels of another kind"):
        load_dataset(save(x_train=X, y_train=train_labels, x_test=X, y_test=test_labels))


def test_a_missing_file_and_a_near_name():
    with pytest.raises(FileNotFoundError, match=re.escape("none.npz")):
        check_name("none.npz", None)
    with pytest.raises(ValueError, match="Did you mean 'digits'"):
        check_name("digit", None)
    with pytest.raises(ValueError, match="Did you mean 'PC-SE'"):
        TrainingConfig(algorithm="PC").check()
    with pytest.raises(ValueError, match="Did you mean 'decorrelated'"):
        one_of("rescaling", "decorelated", (None, "adaptive", "decorrelated"))
    assert meant("hebb", ["bp", "pc"]) == ""


def test_a_batch_larger_than_the_data_is_all_of_it(save):
    config = TrainingConfig(data=save(x=X, y=Y), hidden=(4,), algorithm="BP-SE", batch_size=100)
    with pytest.warns(UserWarning, match="there are 16 training samples: each step takes 16"):
        trainer = Trainer(config, load_dataset(config.data))
    assert trainer.batches(0).shape == (1, 16)
    assert config.data_name == "my"
