"""Mean and spread of what is known, against NumPy on the known pixels alone."""

import numpy as np

from progan_tf.extension.moments import LEAST_SPREAD, moments
from tests.extension.test_distance import masks


def test_moments_are_those_of_known_pixels():
    known = np.concatenate([masks(16), np.zeros((1, 16, 16, 1), np.float32)])
    images = np.random.default_rng(0).uniform(-1, 1, (len(known), 16, 16, 3)).astype(np.float32)
    means, spreads = moments(images, known)
    for image, mask, mean, spread in zip(images, known[..., 0] > 0, means, spreads, strict=True):
        pixels = image[mask]
        expected = pixels.mean(axis=0) if len(pixels) else np.zeros(3)
        variance = ((pixels - expected) ** 2).mean() if len(pixels) else 1 - LEAST_SPREAD**2
        np.testing.assert_allclose(np.squeeze(mean), expected, atol=1e-6)
        np.testing.assert_allclose(np.squeeze(spread), np.sqrt(variance + LEAST_SPREAD**2), rtol=1e-5)


def test_a_flat_image_has_the_least_spread():
    flat = np.full((1, 8, 8, 3), 0.7, np.float32)
    _, spread = moments(flat, np.ones((1, 8, 8, 1), np.float32))
    np.testing.assert_allclose(np.squeeze(spread), LEAST_SPREAD, rtol=1e-4)
