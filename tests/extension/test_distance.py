"""Distance and discount against SciPy and against a search through all known pixels."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from progan_tf.augmentation import symmetry
from progan_tf.extension.discount import discount, mean_over
from progan_tf.extension.distance import distance


def masks(size: int) -> np.ndarray:
    """Six forms: half, three quadrants, corner, opposite sides, hole, scattered; [6, size, size, 1]."""
    half, quarter = size // 2, max(1, size // 4)
    known = np.zeros((6, size, size), np.float32)
    known[0, :, :half] = 1
    known[1] = 1
    known[1, half:, half:] = 0
    known[2, :half, :half] = 1
    known[3, :, :quarter] = known[3, :, -quarter:] = 1
    known[4] = 1
    known[4, quarter : quarter + half, quarter : quarter + half] = 0
    known[5] = np.random.default_rng(size).random((size, size)) < 0.1
    known[5, 0, 0] = 1
    return known[..., np.newaxis]


@pytest.mark.parametrize("size", [4, 8, 16, 32, 64])
def test_distance_is_that_of_scipy(size):
    known = masks(size)
    wanted = [ndimage.distance_transform_edt(1 - mask[..., 0]) for mask in known]
    np.testing.assert_allclose(distance(tf.constant(known)).numpy()[..., 0], wanted, rtol=1e-6)


def test_distance_where_nothing_is_known_is_more_than_any_other():
    known = tf.zeros([1, 8, 8, 1])
    assert distance(known).numpy().min() > np.hypot(7, 7)


@pytest.mark.parametrize("size", [4, 8, 16, 32, 64])
def test_discount_is_the_power_of_the_distance_found_by_searching(size):
    gamma, known = 0.9, masks(size)
    found = discount(tf.constant(known), gamma).numpy()
    for mask, weights in zip(known[..., 0], found[..., 0], strict=True):
        at = np.argwhere(mask > 0)
        for row, column in np.ndindex(size, size):
            nearest = np.sqrt(((at - (row, column)) ** 2).sum(axis=1)).min()
            wanted = 0 if mask[row, column] else gamma ** (nearest - 1)
            assert weights[row, column] == pytest.approx(wanted, rel=1e-5)


def test_discount_of_a_window_of_which_nothing_is_known_is_zero():
    known = np.concatenate([masks(8)[:1], np.zeros((1, 8, 8, 1), np.float32)])
    weights = discount(tf.constant(known), 0.9).numpy()
    assert weights[0].max() == 1
    assert weights[1].max() == 0
    assert mean_over(tf.ones([2, 8, 8, 3]), tf.constant(weights)).numpy()[1] == 0


@pytest.mark.parametrize("turn", range(8))
def test_a_turned_mask_has_the_turned_discount(turn):
    known, turns = tf.constant(masks(16)), tf.fill([6], turn)
    turned = discount(symmetry.transform(known, turns), 0.9)
    np.testing.assert_allclose(turned, symmetry.transform(discount(known, 0.9), turns), rtol=1e-6)


def test_gamma_of_one_is_no_discount():
    known = masks(8)
    np.testing.assert_array_equal(discount(tf.constant(known), 1.0).numpy(), 1 - known)


def test_weighed_means_count_a_large_and_a_small_hole_alike():
    errors = np.zeros((2, 8, 8, 3), np.float32)
    weights = np.zeros((2, 8, 8, 1), np.float32)
    weights[0, :4], weights[1, :1, :1] = 0.5, 0.25
    errors[0, :4], errors[1, :1, :1] = (1, 2, 3), (1, 2, 3)
    errors[:, 6] = 100  # where no weight is
    np.testing.assert_allclose(mean_over(tf.constant(errors), tf.constant(weights)), [2, 2], rtol=1e-4)
