"""The catalogue of data sets: what is bundled, what is missing, and real files.

Oracle: known counts of labels; the command that a message names.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from image_files import write_mnist

from dlntheory.pcn.data import bundled
from dlntheory.pcn.data.bundled import BUNDLED
from dlntheory.pcn.data.catalogue import SOURCES, check_name, load_dataset

BY_HAND = ("cifar10-jpeg", "celeba", "celeba-200")
"""What no command gets."""
pytestmark = pytest.mark.filterwarnings("ignore:.*training and .* test samples:UserWarning")


@pytest.mark.parametrize("name", SOURCES)
def test_missing_data_give_the_command(name, tmp_path):
    with pytest.raises(FileNotFoundError, match=f"To get {name}:") as refusal:
        load_dataset(name, tmp_path / "nowhere")
    assert "curl" in str(refusal.value) or name in BY_HAND
    with pytest.raises(ValueError, match="`data_dir` is missing"):
        check_name(name, None)


def test_unknown_data():
    with pytest.raises(ValueError, match=r"wanted one of digits, .*mnist"):
        load_dataset("minst")
    with pytest.raises(TypeError, match="`data`"):
        check_name(3, None)


@pytest.mark.filterwarnings("error")
def test_small_copy_is_reported(tmp_path):
    write_mnist(tmp_path)
    with pytest.warns(UserWarning, match="6 training and 4 test samples; mnist has 60000"):
        load_dataset("mnist", tmp_path)


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_data_are_always_the_same(name):
    data, again = load_dataset(name), load_dataset(name)
    np.testing.assert_array_equal(data.train.samples, again.train.samples)
    assert set(data.train.labels) == set(data.test.labels) == set(range(data.classes))


@pytest.mark.parametrize("name", ["digits", "iris"])
@pytest.mark.parametrize("at_hand", [True, False])
def test_scikit_learn_s_files_are_what_it_loads(name, at_hand, monkeypatch):
    import sklearn.datasets

    if not at_hand:  # as with a version that has the files elsewhere
        monkeypatch.setattr(bundled, "find_spec", lambda _: None)
    for own, theirs in zip(
        bundled.rows_and_labels(name), getattr(sklearn.datasets, f"load_{name}")(return_X_y=True), strict=True
    ):
        np.testing.assert_array_equal(own, theirs, strict=True)


def test_digits_do_not_import_scikit_learn():
    code = "import sys; from dlntheory.pcn.data.bundled import digits; digits(); print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def test_openml(monkeypatch):
    import sklearn.datasets

    def fetch(name, **options):
        if name != "small":
            raise sklearn.datasets._openml.OpenMLError("no such data set")
        return np.arange(20).reshape(10, 2), np.array(["b", "a"] * 5)

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch)
    data = load_dataset("openml:small")
    assert (len(data.train), len(data.test), data.classes) == (8, 2, 2)
    with pytest.raises(ValueError, match=r"OpenML's data set 'other' cannot be used"):
        load_dataset("openml:other")


REAL = Path(__file__).parents[3] / "shared" / "data" / "mnist"


@pytest.mark.skipif(not REAL.is_dir(), reason="the files of MNIST are not in ../shared/data/mnist")
@pytest.mark.filterwarnings("error")
def test_mnist_itself():
    data = load_dataset("mnist", REAL)
    assert np.bincount(data.train.labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
