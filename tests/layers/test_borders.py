"""Borders that go on and borders that go, against NumPy; gradients against what they are by definition."""

import numpy as np
import pytest
import tensorflow as tf

from progan_tf.layers.borders import cropped, mirrored

IMAGE = np.random.default_rng(0).standard_normal((2, 5, 7, 3)).astype(np.float32)


@pytest.mark.parametrize("by", [0, 1, 3])
def test_mirrored_is_numpys_symmetric_padding(by):
    expected = np.pad(IMAGE, [(0, 0), (by, by), (by, by), (0, 0)], mode="symmetric")
    np.testing.assert_array_equal(mirrored(IMAGE, by), expected)


@pytest.mark.parametrize(("before", "after"), [(0, 0), (1, 1), (0, 2), (2, 0)])
def test_cropped_is_a_slice(before, after):
    np.testing.assert_array_equal(cropped(IMAGE, before, after), IMAGE[:, before : 5 - after, before : 7 - after])


def test_gradients_count_how_often_a_pixel_is_seen():
    image = tf.constant(IMAGE)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(image)
        wide, small = tf.reduce_sum(mirrored(image, 1)), tf.reduce_sum(cropped(image, 1, 2))
    seen = np.ones((5, 7))
    seen[[0, -1]] *= 2
    seen[:, [0, -1]] *= 2
    np.testing.assert_array_equal(tape.gradient(wide, image), np.broadcast_to(seen[None, :, :, None], IMAGE.shape))
    kept = np.zeros((5, 7))
    kept[1:3, 1:5] = 1
    np.testing.assert_array_equal(tape.gradient(small, image), np.broadcast_to(kept[None, :, :, None], IMAGE.shape))


def test_a_batch_of_any_size():
    @tf.function(input_signature=[tf.TensorSpec([None, 5, 7, 3])])
    def both(x):
        return cropped(mirrored(x, 1), 1, 1)

    np.testing.assert_array_equal(both(IMAGE), IMAGE)
