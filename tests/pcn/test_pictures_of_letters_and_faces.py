"""EMNIST letters, notMNIST and CelebA from small files.

Oracle: the arrays that were written; cut and resized faces, the resampled functions of the place that pixels show.
"""

import io

import numpy as np
import pytest
from image_files import write_celeba, write_emnist_letters, write_notmnist
from PIL import Image

from dlntheory.pcn.data.catalogue import load_dataset
from dlntheory.pcn.data.celeba import MIDDLE, WHOLE, read_celeba
from dlntheory.pcn.runs.config import TrainingConfig
from dlntheory.pcn.runs.run import run_training

pytestmark = pytest.mark.filterwarnings("ignore:.*training and .* test samples:UserWarning")


@pytest.mark.parametrize("place", [".", "gzip", "EMNIST/raw", "emnist-letters"])
def test_letters_of_emnist_stand_upright_and_begin_at_zero(place, tmp_path):
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    drawn = write_emnist_letters(tmp_path / place)
    data = load_dataset("emnist-letters", tmp_path)
    for split, (images, classes) in zip((data.train, data.test), drawn, strict=True):
        np.testing.assert_array_equal(split.samples[:, 0], images)
        np.testing.assert_array_equal(split.labels, classes)
    assert (data.shape, data.classes) == ((1, 28, 28), 26)


def test_notmnist_leaves_out_what_is_no_picture(tmp_path):
    drawn = write_notmnist(tmp_path / "notMNIST_small")
    data = load_dataset("notmnist", tmp_path)
    assert (len(data.train), len(data.test), data.shape, data.classes) == (40, 10, (1, 28, 28), 10)
    found = {
        (int(y), x.tobytes()) for part in (data.train, data.test) for x, y in zip(*vars(part).values(), strict=True)
    }
    assert found == {(label, image.tobytes()) for label, images in drawn.items() for image in images}
    again = load_dataset("notmnist", tmp_path / "notMNIST_small")
    np.testing.assert_array_equal(again.test.samples, data.test.samples)


def test_notmnist_that_cannot_be_used_is_refused(tmp_path):
    write_notmnist(tmp_path)
    odd = tmp_path / "B" / "wide.png"
    Image.new("L", (29, 28)).save(odd)
    with pytest.raises(ValueError, match=r"B.wide\.png is no letter of notMNIST: it has \(29, 28\) pixels"):
        load_dataset("notmnist", tmp_path)
    odd.rename(odd.with_suffix(".jpg"))
    with pytest.raises(ValueError, match=r"wide.jpg would be left out; wanted PNGs alone"):
        load_dataset("notmnist", tmp_path)
    for path in (tmp_path / "C").iterdir():
        path.write_bytes(b"no picture")
    odd.with_suffix(".jpg").unlink()
    with pytest.raises(FileNotFoundError, match="C has no pictures"):
        load_dataset("notmnist", tmp_path)


@pytest.mark.parametrize(("name", "side"), [("celeba", 64), ("celeba-200", 200)])
def test_celeba_has_two_of_its_three_parts(name, side, tmp_path):
    write_celeba(tmp_path / "celeba", "001221")
    data = load_dataset(name, tmp_path)
    assert (len(data.train), len(data.test), data.shape, data.classes) == (2, 2, (3, side, side), 1)
    assert np.abs(data.train.samples.mean((1, 2, 3)) - [20, 40]).max() <= 2
    assert np.abs(data.test.samples.mean((1, 2, 3)) - [80, 100]).max() <= 2


def test_celeba_is_cut_in_the_middle(tmp_path):
    """Of a picture whose rows and columns show where they are, the cut and resized rows and columns do."""
    write_celeba(tmp_path, "02")
    across, down = np.meshgrid(np.arange(178), np.arange(218))
    picture = np.stack([across, down, np.zeros_like(down)], axis=-1).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=100, subsampling=0)
    (tmp_path / "img_align_celeba" / "000001.jpg").write_bytes(buffer.getvalue())
    for square, top, height in ((MIDDLE, 20, 178), (WHOLE, 10, 200)):
        train, _ = read_celeba(tmp_path, square)
        middles = (np.arange(square.side) + 0.5) / square.side
        inner = slice(4, -4)  # near the edge the filter sees one side alone
        columns = train.samples[0, 0].mean(axis=0) - (178 * middles - 0.5)
        rows = train.samples[0, 1].mean(axis=1) - (top + height * middles - 0.5)
        assert max(np.abs(columns[inner]).max(), np.abs(rows[inner]).max()) < 1.5


def test_celeba_that_cannot_be_used_is_refused(tmp_path):
    write_celeba(tmp_path)
    listed, pictures = tmp_path / "list_eval_partition.txt", tmp_path / "img_align_celeba"
    text = listed.read_text()
    listed.write_text(text + "000007.jpg 0\n")
    with pytest.raises(FileNotFoundError, match=r"has no 000007\.jpg, which is in list_eval_partition\.txt"):
        load_dataset("celeba", tmp_path)
    listed.write_text(text.replace("000003.jpg 1", "000003.jpg 3"))
    with pytest.raises(ValueError, match=r"the line '000003\.jpg 3'; wanted a picture and 0, 1 or 2"):
        load_dataset("celeba", tmp_path)
    listed.write_text(text)
    Image.new("RGB", (64, 64)).save(pictures / "000002.jpg")
    with pytest.raises(ValueError, match=r"000002\.jpg is a damaged picture, or none of CelebA"):
        load_dataset("celeba", tmp_path)
    listed.unlink()
    with pytest.raises(FileNotFoundError, match=r"no list_eval_partition\.txt"):
        load_dataset("celeba", tmp_path)


def test_faces_are_reconstructed_and_not_classified(tmp_path):
    write_celeba(tmp_path)
    options = {"data": "celeba", "data_dir": str(tmp_path), "batch_size": 2, "epochs": 1, "normalise": False}
    with pytest.raises(ValueError, match="`model` is MLP, and pictures of celeba have no classes; wanted AE"):
        TrainingConfig(**options).check()
    config = TrainingConfig(**options, model="Conv-Decoder", algorithm="PC-SE", inference_steps=2, initial="zero")
    *_, last = run_training(config, tmp_path / "run")
    assert 0 < last["test_mse"] < 1
    assert "test_top5" not in last
