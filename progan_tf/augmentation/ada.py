"""Adaptive discriminator augmentation (Karras et al. 2020): its pipeline, and how often it acts."""

import tensorflow as tf

from progan_tf.augmentation import blitting, colour, geometry

DRAWS = blitting.DRAWS + geometry.DRAWS + colour.DRAWS  # uniform numbers an image
# Below it no transformation hides from the generator which images are the true ones (section 2.2).
LIMIT = 0.8
INTERVAL = 4  # steps between two adjustments


def augment(images: tf.Tensor, draws: tf.Tensor, p: tf.Tensor) -> tf.Tensor:
    """Images [N, H, H, C], about in [-1, 1], through the published pipeline of pixels, geometry and colour.

    Departs from it in the filters of the resampling (`geometry.warp`), and in leaving the pixels as they are where
    only their order changes.

    Args:
        draws: uniform numbers [N, DRAWS] in [0, 1).
        p: probability [] of each transformation; at 0 images come back to the bit.
    """
    each = iter(tf.unstack(draws, axis=1))
    return colour.recolour(geometry.transform(blitting.blit(images, each, p), each, p), each, p)


def adjusted(p: tf.Tensor, sign: tf.Tensor, target: float, part: float) -> tf.Tensor:
    """The probability after an interval: a `part` of its range up where the discriminator is too sure, else down.

    Args:
        p: [] in [0, LIMIT].
        sign: [], mean sign of the scores of the reals: the heuristic r_t, 0 where it knows nothing, 1 where it has
            learnt the reals by heart.
        part: images of the interval over those in which p can go from 0 to 1.
    """
    return tf.clip_by_value(p + tf.sign(sign - target) * part, 0.0, LIMIT)
