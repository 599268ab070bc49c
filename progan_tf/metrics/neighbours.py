"""Distances between features and to nearest neighbours, which precision, recall, density and coverage are made of.

Distances are squared, since only their order counts. They come of matrix products in float64 and are rounded to
float32, so that equal distances compare equal although they were summed in another order.
"""

from collections.abc import Iterator

import numpy as np

_BLOCK = 2**24  # distances held at a time, 128 MB
_ROUNDING = 1e-12  # of the squared lengths: what the products cannot tell from no distance


def squared_distances(first: np.ndarray, second: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Squared distances from rows of `first` [N, D] to all of `second` [M, D]: (which rows, float32 [rows, M])."""
    centre = second.mean(axis=0, dtype=np.float64)
    second = second - centre  # short vectors, so that little cancels
    squares = np.square(second).sum(axis=1)
    step = max(1, _BLOCK // len(second))
    for start in range(0, len(first), step):
        rows = slice(start, start + step)
        block = first[rows] - centre
        lengths = np.square(block).sum(axis=1)[:, np.newaxis] + squares
        distances = lengths - 2 * (block @ second.T)
        distances[distances < _ROUNDING * lengths] = 0
        yield rows, distances.astype(np.float32)


def squared_radii(features: np.ndarray, k: int) -> np.ndarray:
    """Squared distance of each of features [N, D], N > k, to the k-th nearest of the others: float32 [N]."""
    radii = np.empty(len(features), np.float32)
    for rows, distances in squared_distances(features, features):
        numbers = np.arange(len(distances))
        distances[numbers, rows.start + numbers] = np.inf  # not to itself
        radii[rows] = np.partition(distances, k - 1, axis=1)[:, k - 1]
    return radii
