"""Squares cut out of windows where known and unknown pixels meet."""

import tensorflow as tf


def joins(known: tf.Tensor) -> tf.Tensor:
    """1 on unknown pixels with a known one above, below, left or right of them: [N, S, S, 1] -> the same."""
    padded = tf.pad(known, [[0, 0], [1, 1], [1, 1], [0, 0]])
    beside = padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1] + padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]
    return tf.cast(beside > 0, tf.float32) * (1 - known)


def corners(known: tf.Tensor, uniform: tf.Tensor, count: int, side: int) -> tf.Tensor:
    """Where to cut `count` squares of `side` pixels out of every window: top left corners, int32 [N, count, 2].

    Each lies, as far as the window goes, with its centre on a pixel of the join, drawn by uniform numbers [N, S * S];
    anywhere, where nothing is known or there is no join.
    """
    size = known.shape[1]
    wanted = tf.reshape(joins(known), [-1, size * size])
    order, picked = wanted + uniform, []  # those of the join first, in random order, then any others
    for _ in range(count):  # what top_k does, with shapes that XLA takes for fixed
        picked.append(tf.argmax(order, axis=1, output_type=tf.int32))
        order -= 2 * tf.one_hot(picked[-1], size * size)
    pixels = tf.stack(picked, axis=1)
    centres = tf.stack([pixels // size, pixels % size], axis=-1)
    return tf.clip_by_value(centres - side // 2, 0, size - side)


def cut(windows: tf.Tensor, corners: tf.Tensor, side: int) -> tf.Tensor:
    """Squares [N * count, side, side, C] of windows [N, S, S, C]; those of one window are N apart.

    Rows and columns are picked by products with ones and zeros, whose gradients are products too.
    """
    size = windows.shape[1]
    offsets = tf.range(side)
    rows, columns = (
        tf.one_hot(corners[..., axis, tf.newaxis] + offsets, size, dtype=windows.dtype) for axis in (0, 1)
    )  # [N, count, side, S]
    squares = tf.einsum("nkis,nstc,nkjt->knijc", rows, windows, columns, optimize="optimal")
    return tf.reshape(squares, [-1, side, side, windows.shape[-1]])
