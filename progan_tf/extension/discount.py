"""The spatially discounted reconstruction loss (Yu et al. 2018, section 4.2), for any mask."""

import tensorflow as tf

from progan_tf.extension.distance import distance


def discount(known: tf.Tensor, gamma: float) -> tf.Tensor:
    """gamma^(d - 1) on unknown pixels, d being the distance to the nearest known one: [N, S, S, 1] -> the same.

    1 beside the join, 0 on known pixels, and 0 everywhere where nothing is known, since nothing can be expected there.
    """
    some = tf.reduce_max(known, axis=[1, 2, 3], keepdims=True)
    return tf.pow(gamma, tf.maximum(distance(known) - 1, 0)) * (1 - known) * some


def mean_over(errors: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Weighed mean of errors [N, S, S, C] over pixels, and plain mean over channels: [N]; 0 where no weight is.

    Divided by the sum of the weights, so that masks with much and with little to fill count alike.
    """
    total = tf.reduce_sum(weights, axis=[1, 2, 3])
    return tf.reduce_sum(tf.reduce_mean(errors, axis=-1, keepdims=True) * weights, axis=[1, 2, 3]) / (total + 1e-6)
