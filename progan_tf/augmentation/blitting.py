"""ADA's pixel blitting (Karras et al. 2020, appendix B): what moves pixels as they are."""

import tensorflow as tf

from progan_tf.augmentation.chance import Draws, below, between, sometimes
from progan_tf.augmentation.shifting import shift
from progan_tf.augmentation.symmetry import TURNS, transform

DRAWS = 7


def blit(images: tf.Tensor, draws: Draws, p: tf.Tensor) -> tf.Tensor:
    """Images [N, H, H, C] mirrored, turned by quarters, shifted by up to 1/8 of the side, each with probability p."""
    images = transform(images, sometimes(draws, p, below(draws, 2), 0))
    images = transform(images, tf.gather(tf.constant(TURNS), sometimes(draws, p, below(draws, 4), 0)))
    size = images.shape[1]
    shifts = [tf.round(between(draws, -size / 8, size / 8)) for _ in range(2)]
    chosen = next(draws) < p
    down, right = (tf.cast(tf.where(chosen, by, 0.0), tf.int32) for by in shifts)
    return shift(images, down, right, reflected=True)
