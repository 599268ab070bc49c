"""Crops on the join against slices."""

import numpy as np
import tensorflow as tf

from progan_tf.extension import crops
from tests.extension.test_distance import masks

RNG = np.random.default_rng(2)


def test_joins_are_unknown_pixels_beside_known_ones():
    known = masks(8)
    found = crops.joins(tf.constant(known)).numpy()
    for mask, join in zip(known[..., 0], found[..., 0], strict=True):
        around = np.pad(mask, 1)
        for row, column in np.ndindex(8, 8):
            cross = around[row : row + 3, column + 1].sum() + around[row + 1, column : column + 3].sum()
            beside = cross - 2 * mask[row, column]
            assert join[row, column] == (mask[row, column] == 0 and beside > 0)


def test_centres_lie_on_the_join():
    known, side = masks(32)[:3], 8
    uniform = tf.constant(RNG.random((3, 32 * 32), np.float32))
    at = crops.corners(tf.constant(known), uniform, 5, side).numpy()
    assert at.shape == (3, 5, 2)
    join = crops.joins(tf.constant(known)).numpy()[..., 0]
    for window, places in enumerate(at):
        for row, column in places:
            assert 0 <= row <= 24
            assert 0 <= column <= 24
            middle = join[window, row + side // 2, column + side // 2]
            # Where the border keeps a square away from its centre, that lies in it.
            held = row in (0, 24) or column in (0, 24)
            assert middle or (held and join[window, row : row + side, column : column + side].any())


def test_without_a_join_crops_are_anywhere():
    known = tf.zeros([2, 16, 16, 1])
    at = crops.corners(known, tf.constant(RNG.random((2, 256), np.float32)), 4, 4).numpy()
    assert len({tuple(place) for place in at.reshape(-1, 2)}) > 3


def test_cut_is_slicing_and_crops_of_a_window_are_n_apart():
    windows = RNG.standard_normal((3, 16, 16, 2)).astype(np.float32)
    at = RNG.integers(0, 13, (3, 5, 2), np.int32)
    squares = crops.cut(tf.constant(windows), tf.constant(at), 4).numpy()
    for k in range(5):
        for n in range(3):
            row, column = at[n, k]
            wanted = windows[n, row : row + 4, column : column + 4]
            np.testing.assert_array_equal(squares[k * 3 + n], wanted)
