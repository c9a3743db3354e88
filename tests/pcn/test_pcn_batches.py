"""Data sets in memory: which samples batches have, and how images are augmented and normalised.

Oracles: the same image processing in NumPy, and Pillow's.
"""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_files import draw
from PIL import Image

from dlntheory.pcn.data.augmentation import centre_crop, random_crop, random_flip
from dlntheory.pcn.data.batches import Augmentation, Preparation, epoch_batches
from dlntheory.pcn.data.catalogue import load_dataset
from dlntheory.pcn.data.dataset import Dataset, Normalisation, Split
from dlntheory.pcn.data.resizing import resized


def test_samples_and_labels_that_do_not_belong_together():
    images, labels = draw(4, (1, 8, 8), 3)
    good = Split(images, labels.astype(np.int32))
    for bad, message in [
        (Split(images[:3], good.labels), "one label per sample"),
        (Split(images, good.labels + 7), "wanted classes from 0 to 2"),
        (Split(images[:0], good.labels[:0]), "empty"),
        (Split(np.full((4, 2), np.nan), good.labels), "NaN"),
        (Split(images[:, :, 1:], good.labels), "one shape"),
    ]:
        with pytest.raises(ValueError, match=message):
            Dataset("made", good, bad, 3, Normalisation())
    data = Dataset("made", good, good, 3, Normalisation())
    assert len(data.subset(train=2).train) == 2
    with pytest.raises(ValueError, match="`test` is 5, but made has 4"):
        data.subset(test=5)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.data())
def test_part_of_the_samples_has_the_shares_of_all_classes(labels, data):
    """Sorted by class or not; a data set of pictures in folders is, and its first samples are of one class."""
    count = data.draw(st.integers(1, len(labels)))
    split = Split(np.arange(len(labels), dtype=np.float32)[:, None], np.array(labels, np.int32))
    part = split.part(count)
    assert len(part) == count
    for label in set(labels):
        own = split.samples[split.labels == label]
        kept = part.samples[part.labels == label]
        assert abs(len(kept) - count * len(own) / len(labels)) < 1
        np.testing.assert_array_equal(kept, own[: len(kept)])
    assert np.all(np.diff(part.samples[:, 0]) > 0)


@pytest.mark.parametrize("side", [5, 14, 28, 33])
def test_images_are_resized_as_pillow_does(side):
    """Bilinear, with weighted means where they shrink; Pillow rounds after each direction, the library once."""
    images = np.random.default_rng(0).integers(0, 256, (3, 2, 28, 20), np.uint8)
    found = resized(images, side)
    assert found.shape == (3, 2, side, side)
    for image, own in zip(images.reshape(-1, 28, 20), found.reshape(-1, side, side), strict=True):
        expected = Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR)
        assert np.abs(own.astype(int) - np.asarray(expected, int)).max() <= 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_images_of_fractions_are_resized_without_rounding(dtype):
    """Files of one's own may hold pixels from 0 to 1, or standardised ones."""
    images = np.random.default_rng(0).normal(size=(3, 2, 28, 20)).astype(dtype)
    found = resized(images, 14)
    assert found.dtype == dtype
    for image, own in zip(images.reshape(-1, 28, 20), found.reshape(-1, 14, 14), strict=True):
        expected = Image.fromarray(image.astype(np.float32)).resize((14, 14), Image.Resampling.BILINEAR)
        np.testing.assert_allclose(own, np.asarray(expected), atol=1e-5)


def test_outputs_beyond_the_classes_have_no_sample():
    iris, digits = load_dataset("iris"), load_dataset("digits")
    assert (iris.padded(7).classes, iris.padded(None)) == (7, iris)
    assert digits.resized(4).shape == (1, 4, 4)
    assert digits.resized(None) is digits
    with pytest.raises(ValueError, match="`outputs` is 2, and iris has 3 classes"):
        iris.padded(2)
    with pytest.raises(ValueError, match=r"samples of iris have shape \(4,\); wanted images"):
        iris.resized(3)


@given(st.lists(st.integers(0, 3), min_size=2, max_size=30), st.floats(0.05, 0.95))
def test_validation_takes_a_share_of_every_class_from_the_training_set_alone(labels, share):
    whole = Split(np.arange(len(labels), dtype=np.float32)[:, None], np.array(labels, np.int32))
    data, count = Dataset("made", whole, whole, 4, Normalisation()), round(share * len(labels))
    if not 0 < count < len(labels):
        with pytest.raises(ValueError, match=f"`validation` is {share}"):
            data.with_validation(share)
        return
    parted = data.with_validation(share)
    assert (parted.test, len(parted.validation)) == (whole, count)
    together = np.concatenate([parted.train.samples, parted.validation.samples])
    np.testing.assert_array_equal(np.sort(together, axis=0), whole.samples)
    for label in set(labels):
        kept, apart = (part.samples[part.labels == label] for part in (parted.train, parted.validation))
        assert abs(len(apart) - count * labels.count(label) / len(labels)) <= 1
        assert not len(kept) or not len(apart) or kept.max() < apart.min()


