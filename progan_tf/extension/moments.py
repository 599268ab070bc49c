"""Brightness and contrast of what is known, in units of which the network sees and makes the rest."""

from keras import ops

LEAST_SPREAD = 0.05  # of values in [-1, 1]: flat water is not to be blown up to noise


def moments(images, known):
    """Mean of known pixels [N, 1, 1, C], and their spread about it in all channels [N, 1, 1, 1].

    Images [N, S, S, C], known [N, S, S, 1] of 0 and 1. The spread is the root of the variance and `LEAST_SPREAD`
    squared; where nothing is known, mean and spread are 0 and 1.
    """
    count = ops.sum(known, axis=(1, 2, 3), keepdims=True)
    some = ops.maximum(count, 1)
    mean = ops.sum(images * known, axis=(1, 2), keepdims=True) / some
    squares = ops.sum(ops.square((images - mean) * known), axis=(1, 2, 3), keepdims=True) / (some * images.shape[-1])
    return mean, ops.where(count > 0, ops.sqrt(squares + LEAST_SPREAD**2), 1.0)
