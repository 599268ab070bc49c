"""The eight symmetries of the square: seen from above, no side is up."""

import tensorflow as tf

from progan_tf.augmentation.chance import each

# How many of the symmetries, from 0 on, a setting of `augmentation.symmetries` draws from.
COUNTS = {"none": 1, "mirror": 2, "all": 8}
# The symmetries that are turns by 0, 90, 180 and 270 degrees clockwise.
TURNS = (0, 5, 3, 6)


def transform(images: tf.Tensor, symmetries: tf.Tensor) -> tf.Tensor:
    """Images [N, H, H, C], each under a symmetry of its own, int32 [N] in 0..7.

    As in `metrics.symmetries`: transposed where it has bit 4, then upside down where bit 2, then mirrored where bit 1.
    """

    def where(bit: int, changed: tf.Tensor) -> tf.Tensor:
        return tf.where(each(symmetries & bit > 0), changed, images)

    images = where(4, tf.transpose(images, [0, 2, 1, 3]))
    images = where(2, tf.reverse(images, axis=[1]))
    return where(1, tf.reverse(images, axis=[2]))
