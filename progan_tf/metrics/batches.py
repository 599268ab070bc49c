"""Images a few at a time, so that a set of any size is looked at in constant memory, and what side they must have."""

from collections.abc import Iterator

import numpy as np

from progan_tf.errors import InputError

_VALUES = 1 << 20  # 4 MB as float32: what stays in a processor's cache


def batches(pixels: np.ndarray, values: int = _VALUES) -> Iterator[np.ndarray]:
    """Yields images [N, H, W, C] in order, [n, H, W, C] of about `values` values at once, one image at least."""
    size = max(1, values // int(np.prod(pixels.shape[1:])))
    for start in range(0, len(pixels), size):
        yield pixels[start : start + size]


def require_side(pixels: np.ndarray, least: int, metric: str, reason: str) -> int:
    """The side of images [N, H, W, C], which are squares of a power of two.

    Raises:
        InputError: they are not, or of less than `least` pixels, for which `reason` is given.
    """
    height, width = pixels.shape[1:3]
    if height != width or height & (height - 1):
        raise InputError(f"{metric} takes squares of a power of two, images are {height} x {width}; cut or shrink them")
    if height < least:
        raise InputError(
            f"{metric} takes images of {least} pixels or more ({reason}), they have {height}; leave {metric} out, or "
            "evaluate larger images"
        )
    return height
