"""What lies beyond the border of an image, and what is left within one; gradients that a CPU computes quickly."""

from keras import ops


def mirrored(x, by: int):
    """[N, H, W, C] that goes on beyond its border as its mirror image does: [N, H + 2 by, W + 2 by, C]."""
    return ops.pad(x, [(0, 0), (by, by), (by, by), (0, 0)], mode="symmetric") if by else x


def cropped(x, before: int, after: int):
    """[N, H, W, C] without `before` pixels at the top and left and `after` ones at the bottom and right."""
    if not before and not after:
        return x
    count, height, width, channels = ops.shape(x)
    # An explicit slice: its gradient is a pad, that of an index takes longer on a CPU.
    return ops.slice(x, (0, before, before, 0), (count, height - before - after, width - before - after, channels))