# -- Batches ----------------------------------------------------------------------------------------------------------


@given(st.integers(1, 40), st.integers(1, 5), st.sampled_from(["shuffled", "aligned"]), st.integers(0, 9))
def test_batches_have_every_sample_at_most_once(count, classes, order, epoch):
    labels = np.random.default_rng(epoch).integers(0, classes, count)
    size = 1 + count // 3
    batches = epoch_batches(labels, size, 0, epoch, order)
    assert batches.shape == (count // size, size)
    assert len(np.unique(batches)) == batches.size
    np.testing.assert_array_equal(batches, epoch_batches(labels, size, 0, epoch, order))


def test_aligned_batches_hold_every_class_alike():
    labels = np.repeat(np.arange(5), 12)
    batches = labels[epoch_batches(labels, 10, 1, 2, "aligned")]
    assert (batches == np.repeat(np.arange(5), 2)).all()


def test_batches_differ_between_epochs_and_seeds():
    labels = np.zeros(50, int)
    first = epoch_batches(labels, 10, 0, 0)
    assert (first != epoch_batches(labels, 10, 0, 1)).any()
    assert (first != epoch_batches(labels, 10, 1, 0)).any()
    with pytest.raises(ValueError, match="`batch_size` is 51"):
        epoch_batches(labels, 51, 0, 0)


def test_flips_mirror_half_of_the_images():
    images = jnp.arange(400 * 6).reshape(400, 1, 2, 3)
    flipped = jax.jit(random_flip)(jax.random.key(0), images)
    mirrored = np.asarray((flipped == images[..., ::-1]).all(axis=(1, 2, 3)))
    assert (flipped[~mirrored] == images[~mirrored]).all()
    assert abs(mirrored.mean() - 0.5) < 4 * 0.5 / np.sqrt(400)


def test_crops_are_windows_of_the_padded_image():
    images = 1 + jnp.arange(300 * 2 * 16, dtype=jnp.int32).reshape(300, 2, 4, 4)
    crops = np.asarray(jax.jit(partial(random_crop, size=3, padding=1))(jax.random.key(0), images))
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    places = set()
    for crop, image in zip(crops, padded, strict=True):
        found = [(i, j) for i in range(4) for j in range(4) if (crop == image[:, i : i + 3, j : j + 3]).all()]
        assert len(found) == 1
        places |= set(found)
    assert len(places) == 16
    np.testing.assert_array_equal(centre_crop(images, 2), images[:, :, 1:3, 1:3])


def test_preparation_normalises_as_the_papers_do():
    images, labels = draw(6, (3, 4, 4), 3)
    split = Split(images, labels.astype(np.int32))
    data = Dataset("made", split, split, 3, Normalisation((0.1, 0.2, 0.3), (0.5, 0.6, 0.7)))
    prepared = Preparation.of(data, Augmentation(), (48,)).inputs(jnp.asarray(images))
    mean, std = (np.array(each)[:, None, None] for each in ((0.1, 0.2, 0.3), (0.5, 0.6, 0.7)))
    expected = ((images / 255 - mean) / std).reshape(6, 48)
    np.testing.assert_allclose(prepared, expected, rtol=0, atol=8 * np.finfo(np.float32).eps * abs(expected).max())
    assert prepared.dtype == jnp.float32


def test_preparation_augments_with_a_key_only():
    images, labels = draw(6, (3, 8, 8), 3)
    split = Split(images, labels.astype(np.int32))
    data = Dataset("made", split, split, 3, Normalisation((0.5,) * 3, (0.5,) * 3))
    prepare = Preparation.of(data, Augmentation(flip=True, crop=6, padding=0), (3, 6, 6))
    inputs = eqx.filter_jit(Preparation.inputs)
    whole = np.asarray(inputs(Preparation.of(data, Augmentation(), (3, 8, 8)), jnp.asarray(images)))
    plain = inputs(prepare, jnp.asarray(images))
    np.testing.assert_array_equal(plain, whole[..., 1:7, 1:7])
    once = inputs(prepare, jnp.asarray(images), jax.random.key(0))
    assert (once != plain).any()
    for found, image in zip(np.asarray(once), whole, strict=True):
        sides = image, image[..., ::-1]
        windows = [side[:, i : i + 6, j : j + 6] for side in sides for i in range(3) for j in range(3)]
        assert min(np.abs(found - window).max() for window in windows) < 1e-6
    np.testing.assert_array_equal(prepare.targets(jnp.array([2, 0])), np.eye(3)[[2, 0]])


def test_augmentation_that_cannot_be_done():
    with pytest.raises(ValueError, match="needs images"):
        Augmentation(flip=True).check((4,))
    with pytest.raises(ValueError, match="`crop` is 9"):
        Augmentation(crop=9).check((3, 8, 8))
