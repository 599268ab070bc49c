"""ADA's general geometric transformations (Karras et al. 2020, appendix B), as one resampling."""

import math

import tensorflow as tf

from progan_tf.augmentation.chance import Draws, between, each, log2_normal, normal, sometimes
from progan_tf.augmentation.shifting import reflect
from progan_tf.layers.resampling import downscale

DRAWS = 11
# Catmull-Rom weights of the pixels at -1, 0, 1 and 2 for a place at 1/4.
_QUARTER = (-0.0703125, 0.8671875, 0.2265625, -0.0234375)


def transform(images: tf.Tensor, draws: Draws, p: tf.Tensor) -> tf.Tensor:
    """Images [N, H, H, C] scaled, turned, stretched, turned and shifted, each with probability p.

    One turn at least has probability p. An image that none of them befalls is left as it is.
    """
    p_turn = 1 - tf.sqrt(1 - p)
    size = sometimes(draws, p, log2_normal(draws, 0.2), 1.0)
    before = sometimes(draws, p_turn, between(draws, -math.pi, math.pi), 0.0)
    stretch = sometimes(draws, p, log2_normal(draws, 0.2), 1.0)
    after = sometimes(draws, p_turn, between(draws, -math.pi, math.pi), 0.0)
    shifts = [normal(draws, 0.125) for _ in range(2)]
    chosen = next(draws) < p
    right, down = (tf.where(chosen, by, 0.0) for by in shifts)

    # The inverse: from a place in the result back to where it comes from.
    linear = _product(_turn(-before), _scale(1 / (size * stretch), stretch / size), _turn(-after))
    source = tf.concat([linear, -_product(linear, tf.stack([right, down], axis=1)[:, :, tf.newaxis])], axis=2)
    strengths = tf.stack([size, before, stretch, after, right, down], axis=1)
    untouched = tf.reduce_all(strengths == tf.constant([1.0, 0, 1, 0, 0, 0]), axis=1)
    return tf.where(each(untouched), images, warp(images, source))


def warp(images: tf.Tensor, source: tf.Tensor) -> tf.Tensor:
    """Images [N, H, H, C] resampled: the place (x, y) of a result shows source @ (x, y, 1) of its image.

    The image is up-scaled 2x with Catmull-Rom's cubic, read bilinearly at four places a pixel, and these are averaged.
    Beyond its borders it goes on mirrored.

    Args:
        source: [N, 2, 3]. Places are in sides of the image, x to the right and y down, from its middle.
    """
    size, channels = 2 * images.shape[1], images.shape[3]
    fine = _upscale(_upscale(images, axis=1), axis=2)
    place = (tf.range(size, dtype=tf.float32) + 0.5) / size - 0.5
    by_x, by_y, offset = (source[:, :, at, tf.newaxis, tf.newaxis] for at in range(3))
    places = by_x * place + by_y * place[:, tf.newaxis] + offset  # x and y: [N, 2, size, size]
    places = (places + 0.5) * size - 0.5  # in pixels
    whole = tf.floor(places)
    left, top = tf.unstack(tf.cast(whole, tf.int32), axis=1)
    x, y = tf.unstack((places - whole)[..., tf.newaxis], axis=1)
    pixels = tf.reshape(fine, [-1, size * size, channels])

    def read(rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
        return tf.gather(pixels, reflect(rows, size) * size + reflect(columns, size), batch_dims=1)

    above = read(top, left) * (1 - x) + read(top, left + 1) * x
    below = read(top + 1, left) * (1 - x) + read(top + 1, left + 1) * x
    return downscale(above * (1 - y) + below * y)


def _upscale(images: tf.Tensor, axis: int) -> tf.Tensor:
    """Images of twice the size along an axis: of each pixel, its value at -1/4 and at 1/4."""
    size = images.shape[axis]
    near = [tf.gather(images, reflect(tf.range(size) + by, size), axis=axis) for by in (-2, -1, 0, 1, 2)]
    before = sum(weight * pixels for weight, pixels in zip(_QUARTER[::-1], near[:4], strict=True))
    after = sum(weight * pixels for weight, pixels in zip(_QUARTER, near[1:], strict=True))
    shape = [-1, *images.shape[1:]]
    shape[axis] *= 2
    return tf.reshape(tf.stack([before, after], axis=axis + 1), shape)


def _turn(angle: tf.Tensor) -> tf.Tensor:
    """Clockwise turns by angles [N] in radians: [N, 2, 2]."""
    sine, cosine = tf.sin(angle), tf.cos(angle)
    return tf.stack([tf.stack([cosine, -sine], axis=1), tf.stack([sine, cosine], axis=1)], axis=1)


def _scale(across: tf.Tensor, down: tf.Tensor) -> tf.Tensor:
    return tf.linalg.diag(tf.stack([across, down], axis=1))


def _product(first: tf.Tensor, *others: tf.Tensor) -> tf.Tensor:
    """Matrix products [N, ., .], summed in full float32: a GPU or TPU may round the factors of a matmul."""
    for other in others:
        first = tf.reduce_sum(first[:, :, :, tf.newaxis] * other[:, tf.newaxis], axis=2)
    return first
