"""Shifts by whole pixels, and what lies beyond the borders."""

import tensorflow as tf


def reflect(index: tf.Tensor, size: int) -> tf.Tensor:
    """The index within 0..size - 1 at which an image that is mirrored at its borders has what lies at `index`."""
    index = tf.math.floormod(index, 2 * size)
    return tf.minimum(index, 2 * size - 1 - index)


def shift(images: tf.Tensor, down: tf.Tensor, right: tf.Tensor, reflected: bool) -> tf.Tensor:
    """Images [N, H, W, C], each shifted by whole pixels, int32 [N] and [N].

    What comes in at a border is the image mirrored there where `reflected`, otherwise 0.
    """
    for axis, by in ((1, down), (2, right)):
        size = images.shape[axis]
        source = tf.range(size) - by[:, tf.newaxis]
        images = tf.gather(images, reflect(source, size), axis=axis, batch_dims=1)
        if not reflected:
            inside = (source >= 0) & (source < size)
            images = tf.where(tf.expand_dims(tf.expand_dims(inside, 3 - axis), 3), images, 0.0)
    return images
