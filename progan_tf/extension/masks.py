"""Which part of a window is known, drawn anew in every step."""

from typing import NamedTuple

import tensorflow as tf

from progan_tf.augmentation import symmetry
from progan_tf.augmentation.chance import each

DRAWS = 6  # uniform numbers that a mask takes


class Kind(NamedTuple):
    """A rectangle of the window, which is what is `known` or what is missing, and the `share` of masks it has.

    `height` and `width` are drawn from (least, most) in steps of an eighth of the window. It lies in the top left
    corner, or anywhere where `anywhere`.
    """

    share: float
    height: tuple[float, float]
    width: tuple[float, float]
    known: bool
    anywhere: bool = False


KINDS = {
    "quadrants": Kind(0.3, (0.5, 0.5), (0.5, 0.5), known=False),  # three of four known
    "half": Kind(0.3, (1, 1), (0.25, 0.75), known=True),
    "corner": Kind(0.1, (0.5, 0.5), (0.5, 0.5), known=True),
    "gap": Kind(0.1, (1, 1), (0.25, 0.5), known=False, anywhere=True),  # opposite sides known
    "hole": Kind(0.1, (0.25, 0.5), (0.25, 0.5), known=False, anywhere=True),
    "nothing": Kind(0.1, (1, 1), (1, 1), known=False),
}


def draw(uniform: tf.Tensor, size: int) -> tf.Tensor:
    """Masks [N, size, size, 1] of 0 and 1, each from a row of uniform numbers [N, DRAWS] in [0, 1).

    A mask is one of KINDS under one of the eight symmetries of the square. Some pixel is always missing.
    """
    kind, height, width, top, left, turn = tf.unstack(uniform, axis=1)
    bounds = tf.cumsum([kind.share for kind in KINDS.values()])[:-1]
    kinds = tf.searchsorted(bounds, kind, side="right")

    def of_kind(field: str) -> tf.Tensor:
        return tf.gather(tf.constant([getattr(kind, field) for kind in KINDS.values()], tf.float32), kinds)

    anywhere = of_kind("anywhere")
    rows = _stretch(height, of_kind("height"), top * anywhere, size)
    columns = _stretch(width, of_kind("width"), left * anywhere, size)
    inside = tf.cast(rows[:, :, tf.newaxis, tf.newaxis] & columns[:, tf.newaxis, :, tf.newaxis], tf.float32)
    known = tf.where(each(of_kind("known")) > 0, inside, 1 - inside)
    return symmetry.transform(known, tf.cast(turn * 8, tf.int32))


def _stretch(length: tf.Tensor, bounds: tf.Tensor, start: tf.Tensor, size: int) -> tf.Tensor:
    """Which of `size` pixels in a row lie in a stretch, bool [N, size].

    Uniform numbers [N]: of its length, between `bounds` [N, 2], and of where it starts, 0 being the first pixel.
    """
    least, most = tf.unstack(tf.round(bounds * 8), axis=1)
    eighths = least + tf.floor(length * (most - least + 1))
    pixels = tf.maximum(tf.round(eighths * (size / 8)), 1)
    first = tf.floor(start * (size - pixels + 1))
    place = tf.range(size, dtype=tf.float32)[tf.newaxis]
    return (place >= first[:, tf.newaxis]) & (place < (first + pixels)[:, tf.newaxis])
