"""How an image becomes squares of one size: cut side by side, the central one, or the largest shrunk.

And how it is thinned out, where some of its pixels are to stand for all.
"""

import math
from collections.abc import Iterator

import numpy as np
from PIL import Image


def count(height: int, width: int, resolution: int, fit: str, step: int) -> int:
    """Number of squares that `squares` yields; 0 where the image is too small."""
    if min(height, width) < resolution:
        return 0
    return ((height - resolution) // step + 1) * ((width - resolution) // step + 1) if fit == "tile" else 1


def squares(image: np.ndarray, resolution: int, fit: str, step: int) -> Iterator[tuple[int, int, np.ndarray, bool]]:
    """Yields (row, column, square [R, R, C], whole) of an image [H, W, C], row by row from the top left corner.

    `tile` cuts all that fit every `step` pixels, `crop` the central one, neither touching a value; `resize` shrinks the
    largest central square. `row` and `column` count steps; `whole` says that the square stands for the image alone.
    """
    height, width, _ = image.shape
    if fit == "tile":
        for top in range(0, height - resolution + 1, step):
            for left in range(0, width - resolution + 1, step):
                square = image[top : top + resolution, left : left + resolution]
                yield top // step, left // step, square, square.shape == image.shape
    elif min(height, width) >= resolution:
        side = resolution if fit == "crop" else min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        yield 0, 0, shrunk(image[top : top + side, left : left + side], resolution), True


def thinned(image: np.ndarray, every: int) -> np.ndarray:
    """Values [n, C] of every n-th pixel of an image [H, W, C] in both directions; of the middle one if smaller."""
    top, left = (min(every, length) // 2 for length in image.shape[:2])
    return image[top::every, left::every].reshape(-1, image.shape[-1])


def thinning(every: int, most_skipped: int = 8) -> tuple[int, int]:
    """Of many images, every which to take, and every which of its pixels in both directions: one in `every` squared."""
    images = min(most_skipped, every**2)
    return images, max(1, round(every / math.sqrt(images)))


def shrunk(image: np.ndarray, resolution: int) -> np.ndarray:
    """A square image [S, S, C] as [R, R, C] of its type: Lanczos, antialiased, band by band."""
    if image.shape[0] == resolution:
        return image
    size, filtered = (resolution, resolution), Image.Resampling.LANCZOS
    if image.dtype == np.uint8:
        bands = [Image.fromarray(band).resize(size, filtered) for band in _bands(image)]
        return np.stack(bands, axis=-1)
    bands = [Image.fromarray(band.astype(np.float32)).resize(size, filtered) for band in _bands(image)]
    if image.dtype.kind == "f":
        return np.stack(bands, axis=-1)
    limits = np.iinfo(image.dtype)
    return np.clip(np.rint(np.stack(bands, axis=-1)), limits.min, limits.max).astype(image.dtype)


def _bands(image: np.ndarray) -> Iterator[np.ndarray]:
    return iter(np.ascontiguousarray(image.transpose(2, 0, 1)))
