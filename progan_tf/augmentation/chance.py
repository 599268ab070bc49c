"""Uniform random numbers turned into decisions and strengths. All take and give one number an image, float32 [N]."""

from collections.abc import Iterator

import tensorflow as tf

Draws = Iterator[tf.Tensor]  # independent uniform numbers in [0, 1), [N] each


def sometimes(draws: Draws, p: tf.Tensor, value: tf.Tensor, neutral: float | int) -> tf.Tensor:
    """`value` with probability `p`, else `neutral`; takes one draw."""
    return tf.where(next(draws) < p, value, neutral)


def between(draws: Draws, low: float, high: float) -> tf.Tensor:
    """Uniform in [low, high); takes one draw."""
    return low + (high - low) * next(draws)


def below(draws: Draws, count: int) -> tf.Tensor:
    """One of 0..count - 1, int32; takes one draw."""
    return tf.cast(next(draws) * count, tf.int32)


def normal(draws: Draws, deviation: float) -> tf.Tensor:
    """From N(0, deviation^2); takes one draw."""
    # Draws are multiples of 2^-23: half of that keeps them off 0, whose quantile is minus infinity.
    return deviation * tf.math.ndtri(next(draws) + 2**-24)


def log2_normal(draws: Draws, deviation: float) -> tf.Tensor:
    """2 to the power of a number from N(0, deviation^2); takes one draw."""
    return 2 ** normal(draws, deviation)


def each(values: tf.Tensor) -> tf.Tensor:
    """One value an image, [N], as [N, 1, 1, 1]: it acts on every pixel of its image."""
    return values[:, tf.newaxis, tf.newaxis, tf.newaxis]
