"""How far every pixel is from the known ones."""

from keras import ops


def distance(known):
    """Exact Euclidean distance, in pixels, to the nearest known pixel's centre: [N, S, S, 1] of 0 and 1 -> the same.

    0 on known pixels, 1 on those beside them; where nothing is known at all, twice the side, more than any other.
    Along rows first, then along columns of the squared distances (Felzenszwalb & Huttenlocher 2012, section 2), each a
    minimum over all offsets, so that a mask of any form takes the same time.
    """
    size = known.shape[1]
    offsets = ops.arange(size, dtype="float32")
    squares = ops.square(offsets[:, None] - offsets[None, :])  # [S, S]: from, to
    far = 4.0 * size**2
    cost = ops.where(known[..., 0] > 0, 0.0, far)  # [N, S, S]
    for _ in range(2):
        # The minimum over the last axis comes first in the transposed result, so twice is both axes and no transpose.
        cost = ops.swapaxes(ops.min(cost[..., None, :] + squares, axis=-1), 1, 2)
    return ops.sqrt(ops.minimum(cost, far))[..., None]
