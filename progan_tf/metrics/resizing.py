"""From any size to the 299 x 299 pixels that Inception sees, in three ways; all are in use, and each gives other FIDs.

Each is linear in rows and in columns, so it is two matrices [299, size], whatever the size of the images:

- `clean`: Pillow's bicubic filter, widened where images shrink, so that nothing aliases (Parmar et al. 2022).
- `legacy`: bilinear as TensorFlow 1 had it, corner to corner of the pixel grid, without antialiasing: what published
  FIDs of ProGAN and StyleGAN were computed with.
- `bilinear`: between pixel centres, without antialiasing: PyTorch's `interpolate(align_corners=False)`.

Results stay floating point: rounding to 8 bits again would change the distance.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from progan_tf.metrics.inception_layout import SIDE

if TYPE_CHECKING:
    import tensorflow as tf


def resize(images: "tf.Tensor", how: str) -> "tf.Tensor":
    """Images [N, H, W, 3] of 0..255 as float32 [N, 299, 299, 3] of 0..255; H and W are static."""
    import tensorflow as tf  # the names of the ways are wanted without it

    _, height, width, _ = images.shape
    rows, columns = (tf.constant(matrix(size, how), tf.float32) for size in (height, width))
    across = tf.einsum("pw,nhwc->nhpc", columns, tf.cast(images, tf.float32))
    resized = tf.einsum("qh,nhpc->nqpc", rows, across)
    return tf.clip_by_value(resized, 0.0, 255.0)  # the bicubic filter overshoots at edges


def matrix(size: int, how: str) -> np.ndarray:
    """What each of 299 pixels takes of each of `size`: float64 [299, size], rows sum to 1."""
    weights = RESIZES[how](size / SIDE, np.arange(SIDE)[:, np.newaxis], np.arange(size))
    return weights / weights.sum(axis=1, keepdims=True)


def _bicubic(scale: float, target: np.ndarray, source: np.ndarray) -> np.ndarray:
    distance = np.abs(source + 0.5 - (target + 0.5) * scale) / max(scale, 1)
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    return np.where(distance < 1, near, np.where(distance < 2, far, 0))  # Keys 1981 with a = -1/2


def _from_corners(scale: float, target: np.ndarray, source: np.ndarray) -> np.ndarray:
    return _linear(target * scale, source)


def _from_centres(scale: float, target: np.ndarray, source: np.ndarray) -> np.ndarray:
    return _linear((target + 0.5) * scale - 0.5, source)


def _linear(position: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Weights of the two pixels around a position; beyond the last pixel on a side it counts alone."""
    return np.maximum(0, 1 - np.abs(np.clip(position, 0, source[-1]) - source))


RESIZES: dict[str, Callable[[float, np.ndarray, np.ndarray], np.ndarray]] = {
    "clean": _bicubic,
    "legacy": _from_corners,
    "bilinear": _from_centres,
}
