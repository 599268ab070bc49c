"""The three resizes against Pillow, a plain loop and TensorFlow's own kernel."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from progan_tf.metrics.resizing import RESIZES, matrix, resize

SIZES = [(64, 64), (256, 256), (299, 299), (300, 300), (512, 1024), (1, 7), (97, 331)]


def noise(size: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, *size, 3), np.uint8)


def pillow(images: np.ndarray) -> np.ndarray:
    channels = [
        np.asarray(Image.fromarray(channel.astype(np.float32)).resize((299, 299), Image.Resampling.BICUBIC))
        for channel in np.moveaxis(images, -1, 1).reshape(-1, *images.shape[1:3])
    ]
    return np.clip(np.moveaxis(np.reshape(channels, (len(images), 3, 299, 299)), 1, -1), 0, 255)


def lerp(images: np.ndarray, offset: float) -> np.ndarray:
    """Between the two pixels around (target + offset) * scale - offset, row after row, then column after column."""
    for axis in (1, 2):
        images = np.moveaxis(images.astype(np.float64), axis, 0)
        last = len(images) - 1
        rows = []
        for target in range(299):
            position = max(0.0, (target + offset) * (last + 1) / 299 - offset)
            lower, upper = min(int(position), last), min(int(position) + 1, last)
            rows.append(images[lower] + (position - int(position)) * (images[upper] - images[lower]))
        images = np.moveaxis(np.stack(rows), 0, axis)
    return images


EXPECTED = {
    "clean": pillow,
    "legacy": lambda images: lerp(images, offset=0),
    "bilinear": lambda images: lerp(images, offset=0.5),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("how", RESIZES)
def test_it_is_that_of_the_other_implementation(how, size):
    images = noise(size)
    resized = resize(tf.constant(images), how)
    assert (resized.shape, resized.dtype) == ((2, 299, 299, 3), tf.float32)
    np.testing.assert_allclose(resized, EXPECTED[how](images), atol=5e-4, rtol=0)


@pytest.mark.parametrize("how, half_pixel_centers", [("legacy", False), ("bilinear", True)])
def test_it_is_what_tensorflows_kernel_does(how, half_pixel_centers):
    images = noise((256, 64))
    theirs = tf.raw_ops.ResizeBilinear(images=images, size=(299, 299), half_pixel_centers=half_pixel_centers)
    np.testing.assert_allclose(resize(tf.constant(images), how), theirs, atol=0.01)  # it has positions in float32


def test_the_three_differ_on_the_same_image():
    results = [resize(tf.constant(noise((256, 256))), how).numpy() for how in RESIZES]
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(results[first] - results[second]).mean() > 1


@pytest.mark.parametrize("how", RESIZES)
def test_an_image_of_299_pixels_stays_as_it_is(how):
    np.testing.assert_array_equal(matrix(299, how), np.eye(299))


@pytest.mark.parametrize("how", RESIZES)
@pytest.mark.parametrize("value", [0, 7, 255])
def test_a_flat_image_stays_flat(how, value):
    resized = resize(tf.fill((1, 40, 500, 3), np.uint8(value)), how)
    np.testing.assert_allclose(resized, value, atol=1e-3)


def test_clean_stays_in_range_and_is_not_rounded():
    resized = resize(tf.constant(noise((64, 64))), "clean").numpy()
    assert (resized.min(), resized.max()) == (0, 255)  # noise overshoots on either side
    assert np.mean(resized == np.rint(resized)) < 0.1


def test_clean_alone_averages_what_it_shrinks():
    stripes = np.zeros((1, 598, 598, 3), np.uint8)
    stripes[:, ::2] = 255
    spread = {how: np.ptp(resize(tf.constant(stripes), how).numpy()[:, 5:-5]) for how in RESIZES}
    assert spread["clean"] < 40
    assert spread["legacy"] == 0  # sees every second row alone
    assert resize(tf.constant(stripes), "legacy").numpy().mean() == pytest.approx(255)
