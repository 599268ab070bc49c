"""All randomness of training, as a pure function of seed, purpose and step."""

import zlib

import tensorflow as tf


def normal(seed: int, purpose: str, step: tf.Tensor, shape: tuple[int, ...]) -> tf.Tensor:
    """Standard normal numbers, float32 of `shape`."""
    return tf.random.stateless_normal(shape, seed=_key(seed, purpose, step))


def uniform(seed: int, purpose: str, step: tf.Tensor, shape: tuple[int, ...]) -> tf.Tensor:
    """Uniform numbers in [0, 1), float32 of `shape`."""
    return tf.random.stateless_uniform(shape, seed=_key(seed, purpose, step))


def _key(seed: int, purpose: str, step: tf.Tensor) -> tf.Tensor:
    return tf.stack([tf.constant(zlib.crc32(f"{seed}/{purpose}".encode()), tf.int64), tf.cast(step, tf.int64)])
