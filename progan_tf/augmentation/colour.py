"""ADA's colour transformations (Karras et al. 2020, appendix B), for any number of channels."""

import math

import numpy as np
import tensorflow as tf

from progan_tf.augmentation.chance import Draws, below, between, each, log2_normal, normal, sometimes

DRAWS = 10


def recolour(images: tf.Tensor, draws: Draws, p: tf.Tensor) -> tf.Tensor:
    """Images [N, H, W, C], about in [-1, 1], changed in five ways, each with probability p.

    Brightness, contrast, luma turned to its negative, hue and saturation. Luma is the mean of a pixel's channels; of
    one channel there is no hue and no saturation, of two no hue.
    """
    images = images + each(sometimes(draws, p, normal(draws, 0.2), 0.0))
    images = images * each(sometimes(draws, p, log2_normal(draws, 0.5), 1.0))
    negative = each(tf.cast(sometimes(draws, p, below(draws, 2), 0), tf.float32))
    images = images - 2 * negative * _luma(images)
    images = turn_hue(images, sometimes(draws, p, between(draws, -math.pi, math.pi), 0.0))
    saturation = each(sometimes(draws, p, log2_normal(draws, 1.0), 1.0))
    return images + (images - _luma(images)) * (saturation - 1)


def turn_hue(images: tf.Tensor, angle: tf.Tensor) -> tf.Tensor:
    """Images [N, H, W, C], the colours of each turned around the grey axis by an angle [N] in radians.

    With three channels, a third of a turn moves each to the next. With more, all planes of the channels' discrete
    Fourier transform turn alike, which is the same for three; a mean, and of an even number alternation, stay.
    """
    channels = images.shape[3]
    steps = np.arange(channels)
    waves = 2 * np.pi / channels * np.outer(np.arange(1, (channels + 1) // 2), steps)  # [planes, C]
    even, odd = 2 / channels * np.cos(waves).sum(axis=0), 2 / channels * np.sin(waves).sum(axis=0)
    sine, cosine_less_one = each(tf.sin(angle)), each(-2 * tf.sin(angle / 2) ** 2)  # both exactly 0 at 0
    weights = [float(step == 0) + cosine_less_one * even[step] + sine * odd[step] for step in steps]
    return sum(weight * tf.roll(images, step, axis=3) for step, weight in zip(steps, weights, strict=True))


def _luma(images: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(images, axis=3, keepdims=True)
