"""Seeds of images, the latents they stand for, and the way from one to another."""

import numpy as np
import tensorflow as tf

_PURPOSE = 0x5EED  # keeps these numbers apart from others drawn with the same seed


def latents_of(seed: tf.Tensor | int, latent_size: int) -> tf.Tensor:
    """Standard normal latents [latent_size] float32, a pure function of `seed` (int64 []) on every kind of device."""
    key = tf.stack([tf.cast(seed, tf.int64), tf.constant(_PURPOSE, tf.int64)])
    return tf.random.stateless_normal([latent_size], key, alg="philox")


def slerp(a: np.ndarray, b: np.ndarray, way: float) -> np.ndarray:
    """The latents [Z] at `way` in [0, 1] from a to b along the great circle, their length going from one to the other.

    The network divides latents by their length, so equal steps on the sphere are what it sees as equal steps.
    """
    a, b = a.astype(np.float64), b.astype(np.float64)
    length_a, length_b = np.linalg.norm(a), np.linalg.norm(b)
    angle = np.arccos(np.clip(a @ b / (length_a * length_b), -1, 1))
    if np.sin(angle) < 1e-6:  # one direction, or two opposite ones with no way between them to prefer
        return (a + (b - a) * way).astype(np.float32)
    direction = (np.sin((1 - way) * angle) * a / length_a + np.sin(way * angle) * b / length_b) / np.sin(angle)
    return (direction * (length_a + (length_b - length_a) * way)).astype(np.float32)
