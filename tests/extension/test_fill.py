"""The smooth continuation of known pixels."""

import numpy as np
import pytest
import tensorflow as tf

from progan_tf.augmentation import symmetry
from progan_tf.extension.fill import fill
from tests.extension.test_distance import masks

RNG = np.random.default_rng(1)


def filled(images: np.ndarray, known: np.ndarray) -> np.ndarray:
    return fill(tf.constant(images, tf.float32), tf.constant(known)).numpy()


@pytest.mark.parametrize("size", [4, 32])
def test_known_pixels_stay_and_the_others_lie_between_them(size):
    images, known = RNG.uniform(-1, 1, (6, size, size, 3)).astype(np.float32), masks(size)
    result = filled(images, known)
    np.testing.assert_allclose(np.where(known > 0, result, 0), np.where(known > 0, images, 0), atol=1e-6)
    for image, mask, made in zip(images, known[..., 0] > 0, result, strict=True):
        assert (made >= image[mask].min(axis=0) - 1e-5).all()
        assert (made <= image[mask].max(axis=0) + 1e-5).all()


def test_what_is_unknown_does_not_matter():
    known = masks(16)
    images = RNG.uniform(-1, 1, (6, 16, 16, 3)).astype(np.float32)
    others = np.where(known > 0, images, 7)
    np.testing.assert_array_equal(filled(images, known), filled(others, known))


def test_one_colour_is_continued_as_it_is():
    known = masks(32)
    result = filled(np.full((6, 32, 32, 2), 0.3, np.float32), known)
    np.testing.assert_allclose(result, 0.3, atol=1e-5)


def test_nothing_known_is_filled_with_zero_and_has_a_finite_gradient():
    images, known = tf.ones([2, 8, 8, 3]), tf.zeros([2, 8, 8, 1])
    with tf.GradientTape() as tape:
        tape.watch(images)
        result = fill(images, known)
    assert not result.numpy().any()
    assert np.isfinite(tape.gradient(result, images).numpy()).all()


def test_pixels_beside_the_join_are_the_mean_of_those_across_it():
    """Reach of two pixels, weights of two boxes of three: 1 2 3 2 1 in each direction, as far as is known."""
    images = RNG.uniform(-1, 1, (1, 16, 16, 1)).astype(np.float32)
    known = masks(16)[:1]
    made = filled(images, known)[0, 8, 8, 0]
    rows, columns = np.array([1, 2, 3, 2, 1]), np.array([1, 2])
    weights = np.outer(rows, columns)
    wanted = (images[0, 6:11, 6:8, 0] * weights).sum() / weights.sum()
    assert made == pytest.approx(wanted, abs=1e-5)


def test_far_from_what_is_known_it_is_the_mean_of_it():
    images = RNG.uniform(-1, 1, (1, 64, 64, 1)).astype(np.float32)
    known = np.zeros((1, 64, 64, 1), np.float32)
    known[:, :8, :8] = 1
    assert filled(images, known)[0, -1, -1, 0] == pytest.approx(images[0, :8, :8].mean(), abs=1e-4)


@pytest.mark.parametrize("turn", range(8))
def test_it_commutes_with_the_symmetries_of_the_square(turn):
    images, known = tf.constant(RNG.uniform(-1, 1, (6, 16, 16, 3)), tf.float32), tf.constant(masks(16))
    turns = tf.fill([6], turn)
    turned = fill(symmetry.transform(images, turns), symmetry.transform(known, turns))
    np.testing.assert_allclose(turned, symmetry.transform(fill(images, known), turns), atol=1e-5)
