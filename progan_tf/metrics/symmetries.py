"""The eight symmetries of the square, and distances between images up to them: seen from above, no side is up.

Symmetry `s` in 0..7 transposes an image where s & 4, then turns it upside down where s & 2, then mirrors it where
s & 1. Distances are mean squared differences over pixels and bands, on a scale from 0 (black) to 1 (255 or 65535).

All eight distances of two sets take the arithmetic of two. An image is the sum of four parts that are even or odd under
the two mirrors; parts of different kind are orthogonal, and a mirror only changes signs of parts. So four products of
parts, a quarter of the image each, give the inner products under all four flips; four more, of the transposed image,
the others.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from progan_tf.errors import InputError

SYMMETRIES = (
    "as it is",
    "mirrored",
    "upside down",
    "turned by 180 degrees",
    "transposed",
    "turned right",
    "turned left",
    "transposed across the other diagonal",
)

_ROW_BYTES, _COLUMN_BYTES = 128 << 20, 16 << 20  # of float32 images held at once
_SIGNS = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]], np.float32)  # flip x kind of part


@dataclasses.dataclass(frozen=True)
class Nearest:
    """The nearest image of a set for each image of another: its `index` [N], `mse` [N], and the `symmetry` [N] that
    brings the image to it."""

    index: np.ndarray
    symmetry: np.ndarray
    mse: np.ndarray


def transform(images: np.ndarray, symmetry: int) -> np.ndarray:
    """Square images [..., H, H, C] under a symmetry in 0..7; a view."""
    if symmetry & 4:
        images = images.swapaxes(-3, -2)
    if symmetry & 2:
        images = images[..., ::-1, :, :]
    if symmetry & 1:
        images = images[..., ::-1, :]
    return images


def inverse(symmetry: int) -> int:
    """The symmetry that undoes another: all but the turns by 90 degrees undo themselves."""
    return {5: 6, 6: 5}.get(symmetry, symmetry)


def squared_difference(a: np.ndarray, b: np.ndarray) -> float:
    """Mean squared difference of two images [H, W, C] of one integer type, directly and in float64."""
    difference = a.astype(np.float64) - b
    return float(np.mean(np.square(difference))) / np.iinfo(a.dtype).max ** 2


def squared_differences(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[slice, slice, np.ndarray]]:
    """Yields, piece by piece, the mean squared differences of every image of `a` to every image of `b`.

    Each piece is (rows of `a`, rows of `b`, float32 [8, rows, columns]), entry [s, i, j] comparing image i under
    symmetry s with image j; together they cover all pairs once. Memory is the same for sets of any size. Errors are
    those of float32 products of centred images, about 1e-7 of the images' variance: rank by these, then compute what
    is shown with `squared_difference`.

    Args:
        a, b: images [N, H, H, C] and [M, H, H, C], H even, of one integer type; arrays or memory maps.

    Raises:
        InputError: the images are not square, or of an odd size.
    """
    height, width = a.shape[1:3]
    if height != width or height % 2:
        raise InputError(f"images are {height} x {width}; symmetries need square images of an even size, convert them")
    pixels, scale = int(np.prod(a.shape[1:])), np.iinfo(a.dtype).max ** 2
    centre = b[:64].mean(axis=(0, 1, 2), dtype=np.float64).astype(np.float32)  # of each band, as symmetries leave it
    for rows in _batches(a, _ROW_BYTES):
        turned = _parts(a[rows], centre), _parts(a[rows].swapaxes(1, 2), centre)
        square = _squares(turned[0])
        for columns in _batches(b, _COLUMN_BYTES):
            parts = _parts(b[columns], centre)
            products = np.stack([way @ parts.swapaxes(1, 2) for way in turned])  # [2, 4, n, m]
            inner = np.tensordot(_SIGNS, products, axes=(1, 1)).swapaxes(0, 1).reshape(8, *products.shape[2:])
            differences = square[:, np.newaxis] + _squares(parts) - 2 * inner
            yield rows, columns, np.maximum(differences / (4 * pixels * scale), 0).astype(np.float32)


def nearest(a: np.ndarray, b: np.ndarray) -> Nearest:
    """For every image of `a` the nearest of `b` under the eight symmetries; arguments as of `squared_differences`."""
    index, symmetry = np.zeros(len(a), np.int64), np.zeros(len(a), np.int64)
    least = np.full(len(a), np.inf, np.float32)
    for rows, columns, differences in squared_differences(a, b):
        within = np.arange(differences.shape[1])
        column = differences.min(axis=0).argmin(axis=1)
        found = differences[:, within, column]  # [8, n]
        closer = found.min(axis=0) < least[rows]
        index[rows] = np.where(closer, column + columns.start, index[rows])
        symmetry[rows] = np.where(closer, found.argmin(axis=0), symmetry[rows])
        least[rows] = np.where(closer, found.min(axis=0), least[rows])
    exact = [squared_difference(transform(a[i], symmetry[i]), b[index[i]]) for i in range(len(a))]
    return Nearest(index, symmetry, np.array(exact))


def _parts(images: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """The parts float32 [4, N, H * H * C / 4] of images [N, H, H, C] less `centre` that are even or odd under mirrors.

    Their kinds are in the order of _SIGNS: even in both, odd from left to right, odd from top to bottom, odd in both.
    The inner product of two images is a quarter of the sum of those of their parts.
    """
    count, side, _, channels = images.shape
    half = side // 2
    parts = np.empty((4, count, half, half, channels), np.float32)
    for here in _batches(images, _COLUMN_BYTES):  # small pieces stay in the processor's cache
        centred = images[here] - centre
        top, bottom = centred[:, :half], centred[:, : half - 1 : -1]
        for vertical, rows in enumerate((top + bottom, top - bottom)):
            left, right = rows[:, :, :half], rows[:, :, : half - 1 : -1]
            np.add(left, right, out=parts[2 * vertical, here])
            np.subtract(left, right, out=parts[2 * vertical + 1, here])
    return parts.reshape(4, count, -1)


def _squares(parts: np.ndarray) -> np.ndarray:
    """Sums [N] of the squares of parts [4, N, K], in float64."""
    return np.square(parts).sum(axis=(0, 2), dtype=np.float64)


def _batches(images: np.ndarray, most: int) -> Iterator[slice]:
    """Slices of images that take about `most` bytes as float32, one image at least."""
    size = max(1, most // (4 * int(np.prod(images.shape[1:]))))
    return (slice(start, min(start + size, len(images))) for start in range(0, len(images), size))
