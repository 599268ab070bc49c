"""DiffAugment (Zhao et al. 2020): colour, translation and cutout of every image."""

import tensorflow as tf

from progan_tf.augmentation.chance import Draws, below, between, each
from progan_tf.augmentation.shifting import shift

DRAWS = 7  # uniform numbers an image


def diffaugment(images: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    """Images [N, H, H, C], about in [-1, 1], of any number of channels, changed by uniform numbers [N, DRAWS].

    Brightness +-0.5, saturation x 0 to 2 around the mean of a pixel's channels, contrast x 0.5 to 1.5 around the mean
    of the image, a shift by up to 1/8 of the side, and a square of half the side with its middle anywhere; what is
    shifted in or cut out is 0, a medium grey.
    """
    numbers = iter(tf.unstack(draws, axis=1))
    images = images + each(between(numbers, -0.5, 0.5))
    images = _around(tf.reduce_mean(images, axis=3, keepdims=True), images, each(between(numbers, 0, 2)))
    images = _around(tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True), images, each(between(numbers, 0.5, 1.5)))

    size = images.shape[1]
    most = (size + 4) // 8  # one pixel at 4 x 4
    down, right = (below(numbers, 2 * most + 1) - most for _ in range(2))
    images = shift(images, down, right, reflected=False)

    rows, columns = (_cut(numbers, size) for _ in range(2))
    hidden = rows[:, :, tf.newaxis] & columns[:, tf.newaxis]
    return tf.where(hidden[..., tf.newaxis], 0.0, images)


def _around(middle: tf.Tensor, images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    return middle + (images - middle) * factor


def _cut(draws: Draws, size: int) -> tf.Tensor:
    """Which rows or columns, bool [N, size], lie within size / 4 of a middle from one border to the other."""
    place, middle = tf.range(size), below(draws, size + 1)[:, tf.newaxis]
    return (place >= middle - size // 4) & (place < middle + size // 4)
