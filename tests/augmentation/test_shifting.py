"""Symmetries and shifts, pixel by pixel, and random numbers made of uniform ones."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from progan_tf.augmentation import chance, symmetry
from progan_tf.augmentation.shifting import reflect, shift
from progan_tf.metrics import symmetries
from tests.augmentation import by_hand


def test_symmetries_are_those_of_the_metrics():
    images = by_hand.images(8, 4, 2)
    turned = symmetry.transform(tf.constant(images), tf.range(8))
    for number in range(8):
        np.testing.assert_array_equal(turned[number], symmetries.transform(images[number], number))
    assert {"none": 1, "mirror": 2, "all": len(symmetries.SYMMETRIES)} == symmetry.COUNTS


def test_turns_are_by_quarters_clockwise():
    image = by_hand.images(1, 4, 2)[0]
    for quarters, number in enumerate(symmetry.TURNS):
        np.testing.assert_array_equal(symmetries.transform(image, number), np.rot90(image, -quarters))


@pytest.mark.parametrize("size", [4, 7])
def test_reflection_is_that_of_a_padded_image(size):
    far = 3 * size
    padded = np.pad(np.arange(size), far, mode="symmetric")
    np.testing.assert_array_equal(reflect(tf.range(-far, size + far), size), padded)


@pytest.mark.parametrize("reflected", [True, False])
def test_each_image_is_shifted_by_its_own(reflected):
    images = by_hand.images(5, 6, 2)
    down, right = [0, 1, -2, 6, 0], [0, -1, 3, 0, 2]
    padded = np.pad(images, ((0, 0), (6, 6), (6, 6), (0, 0)), mode="symmetric" if reflected else "constant")
    shifted = shift(tf.constant(images), tf.constant(down), tf.constant(right), reflected)
    for image, wide, row, column in zip(shifted, padded, down, right, strict=True):
        np.testing.assert_array_equal(image, wide[6 - row : 12 - row, 6 - column : 12 - column])


def test_numbers_have_their_distributions():
    each = iter(tf.unstack(tf.constant(by_hand.draws(20000, 6)), axis=1))
    assert scipy.stats.kstest(chance.between(each, -2, 3), scipy.stats.uniform(-2, 5).cdf).pvalue > 0.01
    assert scipy.stats.kstest(chance.normal(each, 0.2), scipy.stats.norm(0, 0.2).cdf).pvalue > 0.01
    assert scipy.stats.kstest(np.log2(chance.log2_normal(each, 0.5)), scipy.stats.norm(0, 0.5).cdf).pvalue > 0.01
    assert scipy.stats.chisquare(np.bincount(chance.below(each, 5))).pvalue > 0.01
    happened = chance.sometimes(each, tf.constant(0.3), next(each) + 1, 0.0).numpy() > 0
    assert scipy.stats.binomtest(int(happened.sum()), 20000, 0.3).pvalue > 0.01
