"""Changing the size of images by two, and blending two images of one size."""

from keras import ops


def upscale(x):
    """Nearest 2x up-scaling: [N, H, W, C] -> [N, 2H, 2W, C]."""
    return ops.repeat(ops.repeat(x, 2, axis=1), 2, axis=2)


def downscale(x):
    """Mean of every 2 x 2 block: [N, 2H, 2W, C] -> [N, H, W, C]."""
    return ops.average_pool(x, 2, 2, padding="valid", data_format="channels_last")


def blend(old, new, alpha):
    """`new` where `alpha` is 1, `old` where it is 0, linear between; `alpha` has shape []."""
    return old + (new - old) * alpha


def leaky_relu(x):
    """The activation of all hidden layers: slope 0.2 below zero."""
    return ops.leaky_relu(x, negative_slope=0.2)
